"""The one JSON reader: its frozen verdicts, and the fast reading judged by the slow one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tallystick.epcis import JsonNumber, canonical_json, read_canonical, read_json
from tallystick.epcis.json_diagnosis import diagnose
from tallystick.epcis.json_reader import exceeds_depth
from tallystick.errors import DecodeError

VECTORS = Path(__file__).parents[3] / "vectors" / "epcis" / "json_reader.json"
CASES: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]
SIZE_MAX = 100_000

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15) + 1, 10**15 - 1)
    | st.text(max_size=12)
    | st.sampled_from(["0.5", "-18.25", "0.000001", "1234567.12345678"]).map(JsonNumber),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


def data_of(case: dict[str, Any]) -> bytes:
    return bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_frozen_verdict(case: dict[str, Any]) -> None:
    data = data_of(case)
    if case["rule"]:
        for read in (lambda: read_json(data, size_max=SIZE_MAX), lambda: read_canonical(data, SIZE_MAX)):
            with pytest.raises(DecodeError) as caught:
                read()
            assert (caught.value.rule, caught.value.path) == (case["rule"], case["path"])
        return
    value = read_json(data, size_max=SIZE_MAX)
    assert canonical_json(value) == case["value"].encode()
    if case["canonical"]:
        assert read_canonical(data, SIZE_MAX) == value
    else:
        with pytest.raises(DecodeError) as caught:
            read_canonical(data, SIZE_MAX)
        assert caught.value.rule == "non-canonical"


def test_size_is_judged_before_anything_else() -> None:
    for read in (lambda: read_json(b"[1,2]", size_max=4), lambda: read_canonical(b"[1,2]", 4)):
        with pytest.raises(DecodeError) as caught:
            read()
        assert caught.value.rule == "json.size"


@pytest.mark.parametrize(
    "unit",
    [
        b'\\"',
        b'"',
        b'"[',
        b'"\\',
        b'["',
        b'{"',
        b'[1,"\\"],',
        b"\\",
        b'["\\u00',
        b"-",
        b"1",
        b"1e",
        b'":',
        b" ",
        b"tru",
    ],
)
def test_no_text_costs_more_than_its_size(unit: bytes) -> None:
    """Each would take minutes if anything were tried again from every place."""
    for data in (b"[" * 40 + b'"' + unit * (300_000 // len(unit)), unit * (300_000 // len(unit))):
        for read in (lambda data=data: read_json(data, size_max=10**6), lambda data=data: read_canonical(data, 10**6)):
            with pytest.raises(DecodeError):
                read()


def test_a_megabyte_of_brackets_is_refused_quickly_and_without_recursion() -> None:
    for data in (b"[" * 1_000_000, b"[" * 500_000 + b"]" * 500_000, b'{"a":' * 200_000):
        with pytest.raises(DecodeError):
            read_json(data, size_max=2_000_000)
        with pytest.raises(DecodeError):
            read_canonical(data, 2_000_000)


@given(json_values)
def test_what_is_written_is_read_back(value: Any) -> None:
    data = canonical_json(value)
    assert read_canonical(data, 10**6) == value
    assert read_json(data, size_max=10**6) == value
    assert diagnose(data.decode(), 32) == value


@given(json_values)
def test_pretty_printing_changes_nothing_but_the_spelling(value: Any) -> None:
    data = canonical_json(value)
    loose = json.dumps(json.loads(data), indent=1, ensure_ascii=True).encode()
    again = read_json(loose, size_max=10**6)
    if b"." not in data:  # the standard library would print fractions through doubles
        assert canonical_json(again) == data


def judged(data: bytes) -> tuple[str, Any]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "json.utf8", None
    if text.startswith("\ufeff"):
        return "json.bom", None
    try:
        return "", diagnose(text, 32)
    except DecodeError as error:
        return error.rule, None


@given(json_values, st.data())
def test_fast_and_slow_reading_agree_on_damaged_texts(value: Any, data: st.DataObject) -> None:
    whole = canonical_json(value)
    at = data.draw(st.integers(0, len(whole)))
    patch = data.draw(st.binary(max_size=3) | st.sampled_from([b'"', b",", b"[", b"}", b"e5", b"-0", b"\\ud800", b" "]))
    damaged = whole[:at] + patch + whole[at + data.draw(st.integers(0, 2)) :]
    rule, expected = judged(damaged)
    try:
        found: Any = read_json(damaged, size_max=10**6)
        found_rule = ""
    except DecodeError as error:
        found, found_rule = None, error.rule
    assert (found_rule, found) == (rule, expected)
    try:
        assert canonical_json(read_canonical(damaged, 10**6)) == damaged
        assert rule == ""
    except DecodeError as error:
        assert error.rule == (rule or "non-canonical")


@given(json_values, st.integers(0, 6))
@example("[", 0)
@example(["[[[", '{"', "\\", ""], 1)
def test_depth_is_counted_exactly(value: Any, depth_max: int) -> None:
    def depth(item: Any) -> int:
        if isinstance(item, dict):
            return 1 + max((depth(inner) for inner in item.values()), default=0)
        if isinstance(item, list):
            return 1 + max((depth(inner) for inner in item), default=0)
        return 0

    assert exceeds_depth(canonical_json(value), depth_max) == (depth(value) > depth_max)


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), {"a": 2.0}, [10**15], {1: 2}, (1,), b"x", "\ud800", {"\udfff": 1}]
)
def test_values_without_a_canonical_spelling_are_not_written(value: Any) -> None:
    with pytest.raises(DecodeError):
        canonical_json(value)


def test_a_number_never_changes() -> None:
    number = JsonNumber("1.5")
    with pytest.raises(AttributeError):
        number.text = "2.5"
    assert number == JsonNumber("1.5") and number != JsonNumber("2.5") and len({number, JsonNumber("1.5")}) == 1
