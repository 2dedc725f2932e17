"""Random histories of trade and finance: whatever anybody tries in whatever order, money adds up and none is locked.

One seed replays everything. After every step ``World.check`` holds all invariants; in the end time runs out and no
state that holds value is left.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from contracts.finance.finance_states import DEAL, OBLIGATION, SLICE
from contracts.trade.escrow_states import ENDED
from tallystick.conditions import AllOf, AnyOf, AtLeast, Condition, InspectionPassed, Received, SignedBy, TimeReached
from tallystick.encoding import Message
from tallystick.money import DAY_MS, DayCount
from tallystick.object_ids import object_id, slice_id
from tallystick.payloads import finance as f
from tallystick.payloads import trade as t
from tallystick.reasons import Reason
from tallystick.records.base import Space, read_public
from tallystick.records.finance import DealPublic, ObligationPublic, ObligationState, Pricing, RejectReason, SlicePublic
from tallystick.records.goods import HistoryKind, Verdict
from tallystick.records.trade import DefaultRuling, EscrowPublic, EscrowState, MilestoneTerms
from tests.unit.finance.money_world import (
    ARBITRATOR,
    BANK,
    HOUR,
    LENDER_A,
    LENDER_B,
    LOT,
    PALLET,
    PAYEE,
    PAYER,
    World,
    named,
)

EVERYBODY = (PAYER, PAYEE, LENDER_A, LENDER_B, ARBITRATOR, BANK)


class History:
    """One random run: what exists so far, and a way to do something at random with it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.world = World()
        self.world.open_accounts(deposit=50_000)
        self.escrows: list[bytes] = []
        self.obligations: list[bytes] = []
        self.deals: list[bytes] = []
        self.grants: list[bytes] = []
        self.events: list[bytes] = []
        self.outcomes: Counter[Reason] = Counter()

    def one_of(self, known: list[bytes]) -> bytes:
        """One of the newest, sometimes none: old ones have ended."""
        return self.random.choice(known[-3:]) if known and self.random.random() < 0.97 else bytes(32)

    def confirmed(self) -> bytes:
        """A confirmed obligation if there is one; else a new one is presented and confirmed, or any."""
        for obligation in reversed(self.obligations):
            if self.world.obligation(obligation)[0] is ObligationState.CONFIRMED:
                return obligation
        self.present()
        return self.one_of(self.obligations)

    def who(self, likely: str) -> str:
        """Mostly the one who may, sometimes anybody."""
        return likely if self.random.random() < 0.8 else self.random.choice(EVERYBODY)

    def amount(self) -> int:
        return self.random.choice((1, 2, 3, 99, 100, self.random.randint(1, 30_000)))

    def do(self, who: str, payload: Message, *keys: str) -> bool:
        before = dict(self.world.records)
        reason = self.world.do(who, payload, *keys)
        self.outcomes[reason] += 1
        if reason is not Reason.NONE:
            assert self.world.records == before
        return reason is Reason.NONE

    def condition(self, depth: int = 3) -> Condition:
        leaves: tuple[Condition, ...] = (
            Received((PALLET,), PAYER, 0),
            InspectionPassed((LOT,), ""),
            TimeReached(self.world.now + self.random.randint(0, 3) * DAY_MS),
            SignedBy("org:carrier"),
        )
        if depth == 1 or self.random.random() < 0.5:
            return self.random.choice(leaves)
        children = tuple(self.condition(depth - 1) for _ in range(self.random.randint(1, 3)))
        kind = self.random.randrange(3)
        if kind == 2:
            return AtLeast(self.random.randint(1, len(children)), children)
        return AllOf(children) if kind else AnyOf(children)

    # --- steps ----------------------------------------------------------------------------------------

    def step(self) -> None:
        steps = (self.bank, self.open_escrow, self.use_escrow, self.use_escrow, self.goods, self.present, self.answer)
        more = (self.pay, self.split, self.offer, self.accept, self.accept, self.grant_or_revoke, self.wait)
        self.random.choice(steps + more)()

    def bank(self) -> None:
        payment, amount = named(self.random.randrange(40)), self.amount()
        owner, other = self.random.choice(EVERYBODY[:4]), self.random.choice(EVERYBODY[:4])
        payload: Message = self.random.choice(
            (
                t.IssueDeposit(owner, "CNY", amount, payment),
                t.RedeemDeposit(BANK, "CNY", amount, payment),
                t.Transfer(BANK, "CNY", other, amount, payment),
            )
        )
        self.do(self.who(BANK if isinstance(payload, t.IssueDeposit) else owner), payload)

    def open_escrow(self) -> None:
        now = self.world.now
        milestones = tuple(
            MilestoneTerms(self.amount(), self.condition(), self.random.choice((0, HOUR, DAY_MS)))
            for _ in range(self.random.randint(1, 3))
        )
        terms = self.world.escrow_terms(
            *milestones,
            fund_deadline_ms=now + self.random.randint(1, 2) * DAY_MS,
            refund_after_ms=now + self.random.randint(2, 6) * DAY_MS,
            dispute_ms=self.random.choice((1, HOUR, 4 * DAY_MS)),
            default_ruling=self.random.choice(tuple(DefaultRuling)),
        )
        if self.do(PAYER, t.CreateEscrow(terms)):
            self.escrows.append(object_id(Space.ESCROW, self.world.salt, PAYER))
            if self.random.random() < 0.8:
                self.do(PAYER, t.FundEscrow(self.escrows[-1]))

    def use_escrow(self) -> None:
        escrow, index, amount = self.one_of(self.escrows), self.random.randrange(3), self.amount()
        who, payload = self.random.choice(
            (
                (PAYEE, t.ClaimMilestone(escrow, index)),
                (PAYEE, t.ClaimMilestone(escrow, index)),
                ("org:carrier", t.ApproveMilestone(escrow, index)),
                (PAYER, t.ReleaseMilestone(escrow, index)),
                (PAYEE, t.RefundMilestone(escrow, index)),
                (PAYER, t.DisputeMilestone(escrow, index)),
                (PAYEE, t.SettleDispute(escrow, index, amount % 4)),
                (PAYER, t.SettleDispute(escrow, index, amount % 4)),
                (ARBITRATOR, t.RuleDispute(escrow, index, amount)),
                (PAYER, t.CancelEscrow(escrow)),
                (PAYER, t.FundEscrow(escrow)),
            )
        )
        self.do(self.who(who), payload)

    def goods(self) -> None:
        kind = self.random.randrange(4)
        if kind == 0:
            self.events.append(self.world.happens(HistoryKind.RECEIVE, PALLET, PAYER))
        elif kind < 3:
            self.events.append(self.world.inspected(LOT, Verdict.FAIL if kind == 2 else Verdict.PASS))
        elif self.events:
            self.world.corrected(self.random.choice(self.events))

    def present(self) -> None:
        now = self.world.now
        payload = self.world.presentation(
            face=self.amount(),
            due_ms=now + self.random.randint(12, 60) * DAY_MS,
            grace_ms=self.random.choice((0, 1, 3 * DAY_MS)),
            cure_ms=self.random.choice((0, 7 * DAY_MS)),
            accept_deadline_ms=now + self.random.randint(1, 20) * DAY_MS // 2,
        )
        if self.do(PAYEE, payload):
            self.obligations.append(object_id(Space.OBLIGATION, self.world.salt, PAYEE))
            if self.random.random() < 0.7:
                self.answer()

    def answer(self) -> None:
        obligation = self.obligations[-1] if self.obligations else bytes(32)
        kind = self.random.randrange(8)
        if kind == 0:
            self.do(self.who(PAYER), f.RejectObligation(obligation, RejectReason.QUANTITY))
        elif kind == 1:
            self.do(self.who(PAYEE), f.CancelObligation(obligation))
        else:
            tag, auto_debit = named("tag", self.random.randrange(8)), self.random.random() < 0.4
            payload = f.ConfirmObligation(obligation, tag, self.amount(), auto_debit)
            self.do(PAYER, payload, "maker", self.random.choice(("checker", "checker", "both")))

    def pay(self) -> None:
        obligation = self.one_of(self.obligations)
        amount = self.amount()
        if obligation != bytes(32) and self.random.random() < 0.5:
            amount = max(1, self.world.obligation(obligation)[1].outstanding)
        payment = named("pay", self.random.randrange(200))
        self.do(self.who(PAYER), f.PayObligation(obligation, amount, payment))

    def slice_of(self, obligation: bytes) -> tuple[bytes, int]:
        if obligation == bytes(32):
            return bytes(32), 0
        index = self.random.randrange(max(1, self.world.obligation(obligation)[1].slice_count))
        slice_ = slice_id(obligation, index)
        return slice_, index

    def split(self) -> None:
        obligation = self.confirmed()
        slice_, index = self.slice_of(obligation)
        amount = self.amount()
        if obligation != bytes(32) and self.world.obligation(obligation)[1].slice_count:
            amount = self.world.slice(obligation, index)[1].outstanding
        first = self.random.randint(1, max(1, amount - 1))
        self.do(self.who(PAYEE), f.SplitSlice(slice_, (first, max(1, amount - first))))

    def offer(self) -> None:
        obligation = self.confirmed()
        if obligation == bytes(32):
            return
        slice_, index = self.slice_of(obligation)
        outstanding = self.amount()
        if self.world.obligation(obligation)[1].slice_count:
            outstanding = self.world.slice(obligation, index)[1].outstanding
        lender = self.random.choice((LENDER_A, LENDER_B))
        grant = self.world.granted(obligation, lender)
        self.grants.append(grant)
        pricing = self.random.choice(tuple(Pricing))
        terms = self.world.deal_terms(
            obligation,
            self.random.choice((grant, grant, grant, self.grants[0])),
            slice=slice_,
            lender=lender,
            pricing=pricing,
            advance=outstanding * self.random.choice((1, 5, 8, 10)) // 10 if pricing is Pricing.ADVANCE else 0,
            rate_bps=self.random.choice((0, 1, 520, 10_000)),
            day_count=self.random.choice(tuple(DayCount)),
            recourse=self.random.random() < 0.5,
            deadline_ms=self.world.now + self.random.choice((1, HOUR, DAY_MS)),
        )
        if self.do(self.who(PAYEE), f.OfferSlice(terms)):
            self.deals.append(object_id(Space.DEAL, self.world.salt, PAYEE))
            if self.random.random() < 0.7:
                self.do(self.who(lender), f.FinanceSlice(self.deals[-1]))

    def accept(self) -> None:
        deal = self.one_of(self.deals)
        payload: Message = self.random.choice((f.FinanceSlice(deal), f.WithdrawOffer(deal), f.RepurchaseSlice(deal)))
        likely = {f.FinanceSlice: self.random.choice((LENDER_A, LENDER_B))}.get(type(payload), PAYEE)
        self.do(self.who(likely), payload)

    def grant_or_revoke(self) -> None:
        self.do(self.who(PAYEE), f.RevokeGrant(self.one_of(self.grants)))

    def wait(self) -> None:
        self.world.advance(
            self.world.now + self.random.choice((1, HOUR, HOUR, DAY_MS, DAY_MS, 7 * DAY_MS, 40 * DAY_MS))
        )


def assert_nothing_is_locked(world: World) -> None:
    for key, record in world.records.items():
        if key[0] == Space.ESCROW:
            public = read_public(record, EscrowPublic)
            assert public.state is EscrowState.CANCELLED or all(state in ENDED for state in public.milestones)
        elif key[0] == Space.OBLIGATION:
            assert read_public(record, ObligationPublic).state not in OBLIGATION.holding
        elif key[0] == Space.SLICE:
            assert read_public(record, SlicePublic).state not in SLICE.holding
        elif key[0] == Space.DEAL:
            assert read_public(record, DealPublic).state not in DEAL.holding


@pytest.mark.parametrize("seed", range(60))
def test_random_history_keeps_every_invariant_and_locks_nothing(seed: int) -> None:
    history = History(seed)
    for _ in range(120):
        history.step()
        history.world.check()
    history.world.run_out()
    history.world.check()
    assert_nothing_is_locked(history.world)
    assert history.outcomes[Reason.NONE] > 10


def test_the_random_histories_reach_what_they_are_meant_to_reach() -> None:
    outcomes: Counter[Reason] = Counter()
    for seed in range(20):
        history = History(seed)
        for _ in range(120):
            history.step()
        outcomes += history.outcomes
    wanted = {
        Reason.ALREADY_PAID,
        Reason.ALREADY_PLEDGED,
        Reason.OBLIGATION_DUPLICATE,
        Reason.TWO_PERSONS_NEEDED,
        Reason.CONDITION_NOT_MET,
        Reason.BALANCE_SHORT,
        Reason.WRONG_STATE,
        Reason.NOT_A_PARTY_TO_THE_DEAL,
        Reason.GRANT_MISSING,
        Reason.AMOUNT_MISMATCH,
    }
    assert wanted <= set(outcomes)
