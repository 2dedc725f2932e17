"""From disk alone: replay of the signer's log, and what is said again at the start."""

from __future__ import annotations

from collections.abc import Sequence

from consensus.core import Core
from consensus.effects import DurableRecord, HeaderRecord
from consensus.timeouts import resend
from consensus.views import Pinned
from tallystick.votes import Certificate, Vote


def replay(core: Core, records: Sequence[DurableRecord]) -> None:
    """Rebuild rounds, certificates and headers above the floor; nothing is sent yet.

    Our own votes are counted again (without that, q validators that crash after their nullify wait for ever), and no
    promise is dropped: what a record says we said, we said. The view is the highest that any record reaches, not the
    last one's. Records of another epoch are not ours to use.
    """
    floor = core.views.pinned
    proof = floor.certificate
    if proof is not None and proof.statement.view > floor.view:  # a descendant's finalisation proves the floor
        core.views.pinned = Pinned(proof.statement.view, proof.statement.block_hash, proof)
    core.reached = max(core.reached, core.views.pinned.view + 1)
    for record in records:
        if isinstance(record, HeaderRecord):
            _replay_header(core, record)
        elif record.statement.epoch != core.config.epoch:
            continue
        elif isinstance(record, Certificate):
            core.install(record)
        elif record.statement.view > core.views.pinned.view:
            _replay_vote(core, record)
    for view in list(core.views.rounds):
        block_hash = core.views.certified_hash(view)
        block = core.chain.get(block_hash) if block_hash is not None else None
        if block is not None:
            core.note_certified(block)
    core.take_effects()


def _replay_header(core: Core, record: HeaderRecord) -> None:
    header = record.header
    if header.epoch != core.config.epoch or header.view <= core.chain.final.view:  # E5: another epoch's is not ours
        return
    block = core.chain.add(header, header.block_hash(), at_hand=True)
    if record.own and header.view > core.views.pinned.view:
        core.views.at(header.view).proposed = block.block_hash
        core.reached = max(core.reached, header.view)


def _replay_vote(core: Core, vote: Vote) -> None:
    statement = vote.statement
    if vote.validator != core.config.me:
        return
    core.views.at(statement.view).own[statement.kind] = vote
    core.reached = max(core.reached, statement.view)
    core.count(vote)


def start(core: Core) -> None:
    """Say again what we last said: others may have missed it, and after a power cut everybody has."""
    if core.config.me is not None:
        resend(core)
