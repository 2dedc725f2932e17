"""Decimals and times: integers only, bounded, inverse of each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.epcis import (
    JsonNumber,
    format_decimal,
    format_micro,
    format_timestamp,
    parse_decimal,
    parse_micro,
    parse_minor,
    parse_offset,
    parse_timestamp,
)
from tallystick.epcis.bounds import MICRO_MAX, TIME_MS_MAX
from tallystick.epcis.quantity import micro_of_number, rounded_micro
from tallystick.errors import DecodeError, EventError


@given(st.integers(-MICRO_MAX, MICRO_MAX), st.integers(0, 9))
def test_a_formatted_decimal_is_parsed_back(value: int, places: int) -> None:
    assert parse_decimal(format_decimal(value, places), places) == value


@pytest.mark.parametrize(
    ("text", "micro"),
    [
        ("0", 0),
        ("18.25", 18_250_000),
        ("-0.000001", -1),
        ("1.500000000", 1_500_000),
        ("999999999999.999999", MICRO_MAX),
    ],
)
def test_quantities_are_read_exactly(text: str, micro: int) -> None:
    assert parse_micro(text) == micro


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "quantity.form"),
        ("+1", "quantity.form"),
        ("01", "quantity.form"),
        (".5", "quantity.form"),
        ("5.", "quantity.form"),
        ("1e3", "quantity.form"),
        ("1,5", "quantity.form"),
        (" 1", "quantity.form"),
        ("1\n", "quantity.form"),
        ("\u0661", "quantity.form"),
        ("NaN", "quantity.form"),
        ("9" * 40, "quantity.form"),
        ("0.0000001", "quantity.precision"),
        ("1000000000000", "quantity.range"),
        ("-0", "quantity.minus-zero"),
        ("-0.000", "quantity.minus-zero"),
    ],
)
def test_other_spellings_are_refused(text: str, rule: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse_micro(text)
    assert caught.value.rule == rule


def test_money_has_as_many_places_as_its_currency() -> None:
    assert parse_minor("18.25", places=2) == 1_825
    assert parse_minor("1825", places=0) == 1_825
    assert format_decimal(1_800, 2) == "18" and format_micro(-1_500_000) == "-1.5"
    with pytest.raises(DecodeError):
        parse_minor("0.5", places=0)


def test_json_numbers_become_micro_units() -> None:
    assert micro_of_number(200) == 200_000_000
    assert micro_of_number(JsonNumber("0.1")) == 100_000
    with pytest.raises(DecodeError):
        micro_of_number(JsonNumber("0.1234567"))
    assert rounded_micro(JsonNumber("0.1234565")) == 123_457
    assert rounded_micro(JsonNumber("-0.1234565")) == -123_457
    assert rounded_micro(JsonNumber("0.1234564")) == 123_456
    assert rounded_micro(999_999_999_999_999) == MICRO_MAX


@given(st.integers(0, TIME_MS_MAX))
def test_a_formatted_time_is_parsed_back(time_ms: int) -> None:
    assert parse_timestamp(format_timestamp(time_ms)) == time_ms


@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)), st.integers(-840, 840))
def test_times_agree_with_the_standard_library(moment: datetime, offset: int) -> None:
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}"
    text = text.rjust(23, "0") + f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
    since = moment.replace(microsecond=0, tzinfo=UTC) - timedelta(minutes=offset) - datetime(1970, 1, 1, tzinfo=UTC)
    assert parse_timestamp(text) == since // timedelta(milliseconds=1) + moment.microsecond // 1000


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00.0004+01:00", 0),
        ("1970-01-01T00:00:00.0005Z", 1),
        ("1970-01-01T00:00:00.99949999Z", 999),
        ("2000-02-29T23:59:59.9995Z", 951_868_800_000),
        ("9999-12-31T23:59:59.999Z", TIME_MS_MAX),
        ("2005-04-03T20:33:31.116000-06:00", 1_112_582_011_116),
    ],
)
def test_times_round_and_carry(text: str, time_ms: int) -> None:
    assert parse_timestamp(text) == time_ms


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("2026-03-04", "time.form"),
        ("2026-03-04T05:06:07", "time.form"),
        ("2026-03-04t05:06:07z", "time.form"),
        ("2026-03-04T05:06:07.Z", "time.form"),
        ("2026-03-04T05:06:07Z\n", "time.form"),
        ("2026-03-04T05:06:07+14:30", "time.form"),
        ("2026-03-04 05:06:07Z", "time.form"),
        ("\u0662026-03-04T05:06:07Z", "time.form"),
        ("2026-03-04T05:06:60Z", "time.value"),
        ("2026-03-04T24:00:00Z", "time.value"),
        ("2026-02-29T00:00:00Z", "time.value"),
        ("2100-02-29T00:00:00Z", "time.value"),
        ("2026-13-01T00:00:00Z", "time.value"),
        ("2026-00-01T00:00:00Z", "time.value"),
        ("2026-04-31T00:00:00Z", "time.value"),
        ("2026-04-00T00:00:00Z", "time.value"),
        ("1970-01-01T00:00:00+01:00", "time.range"),
        ("1969-12-31T23:59:59Z", "time.range"),
        ("9999-12-31T23:59:59.9995Z", "time.range"),
        ("0000-01-01T00:00:00Z", "time.range"),
    ],
)
def test_other_times_are_refused(text: str, rule: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_timestamp(text)
    assert caught.value.rule == rule


def test_offsets() -> None:
    assert (parse_offset("+00:00"), parse_offset("-06:30"), parse_offset("+14:00")) == (0, -390, 840)
    for text in ("+14:30", "Z", "1:00", "+1:00", "+15:00", "+00:60", "-14:01"):
        with pytest.raises(EventError):
            parse_offset(text)
