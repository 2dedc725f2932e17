"""Evidence that this node noticed, on its way to the chain: one transaction, signed with the validator key.

Every honest node notices the same, and one report is enough: who is later in a round that begins behind the guilty one
waits longer, and looks first whether the chain has it already.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from consensus.effects import Accuse
from node.epochs import Epochs
from node.logs import log_fields
from node.state import State
from tallystick.encoding import Message
from tallystick.errors import ProofError, SignatureError
from tallystick.evidence import PROPOSE, Evidence, Said, evidence_of, verify_evidence
from tallystick.payloads.membership import SubmitEvidence
from tallystick.proposals import ClosingProposal, Proposal
from tallystick.records.membership import evidence_key
from tallystick.votes import Vote

TURN_S = 1.0  # between two nodes that might report the same
REPORTS_MAX = 64  # that wait at one time; a validator that misbehaves in every view fills no chain
SPACING_S = 5.0  # between two reports about one validator

logger = logging.getLogger("tallystick.consensus")


class Accuser:
    """Reports contradictions that the engine found."""

    def __init__(
        self,
        chain_id: bytes,
        epochs: Epochs,
        state: State,
        loop: asyncio.AbstractEventLoop,
        send: Callable[[Message], None],
    ) -> None:
        """``send`` signs a payload with the validator key and admits it."""
        self._chain_id = chain_id
        self._epochs = epochs
        self._state = state
        self._loop = loop
        self._send = send
        self._waiting = 0
        self._next_at: dict[bytes, float] = {}  # guilty key: when the next report about it may go

    def accuse(self, effect: Accuse) -> None:
        """Take a contradiction; it is sent when it is our turn, if nobody was earlier."""
        if self._epochs.me is None or self._waiting >= REPORTS_MAX:
            return
        first, second = effect.first, effect.second
        who = first.validator if isinstance(first, Vote) else first.header.proposer
        epoch, view = _place(first)
        key = self._epochs.validators.members[who].key
        now_s = self._loop.time()
        if epoch != self._epochs.number or now_s < self._next_at.get(key, 0.0):
            return
        self._next_at[key] = now_s + SPACING_S
        evidence = evidence_of(key, epoch, view, _said(first), _said(second))
        turn = (self._epochs.me - who) % self._epochs.validators.count - 1
        self._waiting += 1
        self._loop.call_later(turn * TURN_S, self._report, evidence)

    def _report(self, evidence: Evidence) -> None:
        self._waiting -= 1
        try:
            kind = verify_evidence(evidence, self._chain_id)
        except (ProofError, SignatureError) as error:
            logger.error("a contradiction convicts nobody", extra=log_fields(error=str(error)))
            return
        if self._state.get(evidence_key(evidence.key, evidence.epoch, evidence.view, kind)) is None:
            logger.warning("reporting evidence", extra=log_fields(kind=kind.name, epoch=evidence.epoch))
            self._send(SubmitEvidence(evidence))


def _place(message: Vote | Proposal | ClosingProposal) -> tuple[int, int]:
    if isinstance(message, Vote):
        return message.statement.epoch, message.statement.view
    return message.header.epoch, message.header.view


def _said(message: Vote | Proposal | ClosingProposal) -> Said:
    if isinstance(message, Vote):
        return Said(message.statement.kind, message.statement.block_hash, message.signature)
    return Said(PROPOSE, message.header.block_hash(), message.signature)
