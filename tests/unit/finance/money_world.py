"""A small consortium over a dictionary: rules of trade and finance without blocks, signatures or disk.

``World.do`` runs one payload as execution would: who signs is settled first, then the rule; a refusal leaves nothing
behind. ``World.advance`` lets time pass and works off due work. ``World.check`` holds every invariant of money.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from hashlib import sha256

import contracts.finance
import contracts.trade
from contracts.authority import identify
from contracts.finance.finance_states import DEAL, OBLIGATION
from contracts.interface import BlockContext, Refusal
from contracts.trade.escrow_states import ENDED
from contracts.workspace import PARAMETERS_KEY, Workspace
from tallystick.conditions import AllOf, DocumentType, InspectionPassed, Received
from tallystick.encoding import Message, encode
from tallystick.money import DAY_MS, DayCount
from tallystick.object_ids import object_id, slice_id
from tallystick.payloads import finance as f
from tallystick.payloads import trade as t
from tallystick.reasons import Reason
from tallystick.records.base import Record, Space, members_salt_after_due_work, read_members, read_public
from tallystick.records.chain import ChainParameters, DueItem, due_ms_of
from tallystick.records.finance import (
    DealMembers,
    DealPublic,
    DealState,
    DealTerms,
    GrantField,
    GrantPurpose,
    LienMembers,
    LienPublic,
    LienState,
    ObligationMembers,
    ObligationPublic,
    ObligationState,
    Pricing,
    SliceMembers,
    SlicePublic,
    SliceState,
    deal_key,
    lien_key,
    obligation_key,
    obligation_subject,
    slice_key,
)
from tallystick.records.goods import (
    Correction,
    HistoryKind,
    Inspection,
    Milestone,
    MilestonePublic,
    Verdict,
    correction_key,
    inspection_key,
    milestone_key,
)
from tallystick.records.members import (
    Key,
    KeyStatus,
    KeyUse,
    Organisation,
    OrganisationStatus,
    member_key,
    organisation_key,
)
from tallystick.records.trade import (
    AccountMembers,
    BankBook,
    DefaultRuling,
    EscrowMembers,
    EscrowPublic,
    EscrowState,
    EscrowTerms,
    MilestoneProgress,
    MilestoneTerms,
    account_key,
    book_key,
    escrow_key,
)

START = 1_800_000_000_000
HOUR = 3_600_000
BANK = "org:bank"
PAYER = "org:retailer"
PAYEE = "org:processor"
ARBITRATOR = "org:arbitrator"
LENDER_A = "org:lender-a"
LENDER_B = "org:lender-b"
PALLET = "00/095212345678901235"
LOT = "01/09521234543213/10/LOT7"
ORGANISATIONS = {
    BANK: ("bank",),
    PAYER: ("retailer",),
    PAYEE: ("processor", "producer"),
    ARBITRATOR: ("arbitrator",),
    LENDER_A: ("lender",),
    LENDER_B: ("lender",),
    "org:carrier": ("carrier",),
    "org:laboratory": ("inspector",),
}
# the keys of each organisation: name, what it may sign, whose it is
KEYS = (
    ("trade", (KeyUse.TRADE,), "p1"),
    ("maker", (KeyUse.CONFIRM_MAKER,), "p1"),
    ("checker", (KeyUse.CONFIRM_CHECKER,), "p2"),
    ("both", (KeyUse.CONFIRM_MAKER, KeyUse.CONFIRM_CHECKER), "p1"),
    ("nobody", (KeyUse.CONFIRM_MAKER, KeyUse.CONFIRM_CHECKER), ""),
    ("capture", (KeyUse.CAPTURE,), "p3"),
)
WHEN_DELIVERED = AllOf((Received((PALLET,), PAYER, 0), InspectionPassed((LOT,), "")))


def named(*parts: object) -> bytes:
    """32 bytes that stand for something: a public key, a salt, a commitment."""
    return sha256("/".join(map(str, parts)).encode()).digest()


class World:
    """The consortium; time starts at ``START`` and moves only by ``advance``."""

    def __init__(self) -> None:
        self.records: dict[bytes, Record] = {}
        self.now = START
        self.height = 1
        self.salts = 0
        self.recorders: dict[bytes, str] = {}
        work = self.workspace()
        work.write(PARAMETERS_KEY, ChainParameters("test", 0, True, 1, 0, 60_000))
        for organisation, roles in ORGANISATIONS.items():
            currencies = ("CNY", "EUR") if "bank" in roles else ()
            record = Organisation(organisation, OrganisationStatus.ACTIVE, roles, (), currencies, 0, len(KEYS), 1)
            work.write(organisation_key(organisation), record)
            for name, uses, person in KEYS:
                key = Key(organisation, KeyStatus.ACTIVE, uses, person, 0, 0)
                work.write(member_key(named(organisation, name)), key)
        self.keep(work)

    # --- a StateView --------------------------------------------------------------------------------------

    def get(self, key: bytes) -> Record | None:
        return self.records.get(key)

    def due(self, until_ms: int) -> Iterable[tuple[bytes, Record]]:
        keys = sorted(key for key in self.records if key[0] == Space.DUE and due_ms_of(key) <= until_ms)
        return [(key, self.records[key]) for key in keys]

    def executed(self, transaction_id: bytes, valid_until_ms: int) -> bool:
        return False

    # --- running ------------------------------------------------------------------------------------------

    def workspace(self, *signers: bytes, salt: bytes = b"", seed: bytes = b"") -> Workspace:
        return Workspace(self, BlockContext(self.height, self.now), signers=signers, salt=salt, seed=seed)

    def keep(self, work: Workspace) -> None:
        for key, record in work.staged.items():
            if record is None:
                self.records.pop(key, None)
            else:
                self.records[key] = record

    def do(self, who: str, payload: Message, *keys: str, salt: bytes = b"") -> Reason:
        """Run a payload signed by keys of an organisation; the reason, ``NONE`` when it took effect."""
        self.salts += 1
        self.height += 1
        self.last_detail = ""
        self.salt = salt or named("salt", self.salts)
        signers = tuple(named(who, key) for key in keys or ("trade",))
        work = self.workspace(*signers, salt=self.salt)
        rules = {**contracts.trade.RULES, **contracts.finance.RULES}
        try:
            identify(work)
            rules[type(payload)](work, payload)
        except Refusal as refusal:
            self.last_detail = refusal.detail
            return refusal.reason
        self.keep(work)
        return Reason.NONE

    def must(self, who: str, payload: Message, *keys: str) -> bytes:
        """Run a payload that takes effect; returns its salt."""
        assert self.do(who, payload, *keys) is Reason.NONE, self.last_detail
        return self.salt

    def advance(self, to_ms: int) -> None:
        """Let time pass to ``to_ms``, and work off what is due then; due work never refuses."""
        assert to_ms >= self.now
        self.now = to_ms
        rules = {**contracts.trade.DUE_RULES, **contracts.finance.DUE_RULES}
        while items := list(self.due(self.now)):
            key, record = items[0]
            item = read_public(record, DueItem)
            self.height += 1
            subject = self.records[item.subject]
            work = self.workspace(seed=members_salt_after_due_work(subject.members_salt, self.height))
            rules[item.rule](work, item.subject)
            work.delete(key)
            self.keep(work)

    def run_out(self) -> None:
        """Let time pass, stop by stop, until nothing is due any more."""
        while items := list(self.due(2**52)):
            self.advance(max(self.now, due_ms_of(items[0][0])))

    # --- the story's pieces -------------------------------------------------------------------------------

    def open_accounts(self, currency: str = "CNY", deposit: int = 100_000_000) -> None:
        for owner in (PAYER, PAYEE, LENDER_A, LENDER_B):
            self.must(BANK, t.OpenAccount(owner, currency))
            if deposit:
                self.must(BANK, t.IssueDeposit(owner, currency, deposit, named("deposit", owner, currency)))

    def balance(self, owner: str, currency: str = "CNY") -> int:
        return read_members(self.records[account_key(BANK, currency, owner)], AccountMembers).balance

    def happens(self, kind: HistoryKind, identifier: str, organisation: str) -> bytes:
        """An effective event on an item, as the rules of goods write it; returns its commitment."""
        self.salts += 1
        commitment = named("event", self.salts)
        work = self.workspace(salt=named("goods", self.salts))
        self.recorders[commitment] = organisation
        milestone = Milestone(organisation, commitment, self.height, self.now, 0)
        work.write(milestone_key(identifier, kind, organisation), MilestonePublic(self.height), milestone)
        self.keep(work)
        return commitment

    def inspected(self, identifier: str, verdict: Verdict = Verdict.PASS, by: str = "org:laboratory") -> bytes:
        self.salts += 1
        commitment = named("inspection", self.salts)
        self.recorders[commitment] = by
        work = self.workspace()
        work.write(inspection_key(identifier), Inspection(by, verdict, commitment, bytes(32), self.height))
        self.keep(work)
        return commitment

    def corrected(self, commitment: bytes, by: str = "") -> None:
        """An event was declared erroneous by who recorded it, or by another as its own copy of it."""
        work = self.workspace()
        correction = Correction(named("declares", commitment), "did_not_occur", (), self.height)
        work.write(correction_key(by or self.recorders[commitment], commitment), correction)
        self.keep(work)

    def deliver(self) -> bytes:
        """Goods received and inspected; returns the commitment of the receiving."""
        self.inspected(LOT)
        return self.happens(HistoryKind.RECEIVE, PALLET, PAYER)

    def escrow_terms(self, *milestones: MilestoneTerms, **changes: object) -> EscrowTerms:
        values: dict[str, object] = {
            "payer": PAYER,
            "payee": PAYEE,
            "bank": BANK,
            "currency": "CNY",
            "milestones": milestones or (MilestoneTerms(10_000, WHEN_DELIVERED, 2 * HOUR),),
            "fund_deadline_ms": START + DAY_MS,
            "refund_after_ms": START + 10 * DAY_MS,
            "arbitrator": ARBITRATOR,
            "dispute_ms": DAY_MS,
            "default_ruling": DefaultRuling.REFUND,
        }
        return EscrowTerms(**{**values, **changes})  # type: ignore[arg-type]

    def funded_escrow(self, *milestones: MilestoneTerms, **changes: object) -> bytes:
        """A funded escrow; returns its id."""
        salt = self.must(PAYER, t.CreateEscrow(self.escrow_terms(*milestones, **changes)))
        escrow = object_id(Space.ESCROW, salt, PAYER)
        self.must(PAYER, t.FundEscrow(escrow))
        return escrow

    def escrow(self, escrow: bytes) -> tuple[EscrowState, EscrowMembers]:
        record = self.records[escrow_key(escrow)]
        return read_public(record, EscrowPublic).state, read_members(record, EscrowMembers)

    def milestone(self, escrow: bytes, index: int = 0) -> MilestoneProgress:
        return self.escrow(escrow)[1].progress[index]

    def invoice(self, number: str = "1") -> bytes:
        commitment = named("invoice", number, self.salts)
        self.must(PAYEE, t.RecordDocument(DocumentType.INVOICE, commitment, PAYER, ()))
        return commitment

    def presentation(self, **changes: object) -> f.PresentObligation:
        values: dict[str, object] = {
            "debtor": PAYER,
            "bank": BANK,
            "currency": "CNY",
            "face": 8_000_000,
            "due_ms": self.now + 90 * DAY_MS,
            "grace_ms": 3 * DAY_MS,
            "cure_ms": 7 * DAY_MS,
            "accept_deadline_ms": self.now + 5 * DAY_MS,
            "order": bytes(32),
            "despatch": bytes(32),
            "receipt": bytes(32),
        }
        if "invoice" not in changes:
            values["invoice"] = self.invoice()
        return f.PresentObligation(**{**values, **changes})  # type: ignore[arg-type]

    def presented(self, **changes: object) -> bytes:
        """A presented obligation; returns its id."""
        salt = self.must(PAYEE, self.presentation(**changes))
        return object_id(Space.OBLIGATION, salt, PAYEE)

    def confirmed(self, amount: int = 8_000_000, *, auto_debit: bool = False, **changes: object) -> bytes:
        """A confirmed obligation; returns its id."""
        obligation = self.presented(**changes)
        payload = f.ConfirmObligation(obligation, named("tag", obligation), amount, auto_debit)
        self.must(PAYER, payload, "maker", "checker")
        return obligation

    def obligation(self, obligation: bytes) -> tuple[ObligationState, ObligationMembers]:
        record = self.records[obligation_key(obligation)]
        return read_public(record, ObligationPublic).state, read_members(record, ObligationMembers)

    def slice(self, obligation: bytes, index: int = 0) -> tuple[SliceState, SliceMembers]:
        record = self.records[slice_key(slice_id(obligation, index))]
        return read_public(record, SlicePublic).state, read_members(record, SliceMembers)

    def lien(self, obligation: bytes, index: int = 0) -> LienState | None:
        record = self.records.get(lien_key(slice_id(obligation, index)))
        return None if record is None else read_public(record, LienPublic).state

    def deal(self, deal: bytes) -> tuple[DealState, DealMembers]:
        record = self.records[deal_key(deal)]
        return read_public(record, DealPublic).state, read_members(record, DealMembers)

    def granted(self, obligation: bytes, lender: str = LENDER_A, **changes: object) -> bytes:
        """A grant of the creditor's; returns its id."""
        values: dict[str, object] = {
            "grantee": lender,
            "subjects": (obligation_subject(obligation),),
            "purpose": GrantPurpose.CREDIT,
            "fields": (GrantField.OBLIGATION, GrantField.DOCUMENTS),
            "not_before_ms": 0,
            "until_ms": self.now + 30 * DAY_MS,
            "revocable": True,
        }
        salt = self.must(PAYEE, f.GrantAccess(**{**values, **changes}))  # type: ignore[arg-type]
        return object_id(Space.GRANT, salt, PAYEE)

    def deal_terms(self, obligation: bytes, grant: bytes, index: int = 0, **changes: object) -> DealTerms:
        values: dict[str, object] = {
            "slice": slice_id(obligation, index),
            "lender": LENDER_A,
            "grant": grant,
            "pricing": Pricing.ADVANCE,
            "advance": 6_400_000,
            "rate_bps": 600,
            "day_count": DayCount.ACT_365F,
            "recourse": True,
            "deadline_ms": self.now + 5 * DAY_MS,
        }
        return DealTerms(**{**values, **changes})  # type: ignore[arg-type]

    def offered(self, obligation: bytes, index: int = 0, **changes: object) -> bytes:
        """An offer to lender A under a new grant; returns the deal's id."""
        grant = self.granted(obligation, str(changes.get("lender", LENDER_A)))
        salt = self.must(PAYEE, f.OfferSlice(self.deal_terms(obligation, grant, index, **changes)))
        return object_id(Space.DEAL, salt, PAYEE)

    def financed(self, obligation: bytes, index: int = 0, **changes: object) -> bytes:
        """A financed deal; returns its id."""
        deal = self.offered(obligation, index, **changes)
        self.must(str(changes.get("lender", LENDER_A)), f.FinanceSlice(deal))
        return deal

    # --- invariants ---------------------------------------------------------------------------------------

    def check(self) -> None:
        """Money is conserved, slices sum up, one lien per slice, every state that holds value has something due."""
        self._check_money()
        self._check_escrow()
        self._check_slices()
        self._check_exits()

    def _space(self, space: Space) -> list[tuple[bytes, Record]]:
        return [(key, record) for key, record in sorted(self.records.items()) if key[0] == space]

    def _check_money(self) -> None:
        held: dict[bytes, int] = defaultdict(int)
        books: dict[bytes, BankBook] = {}
        for key, record in self._space(Space.ACCOUNT):
            if key.endswith(encode("")):
                books[key] = read_members(record, BankBook)
            else:
                account = read_members(record, AccountMembers)
                held[book_key(account.bank, account.currency)] += account.balance
        for _, record in self._space(Space.ESCROW):
            escrow = read_members(record, EscrowMembers)
            if read_public(record, EscrowPublic).state is EscrowState.FUNDED:
                key = book_key(escrow.terms.bank, escrow.terms.currency)
                for terms, progress in zip(escrow.terms.milestones, escrow.progress, strict=True):
                    held[key] += 0 if progress.state in ENDED else terms.amount
        for key, book in books.items():
            assert held[key] == book.issued - book.redeemed

    def _check_escrow(self) -> None:
        for _, record in self._space(Space.ESCROW):
            escrow = read_members(record, EscrowMembers)
            public = read_public(record, EscrowPublic)
            assert public.milestones == tuple(progress.state for progress in escrow.progress)
            for terms, progress in zip(escrow.terms.milestones, escrow.progress, strict=True):
                paid = progress.to_payee + progress.to_payer
                assert paid == (terms.amount if progress.state in ENDED else 0)
            closed = all(progress.state in ENDED for progress in escrow.progress)
            assert closed == (public.state is EscrowState.CLOSED)

    def _check_slices(self) -> None:
        held = 0
        for key, record in self._space(Space.OBLIGATION):
            terms = read_members(record, ObligationMembers)
            slices = [self.slice(key[1:], index) for index in range(terms.slice_count)]
            assert sum(slice_.amount for _, slice_ in slices) == terms.confirmed
            assert sum(slice_.paid for _, slice_ in slices) == terms.paid
            settled = read_public(record, ObligationPublic).state is ObligationState.SETTLED
            assert settled == (terms.confirmed > 0 and terms.outstanding == 0)
            for index, (state, slice_) in enumerate(slices):
                assert 0 <= slice_.paid <= slice_.amount
                lien = self.records.get(lien_key(slice_id(key[1:], index)))
                if lien is None or read_public(lien, LienPublic).state is not LienState.HELD:
                    assert state is not SliceState.PLEDGED
                    continue
                held += 1
                assert state in (SliceState.PLEDGED, SliceState.LOST)
                deal_state, deal = self.deal(slice_.deal)
                assert deal_state in (DealState.FINANCED, DealState.RECOURSE, DealState.LOST)
                assert deal.debt > 0
                assert read_members(lien, LienMembers) == LienMembers(deal.terms.lender, slice_.deal)
        liens = [read_public(record, LienPublic).state for _, record in self._space(Space.LIEN)]
        assert liens.count(LienState.HELD) == held

    def _check_exits(self) -> None:
        subjects = {read_public(record, DueItem).subject for _, record in self._space(Space.DUE)}
        for key, record in self._space(Space.ESCROW):
            if read_public(record, EscrowPublic).state in (EscrowState.CREATED, EscrowState.FUNDED):
                assert key in subjects
        for key, record in self._space(Space.OBLIGATION):
            state = read_public(record, ObligationPublic).state
            if state in OBLIGATION.holding or state is ObligationState.PRESENTED:
                assert key in subjects
        for key, record in self._space(Space.DEAL):
            if read_public(record, DealPublic).state in DEAL.holding:
                slice_ = read_members(
                    self.records[slice_key(read_members(record, DealMembers).terms.slice)], SliceMembers
                )
                assert key in subjects or obligation_key(slice_.obligation) in subjects
