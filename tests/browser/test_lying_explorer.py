"""An explorer that lies, in its page, in its proof or in both at once: the page's own check finds it out.

What is hidden here matters to whoever eats it: the recall of a lot, the warm hours of a pallet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tallystick.encoding import decode
from tallystick.epcis import read_canonical
from tallystick.proofs import build_item, write_bundle
from tallystick.records.base import Space
from tallystick.records.goods import HistoryEntry
from tests.browser.chromium import Chromium, Page
from tests.browser.serving import serving
from tests.proof_bytes import b64, unb64
from tests.proof_entries import written_out
from tests.proof_trees import as_neighbour
from tests.unit.explorer.chain import COPIED, LOT_A, PACK, copied, node_of, story
from tests.unit.explorer.sites import Explorer, explorer_over

pytestmark = pytest.mark.browser

Bundle = dict[str, Any]
VERDICT = "document.getElementById('verdict').dataset.code"
RECALL_OFF_THE_PAGE = "document.querySelectorAll('.recall').forEach((one) => one.remove())"
WARM_ROW = "[...document.querySelectorAll('[data-reading]')].find((cell) => cell.querySelector('strong'))"


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Explorer:
    """An explorer over the whole story with its recall."""
    return explorer_over(node_of(story(recall=True)), tmp_path_factory.mktemp("lies"))


@pytest.fixture(scope="module")
def site(explorer: Explorer) -> Iterator[str]:
    """Its address."""
    with serving(explorer.app) as address:
        yield address


def warm_event(bundle: Bundle) -> int:
    """Place of the event whose sensor sounded an alarm."""
    for index, event in enumerate(bundle["events"]):
        if b"ALARM_CONDITION" in unb64(event["public"]):
            return index
    raise AssertionError("no event with an alarm")


def warm_commitment(explorer: Explorer) -> str:
    """Commitment of the event whose sensor sounded an alarm."""
    proof = explorer.site.proofs.item(PACK).verified
    assert proof is not None
    (found,) = [name.hex() for name, event in proof.events.items() if b"ALARM_CONDITION" in event.public]
    return found


def without_warm_event(bundle: Bundle) -> None:
    del bundle["events"][warm_event(bundle)]


def without_warm_entry(bundle: Bundle, commitment: str) -> None:
    without_warm_event(bundle)
    for history in bundle["histories"]:
        entries = [decode(unb64(text), HistoryEntry, size_max=256) for text in history["entries"]]
        keep = [entry.commitment.hex() != commitment for entry in entries]
        history["entries"] = [text for text, kept in zip(history["entries"], keep, strict=True) if kept]


def cooled(bundle: Bundle) -> None:
    event = bundle["events"][warm_event(bundle)]
    assert b"8.6" in unb64(event["public"])
    event["public"] = b64(unb64(event["public"]).replace(b"8.6", b"4.6"))
    read_canonical(unb64(event["public"]), size_max=100_000)


def without_recall(bundle: Bundle) -> None:
    bundle["records"] = [one for one in bundle["records"] if unb64(one["key"])[0] != Space.RECALL]


def with_recall_as_neighbour(bundle: Bundle) -> None:
    """As a liar does who knows how: what is left is the true tree, with the recall's leaf and without its record."""
    (recall,) = (at for at, one in enumerate(bundle["records"]) if unb64(one["key"])[0] == Space.RECALL)
    bundle |= as_neighbour(bundle, recall)


def without_lot_history(bundle: Bundle) -> None:
    """One level of the closure missing: the recalled lot that the pack was made from."""
    key = b64(bytes((Space.ITEM,)) + LOT_A.encode())
    (lot,) = (at for at, one in enumerate(bundle["records"]) if one["key"] == key)
    bundle |= as_neighbour(bundle, lot)
    bundle["histories"] = [one for one in bundle["histories"] if one["owner"] != key]


def unrecalled_records(bundle: Bundle) -> None:
    """Records of items that name no recall, in the place of those that do."""
    from msgspec import structs

    from tallystick.encoding import encode
    from tallystick.records.goods import ItemPublic

    for one in bundle["records"]:
        if unb64(one["key"])[0] == Space.ITEM:
            item = decode(unb64(one["public"]), ItemPublic, size_max=65_536)
            one["public"] = b64(encode(structs.replace(item, recalls=())))
    with_recall_as_neighbour(bundle)


def page_with(
    chromium: Chromium, explorer: Explorer, site: str, lie: str, proof: bytes | None, thing: str = PACK
) -> Page:
    """The page with a lie told before its script runs, and perhaps a proof that was tampered with."""
    page = chromium.page()
    watcher = (
        "new MutationObserver((_, observer) => { if (document.getElementById('pinned')) "
        f"{{ observer.disconnect(); {lie} }} }}).observe(document, {{ childList: true, subtree: true }});"
    )
    page.command("Page.addScriptToEvaluateOnNewDocument", {"source": watcher})
    if proof is not None:
        explorer.node.proofs[thing] = proof
    explorer.site.proofs.forget()
    try:
        page.goto(f"{site}/en/{thing}")
        page.wait_for(VERDICT)
    finally:
        explorer.node.proofs.pop(thing, None)
        explorer.site.proofs.forget()
    return page


def code_of(page: Page) -> str:
    code = str(page.evaluate(VERDICT))
    word = page.evaluate("document.querySelector('#result strong').textContent")
    assert (word == "Proven") == (code == "proven")
    page.close()
    return code


def test_the_honest_page_is_proven_and_shows_both(chromium: Chromium, explorer: Explorer, site: str) -> None:
    page = page_with(chromium, explorer, site, "", None)
    assert page.evaluate("document.querySelectorAll('.recall').length") == 1
    assert page.evaluate(f"{WARM_ROW}.textContent").startswith("8.6 °C")
    assert code_of(page) == "proven"


def test_a_fault_of_the_check_itself_is_no_tick(chromium: Chromium, explorer: Explorer, site: str) -> None:
    fault = "Array.prototype.includes = () => { throw new TypeError('fault') }"
    page = page_with(chromium, explorer, site, fault, None)
    assert code_of(page) == "unreadable"


DOCTORED: dict[str, tuple[Callable[[Bundle], None], str]] = {
    "its record": (without_recall, "not-shown"),
    "its record but not its leaf": (with_recall_as_neighbour, "partly"),
    "every record that names it": (unrecalled_records, "not-in-state"),
    "the level that it comes from": (without_lot_history, "page-altered"),  # the pack's own record names it too
}


@pytest.mark.parametrize("name", sorted(DOCTORED))
def test_a_recall_of_the_lot_is_not_hidden_by_leaving_out(
    chromium: Chromium, explorer: Explorer, site: str, name: str
) -> None:
    edit, code = DOCTORED[name]
    bundle = written_out(json.loads(write_bundle(build_item(PACK, explorer.node.state))))
    edit(bundle)
    page = page_with(chromium, explorer, site, RECALL_OFF_THE_PAGE, json.dumps(bundle).encode())
    assert code_of(page) == code


def test_a_recall_is_not_hidden_by_the_banner_nor_by_an_earlier_state(
    chromium: Chromium, explorer: Explorer, site: str
) -> None:
    assert code_of(page_with(chromium, explorer, site, RECALL_OFF_THE_PAGE, None)) == "page-altered"
    before = explorer.node.state.at(20)
    earlier = write_bundle(build_item(PACK, before, before.shown()))
    assert code_of(page_with(chromium, explorer, site, RECALL_OFF_THE_PAGE, earlier)) == "wrong-height"


def test_a_warm_hour_of_the_pallet_is_not_hidden(chromium: Chromium, explorer: Explorer, site: str) -> None:
    commitment = warm_commitment(explorer)
    honest = write_bundle(build_item(PACK, explorer.node.state))
    step_off = f"document.querySelector('li[data-commitment=\"{commitment}\"]').remove();"
    chart_off = "document.getElementById('temperature-title').closest('section').remove();"
    edits: tuple[tuple[Callable[[Bundle], None] | None, str, str], ...] = (
        (None, f"{WARM_ROW}.closest('tr').remove()", "page-altered"),
        (None, f"{WARM_ROW}.textContent = '4.6 °C'", "page-altered"),
        (None, f"{WARM_ROW}.querySelector('strong').remove()", "page-altered"),
        (None, chart_off, "page-altered"),
        (None, step_off + chart_off, "page-altered"),
        (without_warm_event, step_off + chart_off, "partly"),
        (lambda bundle: without_warm_entry(bundle, commitment), step_off + chart_off, "history-altered"),
        (cooled, f"{WARM_ROW}.textContent = '4.6 °C'", "event-altered"),
    )
    for edit, lie, code in edits:
        proof = None
        if edit is not None:
            bundle = written_out(json.loads(honest))
            edit(bundle)
            proof = json.dumps(bundle).encode()
        # What the server shows is made from the tampered proof where it holds in part: the lie may be told already.
        quiet = f"try {{ {lie} }} catch {{ /* it is not there to be removed */ }}"
        assert code_of(page_with(chromium, explorer, site, quiet, proof)) == code, (lie, code)


def test_a_page_as_of_a_height_carries_the_proof_of_that_height(
    chromium: Chromium, explorer: Explorer, site: str
) -> None:
    page = chromium.page()
    page.goto(f"{site}/en/{PACK}?at=20")
    page.wait_for(VERDICT)
    assert page.evaluate(VERDICT) == "proven" and page.errors == []
    assert page.evaluate("document.querySelectorAll('.recall').length") == 0
    assert "as of height 20" in page.text()
    page.goto(f"{site}/zh/{PACK}?at=20")
    page.wait_for(VERDICT)
    assert page.evaluate(VERDICT) == "proven"
    explorer.node.oldest = 21
    explorer.site.proofs.forget()
    page.goto(f"{site}/en/{PACK}?at=20")
    explorer.node.oldest = 0
    assert "No proof of the state of this height" in page.text()
    page.close()


def test_the_correction_of_a_copy_is_not_shown_at_the_original(
    chromium: Chromium, tmp_path_factory: pytest.TempPathFactory
) -> None:
    explorer = explorer_over(node_of(copied()), tmp_path_factory.mktemp("copied"))
    original = "[...document.querySelectorAll('.step:not(.struck)')].find((one) => one.textContent.includes('Stored'))"
    copy = "document.querySelector('li.struck')"
    with serving(explorer.app) as site:
        for lie, code in (
            ("", "proven"),
            (f"const note = {copy}.querySelector('.correction'); {original}.append(note)", "page-altered"),
            (f"{original}.querySelector('bdi').after({copy}.querySelector('code'))", "page-altered"),
            (f"{original}.querySelector('h3').replaceWith({copy}.querySelector('h3'))", "page-altered"),
            (f"{original}.remove();", "page-altered"),
        ):
            assert code_of(page_with(chromium, explorer, site, lie, None, COPIED)) == code, lie
