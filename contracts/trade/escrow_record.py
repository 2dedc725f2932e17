"""Reading and writing an escrow, and paying a milestone out: the one place where locked money leaves."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from contracts.interface import Refusal
from contracts.trade.escrow_states import ENDED, ESCROW, MILESTONE
from contracts.trade.ledger import credit
from contracts.workspace import Workspace
from tallystick.reasons import Reason
from tallystick.records.trade import (
    EscrowMembers,
    EscrowPublic,
    EscrowState,
    EscrowTerms,
    MilestoneProgress,
    MilestoneState,
    MilestoneTerms,
)


@dataclass(slots=True)
class Escrow:
    """An escrow being worked on; ``save`` stages it.

    Attributes:
        key: of its record.
        progress: one entry per milestone, in order.
    """

    key: bytes
    state: EscrowState
    terms: EscrowTerms
    progress: list[MilestoneProgress]

    def save(self, work: Workspace) -> None:
        """Stage the record; an escrow whose milestones have all ended is closed."""
        if self.state is EscrowState.FUNDED and all(entry.state in ENDED for entry in self.progress):
            self.state = ESCROW.step(self.state, "close")
        public = EscrowPublic(self.state, tuple(entry.state for entry in self.progress))
        work.write(self.key, public, EscrowMembers(self.terms, tuple(self.progress)))

    def need_party(self, organisation: str) -> None:
        """Refuse anybody but payer and payee."""
        if organisation not in (self.terms.payer, self.terms.payee):
            raise Refusal(Reason.NOT_A_PARTY_TO_THE_DEAL, organisation)

    def need_milestone(self, index: int) -> tuple[MilestoneTerms, MilestoneProgress]:
        """Terms and progress of a milestone of a funded escrow."""
        if index >= len(self.progress):
            raise Refusal(Reason.NOT_FOUND, f"milestone {index}")
        if self.state in (EscrowState.CREATED, EscrowState.CANCELLED):
            raise Refusal(Reason.WRONG_STATE, f"escrow is {self.state.name}")
        return self.terms.milestones[index], self.progress[index]

    def step(self, index: int, action: str) -> MilestoneState:
        """The milestone's state after an action; refuses what the table does not allow."""
        return MILESTONE.step(self.progress[index].state, action)

    def pay(self, work: Workspace, index: int, action: str, *, to_payee: int) -> None:
        """End a milestone: its amount leaves the escrow, ``to_payee`` to the payee and the rest to the payer."""
        amount = self.terms.milestones[index].amount
        assert 0 <= to_payee <= amount
        state = self.step(index, action)
        entry = replace(
            self.progress[index], state=state, deadline_ms=0, offers=(), to_payee=to_payee, to_payer=amount - to_payee
        )
        self.progress[index] = entry
        for owner, share in ((self.terms.payee, entry.to_payee), (self.terms.payer, entry.to_payer)):
            if share:
                credit(work, self.terms.bank, self.terms.currency, owner, share)


def load(work: Workspace, key: bytes) -> Escrow:
    """The escrow of a record key; refused as NOT_FOUND when there is none."""
    public = work.public(key, EscrowPublic)
    members = work.members(key, EscrowMembers)
    if public is None or members is None:
        raise Refusal(Reason.NOT_FOUND, key[1:9].hex())
    return Escrow(key, public.state, members.terms, list(members.progress))
