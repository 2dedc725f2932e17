"""Offers, grants, the one lien, interest and the waterfall, recourse, default."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.finance.payments import waterfall
from tallystick.limits import LOSS_AFTER_MS
from tallystick.money import DAY_MS, DayCount
from tallystick.object_ids import object_id, slice_id
from tallystick.payloads.finance import (
    FinanceSlice,
    GrantAccess,
    OfferSlice,
    PayObligation,
    RepurchaseSlice,
    RevokeGrant,
    SplitSlice,
    WithdrawOffer,
)
from tallystick.payloads.trade import RedeemDeposit, Transfer
from tallystick.reasons import Reason
from tallystick.records.base import Space, read_public
from tallystick.records.finance import (
    DealState,
    GrantField,
    GrantPurpose,
    LienPublic,
    LienState,
    ObligationState,
    Pricing,
    SlicePublic,
    SliceState,
    lien_key,
    obligation_subject,
    slice_key,
)
from tests.unit.finance.money_world import BANK, LENDER_A, LENDER_B, PAYEE, PAYER, START, World, named

DUE = START + 90 * DAY_MS
RICH = 100_000_000


@pytest.fixture
def world() -> World:
    made = World()
    made.open_accounts(deposit=RICH)
    return made


def gained(world: World, owner: str) -> int:
    """Minor units that an organisation has more than at the start."""
    return world.balance(owner) - RICH


# --- golden numbers ---------------------------------------------------------------------------------------


def test_78_000_paid_at_maturity_gives_the_lender_64_946_85_and_the_seller_13_053_15(world: World) -> None:
    obligation = world.confirmed(7_800_000, auto_debit=True)
    deal = world.financed(obligation)
    assert gained(world, PAYEE) == 6_400_000
    world.advance(DUE)
    assert gained(world, LENDER_A) == 94_685
    assert gained(world, PAYEE) == 6_400_000 + 1_305_315
    assert gained(world, PAYER) == -7_800_000
    assert world.deal(deal)[0] is DealState.REPAID
    assert world.deal(deal)[1].received == 6_494_685
    assert world.obligation(obligation)[0] is ObligationState.SETTLED
    assert world.lien(obligation) is LienState.RELEASED
    world.check()


def test_50_000_paid_leaves_14_946_85_which_recourse_recovers_and_the_slice_is_free_again(world: World) -> None:
    obligation = world.confirmed(8_000_000)
    deal = world.financed(obligation)
    world.advance(DUE)
    world.must(PAYER, PayObligation(obligation, 5_000_000, named("pay")))
    assert world.deal(deal)[1].principal == 1_494_685
    assert gained(world, LENDER_A) == 5_000_000 - 6_400_000
    assert world.do(PAYEE, RepurchaseSlice(deal)) is Reason.WRONG_STATE
    world.advance(DUE + 10 * DAY_MS)
    assert world.obligation(obligation)[0] is ObligationState.DEFAULTED
    assert world.deal(deal)[0] is DealState.RECOURSE
    assert world.do(LENDER_A, RepurchaseSlice(deal)) is Reason.NOT_OWNER
    world.must(PAYEE, RepurchaseSlice(deal))
    late = 1_494_685 * 600 * 10 // (10_000 * 365)
    assert gained(world, LENDER_A) == 94_685 + late
    assert world.deal(deal)[0] is DealState.REPURCHASED
    assert world.slice(obligation)[0] is SliceState.FREE
    assert world.lien(obligation) is LienState.RELEASED
    assert world.do(PAYEE, RepurchaseSlice(deal)) is Reason.ALREADY_PAID
    world.check()


def test_15_000_discounted_at_5_20_for_150_days_pays_14_675_out_and_15_000_back(world: World) -> None:
    obligation = world.confirmed(1_500_000, due_ms=START + 150 * DAY_MS, face=1_500_000, auto_debit=True)
    terms = {"pricing": Pricing.DISCOUNT, "advance": 0, "rate_bps": 520, "day_count": DayCount.ACT_360}
    world.financed(obligation, **terms)
    assert gained(world, PAYEE) == 1_467_500
    world.advance(START + 150 * DAY_MS)
    assert gained(world, LENDER_A) == 32_500
    assert gained(world, PAYEE) == 1_467_500
    world.check()


def test_100_000_paid_on_three_slices_is_divided_by_largest_remainder(world: World) -> None:
    obligation = world.confirmed(12_250_000, face=12_250_000)
    world.must(PAYEE, SplitSlice(slice_id(obligation, 0), (8_250_000, 2_500_000, 1_500_000)))
    world.must(PAYER, PayObligation(obligation, 10_000_000, named("pay")))
    paid = [world.slice(obligation, index)[1].paid for index in range(4)]
    assert paid == [0, 6_734_694, 2_040_816, 1_224_490]
    world.check()


@pytest.mark.parametrize(
    ("receipt", "expected"),
    [
        (7_800_000, (94_685, 6_400_000, 1_305_315)),
        (5_000_000, (94_685, 4_905_315, 0)),
        (94_685, (94_685, 0, 0)),
        (1, (1, 0, 0)),
        (0, (0, 0, 0)),
    ],
)
def test_the_waterfall_serves_interest_then_principal_then_the_owner(
    receipt: int, expected: tuple[int, int, int]
) -> None:
    assert waterfall(receipt, interest=94_685, principal=6_400_000) == expected


@given(st.integers(0, 300), st.integers(0, 100), st.integers(0, 100))
def test_the_waterfall_agrees_with_a_judge_that_hands_out_one_unit_after_another(
    receipt: int, interest: int, principal: int
) -> None:
    owed, got = [interest, principal, receipt], [0, 0, 0]
    for _ in range(receipt):
        rank = next(rank for rank in range(3) if got[rank] < owed[rank])
        got[rank] += 1
    assert waterfall(receipt, interest=interest, principal=principal) == tuple(got)


# --- the one lien -----------------------------------------------------------------------------------------


def test_a_pledged_slice_is_neither_offered_nor_pledged_again(world: World) -> None:
    obligation = world.confirmed()
    world.financed(obligation)
    grant = world.granted(obligation, LENDER_B)
    second = OfferSlice(world.deal_terms(obligation, grant, lender=LENDER_B))
    assert world.do(PAYEE, second) is Reason.ALREADY_PLEDGED
    assert world.do(PAYEE, SplitSlice(slice_id(obligation, 0), (1, 7_999_999))) is Reason.WRONG_STATE
    world.check()


def test_an_offered_slice_is_locked_for_its_one_lender(world: World) -> None:
    obligation = world.confirmed()
    deal = world.offered(obligation)
    grant = world.granted(obligation, LENDER_B)
    assert world.do(PAYEE, OfferSlice(world.deal_terms(obligation, grant, lender=LENDER_B))) is Reason.WRONG_STATE
    assert world.do(LENDER_B, FinanceSlice(deal)) is Reason.NOT_A_PARTY_TO_THE_DEAL
    assert world.do(LENDER_A, FinanceSlice(deal)) is Reason.NONE
    assert world.do(LENDER_A, FinanceSlice(deal)) is Reason.WRONG_STATE
    assert gained(world, LENDER_A) == -6_400_000


def test_the_lien_record_alone_stops_a_second_pledge_whatever_the_slice_says(world: World) -> None:
    obligation = world.confirmed()
    world.financed(obligation)
    work = world.workspace(salt=named("forged"))
    key = slice_key(slice_id(obligation, 0))
    work.write(key, SlicePublic(SliceState.FREE), world.slice(obligation)[1])
    world.keep(work)
    deal = world.offered(obligation, lender=LENDER_B)
    assert world.do(LENDER_B, FinanceSlice(deal)) is Reason.ALREADY_PLEDGED
    assert gained(world, LENDER_B) == 0


def test_absence_of_the_lien_record_says_that_nobody_ever_held_one(world: World) -> None:
    obligation = world.confirmed()
    assert world.lien(obligation) is None
    world.financed(obligation)
    record = world.records[lien_key(slice_id(obligation, 0))]
    assert read_public(record, LienPublic) == LienPublic(LienState.HELD, world.height)
    assert LENDER_A.encode() not in record.public


def test_financing_without_money_changes_nothing(world: World) -> None:
    obligation = world.confirmed()
    deal = world.offered(obligation)
    world.must(LENDER_A, RedeemDeposit(BANK, "CNY", RICH - 6_399_999, named("out")))
    before = dict(world.records)
    assert world.do(LENDER_A, FinanceSlice(deal)) is Reason.BALANCE_SHORT
    assert world.records == before


def test_interest_that_the_slice_does_not_cover_is_refused(world: World) -> None:
    obligation = world.confirmed(6_494_685)
    deal = world.offered(obligation)
    world.must(LENDER_A, FinanceSlice(deal))
    smaller = world.confirmed(6_494_684)
    assert world.do(LENDER_A, FinanceSlice(world.offered(smaller))) is Reason.AMOUNT_MISMATCH


# --- grants -----------------------------------------------------------------------------------------------


def test_a_lender_without_a_grant_is_offered_nothing(world: World) -> None:
    obligation = world.confirmed()
    others = world.granted(world.confirmed())
    for_b = world.granted(obligation, LENDER_B)
    for grant in (named("none"), others, for_b):
        terms = world.deal_terms(obligation, grant)
        assert world.do(PAYEE, OfferSlice(terms)) is Reason.GRANT_MISSING


def test_a_grant_by_somebody_else_is_none(world: World) -> None:
    obligation = world.confirmed()
    grant = GrantAccess(
        LENDER_A, (obligation_subject(obligation),), GrantPurpose.AUDIT, (GrantField.EVENTS,), 0, DUE, True
    )
    salt = world.must(PAYER, grant)
    terms = world.deal_terms(obligation, object_id(Space.GRANT, salt, PAYER))
    assert world.do(PAYEE, OfferSlice(terms)) is Reason.GRANT_MISSING


@pytest.mark.parametrize(
    ("offset", "reason"), [(-1, Reason.NONE), (0, Reason.GRANT_EXPIRED), (1, Reason.GRANT_EXPIRED)]
)
def test_a_grant_is_checked_at_use_by_block_time(world: World, offset: int, reason: Reason) -> None:
    obligation = world.confirmed()
    grant = world.granted(obligation, until_ms=START + DAY_MS)
    salt = world.must(PAYEE, OfferSlice(world.deal_terms(obligation, grant)))
    world.advance(START + DAY_MS + offset)
    assert world.do(LENDER_A, FinanceSlice(object_id(Space.DEAL, salt, PAYEE))) is reason


def test_a_grant_that_has_not_begun_is_missing(world: World) -> None:
    obligation = world.confirmed()
    grant = world.granted(obligation, not_before_ms=START + 1)
    assert world.do(PAYEE, OfferSlice(world.deal_terms(obligation, grant))) is Reason.GRANT_MISSING
    world.advance(START + 1)
    world.must(PAYEE, OfferSlice(world.deal_terms(obligation, grant)))


def test_a_revoked_grant_stops_the_next_use(world: World) -> None:
    obligation = world.confirmed()
    grant = world.granted(obligation)
    salt = world.must(PAYEE, OfferSlice(world.deal_terms(obligation, grant)))
    assert world.do(PAYER, RevokeGrant(grant)) is Reason.NOT_OWNER
    world.must(PAYEE, RevokeGrant(grant))
    assert world.do(PAYEE, RevokeGrant(grant)) is Reason.WRONG_STATE
    assert world.do(LENDER_A, FinanceSlice(object_id(Space.DEAL, salt, PAYEE))) is Reason.GRANT_EXPIRED


def test_a_grant_given_for_good_is_not_revoked(world: World) -> None:
    grant = world.granted(world.confirmed(), revocable=False)
    assert world.do(PAYEE, RevokeGrant(grant)) is Reason.WRONG_STATE
    assert world.do(PAYEE, RevokeGrant(named("none"))) is Reason.NOT_FOUND


@pytest.mark.parametrize(
    ("who", "changes", "reason"),
    [
        (PAYEE, {"grantee": PAYEE}, Reason.SAME_ORGANISATION),
        (PAYEE, {"grantee": "org:nobody"}, Reason.NOT_FOUND),
        (PAYEE, {"until_ms": START}, Reason.TERMS_INVALID),
        (PAYEE, {"until_ms": START + 366 * DAY_MS + 1}, Reason.TERMS_INVALID),
        (PAYEE, {"not_before_ms": START + 30 * DAY_MS}, Reason.TERMS_INVALID),
        (PAYEE, {"subjects": ("obligation:zz",)}, Reason.TERMS_INVALID),
        (PAYEE, {"subjects": ("01/1",)}, Reason.TERMS_INVALID),
        (PAYEE, {"subjects": ("01/09521234543213/10/LOT7",)}, Reason.NONE),
        (PAYEE, {"subjects": (obligation_subject(bytes(32)),)}, Reason.NOT_FOUND),
        (LENDER_B, {}, Reason.NOT_A_PARTY_TO_THE_DEAL),
    ],
)
def test_grants_that_cannot_stand_are_refused(
    world: World, who: str, changes: dict[str, object], reason: Reason
) -> None:
    values: dict[str, object] = {
        "grantee": LENDER_A,
        "subjects": (obligation_subject(world.confirmed()),),
        "purpose": GrantPurpose.CREDIT,
        "fields": (GrantField.OBLIGATION,),
        "not_before_ms": 0,
        "until_ms": START + 30 * DAY_MS,
        "revocable": True,
    }
    assert world.do(who, GrantAccess(**{**values, **changes})) is reason  # type: ignore[arg-type]


# --- offers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset", "reason"), [(-1, Reason.NONE), (0, Reason.OFFER_EXPIRED), (1, Reason.OFFER_EXPIRED)]
)
def test_an_offer_is_accepted_before_its_deadline(world: World, offset: int, reason: Reason) -> None:
    deal = world.offered(world.confirmed())
    world.now = START + 5 * DAY_MS + offset
    assert world.do(LENDER_A, FinanceSlice(deal)) is reason


def test_an_expired_offer_unlocks_its_slice(world: World) -> None:
    obligation = world.confirmed()
    deal = world.offered(obligation)
    world.advance(START + 5 * DAY_MS)
    assert world.deal(deal)[0] is DealState.EXPIRED
    assert world.do(LENDER_A, FinanceSlice(deal)) is Reason.WRONG_STATE
    world.financed(obligation)
    world.check()


@pytest.mark.parametrize("who", [PAYEE, LENDER_A])
def test_owner_or_lender_ends_an_offer_and_the_slice_can_be_offered_again(world: World, who: str) -> None:
    obligation = world.confirmed()
    deal = world.offered(obligation)
    assert world.do(LENDER_B, WithdrawOffer(deal)) is Reason.NOT_A_PARTY_TO_THE_DEAL
    world.must(who, WithdrawOffer(deal))
    assert world.do(who, WithdrawOffer(deal)) is Reason.WRONG_STATE
    world.financed(obligation, lender=LENDER_B)
    world.run_out()
    world.check()


def test_a_payment_ends_an_open_offer(world: World) -> None:
    obligation = world.confirmed()
    deal = world.offered(obligation)
    world.must(PAYER, PayObligation(obligation, 1_000_000, named("pay")))
    assert world.deal(deal)[0] is DealState.EXPIRED
    assert world.slice(obligation)[0] is SliceState.FREE
    assert gained(world, PAYEE) == 1_000_000
    world.check()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lender": PAYEE}, Reason.SAME_ORGANISATION),
        ({"lender": PAYER}, Reason.SAME_ORGANISATION),
        ({"lender": "org:carrier"}, Reason.ROLE_MISSING),
        ({"deadline_ms": START}, Reason.TERMS_INVALID),
        ({"deadline_ms": DUE + 1}, Reason.TERMS_INVALID),
        ({"deadline_ms": DUE}, Reason.NONE),
        ({"advance": 0}, Reason.TERMS_INVALID),
        ({"pricing": Pricing.DISCOUNT}, Reason.TERMS_INVALID),
        ({"advance": 8_000_001}, Reason.AMOUNT_MISMATCH),
        ({"slice": bytes(32)}, Reason.NOT_FOUND),
    ],
)
def test_offers_that_cannot_stand_are_refused(world: World, changes: dict[str, object], reason: Reason) -> None:
    obligation = world.confirmed()
    terms = world.deal_terms(obligation, world.granted(obligation), **changes)
    assert world.do(PAYEE, OfferSlice(terms)) is reason


def test_only_the_owner_offers_and_splits(world: World) -> None:
    obligation = world.confirmed()
    terms = world.deal_terms(obligation, world.granted(obligation))
    assert world.do(PAYER, OfferSlice(terms)) is Reason.NOT_OWNER
    assert world.do(PAYER, SplitSlice(slice_id(obligation, 0), (1, 7_999_999))) is Reason.NOT_OWNER


# --- splitting --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "reason"),
    [((1, 7_999_999), Reason.NONE), ((1, 8_000_000), Reason.AMOUNT_MISMATCH), ((1, 1), Reason.AMOUNT_MISMATCH)],
)
def test_parts_sum_to_the_slice(world: World, parts: tuple[int, ...], reason: Reason) -> None:
    obligation = world.confirmed()
    assert world.do(PAYEE, SplitSlice(slice_id(obligation, 0), parts)) is reason
    world.check()


def test_a_retired_slice_can_do_nothing_more(world: World) -> None:
    obligation = world.confirmed()
    world.must(PAYER, PayObligation(obligation, 1_000_000, named("pay")))
    world.must(PAYEE, SplitSlice(slice_id(obligation, 0), (3_000_000, 4_000_000)))
    assert world.slice(obligation, 0)[0] is SliceState.RETIRED
    assert world.do(PAYEE, SplitSlice(slice_id(obligation, 0), (1, 1))) is Reason.WRONG_STATE
    offer = OfferSlice(world.deal_terms(obligation, world.granted(obligation), 0, advance=1))
    assert world.do(PAYEE, offer) is Reason.WRONG_STATE
    assert world.slice(obligation, 2)[1].parent == 0
    world.check()


def test_an_obligation_has_a_bounded_number_of_slices(world: World) -> None:
    obligation = world.confirmed()
    for index in (0, 16, 32):
        parts = (1,) * 15 + (world.slice(obligation, index)[1].amount - 15,)
        world.must(PAYEE, SplitSlice(slice_id(obligation, index), parts))
    parts = (1,) * 15 + (world.slice(obligation, 48)[1].amount - 15,)
    assert world.do(PAYEE, SplitSlice(slice_id(obligation, 48), parts)) is Reason.TERMS_INVALID
    world.check()


# --- paying -----------------------------------------------------------------------------------------------


def test_a_payment_triggered_twice_is_refused(world: World) -> None:
    obligation = world.confirmed()
    payment = PayObligation(obligation, 1_000_000, named("pay"))
    world.must(PAYER, payment)
    assert world.do(PAYER, payment) is Reason.ALREADY_PAID
    world.must(PAYER, PayObligation(obligation, 7_000_000, named("rest")))
    assert world.do(PAYER, PayObligation(obligation, 1, named("more"))) is Reason.ALREADY_PAID
    world.run_out()
    assert gained(world, PAYER) == -8_000_000
    world.check()


@pytest.mark.parametrize(
    ("who", "amount", "reason"),
    [
        (PAYEE, 1, Reason.NOT_DEBTOR),
        (LENDER_A, 1, Reason.NOT_DEBTOR),
        (PAYER, 8_000_001, Reason.AMOUNT_MISMATCH),
        (PAYER, 8_000_000, Reason.NONE),
    ],
)
def test_only_the_debtor_pays_and_never_too_much(world: World, who: str, amount: int, reason: Reason) -> None:
    obligation = world.confirmed()
    assert world.do(who, PayObligation(obligation, amount, named("pay"))) is reason
    assert world.do(PAYER, PayObligation(world.presented(), 1, named("early"))) is Reason.WRONG_STATE


def test_an_early_payment_costs_interest_for_the_days_begun_only(world: World) -> None:
    obligation = world.confirmed()
    world.financed(obligation)
    world.advance(START + 29 * DAY_MS + 1)
    world.must(PAYER, PayObligation(obligation, 8_000_000, named("pay")))
    assert gained(world, LENDER_A) == round(6_400_000 * 600 * 30 / (10_000 * 365))
    world.check()


def test_interest_in_two_payments_counts_no_day_twice(world: World) -> None:
    obligation = world.confirmed(auto_debit=True)
    deal = world.financed(obligation)
    world.advance(START + 30 * DAY_MS + 5)
    world.must(PAYER, PayObligation(obligation, 1, named("pay")))
    assert world.deal(deal)[1].days_counted == 31
    world.advance(DUE)
    first = round(6_400_000 * 600 * 31 / (10_000 * 365))
    second = round(6_400_000 * 600 * 59 / (10_000 * 365))
    assert gained(world, LENDER_A) == first + second


@pytest.mark.parametrize(
    ("offset", "days"), [(-1, 90), (0, 90), (3 * DAY_MS - 1, 90), (3 * DAY_MS, 93), (4 * DAY_MS, 94)]
)
def test_days_of_grace_cost_nothing_and_later_days_do(world: World, offset: int, days: int) -> None:
    obligation = world.confirmed()
    world.financed(obligation)
    world.advance(DUE + offset)
    world.must(PAYER, PayObligation(obligation, 8_000_000, named("pay")))
    assert gained(world, LENDER_A) == round(6_400_000 * 600 * days / (10_000 * 365))
    world.check()


def test_a_slice_whose_lender_is_repaid_in_part_of_it_is_free_for_the_rest(world: World) -> None:
    obligation = world.confirmed()
    deal = world.financed(obligation)
    world.must(PAYER, PayObligation(obligation, 7_000_000, named("pay")))
    assert world.deal(deal)[0] is DealState.REPAID
    assert world.slice(obligation)[0] is SliceState.FREE
    world.financed(obligation, advance=900_000)
    assert world.lien(obligation) is LienState.HELD
    world.check()


# --- time -------------------------------------------------------------------------------------------------


def test_without_leave_to_debit_an_obligation_matures_and_falls_step_by_step(world: World) -> None:
    obligation = world.confirmed()
    deal = world.financed(obligation, recourse=False)
    steps = (
        (DUE - 1, ObligationState.CONFIRMED),
        (DUE, ObligationState.MATURED),
        (DUE + 3 * DAY_MS - 1, ObligationState.MATURED),
        (DUE + 3 * DAY_MS, ObligationState.OVERDUE),
        (DUE + 10 * DAY_MS - 1, ObligationState.OVERDUE),
        (DUE + 10 * DAY_MS, ObligationState.DEFAULTED),
        (DUE + 10 * DAY_MS + LOSS_AFTER_MS - 1, ObligationState.DEFAULTED),
        (DUE + 10 * DAY_MS + LOSS_AFTER_MS, ObligationState.CLOSED_LOSS),
    )
    for time_ms, state in steps:
        world.advance(time_ms)
        assert world.obligation(obligation)[0] is state
        world.check()
    assert world.deal(deal)[0] is DealState.LOST
    assert world.slice(obligation)[0] is SliceState.LOST


def test_late_money_after_a_loss_still_goes_to_the_lender_first(world: World) -> None:
    obligation = world.confirmed()
    deal = world.financed(obligation)
    world.run_out()
    debt = world.deal(deal)[1].debt
    days = 100 + LOSS_AFTER_MS // DAY_MS
    assert debt == 6_400_000 + round(6_400_000 * 600 * days / (10_000 * 365))
    world.now += 50 * DAY_MS
    world.must(PAYER, PayObligation(obligation, 1_000_000, named("late")))
    assert world.deal(deal)[1].debt == debt - 1_000_000
    world.must(PAYER, PayObligation(obligation, 7_000_000, named("rest")))
    assert world.deal(deal)[0] is DealState.REPAID
    assert world.slice(obligation)[0] is SliceState.REDEEMED
    assert world.obligation(obligation)[0] is ObligationState.SETTLED
    world.check()


def test_a_debit_that_found_too_little_is_tried_again_at_each_later_step(world: World) -> None:
    obligation = world.confirmed(auto_debit=True)
    world.financed(obligation)
    world.must(PAYER, RedeemDeposit(BANK, "CNY", RICH - 7_999_999, named("out")))
    world.advance(DUE)
    assert world.obligation(obligation)[0] is ObligationState.MATURED
    world.must(PAYEE, Transfer(BANK, "CNY", PAYER, 1, named("in")))
    world.advance(DUE + 3 * DAY_MS)
    assert world.obligation(obligation)[0] is ObligationState.SETTLED
    world.check()


def test_a_slice_that_did_not_cover_the_late_interest_turns_to_the_owner(world: World) -> None:
    obligation = world.confirmed(6_494_685)
    deal = world.financed(obligation)
    world.advance(DUE + 9 * DAY_MS)
    world.must(PAYER, PayObligation(obligation, 6_494_685, named("pay")))
    state, data = world.deal(deal)
    assert state is DealState.RECOURSE and data.debt > 0
    assert world.slice(obligation)[0] is SliceState.REDEEMED
    assert world.lien(obligation) is LienState.RELEASED
    world.check()
    world.must(PAYEE, RepurchaseSlice(deal))
    assert world.deal(deal)[0] is DealState.REPURCHASED
    world.run_out()
    world.check()


def test_recourse_that_the_owner_does_not_honour_ends_as_a_loss(world: World) -> None:
    obligation = world.confirmed(6_494_685)
    deal = world.financed(obligation)
    world.advance(DUE + 9 * DAY_MS)
    world.must(PAYER, PayObligation(obligation, 6_494_685, named("pay")))
    world.run_out()
    assert world.deal(deal)[0] is DealState.LOST
    world.check()


def test_without_recourse_what_the_slice_did_not_cover_is_the_lenders_loss(world: World) -> None:
    obligation = world.confirmed(6_494_685)
    deal = world.financed(obligation, recourse=False)
    world.advance(DUE + 9 * DAY_MS)
    world.must(PAYER, PayObligation(obligation, 6_494_685, named("pay")))
    assert world.deal(deal)[0] is DealState.LOST
    assert world.do(PAYEE, RepurchaseSlice(deal)) is Reason.WRONG_STATE
    world.check()
