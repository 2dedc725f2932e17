"""Every text of a bundle that stands for bytes is spelled in its one way, or the bundle is unreadable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import ProofError
from tallystick.proofs.bundle import read_bundle

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "proofs"
GOOD = [
    "item", "item-as-of", "event", "event-as-of", "record", "record-one-epoch-later-by-a-closing-header", "block",
    "receipt", "receivable", "evidence", "evidence-of-an-earlier-epoch",
]  # fmt: skip
PLAIN = {"kind", "subject"}  # members that are texts as they stand


def texts_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every text inside a JSON value, but those that are plain."""
    if isinstance(value, str) and path[-1] not in PLAIN:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from texts_of(item, (*path, key))


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("added", ["\n", " ", "=", "é", "+A", "\u0000", '"'])
def test_a_character_that_is_no_letter_of_a_spelling_is_found_in_every_text(name: str, added: str) -> None:
    bundle = json.loads((FOLDER / f"{name}.json").read_text())["bundle"]
    paths = list(texts_of(bundle))
    assert len(paths) > 5
    read_bundle(json.dumps(bundle).encode())
    for path in paths:
        holder = bundle
        for step in path[:-1]:
            holder = holder[step]
        text = holder[path[-1]]
        for wrong in (text + added, added + text, text[:-1] + added):
            holder[path[-1]] = wrong
            with pytest.raises(ProofError, match="unreadable"):
                read_bundle(json.dumps(bundle).encode())
        holder[path[-1]] = text


@pytest.mark.parametrize("wrong", ["AB" * 32, "ab" * 31, "ab" * 33, "a" * 63, "0x" + "ab" * 31])
def test_hex_of_32_bytes_is_64_lower_case_digits(wrong: str) -> None:
    bundle = json.loads((FOLDER / "item.json").read_text())["bundle"]
    bundle["records"][0]["members_hash"] = wrong
    with pytest.raises(ProofError, match="unreadable"):
        read_bundle(json.dumps(bundle).encode())


@pytest.mark.parametrize("wrong", ["a", "abc", "0G", "0A"])
def test_hex_is_pairs_of_lower_case_digits(wrong: str) -> None:
    bundle = json.loads((FOLDER / "item.json").read_text())["bundle"]
    bundle["histories"][0]["owner"] = wrong
    with pytest.raises(ProofError, match="unreadable"):
        read_bundle(json.dumps(bundle).encode())
