"""Rules N and F: when a block gets our notarize, and when our finalize."""

from __future__ import annotations

from consensus.chain import Block
from consensus.core import Core
from consensus.effects import CheckContents, HeaderRecord, RootMismatch
from consensus.fetches import Need
from consensus.status import Waiting
from consensus.validity import beyond_clocks, child_fault, own_fault
from consensus.views import Round
from tallystick.blocks import Header
from tallystick.epochs import ClosingHeader
from tallystick.proposals import Proposal
from tallystick.votes import VoteKind

Verdict = tuple[Waiting, str] | None  # None: nothing stands in the way


def notarize(core: Core, held: Round) -> None:
    """Rule N: vote once for the first valid proposal of the current view, unless we nullified the view."""
    core.timers.clock_ms = None
    verdict = _judge(core, held)
    if verdict is not None:
        core.waiting = verdict
        return
    assert held.proposal is not None and held.proposal_hash is not None
    if held.proposed is None:  # our own proposal's record was written with it
        core.persist(HeaderRecord(held.proposal.header, own=False))
    core.note_block(core.view)
    core.waiting = (Waiting.VOTES, "")
    core.cast(VoteKind.NOTARIZE, core.view, held.proposal_hash)


def _judge(core: Core, held: Round) -> Verdict:
    """Why we do not vote for the current view's proposal now. A fault is for ever; everything else is pending."""
    if VoteKind.NOTARIZE in held.own or VoteKind.NULLIFY in held.own:  # I1; and stricter than the paper, see N4
        return Waiting.VOTES, "we have voted in this view"
    proposal = held.proposal
    if proposal is None or held.proposal_hash is None:
        return Waiting.PROPOSAL, ""
    if held.fault is not None:
        return Waiting.VOTES, f"the proposal is invalid: {held.fault}"
    header = proposal.header
    held.fault = own_fault(header, core.config, core.validators_hash)  # N1
    if held.fault is not None:
        return Waiting.VOTES, held.fault
    parent = _certified_parent(core, held, header)
    if not isinstance(parent, Block):
        return parent
    finalisation = isinstance(proposal, Proposal) and proposal.finalisation is not None
    held.fault = child_fault(header, parent, finalisation=finalisation)  # N1
    if held.fault is not None:
        return Waiting.VOTES, held.fault
    block = core.chain.add(header, held.proposal_hash, at_hand=False)
    if not isinstance(proposal, Proposal):  # a closing header has nothing else to judge
        return None
    header = proposal.header
    if not block.at_hand and not held.contents_asked:
        held.contents_asked = True
        core.emit(CheckContents(header, block.block_hash, proposal.witness_leaves, core.leader))
    # N7: while its transactions are missing there is no answer
    contents = None if block.at_hand else (Waiting.CONTENTS, f"{len(proposal.witness_leaves)}")
    return _roots(core, held, header, parent) or _clock(core, header, parent) or contents


def _certified_parent(core: Core, held: Round, header: Header | ClosingHeader) -> Block | tuple[Waiting, str]:
    """N2, I4: the parent is certified, every view between nullified; what is missing is asked for, not refused."""
    pinned = core.views.pinned
    if header.parent_view < pinned.view:  # N3: below or beside what is final
        held.fault = f"parent of view {header.parent_view} is below the finalised view {pinned.view}"
        return Waiting.VOTES, held.fault
    certified = core.views.certified_hash(header.parent_view)
    if certified is not None and certified != header.parent_hash:
        held.fault = f"another block is certified in view {header.parent_view}"
        return Waiting.VOTES, held.fault
    gap = core.views.unproven(header.parent_view, core.view)
    if certified is None or gap is not None:
        first = header.parent_view if certified is None or gap is None else gap[0]
        last = header.parent_view if gap is None else gap[1]
        core.needs.append(Need((first, last), last, _all_from(core, core.leader)))
        return Waiting.CERTIFICATES, f"views {first} to {last}"
    # What is missing is asked for by the rules that follow certificates.
    return core.chain.get(header.parent_hash) or (Waiting.PARENT, header.parent_hash.hex())


def _all_from(core: Core, first: int) -> tuple[int, ...]:
    count = core.config.validators.count
    return tuple((first + offset) % count for offset in range(count))


def _roots(core: Core, held: Round, header: Header, parent: Block) -> Verdict:
    """N5: a newer tuple is compared with our own execution; until we have executed so far the proposal is pending."""
    theirs = header.executed
    if theirs == parent.executed:
        return None
    if theirs.height > core.final_height():
        return Waiting.FINALITY, f"height {theirs.height}, newest final here is {core.final_height()}"
    ours = core.chain.own.get(theirs.height)
    if ours is None:
        return Waiting.EXECUTION, f"height {theirs.height}, newest executed here is {core.chain.executed.height}"
    if ours != theirs:
        held.fault = f"roots of height {theirs.height} are not ours"
        if core.mismatched_view < core.view:
            core.mismatched_view = core.view
            core.emit(RootMismatch(header, ours))
        return Waiting.VOTES, held.fault
    if header.next_validators_hash != (core.chain.next_validators(theirs.height) or core.validators_hash):  # V3, E1
        held.fault = f"next validators are not those of the state of height {theirs.height}"
        return Waiting.VOTES, held.fault
    return None


def _clock(core: Core, header: Header, parent: Block) -> Verdict:
    """N6: a header ahead of our clock is waited for, never invalid; beyond the drift we do not vote in this view."""
    ahead_ms = header.time_ms - core.now.wall_ms
    if ahead_ms <= 0 or beyond_clocks(header, parent):
        return None
    if ahead_ms <= core.config.clock_drift_max_ms:
        core.timers.clock_ms = core.now.monotonic_ms + ahead_ms
    return Waiting.CLOCK, f"{ahead_ms} ms ahead"


def finalize(core: Core) -> None:
    """Rule F: a notarised block (I3) whose bytes are here gets our finalize, unless we nullified its view (I2).

    Never waits for execution; tried again when a block arrives, in whatever view we are by then.
    """
    for view in list(core.views.open):
        if view <= core.views.pinned.view:  # pruned by a finalisation inside this loop
            continue
        held = core.views.at(view)
        certificate = held.certificates[VoteKind.NOTARIZE]
        block_hash = certificate.statement.block_hash
        block = core.chain.get(block_hash)
        if block is None or not block.at_hand:
            checking = held.contents_asked and held.proposal_hash == block_hash
            patience_ms = core.config.fetch_retry_ms if checking else 0
            core.needs.append(Need(block_hash, view, certificate.signer_indices(), patience_ms))
            continue
        del core.views.open[view]
        if core.config.me is None or VoteKind.NULLIFY in held.own or VoteKind.FINALIZE in held.own:
            continue
        core.cast(VoteKind.FINALIZE, view, block_hash)
