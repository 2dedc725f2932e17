"""Identifiers: one key text per GS1 key, whatever its spelling, and a clear refusal otherwise."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.epcis import IdentifierKind, parse_identifier, parse_identifier_lenient, parse_key
from tallystick.epcis.check_digit import check_digit, check_pair, has_check_digit
from tallystick.epcis.epc_urn import parse_epc_urn, to_epc_urn
from tallystick.epcis.identifier_reader import _parse
from tallystick.errors import EventError

REPOSITORY = Path(__file__).parents[4]
VECTORS = json.loads((REPOSITORY / "tests/vectors/epcis/identifiers.json").read_text(encoding="utf-8"))
SHARED = Path(os.environ.get("TALLYSTICK_SHARED", REPOSITORY.parent / "shared" / "data"))
PAIRS_FILE = SHARED / "epcis-hash" / "dl-normaliser-pairs.json"
PAIRS: list[dict[str, Any]] = json.loads(PAIRS_FILE.read_text()) if PAIRS_FILE.is_file() else []


@pytest.mark.parametrize("case", VECTORS["read"], ids=lambda case: case["text"])
def test_spelling_is_read(case: dict[str, Any]) -> None:
    identifier = parse_identifier(case["text"])
    assert identifier.key == case["key"]
    assert identifier.kind is IdentifierKind[case["kind"]]
    assert identifier.lot == case.get("lot", identifier.lot)
    assert parse_key(identifier.key).key == identifier.key
    assert parse_identifier(identifier.uri).key == identifier.key
    assert parse_identifier_lenient(case["text"]).key == identifier.key
    if "prefix" in case:
        prefix = case["prefix"]
        assert identifier.gs1_company_prefix_matches(prefix)
        other = ("1" if prefix[0] != "1" else "2") + prefix[1:]
        assert not identifier.gs1_company_prefix_matches(other)
        assert to_epc_urn(identifier, len(prefix)) == case.get("urn", to_epc_urn(identifier, len(prefix)))


@pytest.mark.parametrize("case", VECTORS["lenient"], ids=lambda case: case["text"])
def test_unusual_spelling_is_read_leniently_and_refused_strictly(case: dict[str, Any]) -> None:
    assert parse_identifier_lenient(case["text"]).key == case["key"]
    with pytest.raises(EventError) as caught:
        parse_identifier(case["text"])
    assert caught.value.rule == case["rule"]


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["text"])
def test_broken_identifier_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(EventError) as caught:
        parse_identifier(case["text"])
    assert caught.value.rule == case["rule"]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["in"])
def test_published_normaliser_pairs(pair: dict[str, Any]) -> None:
    try:
        identifier = parse_identifier_lenient(pair["in"])
        found = identifier.uri if identifier.is_gs1 else None
    except EventError:
        found = None
    assert found == pair["out"]


digits = st.text("0123456789", min_size=1, max_size=17)
serials = st.text("!\"%&'()*+,-./0123456789:;<=>?ABCXYZ_abcxyz", min_size=1, max_size=20)


@given(digits)
def test_only_the_check_digit_checks(text: str) -> None:
    right = check_digit(text)
    assert [digit for digit in "0123456789" if has_check_digit(text + digit)] == [right]


def test_check_characters_of_a_model_number() -> None:
    assert check_pair("1987654Ad4X4bL5ttr2310c") == "2K"  # GS1 General Specifications, section 7.9.5


@given(st.text("0123456789", min_size=13, max_size=13), serials, st.integers(6, 12))
def test_items_survive_urn_and_back(body: str, serial: str, length: int) -> None:
    gtin = body + check_digit(body)
    key = parse_identifier("https://x.example/01/" + gtin + "/21/" + "".join(f"%{ord(c):02X}" for c in serial))
    assert key.serial == serial and key.gtin == gtin
    urn = to_epc_urn(key, length)
    assert urn is not None and parse_identifier(urn) == key
    assert key.gs1_company_prefix_matches(gtin[1 : 1 + length])


@given(
    st.text("0123456789", min_size=13, max_size=17), st.text("AZaz09._-%", max_size=8), st.sampled_from(["21", "10"])
)
def test_the_quick_way_agrees_with_the_general_one(body: str, value: str, qualifier: str) -> None:
    texts = [
        f"https://id.gs1.org/01/{body[:13]}{check_digit(body[:13])}/{qualifier}/{value}",
        f"https://id.gs1.org/01/{body[:14]}/{qualifier}/{value}",
        f"https://id.gs1.org/01/{body[:13]}{check_digit(body[:13])}",
        f"https://id.gs1.org/00/{body}{check_digit(body)}",
        f"https://id.gs1.org/414/{body[:12]}{check_digit(body[:12])}",
        f"https://id.gs1.org/417/{body[:12]}{check_digit(body[:12])}",
        f"urn:epc:id:sgtin:{body[:7]}.{body[7:13]}.{value}",
        f"urn:epc:class:lgtin:{body[:6]}.{body[6:13]}.{value}",
        f"urn:epc:id:sgtin:{body[:7]}.{body[7:12]}.{value}",
    ]
    for text in texts:
        assert outcome(parse_identifier, text) == outcome(lambda text: _parse(text, False), text)


def outcome(read: Any, text: str) -> Any:
    try:
        return read(text)
    except EventError as error:
        return error.rule


@given(st.text(max_size=40))
def test_any_text_is_an_identifier_or_one_error(rest: str) -> None:
    for text in (rest, "https://id.gs1.org/" + rest, "https://x.example/01/" + rest, "urn:epc:id:" + rest):
        try:
            identifier = parse_identifier(text)
        except EventError:
            continue
        assert parse_key(identifier.key).key == identifier.key


@pytest.mark.parametrize(
    "text",
    [
        "https://id.gs1.org/01/09521234543213/21/A1",
        "https://shop.example/01/09521234543213",
        "urn:epc:id:sgtin:9521234.054321.A1",
    ],
)
def test_another_spelling_of_an_identifier_is_no_key_text(text: str) -> None:
    assert parse_identifier(text).is_gs1
    with pytest.raises(EventError) as caught:
        parse_key(text)
    assert caught.value.rule == "gs1.key"


def test_an_item_knows_its_lot_and_class() -> None:
    item = parse_identifier("https://id.gs1.org/01/09521234543213/10/L%2F7/21/1")
    assert (item.lot_key, item.class_key) == ("01/09521234543213/10/L%2F7", "01/09521234543213")
    assert parse_identifier(f"https://id.gs1.org/{item.lot_key}").key == item.lot_key
    assert parse_identifier("urn:a:b").lot_key is None and parse_epc_urn("urn:a:b") is None
