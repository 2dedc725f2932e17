"""What all traitors share: nobody vouches for what they say, and whatever befalls them is their own affair."""

from __future__ import annotations

import msgspec

from consensus.effects import PeerMessage
from consensus.inputs import Input
from tallystick.blocks import Header
from tallystick.proposals import Proposal, proposal_signing_bytes
from tallystick.votes import Statement, Vote, VoteKind
from tests.simulation.machine import Machine
from tests.simulation.patience import Flood


class Traitor(Machine):
    """A machine with a validator's key that need not keep any rule."""

    honest = False

    def judge(self, message: PeerMessage) -> None:
        """Nobody vouches for it."""

    def give(self, input: Input) -> None:
        """An engine that was lied to by its own shell may give up; then it starts again."""
        try:
            super().give(input)
        except Flood:
            raise
        except Exception:
            self.world.seen["traitors that stumbled"] += 1
            self.crash_and_restart()

    # --- tools of the trade ---------------------------------------------------------------------------------

    @property
    def others(self) -> list[Machine]:
        """Everybody with another key."""
        return [machine for machine in self.cluster.machines if machine.holder != self.holder]

    @property
    def seat(self) -> int:
        """Our index in the epoch's set; 0 when we have none (then no signature of ours is good)."""
        return self.config.me or 0

    def vote(self, kind: VoteKind, view: int, block_hash: bytes) -> Vote:
        """A vote of our own, genuinely signed."""
        statement = Statement(self.config.epoch, kind, view, block_hash)
        return Vote(statement, self.seat, self.sign_statement(statement))

    def resigned(self, proposal: Proposal, header: Header) -> Proposal:
        """A proposal of our own with another header, signed anew."""
        signed = proposal_signing_bytes(header.epoch, header.view, header.block_hash())
        return msgspec.structs.replace(proposal, header=header, signature=self.sign_proposal(signed))
