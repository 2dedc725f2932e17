"""Escrow: every step, every refusal, every deadline at the millisecond before, at and after."""

from __future__ import annotations

import pytest

from tallystick.conditions import AllOf, AnyOf, AtLeast, Condition, Received, SignedBy, TimeReached
from tallystick.limits import AMOUNT_MAX
from tallystick.money import DAY_MS
from tallystick.object_ids import object_id
from tallystick.payloads.trade import (
    ApproveMilestone,
    CancelEscrow,
    ClaimMilestone,
    CreateEscrow,
    DisputeMilestone,
    FundEscrow,
    RefundMilestone,
    ReleaseMilestone,
    RuleDispute,
    SettleDispute,
)
from tallystick.reasons import Reason
from tallystick.records.base import Space, read_public
from tallystick.records.goods import HistoryKind, Verdict
from tallystick.records.trade import (
    DefaultRuling,
    EscrowPublic,
    EscrowState,
    MilestoneState,
    MilestoneTerms,
    escrow_key,
)
from tests.unit.finance.money_world import (
    ARBITRATOR,
    HOUR,
    LENDER_A,
    LOT,
    PALLET,
    PAYEE,
    PAYER,
    START,
    WHEN_DELIVERED,
    World,
)

AT_ONCE = MilestoneTerms(10_000, WHEN_DELIVERED, 0)
REFUND_AT = START + 10 * DAY_MS


@pytest.fixture
def world() -> World:
    made = World()
    made.open_accounts(deposit=1_000_000)
    return made


def received(world: World) -> int:
    """Minor units that the payee has got so far."""
    return world.balance(PAYEE) - 1_000_000


# --- opening ----------------------------------------------------------------------------------------------


def test_funding_takes_the_exact_total_and_only_once(world: World) -> None:
    escrow = world.funded_escrow(AT_ONCE, AT_ONCE)
    assert world.balance(PAYER) == 980_000
    assert world.do(PAYER, FundEscrow(escrow)) is Reason.ALREADY_PAID
    world.check()


def test_the_id_belongs_to_its_maker_even_when_another_copies_the_salt(world: World) -> None:
    salt = world.must(PAYER, CreateEscrow(world.escrow_terms()))
    assert world.do(PAYER, CreateEscrow(world.escrow_terms()), salt=salt) is Reason.ALREADY_EXISTS
    swapped = world.escrow_terms(payer=PAYEE, payee=PAYER)
    assert world.do(PAYEE, CreateEscrow(swapped), salt=salt) is Reason.NONE
    assert object_id(Space.ESCROW, salt, PAYER) != object_id(Space.ESCROW, salt, PAYEE)


@pytest.mark.parametrize(("offset", "reason"), [(-1, Reason.NONE), (0, Reason.WRONG_STATE), (1, Reason.WRONG_STATE)])
def test_funding_is_allowed_before_its_deadline_and_cancelled_at_it(world: World, offset: int, reason: Reason) -> None:
    salt = world.must(PAYER, CreateEscrow(world.escrow_terms()))
    escrow = object_id(Space.ESCROW, salt, PAYER)
    world.advance(START + DAY_MS + offset)
    assert world.do(PAYER, FundEscrow(escrow)) is reason
    assert world.escrow(escrow)[0] is (EscrowState.FUNDED if offset < 0 else EscrowState.CANCELLED)


def test_funding_at_the_deadline_is_too_late_even_before_due_work_ran(world: World) -> None:
    salt = world.must(PAYER, CreateEscrow(world.escrow_terms()))
    world.now = START + DAY_MS
    assert world.do(PAYER, FundEscrow(object_id(Space.ESCROW, salt, PAYER))) is Reason.TOO_LATE


@pytest.mark.parametrize("who", [PAYER, PAYEE])
def test_either_party_cancels_before_funding_and_nobody_after(world: World, who: str) -> None:
    salt = world.must(PAYER, CreateEscrow(world.escrow_terms()))
    escrow = object_id(Space.ESCROW, salt, PAYER)
    assert world.do(LENDER_A, CancelEscrow(escrow)) is Reason.NOT_A_PARTY_TO_THE_DEAL
    world.must(who, CancelEscrow(escrow))
    assert world.do(PAYER, FundEscrow(escrow)) is Reason.WRONG_STATE
    assert world.do(who, CancelEscrow(world.funded_escrow())) is Reason.WRONG_STATE


def test_only_the_payer_funds_and_only_with_money(world: World) -> None:
    salt = world.must(PAYER, CreateEscrow(world.escrow_terms(MilestoneTerms(1_000_001, WHEN_DELIVERED, 0))))
    escrow = object_id(Space.ESCROW, salt, PAYER)
    assert world.do(PAYEE, FundEscrow(escrow)) is Reason.NOT_A_PARTY_TO_THE_DEAL
    assert world.do(PAYER, FundEscrow(escrow)) is Reason.BALANCE_SHORT


def deep(levels: int) -> Condition:
    """A tree of so many levels."""
    tree: Condition = TimeReached(0)
    for _ in range(levels - 1):
        tree = AllOf((tree,))
    return tree


def many_items(count: int) -> Condition:
    return Received(tuple(f"01/09521234543213/21/A{number}" for number in range(count)), PAYER, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"payer": PAYEE, "payee": PAYER}, Reason.NOT_A_PARTY_TO_THE_DEAL),
        ({"payee": PAYER}, Reason.SAME_ORGANISATION),
        ({"arbitrator": PAYEE}, Reason.SAME_ORGANISATION),
        ({"arbitrator": LENDER_A}, Reason.ROLE_MISSING),
        ({"arbitrator": "org:nobody"}, Reason.NOT_FOUND),
        ({"payee": "org:nobody"}, Reason.NOT_FOUND),
        ({"payee": "org:carrier"}, Reason.ACCOUNT_MISSING),
        ({"currency": "EUR"}, Reason.ACCOUNT_MISSING),
        ({"fund_deadline_ms": START}, Reason.TERMS_INVALID),
        ({"refund_after_ms": START + DAY_MS}, Reason.TERMS_INVALID),
        ({"refund_after_ms": START + 800 * DAY_MS}, Reason.TERMS_INVALID),
        ({"dispute_ms": 0}, Reason.TERMS_INVALID),
        ({"milestones": (MilestoneTerms(AMOUNT_MAX, WHEN_DELIVERED, 0), AT_ONCE)}, Reason.TERMS_INVALID),
        ({"milestones": (MilestoneTerms(1, deep(4), 0),)}, Reason.NONE),
        ({"milestones": (MilestoneTerms(1, deep(5), 0),)}, Reason.TERMS_INVALID),
        (
            {"milestones": (MilestoneTerms(1, AllOf((AnyOf((TimeReached(0),) * 16), TimeReached(0))), 0),)},
            Reason.TERMS_INVALID,
        ),
        ({"milestones": (MilestoneTerms(1, AtLeast(3, (TimeReached(0),) * 2), 0),)}, Reason.TERMS_INVALID),
        (
            {"milestones": (MilestoneTerms(1, many_items(33), 0), MilestoneTerms(1, many_items(32), 0))},
            Reason.TERMS_INVALID,
        ),
        ({"milestones": (MilestoneTerms(1, Received((PALLET, PALLET), PAYER, 0), 0),)}, Reason.TERMS_INVALID),
        ({"milestones": (MilestoneTerms(1, Received(("not a key",), PAYER, 0), 0),)}, Reason.TERMS_INVALID),
        ({"milestones": (MilestoneTerms(1, Received((PALLET,), "org:nobody", 0), 0),)}, Reason.NOT_FOUND),
        ({"milestones": (MilestoneTerms(1, SignedBy("org:nobody"), 0),)}, Reason.NOT_FOUND),
    ],
)
def test_terms_under_which_something_could_go_wrong_are_refused(
    world: World, changes: dict[str, object], reason: Reason
) -> None:
    assert world.do(PAYER, CreateEscrow(world.escrow_terms(**changes))) is reason


# --- claiming ---------------------------------------------------------------------------------------------


def test_received_and_inspected_pays_at_once_when_the_window_is_zero(world: World) -> None:
    escrow = world.funded_escrow(AT_ONCE)
    assert world.do(PAYEE, ClaimMilestone(escrow, 0)) is Reason.CONDITION_NOT_MET
    assert world.last_detail == "open leaves: 0, 1"
    world.happens(HistoryKind.RECEIVE, PALLET, PAYER)
    assert world.do(PAYEE, ClaimMilestone(escrow, 0)) is Reason.CONDITION_NOT_MET
    assert world.last_detail == "open leaves: 1"
    world.inspected(LOT)
    world.must(PAYEE, ClaimMilestone(escrow, 0))
    assert received(world) == 10_000
    assert world.escrow(escrow)[0] is EscrowState.CLOSED
    world.check()


def test_a_payment_triggered_twice_is_refused(world: World) -> None:
    escrow = world.funded_escrow(AT_ONCE)
    world.deliver()
    world.must(PAYEE, ClaimMilestone(escrow, 0))
    for who, payload in (
        (PAYEE, ClaimMilestone(escrow, 0)),
        (PAYER, ReleaseMilestone(escrow, 0)),
        (PAYEE, RefundMilestone(escrow, 0)),
        (PAYER, FundEscrow(escrow)),
    ):
        assert world.do(who, payload) is Reason.ALREADY_PAID
    world.run_out()
    assert received(world) == 10_000
    world.check()


@pytest.mark.parametrize(("offset", "paid"), [(-1, 0), (0, 10_000), (1, 10_000)])
def test_a_latched_milestone_is_paid_by_time_when_its_window_ends(world: World, offset: int, paid: int) -> None:
    escrow = world.funded_escrow()
    world.deliver()
    world.must(PAYER, ClaimMilestone(escrow, 0))
    assert world.milestone(escrow).state is MilestoneState.LATCHED
    world.advance(START + 2 * HOUR + offset)
    assert received(world) == paid
    world.check()


def test_a_claim_pays_at_the_end_of_the_window_where_due_work_is_late(world: World) -> None:
    escrow = world.funded_escrow()
    world.deliver()
    world.must(PAYEE, ClaimMilestone(escrow, 0))
    assert world.do(PAYEE, ClaimMilestone(escrow, 0)) is Reason.WRONG_STATE
    world.now = START + 2 * HOUR
    world.must(PAYEE, ClaimMilestone(escrow, 0))
    assert received(world) == 10_000
    world.run_out()
    assert received(world) == 10_000


def test_an_event_declared_erroneous_unlatches_the_condition_before_release(world: World) -> None:
    escrow = world.funded_escrow()
    receiving = world.deliver()
    world.must(PAYEE, ClaimMilestone(escrow, 0))
    world.corrected(receiving)
    world.advance(START + 2 * HOUR)
    assert world.milestone(escrow).state is MilestoneState.WAITING
    assert received(world) == 0
    assert world.do(PAYEE, ClaimMilestone(escrow, 0)) is Reason.CONDITION_NOT_MET
    world.happens(HistoryKind.RECEIVE, PALLET, PAYER)
    world.must(PAYEE, ClaimMilestone(escrow, 0))
    world.advance(START + 5 * HOUR)
    assert received(world) == 10_000
    world.check()


def test_a_claim_by_anybody_concerned_unlatches_at_once(world: World) -> None:
    escrow = world.funded_escrow()
    receiving = world.deliver()
    world.must(PAYEE, ClaimMilestone(escrow, 0))
    world.corrected(receiving)
    world.must(PAYER, ClaimMilestone(escrow, 0))
    assert world.milestone(escrow).state is MilestoneState.WAITING
    assert world.milestone(escrow).evidence == ()


def test_goods_that_move_on_do_not_unlatch_what_they_fulfilled(world: World) -> None:
    escrow = world.funded_escrow()
    world.deliver()
    world.must(PAYEE, ClaimMilestone(escrow, 0))
    world.happens(HistoryKind.RECEIVE, PALLET, "org:carrier")
    world.advance(START + 2 * HOUR)
    assert received(world) == 10_000


def test_a_newer_failed_inspection_unlatches(world: World) -> None:
    escrow = world.funded_escrow()
    world.deliver()
    world.must(PAYEE, ClaimMilestone(escrow, 0))
    world.inspected(LOT, Verdict.FAIL)
    world.advance(START + 2 * HOUR)
    assert world.milestone(escrow).state is MilestoneState.WAITING


def test_the_old_windows_due_work_does_not_shorten_a_new_window(world: World) -> None:
    escrow = world.funded_escrow()
    receiving = world.deliver()
    world.must(PAYEE, ClaimMilestone(escrow, 0))
    world.corrected(receiving)
    world.advance(START + HOUR)
    world.must(PAYER, ClaimMilestone(escrow, 0))
    world.happens(HistoryKind.RECEIVE, PALLET, PAYER)
    world.must(PAYEE, ClaimMilestone(escrow, 0))
    world.advance(START + 2 * HOUR)
    assert received(world) == 0
    world.advance(START + 3 * HOUR)
    assert received(world) == 10_000


def test_strangers_neither_claim_nor_release_nor_refund(world: World) -> None:
    escrow = world.funded_escrow()
    world.deliver()
    for who, payload in (
        (LENDER_A, ClaimMilestone(escrow, 0)),
        (PAYEE, ReleaseMilestone(escrow, 0)),
        (PAYER, RefundMilestone(escrow, 0)),
        (LENDER_A, DisputeMilestone(escrow, 0)),
        (LENDER_A, ApproveMilestone(escrow, 0)),
    ):
        assert world.do(who, payload) is Reason.NOT_A_PARTY_TO_THE_DEAL
    assert world.do(PAYEE, ClaimMilestone(escrow, 1)) is Reason.NOT_FOUND
    assert world.do(PAYEE, ClaimMilestone(bytes(32), 0)) is Reason.NOT_FOUND
    assert world.do(PAYEE, ClaimMilestone(escrow, 0), "capture") is Reason.KEY_NOT_FOR_THIS


def test_an_unfunded_escrow_cannot_be_claimed(world: World) -> None:
    salt = world.must(PAYER, CreateEscrow(world.escrow_terms()))
    world.deliver()
    claim = ClaimMilestone(object_id(Space.ESCROW, salt, PAYER), 0)
    assert world.do(PAYEE, claim) is Reason.WRONG_STATE


def test_payer_releases_and_payee_refunds_whatever_the_condition_says(world: World) -> None:
    escrow = world.funded_escrow(AT_ONCE, AT_ONCE)
    world.must(PAYER, ReleaseMilestone(escrow, 0))
    world.must(PAYEE, RefundMilestone(escrow, 1))
    assert (received(world), world.balance(PAYER)) == (10_000, 990_000)
    assert world.escrow(escrow)[0] is EscrowState.CLOSED
    world.check()


# --- the refund time --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("offset", "back"), [(-1, 0), (0, 10_000), (1, 10_000)])
def test_money_goes_back_at_the_refund_time_and_not_before(world: World, offset: int, back: int) -> None:
    escrow = world.funded_escrow()
    world.advance(REFUND_AT + offset)
    assert world.balance(PAYER) == 990_000 + back
    assert world.milestone(escrow).state is (MilestoneState.REFUNDED if back else MilestoneState.WAITING)
    world.check()


def test_delivered_beats_refund_though_nobody_claimed(world: World) -> None:
    escrow = world.funded_escrow()
    world.deliver()
    world.advance(REFUND_AT)
    assert world.milestone(escrow).state is MilestoneState.LATCHED
    world.advance(REFUND_AT + 2 * HOUR)
    assert received(world) == 10_000


def test_a_condition_that_falls_after_the_refund_time_is_refunded_at_once(world: World) -> None:
    escrow = world.funded_escrow()
    receiving = world.deliver()
    world.advance(REFUND_AT)
    world.corrected(receiving)
    world.advance(REFUND_AT + 2 * HOUR)
    assert world.milestone(escrow).state is MilestoneState.REFUNDED
    assert world.balance(PAYER) == 1_000_000
    world.check()


def test_a_claim_at_the_refund_time_is_too_late_even_before_due_work_ran(world: World) -> None:
    escrow = world.funded_escrow()
    world.deliver()
    world.now = REFUND_AT
    assert world.do(PAYEE, ClaimMilestone(escrow, 0)) is Reason.TOO_LATE
    assert world.do(PAYEE, DisputeMilestone(escrow, 0)) is Reason.TOO_LATE


# --- disputes ---------------------------------------------------------------------------------------------


def disputed(world: World, ruling: DefaultRuling = DefaultRuling.REFUND) -> bytes:
    escrow = world.funded_escrow(MilestoneTerms(10_001, WHEN_DELIVERED, 2 * HOUR), AT_ONCE, default_ruling=ruling)
    world.deliver()
    world.must(PAYEE, ClaimMilestone(escrow, 0))
    world.must(PAYER, DisputeMilestone(escrow, 0))
    return escrow


@pytest.mark.parametrize(("offset", "reason"), [(-1, Reason.NONE), (0, Reason.TOO_LATE), (1, Reason.TOO_LATE)])
def test_an_objection_comes_before_the_window_ends(world: World, offset: int, reason: Reason) -> None:
    escrow = world.funded_escrow()
    world.deliver()
    world.must(PAYEE, ClaimMilestone(escrow, 0))
    world.now = START + 2 * HOUR + offset
    assert world.do(PAYER, DisputeMilestone(escrow, 0)) is reason


def test_a_dispute_stops_its_milestone_and_no_other(world: World) -> None:
    escrow = disputed(world)
    world.advance(START + 3 * HOUR)
    assert world.milestone(escrow, 0).state is MilestoneState.DISPUTED
    world.must(PAYEE, ClaimMilestone(escrow, 1))
    assert received(world) == 10_000
    for who, payload in (
        (PAYER, ReleaseMilestone(escrow, 0)),
        (PAYEE, RefundMilestone(escrow, 0)),
        (PAYEE, ClaimMilestone(escrow, 0)),
        (PAYEE, DisputeMilestone(escrow, 0)),
    ):
        assert world.do(who, payload) is Reason.WRONG_STATE


def test_two_equal_offers_settle_and_one_alone_does_not(world: World) -> None:
    escrow = disputed(world)
    world.must(PAYER, SettleDispute(escrow, 0, 4_000))
    world.must(PAYEE, SettleDispute(escrow, 0, 9_000))
    world.must(PAYEE, SettleDispute(escrow, 0, 6_000))
    assert world.milestone(escrow).state is MilestoneState.DISPUTED
    world.must(PAYER, SettleDispute(escrow, 0, 6_000))
    assert world.milestone(escrow).state is MilestoneState.SETTLED
    assert received(world) == 6_000
    assert world.do(PAYER, SettleDispute(escrow, 0, 6_000)) is Reason.ALREADY_PAID
    world.check()


def test_a_party_that_repeats_its_own_offer_settles_nothing(world: World) -> None:
    escrow = disputed(world)
    world.must(PAYER, SettleDispute(escrow, 0, 0))
    world.must(PAYER, SettleDispute(escrow, 0, 0))
    assert world.milestone(escrow).state is MilestoneState.DISPUTED
    assert len(world.milestone(escrow).offers) == 1


def test_an_offer_never_stops_the_clock(world: World) -> None:
    escrow = disputed(world)
    world.must(PAYER, SettleDispute(escrow, 0, 4_000))
    world.advance(START + DAY_MS)
    assert world.milestone(escrow).state is MilestoneState.SETTLED
    assert received(world) == 0


def test_the_arbitrator_divides_what_is_locked_and_nothing_more(world: World) -> None:
    escrow = disputed(world)
    assert world.do(PAYEE, RuleDispute(escrow, 0, 1)) is Reason.NOT_A_PARTY_TO_THE_DEAL
    assert world.do(ARBITRATOR, RuleDispute(escrow, 0, 10_002)) is Reason.AMOUNT_MISMATCH
    assert world.do(ARBITRATOR, RuleDispute(escrow, 1, 1)) is Reason.WRONG_STATE
    world.must(ARBITRATOR, RuleDispute(escrow, 0, 6_001))
    assert received(world) == 6_001
    assert world.do(ARBITRATOR, RuleDispute(escrow, 0, 1)) is Reason.ALREADY_PAID
    world.run_out()
    world.check()


@pytest.mark.parametrize(("offset", "reason"), [(-1, Reason.NONE), (0, Reason.TOO_LATE), (1, Reason.TOO_LATE)])
def test_the_arbitrator_rules_before_its_deadline(world: World, offset: int, reason: Reason) -> None:
    escrow = disputed(world)
    world.now = START + DAY_MS + offset
    assert world.do(ARBITRATOR, RuleDispute(escrow, 0, 1)) is reason


@pytest.mark.parametrize(
    ("ruling", "to_payee"),
    [(DefaultRuling.REFUND, 0), (DefaultRuling.RELEASE, 10_001), (DefaultRuling.SPLIT, 5_000)],
)
def test_a_silent_arbitrator_locks_nothing(world: World, ruling: DefaultRuling, to_payee: int) -> None:
    escrow = disputed(world, ruling)
    world.advance(START + DAY_MS - 1)
    assert world.milestone(escrow).state is MilestoneState.DISPUTED
    world.advance(START + DAY_MS)
    progress = world.milestone(escrow)
    assert (progress.to_payee, progress.to_payer) == (to_payee, 10_001 - to_payee)
    world.check()


def test_the_payee_may_call_the_arbitrator_before_anything_latched(world: World) -> None:
    escrow = world.funded_escrow(default_ruling=DefaultRuling.RELEASE)
    world.must(PAYEE, DisputeMilestone(escrow, 0))
    world.advance(REFUND_AT)
    assert received(world) == 10_000


# --- approvals --------------------------------------------------------------------------------------------


def test_an_approval_counts_for_the_milestone_it_was_given_for(world: World) -> None:
    condition = AtLeast(2, (SignedBy("org:carrier"), SignedBy(PAYER), TimeReached(START + HOUR)))
    terms = MilestoneTerms(10_000, condition, 0)
    escrow = world.funded_escrow(terms, terms)
    world.must("org:carrier", ApproveMilestone(escrow, 0))
    assert world.do("org:carrier", ApproveMilestone(escrow, 0)) is Reason.WRONG_STATE
    assert world.do(PAYEE, ClaimMilestone(escrow, 0)) is Reason.CONDITION_NOT_MET
    world.advance(START + HOUR)
    world.must(PAYEE, ClaimMilestone(escrow, 0))
    assert world.do(PAYEE, ClaimMilestone(escrow, 1)) is Reason.CONDITION_NOT_MET
    world.must(PAYER, ApproveMilestone(escrow, 1))
    world.must(PAYEE, ClaimMilestone(escrow, 1))
    assert world.do("org:carrier", ApproveMilestone(escrow, 1)) is Reason.WRONG_STATE
    world.check()


def test_the_public_half_of_an_escrow_says_states_and_nothing_else(world: World) -> None:
    record = world.records[escrow_key(world.funded_escrow())]
    assert read_public(record, EscrowPublic) == EscrowPublic(EscrowState.FUNDED, (MilestoneState.WAITING,))
    assert PAYER.encode() not in record.public
