"""Rule L: when we lead a view, what we propose, on which parent, and when."""

from __future__ import annotations

from consensus.chain import Block
from consensus.core import Core
from consensus.effects import Broadcast, Build, HeaderRecord
from consensus.fetches import Need
from consensus.inputs import Built
from consensus.pacing import Occasion, proposal_ms
from consensus.views import Round
from tallystick.blocks import Executed, Header
from tallystick.epochs import ClosingHeader
from tallystick.merkle import EMPTY_ROOT
from tallystick.proposals import ClosingProposal, Proposal, proposal_signing_bytes
from tallystick.votes import Certificate, VoteKind

CERTIFICATES_MAX = 16  # of one proposal; voters ask for more


def propose(core: Core, held: Round) -> None:
    """Rule L: once per view, on the highest certified view below with nullifications in between."""
    core.timers.propose_ms = None
    view, config = core.view, core.config
    if core.building is not None:
        return
    if held.proposed is not None and held.proposal is None:
        _propose_again(core, held.proposed)
    if held.proposed is not None or held.own:  # L1: never twice, and never after we gave the view up
        return
    tip = core.tip()
    if tip is None:
        _ask_for_gap(core)
        return
    executed = _newest_tuple(core, tip)
    boundary = _next_validators(core, tip, executed) != core.validators_hash
    occasion = _occasion(core, tip, executed)
    due_ms = proposal_ms(config, core.timers, occasion, core.timeout_ms())
    if core.now.monotonic_ms < due_ms:
        core.timers.propose_ms = due_ms
        return
    if tip.closes is not None:  # E2
        _send_closing(core, tip, tip.closes)
        return
    if occasion.forced:  # L4: one dead leader must not cost the next its transactions, f + 1 must not stop the chain
        _send(core, tip, tip.executed, tip.time_ms + 1, _nothing(core, tip))
        return
    time_ms = _time_ms(core, tip)
    if occasion.crowded or boundary:  # V8, E1
        _send(core, tip, executed, time_ms, _nothing(core, tip))
        return
    parent = tip.header if isinstance(tip.header, Header) else None
    core.building = Build(view, tip.block_hash, parent, time_ms)
    core.building_on = executed
    core.emit(core.building)
    core.changes += 1


def _propose_again(core: Core, block_hash: bytes) -> None:
    """L1: a crash came after our proposal was written down, perhaps before anybody heard it: the very same once more.

    Its signature is the same too, so nothing contradicts it. Only while we have not given the view up and its parent
    stands as it stood.
    """
    block = core.chain.get(block_hash)
    assert block is not None and block.header is not None, "a header is replayed with its record"
    header, views = block.header, core.views
    stands = views.certified_hash(header.parent_view) == header.parent_hash and core.chain.get(header.parent_hash)
    if VoteKind.NULLIFY in views.at(core.view).own or not stands or views.unproven(header.parent_view, core.view):
        return
    if isinstance(header, ClosingHeader):
        _publish(core, header, block_hash)
        return
    core.building = Build(core.view, header.parent_hash, None, header.time_ms, again=header)
    core.emit(core.building)


def complete(core: Core, built: Built) -> None:
    """The answer to ``Build``: propose it, unless the view ended or we gave it up meanwhile."""
    question = core.building
    if question is None or (built.view, built.parent_hash) != (question.view, question.parent_hash):
        return
    held, tip = core.views.at(core.view), core.chain.get(built.parent_hash)
    assert question.view == core.view and tip is not None, "a parent above the newest finality is kept"
    if question.again is not None:
        if built.transaction_root == question.again.transaction_root:
            core.building = None
            _publish(core, question.again, question.again.block_hash(), built.witness_leaves)
        return
    assert held.proposed is None
    if held.own:
        return
    core.building = None
    executed = _newest_tuple(core, tip)
    if _next_validators(core, tip, executed) != core.validators_hash:  # E1: executed meanwhile, and this is not empty
        executed = core.building_on
    _send(core, tip, executed, question.time_ms, built)


def _time_ms(core: Core, tip: Block) -> int:
    """Our clock, after the parent; or the time of due work if a peer calls for it whose clock is a little ahead.

    After a proposal on this parent that failed, our clock less the drift: perhaps it was too early for a clock whose
    vote is needed, and would be again. Every clock within the drift of ours has passed that time.
    """
    wall_ms, due_ms = core.now.wall_ms, core.work.due_ms
    if any(core.views.proposed(view) for view in range(tip.view + 1, core.view)):
        return max(wall_ms - core.config.clock_drift_max_ms, tip.time_ms + 1)
    called = core.woken_view == core.view and not core.work.transactions
    if called and due_ms is not None and due_ms - wall_ms <= core.timeout_ms() // 2:  # so that all can still vote
        wall_ms = max(wall_ms, due_ms)
    return max(wall_ms, tip.time_ms + 1)


def _nothing(core: Core, tip: Block) -> Built:
    return Built(core.view, tip.block_hash, (), 0, EMPTY_ROOT, due_work=False)


def _newest_tuple(core: Core, tip: Block) -> Executed:
    """L3: our own newest tuple, if newer than the parent's and a finalisation can go with it; else the parent's."""
    own = core.chain.executed
    provable = core.views.pinned.certificate is not None
    return own if provable and tip.executed.height < own.height <= tip.height else tip.executed


def _next_validators(core: Core, tip: Block, executed: Executed) -> bytes:
    """E1: the set that a block on this parent with this tuple hands over to: the present one but in a boundary."""
    planned = core.chain.next_validators(executed.height) if executed != tip.executed else None
    return planned or core.validators_hash


def _occasion(core: Core, tip: Block, executed: Executed) -> Occasion:
    happened = core.chain.busy_height(tip)
    crowded = tip.height + 1 - executed.height > core.config.execution_lag_max
    behind = core.chain.executed.height < tip.height
    if crowded:
        awaited = core.chain.executed.height < core.chain.final.height
    else:  # worth waiting for unless the block would certify what happened
        awaited = behind and not tip.executed.height < happened <= executed.height
    return Occasion(
        forced=tip.closes is not None or core.view - tip.view - 1 >= core.config.faults + 1,
        rest=core.at_rest(),
        pending=core.pending(),
        crowded=crowded,
        awaited=awaited,
    )


def _ask_for_gap(core: Core) -> None:
    """We entered through a certificate from far above: ask for what lies between, or for the parent's block."""
    views = core.views
    gap = views.unproven(views.certified_below(core.view), core.view)
    if gap is not None:
        entry = views.entry(core.view)
        core.needs.append(Need(gap, gap[1], entry.signer_indices() if entry is not None else ()))


def _send(core: Core, tip: Block, executed: Executed, time_ms: int, built: Built) -> None:
    """Propose a block."""
    config = core.config
    assert config.me is not None
    assert built.transaction_count == len(built.witness_leaves)
    header = Header(
        protocol_version=config.protocol_version,
        chain_id=config.chain_id,
        epoch=config.epoch,
        height=tip.height + 1,
        view=core.view,
        parent_hash=tip.block_hash,
        parent_view=tip.view,
        proposer=config.me,
        time_ms=time_ms,
        transaction_count=built.transaction_count,
        transaction_root=built.transaction_root,
        due_work=built.due_work,
        validators_hash=core.validators_hash,
        next_validators_hash=_next_validators(core, tip, executed),
        executed=executed,
    )
    _publish(core, header, header.block_hash(), built.witness_leaves)


def _send_closing(core: Core, tip: Block, boundary_hash: bytes) -> None:
    """Above the boundary block: propose a closing header."""
    config = core.config
    assert config.me is not None
    parent = (tip.block_hash, tip.view)
    header = ClosingHeader(config.chain_id, config.epoch, core.view, *parent, config.me, boundary_hash)
    _publish(core, header, header.block_hash())


def _publish(core: Core, header: Header | ClosingHeader, block_hash: bytes, leaves: tuple[bytes, ...] = ()) -> None:
    """Sign, keep durably and broadcast our proposal with what justifies it."""
    held, tip = core.views.at(core.view), core.chain.get(header.parent_hash)
    assert tip is not None, "a parent above the newest finality is kept"
    signature = core.sign_proposal(proposal_signing_bytes(header.epoch, header.view, block_hash))
    proposal: Proposal | ClosingProposal
    if isinstance(header, Header):
        finalisation = core.views.pinned.certificate if header.executed != tip.executed else None
        proposal = Proposal(header, leaves, finalisation, _justification(core, tip, finalisation), signature)
    else:
        proposal = ClosingProposal(header, _justification(core, tip, None), signature)
    if held.proposed is None:
        core.persist(HeaderRecord(header, own=True))  # a second one after a crash would be evidence against us
    held.proposed, held.proposal, held.proposal_hash = block_hash, proposal, block_hash
    core.chain.add(header, block_hash, at_hand=True)
    core.emit(Broadcast(proposal))
    core.timers.own_ms = core.now.monotonic_ms
    core.changes += 1


def _justification(core: Core, tip: Block, finalisation: Certificate | None) -> tuple[Certificate, ...]:
    views = core.views
    parent = views.pinned.certificate if tip.view == views.pinned.view else views.holds(tip.view, VoteKind.NOTARIZE)
    found = [] if parent is None or parent is finalisation else [parent]
    for view in range(core.view - 1, tip.view, -1):
        nullification = views.holds(view, VoteKind.NULLIFY)
        if nullification is None or len(found) == CERTIFICATES_MAX:
            break
        found.append(nullification)
    return tuple(found)
