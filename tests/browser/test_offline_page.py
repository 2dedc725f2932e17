"""The verifier in one file: opened from disk, in both languages, proofs pasted and chosen; nothing is fetched."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tallystick.proofs import build_item, write_bundle
from tests.browser.chromium import Chromium, Page
from tests.unit.explorer.chain import PACK, node_of, story

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "verifier.html"
VECTORS = ROOT / "tests" / "vectors" / "proofs"
GOOD = [
    "item",
    "event",
    "record-absent",
    "record-as-of",
    "block",
    "receipt",
    "receivable",
    "receivable-as-of",
    "evidence",
    "evidence-of-an-earlier-epoch",
    "stated",
    "never-issued",
]
BROKEN = ["item-event-altered", "item-recall-hidden", "block-hash-altered", "receipt-reason-altered",
          "receivable-lien-hidden", "item-newer-format", "evidence-against-nobody", "epoch-end-not-shown"]  # fmt: skip


@pytest.fixture(scope="module")
def page(chromium: Chromium) -> Page:
    """The file, opened from disk in an English browser."""
    page = chromium.page()
    page.goto(PAGE.as_uri())
    return page


def vector(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text())
    return value


def trust_file(name: str = "item") -> str:
    told = vector(name)["trust"]
    file = {"format": 1, "network": "test", "chain_id": told["chain_id"], "validators": told["validators_hashes"]}
    return json.dumps(file)


def check(page: Page, trust: str, proof: str, subject: str = "") -> str:
    """Paste, press, and wait for the code."""
    for name, text in (("trust", trust), ("proof", proof), ("subject", subject)):
        page.evaluate(f"document.getElementById('{name}').value = {json.dumps(text)}")
    page.evaluate("document.getElementById('verify').click()")
    page.wait_for("document.getElementById('verdict').dataset.code !== undefined")
    return str(page.evaluate("document.getElementById('verdict').dataset.code"))


def test_the_file_is_the_one_that_its_parts_make() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "make_offline_verifier.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert result.returncode == 0, result.stdout + result.stderr
    page = PAGE.read_text()
    assert "http:" not in page and "https:" not in page
    assert "import " not in page.partition("<script>")[2].replace("importKey", "")


@pytest.mark.parametrize("name", GOOD + BROKEN)
def test_a_pasted_proof_gets_the_answer_of_the_other_verifiers(page: Page, name: str) -> None:
    one = vector(name)
    subject = one["subject"] if one["expected"] != "wrong-subject" else ""
    assert check(page, trust_file(name), json.dumps(one["bundle"]), subject) == one["expected"]


def test_a_proof_about_something_else_and_one_without_trust_are_refused(page: Page) -> None:
    proof = json.dumps(vector("item")["bundle"])
    assert check(page, trust_file(), proof, "01/09521234543213/21/OTHER") == "wrong-subject"
    for trust in ("", "{}", "null", '{"format":1,"chain_id":"00","validators":{}}'):
        assert check(page, trust, proof) == "no-trust"
    assert check(page, trust_file(), "not JSON") == "unreadable"


def test_recall_correction_and_liens_are_shown(page: Page) -> None:
    check(page, trust_file(), json.dumps(vector("item")["bundle"]))
    words = page.evaluate("document.getElementById('facts').textContent")
    assert "RECALL" in words and "salmonella" in words and "declared erroneous" in words and "org:carrier" in words
    check(page, trust_file(), json.dumps(vector("receivable")["bundle"]))
    words = page.evaluate("document.getElementById('facts').textContent")
    assert "org:lender-a" in words and "no other obligation" in words
    check(page, trust_file("receipt"), json.dumps(vector("receipt")["bundle"]))
    assert "it took effect [NONE]" in page.evaluate("document.getElementById('facts').textContent")


def test_the_words_of_others_turn_nothing_around_them(page: Page) -> None:
    node = node_of(story(recall=True, reason="\u202eyrujni\x1b[2J \u2069\u0627\u0633\u062a\u0631\u062c\u0627\u0639"))
    genesis = node.chain.world.genesis
    pinned = {"0": genesis.validators().digest().hex()}
    trust = json.dumps({"format": 1, "chain_id": genesis.chain_id().hex(), "validators": pinned})
    assert check(page, trust, write_bundle(build_item(PACK, node.state)).decode()) == "proven"
    recall = page.evaluate(
        "[...document.querySelector('#facts dd').childNodes].filter((one) => one.textContent)"
        ".map((one) => [one.nodeName, one.textContent])"
    )
    reason = "\ufffdyrujni\ufffd[2J \ufffd\u0627\u0633\u062a\u0631\u062c\u0627\u0639"
    assert recall == [["BDI", "recall-1"], ["#text", ": "], ["BDI", reason], ["#text", " ("], ["BDI", "org:grower"],
                      ["#text", ")"]]  # fmt: skip
    assert page.evaluate("getComputedStyle(document.querySelector('#facts bdi')).unicodeBidi") == "isolate"
    # What is refused is named, too.
    bundle = vector("record")["bundle"]
    refused = check(page, trust_file("record"), json.dumps(bundle), "\u202e")
    assert refused == "wrong-subject"
    assert "\u202e" not in page.evaluate("document.getElementById('verdict').textContent")


def test_a_file_can_be_chosen_and_the_words_are_chinese_where_asked(chromium: Chromium, tmp_path: Path) -> None:
    page = chromium.page(language="zh-CN")
    page.goto(PAGE.as_uri())
    if page.evaluate("document.documentElement.lang") != "zh-Hans":
        page.evaluate("document.getElementById('language').click()")
    trust, proof = tmp_path / "trust.json", tmp_path / "proof.json"
    trust.write_text(trust_file())
    proof.write_text(json.dumps(vector("item")["bundle"]))
    root = page.command("DOM.getDocument")["root"]["nodeId"]
    for name, file in (("trust", trust), ("proof", proof)):
        node = page.command("DOM.querySelector", {"nodeId": root, "selector": f"#{name}-file"})["nodeId"]
        page.command("DOM.setFileInputFiles", {"nodeId": node, "files": [str(file)]})
        page.wait_for(f"document.getElementById('{name}').value.length > 100")
    page.evaluate("document.getElementById('verify').click()")
    page.wait_for("document.getElementById('verdict').dataset.code !== undefined")
    assert "已证明" in page.text() and "召回" in page.text()
    assert "创建批次" in page.text() and "creating_class_instance" not in page.text() and " (" not in page.text()
    page.evaluate("document.getElementById('language').click()")
    assert "Proven" in page.text()


def test_the_page_asks_nobody_for_anything(page: Page) -> None:
    assert [url for url in page.requests if not url.startswith("file:")] == []
    blocked = page.evaluate("fetch('https://example.org/').then(() => 'sent', () => 'blocked')")
    assert blocked == "blocked"


@pytest.mark.parametrize("name", ["good-text", "good-link"])
def test_a_code_from_paper_is_called_so_and_the_command_is_named(page: Page, name: str) -> None:
    rows = json.loads((ROOT / "tests" / "vectors" / "compact.json").read_text())["proofs"]
    text = next(bytes.fromhex(row["data"]).decode() for row in rows if row["name"] == name)
    assert check(page, trust_file(), text) == "compact"
    assert "tallystick verify FILE" in str(page.evaluate("document.querySelector('#verdict strong').textContent"))


def test_a_verdict_is_withdrawn_when_something_else_is_put_in(page: Page) -> None:
    assert check(page, trust_file(), json.dumps(vector("item")["bundle"])) == "proven"
    page.evaluate("document.getElementById('proof').dispatchEvent(new Event('input'))")
    assert page.evaluate("document.getElementById('verdict').hidden") is True


def test_a_verdict_that_comes_after_something_else_was_put_in_is_not_shown(page: Page) -> None:
    assert check(page, trust_file(), json.dumps(vector("item")["bundle"])) == "proven"
    page.evaluate(
        "document.getElementById('verify').click();"
        "document.getElementById('proof').value = '{}';"
        "document.getElementById('proof').dispatchEvent(new Event('input'))"
    )
    page.evaluate("new Promise((done) => setTimeout(done, 1500))")
    assert page.evaluate("document.getElementById('verdict').hidden") is True


def test_a_fault_of_the_verifier_itself_does_not_leave_an_older_verdict(chromium: Chromium) -> None:
    page = chromium.page()
    page.goto(PAGE.as_uri())
    proof = json.dumps(vector("item")["bundle"])
    assert check(page, trust_file(), proof) == "proven"
    page.evaluate("Array.prototype.includes = () => { throw new TypeError('a fault') }; 0")
    assert check(page, trust_file(), proof) == "unreadable"
    assert page.evaluate("document.getElementById('verdict').dataset.state") == "unproven"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_on_a_telephone_nothing_overflows_and_a_recall_is_read_first(chromium: Chromium, language: str) -> None:
    page = chromium.page(width=360, height=740)
    page.goto(PAGE.as_uri())
    if (page.evaluate("document.documentElement.lang") == "en") != (language == "en"):
        page.evaluate("document.getElementById('language').click()")
    assert check(page, trust_file(), json.dumps(vector("item")["bundle"])) == "proven"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    first = page.evaluate("document.querySelector('#facts dt').textContent")
    assert first == {"en": "RECALL", "zh": "召回"}[language]


def test_every_field_has_a_name(page: Page) -> None:
    named = (
        "[...document.querySelectorAll('input, textarea')].every((one) => one.labels.length > 0 || "
        "document.getElementById(one.getAttribute('aria-labelledby')).matches('label'))"
    )
    assert page.evaluate(named) is True
