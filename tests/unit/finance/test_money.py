"""Integer money: golden numbers, rounding, division without loss, the invoice number's tag."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.documents import document_commitment, invoice_tag, normalise_invoice_number
from tallystick.errors import DecodeError
from tallystick.limits import AMOUNT_MAX, RATE_BPS_MAX
from tallystick.money import (
    DAY_MS,
    DayCount,
    divide_half_even,
    format_amount,
    parse_amount,
    present_value,
    simple_interest,
    split_largest_remainder,
    started_days,
)


def test_straight_discount_of_the_golden_example_is_exact() -> None:
    discount = simple_interest(1_500_000, rate_bps=520, days=150, day_count=DayCount.ACT_360)
    assert discount == 32_500
    assert 1_500_000 - discount == 1_467_500


def test_discount_to_yield_of_the_golden_example() -> None:
    assert present_value(1_500_000, rate_bps=520, days=150, day_count=DayCount.ACT_360) == 1_468_189


def test_interest_of_the_golden_example_rounds_946_849315_to_946_85() -> None:
    assert simple_interest(6_400_000, rate_bps=600, days=90, day_count=DayCount.ACT_365F) == 94_685


def test_split_of_the_golden_example_by_largest_remainder() -> None:
    assert split_largest_remainder(10_000_000, (8_250_000, 2_500_000, 1_500_000)) == (6_734_694, 2_040_816, 1_224_490)


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [(0, 2, 0), (1, 2, 0), (3, 2, 2), (5, 2, 2), (7, 2, 4), (1, 3, 0), (2, 3, 1), (49, 100, 0), (51, 100, 1)],
)
def test_halves_go_to_the_even_neighbour(numerator: int, denominator: int, expected: int) -> None:
    assert divide_half_even(numerator, denominator) == expected


@given(st.integers(0, 10**24), st.integers(1, 10**9))
def test_half_even_division_agrees_with_exact_fractions(numerator: int, denominator: int) -> None:
    assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(st.integers(0, AMOUNT_MAX), st.lists(st.integers(0, AMOUNT_MAX), min_size=1, max_size=64).filter(any))
def test_a_division_loses_nothing_and_is_off_by_less_than_one_unit(total: int, weights: list[int]) -> None:
    shares = split_largest_remainder(total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - Fraction(total * weight, sum(weights))) < 1


def judge_by_fractions(total: int, weights: list[int]) -> list[int]:
    """Hamilton's method from its definition: whole quotas, then one seat after another to the largest fraction left."""
    quotas = [Fraction(total * weight, sum(weights)) for weight in weights]
    seats = [quota.numerator // quota.denominator for quota in quotas]
    while sum(seats) < total:
        left = [quota - seat for quota, seat in zip(quotas, seats, strict=True)]
        seats[left.index(max(left))] += 1
    return seats


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**4), min_size=1, max_size=12).filter(any))
def test_a_division_agrees_with_the_method_by_its_definition(total: int, weights: list[int]) -> None:
    assert list(split_largest_remainder(total, weights)) == judge_by_fractions(total, weights)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=16), st.data())
def test_no_part_gets_more_than_is_still_to_come(outstanding: list[int], data: st.DataObject) -> None:
    amount = data.draw(st.integers(1, sum(outstanding)))
    shares = split_largest_remainder(amount, outstanding)
    assert all(0 <= share <= part for share, part in zip(shares, outstanding, strict=True))


def test_equal_remainders_go_to_the_earlier_part() -> None:
    assert split_largest_remainder(100, (1, 1, 1)) == (34, 33, 33)
    assert split_largest_remainder(2, (1, 1, 1)) == (1, 1, 0)


@given(st.integers(0, AMOUNT_MAX), st.integers(0, RATE_BPS_MAX), st.integers(0, 366), st.sampled_from(DayCount))
def test_present_value_and_its_interest_never_exceed_the_face(
    face: int, rate: int, days: int, day_count: DayCount
) -> None:
    value = present_value(face, rate_bps=rate, days=days, day_count=day_count)
    assert 0 <= value <= face
    assert abs(value + simple_interest(value, rate_bps=rate, days=days, day_count=day_count) - face) <= 2


@pytest.mark.parametrize(
    ("elapsed", "days"), [(-5, 0), (0, 0), (1, 1), (DAY_MS - 1, 1), (DAY_MS, 1), (DAY_MS + 1, 2), (30 * DAY_MS, 30)]
)
def test_a_day_begun_counts_as_a_day(elapsed: int, days: int) -> None:
    assert started_days(1_000_000, 1_000_000 + elapsed) == days


@pytest.mark.parametrize(
    ("text", "currency", "value"),
    [("15000.00", "CNY", 1_500_000), ("15000", "EUR", 1_500_000), ("15000", "JPY", 15_000)],
)
def test_amounts_are_read_as_minor_units_and_written_back(text: str, currency: str, value: int) -> None:
    assert parse_amount(text, currency) == value
    assert parse_amount(format_amount(value, currency), currency) == value


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("0", "CNY"),
        ("-1", "CNY"),
        ("1.001", "CNY"),
        ("1.5", "JPY"),
        ("1e3", "CNY"),
        ("1", "XXX"),
        ("99999999999999", "CNY"),
    ],
)
def test_what_is_no_amount_is_refused_with_its_rule(text: str, currency: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse_amount(text, currency)
    assert caught.value.rule.startswith(("money.", "quantity."))


@pytest.mark.parametrize("number", ["INV-001", "INV001", "inv 001", "Inv/0.0-1", " INV_001 "])
def test_spellings_of_one_invoice_number_have_one_tag(number: str) -> None:
    assert normalise_invoice_number(number) == "INV001"
    assert invoice_tag(b"s" * 32, "org:s", number) == invoice_tag(b"s" * 32, "org:s", "INV-001")


def test_the_tag_differs_by_number_creditor_and_secret() -> None:
    tags = {
        invoice_tag(b"s" * 32, "org:s", "INV-001"),
        invoice_tag(b"s" * 32, "org:s", "INV-002"),
        invoice_tag(b"s" * 32, "org:t", "INV-001"),
        invoice_tag(b"t" * 32, "org:s", "INV-001"),
    }
    assert len(tags) == 4


@pytest.mark.parametrize("number", ["", "---", "ＩＮＶ001", "İ1", "A" * 129])
def test_an_invoice_number_that_could_be_read_in_two_ways_is_refused(number: str) -> None:
    with pytest.raises(DecodeError, match=r"document\.number"):
        normalise_invoice_number(number)


def test_a_commitment_depends_on_the_salt() -> None:
    assert document_commitment(b"a" * 32, b"{}") != document_commitment(b"b" * 32, b"{}")
