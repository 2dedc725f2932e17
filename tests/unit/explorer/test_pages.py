"""Pages in both languages, every fact in the HTML itself, in the order that a reader needs them."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from explorer import item_page as item_page_module
from explorer import schema
from explorer.facts import ItemFacts
from explorer.item_page import Voice
from explorer.read_model import ReadModel
from tests.unit.explorer.chain import BATCH, FOREIGN, LOT_A, NEVER, PACK, PALLET, PRODUCT, FakeNode, node_of, story
from tests.unit.explorer.sites import Explorer, explorer_over

PATHS = ("/", f"/{PACK}", f"/{BATCH}", f"/{PRODUCT}", f"/{PALLET}", f"/{FOREIGN}", f"/{NEVER}", "/blocks", "/block/20",
         "/about/checking", "/nowhere", "/event/xyz")  # fmt: skip


def plain(html: str) -> str:
    """The text of a page without its script data, as a reader without scripts has it."""
    html = re.sub(r"<script.*?</script>", " ", html, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def commitment_of(explorer: Explorer, status: int) -> str:
    """An event with a status."""
    with explorer.engine.connect() as connection:
        query = select(schema.events.c.commitment).where(schema.events.c.status == status)
        return connection.execute(query).scalars().first().hex()  # type: ignore[union-attr]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("language", "html_language"), [("en", "en"), ("zh", "zh-Hans")])
def test_every_page_answers_in_both_languages(explorer: Explorer, path: str, language: str, html_language: str) -> None:
    answer = explorer.get(f"/{language}{path}")
    assert answer.status in (200, 404)
    assert f'<html lang="{html_language}">' in answer.text
    assert answer.headers["content-language"] == html_language
    assert answer.text.count("<h1>") == 1 and answer.text.count("<main") == 1
    words = plain(answer.text)
    chinese = len(re.findall(r"[\u4e00-\u9fff]", words))
    assert chinese >= 25 if language == "zh" else chinese <= 2  # in English only the name of the other language


def test_the_landing_page_of_a_code_follows_the_readers_browser(explorer: Explorer) -> None:
    chinese = explorer.get(f"/{PACK}", accept_language="zh-CN,zh;q=0.9,en;q=0.8")
    english = explorer.get(f"/{PACK}", accept_language="de, en-GB;q=0.9, zh;q=0.1")
    assert (chinese.headers["content-language"], english.headers["content-language"]) == ("zh-Hans", "en")
    assert "Accept-Language" in chinese.headers["vary"]
    assert explorer.get(f"/{PACK}?lang=en", accept_language="zh").headers["content-language"] == "en"


def test_a_product_page_states_every_fact_without_scripts(explorer: Explorer) -> None:
    words = plain(explorer.get(f"/en/{PACK}").text)
    for fact in (
        "Strawberry jam, 250 g", "Serial number P1", PRODUCT[3:], "In circulation",
        "Made here from other recorded goods", "Batch created", "Suzhou kitchen", "Inspected",
        "meets the requirements", "Packed", "Shipped", "Received",
        "Unpacked", "Declared erroneous.", "Its signer declared this event erroneous in block",
        "it was recorded wrongly",
        "Corrected version", "Signed by Carrier (carrier)", "Signed by Laboratory (inspector)", LOT_A, PALLET,
        "Passed by Laboratory", "8 readings, lowest 3.2 °C, highest 8.6 °C", "8.6 °C ⚠ Alarm",
        "3 of 4 members’ nodes signed the record", "Download the proof (JSON)", "What is not proven",
        "Your browser has not checked anything, because scripts are off.", "Given its identity",
    ):  # fmt: skip
        assert fact in words, fact


def test_what_matters_most_comes_first(recalled: Explorer) -> None:
    text = recalled.get(f"/en/{PACK}").text
    order = ["Recalled: do not use", "<h1>Strawberry jam", "Can this page be believed?", "Facts</h2>", "Journey</h2>",
             "Made from</h2>", "Inspection</h2>", "Temperatures on the way</h2>", "Proof</h2>",
             "What is not proven</h2>"]  # fmt: skip
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "Salmonella found in lot H1" in text and "Class I: serious health risk" in text
    assert "已召回：请勿使用" in recalled.get(f"/zh/{PACK}").text
    assert 'data-recall="recall-1"' in text


def test_no_name_or_reason_turns_the_words_around_it_round(recalled: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member chooses its name: with a sign that changes direction, a browser would show what follows reversed."""
    organisations = ReadModel.organisations
    recalls = item_page_module._recalls

    def renamed(model: ReadModel) -> dict[str, Any]:
        return {id_: {**known, "name": f"{known['name']}\u202e"} for id_, known in organisations(model).items()}

    def turned(voice: Voice, facts: ItemFacts) -> list[dict[str, Any]]:
        said = tuple(replace(recall, reason=f"{recall.reason}\u2067\x1b") for recall in facts.recalls)
        return recalls(voice, replace(facts, recalls=said))

    monkeypatch.setattr(ReadModel, "organisations", renamed)
    monkeypatch.setattr(item_page_module, "_recalls", turned)
    text = recalled.get(f"/en/{PACK}").text
    assert "Carrier\ufffd" in text and "\ufffd\ufffd</p>" in text
    assert not set(text) & {"\u202e", "\u2067", "\x1b"}


@pytest.mark.parametrize("given", ["at=abc", "at=-1", "at=1.0", "at=", f"at={'9' * 16}", "at=25&at=30", "below=x"])
def test_what_is_no_height_is_not_taken_for_the_newest(explorer: Explorer, given: str) -> None:
    for path in ("/blocks",) if given.startswith("below") else (f"/{PACK}", f"/event/{'0' * 64}", "/blocks"):
        answer = explorer.get(f"/en{path}?{given}")
        assert answer.status == 400 and "This address cannot be read" in answer.text
    assert explorer.get(f"/en/{PACK}?17=261231&17=x").status == 200, (
        "attributes of a Digital Link are nobody's business"
    )


def test_the_json_of_an_event_spells_out_what_would_turn_it_round(tmp_path: Path) -> None:
    world = story()
    report = {"type": "Temperature", "value": 1.0, "uom": "CEL", "stringValue": "a\u202eb\u2069\u200f\x7f\u4e2d"}
    sensors = [{"sensorReport": [report]}]
    told = world.event(action="OBSERVE", bizStep="holding", epcList=[FOREIGN], sensorElementList=sensors)
    world.must(world.capture("org:retailer", told))
    explorer = explorer_over(node_of(world), tmp_path)
    with explorer.engine.connect() as connection:
        query = select(schema.events.c.commitment).where(schema.events.c.biz_step == "holding")
        (commitment,) = connection.execute(query).scalars().all()
    text = explorer.get(f"/en/event/{commitment.hex()}").text
    assert "a\\u202eb\\u2069\\u200f\\u007f\u4e2d" in text
    assert not set(text) & {"\u202e", "\u2069", "\u200f", "\x7f"}


def test_a_recall_is_not_shown_as_of_a_height_before_it(recalled: Explorer) -> None:
    recalled.node.oldest = 26
    recalled.site.proofs.forget()
    earlier = recalled.get(f"/en/{PACK}?at=25")
    assert "Recalled: do not use" not in earlier.text
    assert "Shown as of height 25" in earlier.text
    assert earlier.headers["ledger-height"] == "25"
    assert 'id="proof"' not in earlier.text and "No proof of the state of this height" in earlier.text
    recalled.node.oldest = 0
    recalled.site.proofs.forget()
    proven = recalled.get(f"/en/{PACK}?at=25").text
    assert "Recalled: do not use" not in proven and 'data-state="checked"' in proven
    assert "signed the record at height 25" in proven and "&amp;at=25" in proven
    assert 'id="proof"' in proven and '"at":25' in proven


def test_an_event_declared_erroneous_is_struck_and_both_versions_are_there(explorer: Explorer) -> None:
    text = explorer.get(f"/en/{PACK}").text
    struck = re.findall(r'<li class="step struck[^"]*" data-commitment="([0-9a-f]{64})".*?</li>', text, re.S)
    assert len(struck) == 1
    page = explorer.get(f"/en/event/{struck[0]}").text
    assert "Declared erroneous." in page and "Corrected version" in page
    declaring = re.search(r"This event declares an earlier one erroneous", text)
    assert declaring is not None


def test_stated_events_stand_apart_and_are_called_stated(explorer: Explorer) -> None:
    text = explorer.get(f"/en/{FOREIGN}").text
    assert "Stated by others" in text and "They are their word, no more." in text
    assert 'data-state="stated"' in text
    assert "Journey</h2>" not in text


def test_a_refused_event_never_looks_as_if_it_held(explorer: Explorer) -> None:
    commitment = commitment_of(explorer, 3)
    page = plain(explorer.get(f"/en/event/{commitment}").text)
    assert "It was sent in and refused; it never took effect" in page
    assert "the signing organisation does not hold these goods" in page
    assert "该组织并不持有这些货物" in explorer.get(f"/zh/event/{commitment}").text
    for thing in (PACK, PALLET):
        assert commitment not in explorer.get(f"/en/{thing}").text


def test_a_code_that_was_never_issued_is_said_so_with_its_proof(explorer: Explorer) -> None:
    answer = explorer.get(f"/en/{NEVER}")
    assert answer.status == 404
    assert "This code was never issued here" in answer.text
    assert "Download the proof of absence" in answer.text
    assert 'data-state="unknown"' in answer.text


def test_a_product_number_leads_to_its_lots(explorer: Explorer) -> None:
    answer = explorer.get(f"/en/{PRODUCT}")
    assert answer.status == 200 and "This number names a product" in answer.text
    assert f'href="/en/{BATCH}"' in answer.text and f'href="/en/{PACK}"' not in answer.text
    assert f'href="/en/{PRODUCT}"' in explorer.get(f"/en/{NEVER}").text


def test_a_code_of_nobody_here_is_not_our_code(explorer: Explorer) -> None:
    answer = explorer.get("/en/01/04006381333931/21/1")
    assert answer.status == 404
    assert "This code does not belong to this ledger" in answer.text
    assert "forged" not in answer.text


@pytest.mark.parametrize(
    ("typed", "leads_to"),
    [
        (f"({PACK[:2]}){PACK[3:17]}(21)P1", PACK),
        (PRODUCT[3:], PRODUCT),
        (PRODUCT[4:], PRODUCT),
        (PALLET[3:], PALLET),
        (PACK, PACK),
        (f"https://id.gs1.org/{PACK}", PACK),
        (f"http://explorer.test/zh/{PACK}?lang=zh", PACK),
        (f"https://ID.example.com/{BATCH}", BATCH),
    ],
)
def test_the_code_box_takes_what_people_have(explorer: Explorer, typed: str, leads_to: str) -> None:
    from urllib.parse import quote

    answer = explorer.get(f"/en/?q={quote(typed)}")
    assert (answer.status, answer.headers["location"]) == (303, f"/en/{leads_to}")


@pytest.mark.parametrize(
    ("typed", "status", "words"),
    [
        ("https://shop.example/01/09521234510000/21/P1", 404, "does not belong to this ledger"),
        ("https://shop.example/voucher", 404, "does not belong to this ledger"),
        (f"{BATCH}?x", 404, "does not belong to this ledger"),
        (f"{BATCH}#x", 404, "does not belong to this ledger"),
        ("WIFI:S:guest;P:secret;;", 404, "does not belong to this ledger"),
        ("<script>alert(1)</script>", 404, "does not belong to this ledger"),
        ("09521234510001", 400, "has a typing error"),
        ("x" * 5_000, 404, "does not belong to this ledger"),
    ],
)
def test_a_foreign_code_gets_one_sentence_and_no_verdict(
    explorer: Explorer, typed: str, status: int, words: str
) -> None:
    from urllib.parse import quote

    answer = explorer.get(f"/en/?q={quote(typed)}")
    assert answer.status == status and words in answer.text
    assert "<script>alert" not in answer.text and 'id="verdict"' not in answer.text


def test_a_link_with_lot_and_serial_leads_to_the_one_page_of_the_serial(explorer: Explorer) -> None:
    answer = explorer.get(f"/zh/{PRODUCT}/10/B7/21/P1?x=1")
    assert (answer.status, answer.headers["location"]) == (308, f"/zh/{PACK}?x=1")


def test_every_answer_carries_the_security_headers_and_no_cookie(explorer: Explorer) -> None:
    for path in (*PATHS, "/v1/blocks", "/health", "/v1/nowhere"):
        headers = explorer.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy and "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in headers


def test_pages_refer_to_nothing_elsewhere_but_links_for_people(explorer: Explorer) -> None:
    for path in PATHS:
        text = explorer.get(f"/en{path}").text
        assert not re.findall(r'(?:src|href)="(?:https?:)?//(?!grower\.example)[^"]*"', text)
        assert " style=" not in text and not re.search(r"\son[a-z]+=", text)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_the_site_is_read_only(explorer: Explorer, method: str) -> None:
    for path in ("/", f"/{PACK}", "/v1/blocks", "/nowhere"):
        answer = explorer.get(path, method)
        assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD"


def test_head_answers_as_get_does(explorer: Explorer) -> None:
    assert explorer.get(f"/en/{PACK}", "HEAD").headers["etag"] == explorer.get(f"/en/{PACK}").headers["etag"]


def test_an_unchanged_page_is_not_sent_again(explorer: Explorer) -> None:
    first = explorer.get("/en/block/20")
    again = explorer.get("/en/block/20", if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_the_page_is_small_with_its_proof_inside(explorer: Explorer) -> None:
    answer = explorer.get(f"/en/{PACK}", accept_encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["vary"]
    assert len(answer.body) <= 24 * 1_024  # scripts and styles are another 19 KiB, once
    text = gzip.decompress(answer.body).decode()
    folded = json.loads(re.search(r'id="proof">(.*?)</script>', text, re.S)[1])  # type: ignore[index]
    assert folded["subject"] == PACK


def test_a_page_stands_without_a_proof_and_says_so(story_node: FakeNode, tmp_path: Path) -> None:
    explorer = explorer_over(replace(story_node, proofs={PACK: b"no proof"}), tmp_path)
    text = explorer.get(f"/en/{PACK}").text
    assert 'data-state="unproven"' in text and "does not hold (unreadable)" in text
    explorer.node.silent = True
    silent = explorer.get(f"/en/{BATCH}").text
    assert "No proof can be shown right now" in silent and "Batch created" in silent
    explorer.engine.dispose()


def test_blocks_are_listed_with_who_signed(explorer: Explorer) -> None:
    assert "Older blocks" not in explorer.get("/en/blocks").text
    assert 'href="/en/block/34"' in explorer.get("/en/blocks?below=35").text or "33" in explorer.get("/en/blocks").text
    direct, later = explorer.get("/en/block/20").text, explorer.get("/en/block/21").text
    assert direct.count('class="signed"') == 3 and direct.count('class="absent"') == 1
    assert "Finalised through a later block" in later
    assert explorer.get("/en/block/999999").status == 404
    assert explorer.get("/en/blocks?below=abc").status == 400


def test_unknown_addresses_explain_themselves(explorer: Explorer) -> None:
    for path in ("/nowhere", "/01/", "/01/abc", "/00/123", "/event/abc", "/block/abc", "/static/x/y"):
        answer = explorer.get(f"/en{path}")
        assert answer.status == 404, path
        assert "Traceback" not in answer.text
