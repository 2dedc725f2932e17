"""The page behind a printed code's link: what the paper says, that nobody checked it here, and which command does."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from tallystick.compact import compact_text, read_compact, write_compact
from tests.unit.explorer.sites import Explorer
from tests.unit.explorer.test_pages import plain

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/compact.json").read_text())
FULL = next(bytes.fromhex(row["data"]) for row in VECTORS["proofs"] if row["name"] == "good-with-contents")


def link(explorer: Explorer, **changes: object) -> str:
    """The path of the vector's link, as if it were of the explorer's chain."""
    proof = msgspec.structs.replace(read_compact(FULL), chain=explorer.site.founding.chain_id[:4], **changes)
    return compact_text(write_compact(proof), "https://id.example.org").removeprefix("HTTPS://ID.EXAMPLE.ORG")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_link_of_a_paper_tells_what_it_says_and_that_it_was_not_checked(explorer: Explorer, language: str) -> None:
    answer = explorer.get(f"/{language}{link(explorer)}")
    assert answer.status == 200
    words = plain(answer.text)
    proof = read_compact(FULL)
    assert proof.contents is not None
    for fact in (proof.subject, proof.session.members_hash.hex(), *proof.contents.members().contents):
        assert fact in words
    assert f"tallystick verify scanned.txt --id {proof.subject}" in words
    assert ("Nobody has checked it here" in words) == (language == "en")
    assert f'href="/{language}/{proof.subject}"' in answer.text and "noindex" in answer.text


def test_a_recall_stands_before_what_the_paper_says(recalled: Explorer) -> None:
    item = msgspec.structs.replace(read_compact(FULL).item, recalls=("recall-1", "RC-1"))
    text = recalled.get(f"/en{link(recalled, item=item)}").text
    assert 0 < text.index("A recall had reached this container") < text.index("recall-1") < text.index("paper-says")
    assert "RC-1" not in text, "an id that nobody recorded here may be anybody's sentence"


def test_a_recall_that_nobody_recorded_here_is_told_without_the_words_of_whoever_made_the_link(
    explorer: Explorer,
) -> None:
    item = msgspec.structs.replace(read_compact(FULL).item, recalls=("Refunds: call 555 0100 now",))
    text = explorer.get(f"/en{link(explorer, item=item)}").text
    assert "A recall had reached this container" in text and "555" not in text


def test_another_ledgers_paper_and_what_is_none_are_called_so(explorer: Explorer) -> None:
    other = compact_text(FULL, "https://x").partition("/TSC1/")[2]
    for path, words in ((f"/TSC1/{other}", "another ledger"), ("/TSC1/ABC", "cannot be read"), ("/TSC1/%FF", "cannot")):
        answer = explorer.get(f"/en{path}")
        assert answer.status == 404 and words in plain(answer.text)


@pytest.mark.parametrize("text", ["Proven by the ministry, call 555", "//evil.example", "", "01/09521234543214"])
def test_a_link_puts_nobodys_sentences_on_the_site(explorer: Explorer, text: str) -> None:
    contents = read_compact(FULL).contents
    assert contents is not None
    forged = msgspec.structs.replace(contents, common="", rests=("00/095212345678901234", text))
    answer = explorer.get(f"/en{link(explorer, contents=forged)}")
    assert answer.status == 404 and "cannot be read" in plain(answer.text)
