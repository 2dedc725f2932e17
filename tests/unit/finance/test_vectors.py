"""Frozen bytes of trade and finance, and what a decoder must refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgpack
import pytest

from contracts.finance import RULES as FINANCE_RULES
from contracts.finance.finance_states import DEAL, OBLIGATION, SLICE
from contracts.trade import RULES as TRADE_RULES
from contracts.trade.escrow_states import ESCROW, MILESTONE
from contracts.trade.state_table import StateTable
from tallystick.encoding import encode
from tallystick.errors import DecodeError
from tallystick.limits import AMOUNT_MAX
from tallystick.payloads import ALL_PAYLOADS, decode_payload, finance, trade
from tests.unit.finance.samples import PAYLOADS, h, vectors

ROOT = Path(__file__).parents[3]
FROZEN = json.loads((ROOT / "tests/vectors/finance.json").read_text())
SALT = bytes(32)


@pytest.mark.parametrize("group", sorted(FROZEN))
def test_formats_are_those_that_were_frozen(group: str) -> None:
    assert vectors()[group] == FROZEN[group]


def test_every_payload_has_a_vector_and_a_rule_and_reads_back() -> None:
    types = {type(value) for value in PAYLOADS}
    assert types == {*trade.PAYLOADS, *finance.PAYLOADS} == {*TRADE_RULES, *FINANCE_RULES}
    for value in PAYLOADS:
        assert decode_payload(SALT + encode(value)) == value


def test_an_independent_reader_sees_the_same_fields() -> None:
    for value in PAYLOADS:
        fields = msgpack.unpackb(encode(value), strict_map_key=True)
        assert fields[0] == value.__struct_config__.tag
        assert len(fields) == 1 + len(value.__struct_fields__)


BAD: dict[str, Any] = {
    "amount-of-zero": [43, "org:bank", "CNY", "org:s", 0, h("p")],
    "amount-too-large": [43, "org:bank", "CNY", "org:s", AMOUNT_MAX + 1, h("p")],
    "amount-negative": [43, "org:bank", "CNY", "org:s", -1, h("p")],
    "amount-a-float": [43, "org:bank", "CNY", "org:s", 1.5, h("p")],
    "amount-a-text": [43, "org:bank", "CNY", "org:s", "1", h("p")],
    "amount-true": [43, "org:bank", "CNY", "org:s", True, h("p")],
    "currency-in-small-letters": [43, "org:bank", "cny", "org:s", 1, h("p")],
    "currency-of-four-letters": [43, "org:bank", "CNYX", "org:s", 1, h("p")],
    "payment-id-short": [43, "org:bank", "CNY", "org:s", 1, h("p")[:31]],
    "one-field-too-many": [51, h("e"), 0],
    "one-field-too-few": [52, h("e")],
    "milestone-eight": [52, h("e"), 8],
    "unknown-tag": [69, h("e")],
    "unknown-document-type": [44, 7, h("d"), "org:s", []],
    "nine-references": [44, 5, h("d"), "org:s", [["org:s", h("r")]] * 9],
    "split-of-one-part": [80, h("s"), [1]],
    "split-of-seventeen-parts": [80, h("s"), [1] * 17],
    "split-with-an-empty-part": [80, h("s"), [0, 1]],
    "rate-above-the-limit": [81, [h("s"), "org:l", h("g"), 1, 1, 10_001, 1, True, 1]],
    "unknown-day-count": [81, [h("s"), "org:l", h("g"), 1, 1, 1, 3, True, 1]],
    "grant-of-nothing": [90, "org:l", [], 1, [1], 0, 1, True],
    "condition-without-children": [50, ["org:r", "org:p", "org:b", "CNY", [[1, [1, []], 0]], 1, 2, "org:a", 1, 1]],
    "unknown-leaf": [50, ["org:r", "org:p", "org:b", "CNY", [[1, [16, 0], 0]], 1, 2, "org:a", 1, 1]],
    "escrow-without-milestones": [50, ["org:r", "org:p", "org:b", "CNY", [], 1, 2, "org:a", 1, 1]],
}


@pytest.mark.parametrize("defect", sorted(BAD))
def test_a_payload_with_this_defect_is_refused(defect: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_payload(SALT + msgpack.packb(BAD[defect]))
    assert caught.value.rule == "malformed"


def test_a_condition_nested_thousands_deep_is_refused_and_not_a_crash() -> None:
    levels = 20_000
    tree = b"\x92\x01\x91" * levels + b"\x92\x0e\x00"
    start = bytes([0x92, 50, 0x9A]) + b"".join(map(msgpack.packb, ("org:r", "org:p", "org:b", "CNY")))
    with pytest.raises(DecodeError, match="malformed"):
        decode_payload(SALT + start + b"\x91\x93\x01" + tree + b"\x00")


def test_a_number_spelled_longer_than_need_be_is_refused() -> None:
    data = encode(trade.ClaimMilestone(h("e"), 1))
    assert data.endswith(b"\x01")
    with pytest.raises(DecodeError, match="non-canonical"):
        decode_payload(SALT + data[:-1] + b"\xcc\x01")


@pytest.mark.parametrize(
    ("page", "table"),
    [
        ("trade.md", ESCROW),
        ("trade.md", MILESTONE),
        ("finance.md", OBLIGATION),
        ("finance.md", SLICE),
        ("finance.md", DEAL),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_the_specification_shows_the_state_tables_that_run(page: str, table: StateTable[Any]) -> None:
    text = (ROOT / "docs/spec" / page).read_text()
    section = text.split(f"<!-- table: {table.name} -->")[1].split("<!-- end -->")[0]
    shown = [line for line in section.splitlines() if line.startswith("| ")][1:]
    rows = [f"| {row.source.name} | `{row.action}` | {row.by.value} | {row.target.name} |" for row in table.rows]
    assert shown == rows


def test_the_specification_lists_every_payload_with_its_tag_and_fields() -> None:
    text = (ROOT / "docs/spec/payloads.md").read_text()
    for payload in ALL_PAYLOADS:
        fields = ", ".join(payload.__struct_fields__)
        assert f"| {payload.__struct_config__.tag} | `{payload.__name__}` | {fields} |" in text
