"""A second opinion: what other members' nodes and explorers hold of the state that a proof rests on.

A quorum's signatures prove a state to whoever pinned its validators. What they cannot show alone is that it is the
newest, or that the quorum did not sign another one for somebody else. So others are asked for their heads, and for the
block that they have at the very height of the proof. Each answer is checked like any proof; a member's word counts for
nothing. Specification: docs/spec/proofs.md, section 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from client_sdk.environment import SYSTEM, Environment
from client_sdk.errors import AnswerError, DoorError
from client_sdk.nodes import Nodes, read_json
from client_sdk.transport import Transport
from tallystick import api
from tallystick.api import HeadAnswer, b64
from tallystick.blocks import Executed
from tallystick.encoding import encode
from tallystick.errors import ProofError, UnavailableError
from tallystick.proofs import Anchor, BlockBundle, ProofCode, Trust, read_bundle, verify_anchor, verify_block
from tallystick.proofs.bundle import AnchorShown

STALE_MS = 600_000  # a head older than this by the reader's clock is called stale: ten heartbeats of a minute
PATIENCE_S = 10.0


class Verdict(StrEnum):
    """What one source's answer says about the state asked about."""

    AGREES = "agrees"  # a quorum-signed chain of its own holds the same state at that height
    BEHIND = "behind"  # its newest state is older, so it can say nothing about this one
    FORK = "fork"  # a quorum signed another state for that height
    UNPROVEN = "unproven"  # its answer does not prove what it claims
    SILENT = "silent"  # no answer


@dataclass(frozen=True, slots=True)
class Opinion:
    """One source's answer.

    Attributes:
        source: its URL.
        organisation: whose it says that it is; not proven.
        height, time_ms: of its newest executed state, checked; 0 where nothing was proven.
        stale: that state is older than ``STALE_MS`` by this machine's clock.
        detail: for verdicts other than ``agrees``: what was wrong.
    """

    source: str
    verdict: Verdict
    organisation: str = ""
    height: int = 0
    time_ms: int = 0
    stale: bool = False
    detail: str = ""


def second_opinion(
    anchor: Anchor, sources: Sequence[Transport], trust: Trust, *, environment: Environment = SYSTEM
) -> tuple[Opinion, ...]:
    """Ask others about the state that an anchor certifies, one after another.

    Args:
        anchor: of a verified proof.
        sources: nodes or explorers of other members.
        trust: what the reader pinned; how new a state must be is not asked here.
    Returns:
        One opinion per source, in order. ``check_opinions`` raises on a fork.
    """
    pinned = Trust(trust.chain_id, trust.validators_hashes)
    return tuple(_ask(anchor, source, pinned, environment) for source in sources)


def check_opinions(opinions: Sequence[Opinion]) -> None:
    """Refuse what others contradict, and a second opinion that nobody gave.

    Raises:
        ProofError: ``fork-seen``.
        UnavailableError: no source gave an answer that proves anything.
    """
    for opinion in opinions:
        if opinion.verdict is Verdict.FORK:
            raise ProofError(
                ProofCode.FORK_SEEN, f"{opinion.source}: {opinion.detail}; stop and call the other members"
            )
    if not any(opinion.height for opinion in opinions):
        raise UnavailableError("no second opinion: " + "; ".join(f"{o.source}: {o.detail}" for o in opinions))


def _ask(anchor: Anchor, source: Transport, trust: Trust, environment: Environment) -> Opinion:
    nodes = Nodes([source], environment=environment, patience_s=PATIENCE_S)
    ours = anchor.executed
    organisation = ""
    try:
        head = read_json(nodes.get(api.HEAD), HeadAnswer)
        organisation = head.organisation
        theirs = verify_anchor(_shown(head, anchor), trust).executed
        if theirs.height > ours.height:
            theirs = _compare_blocks(nodes, ours, trust)
    except UnavailableError as error:
        return Opinion(source.name, Verdict.SILENT, organisation, detail=str(error))
    except _ForkError as fork:
        return Opinion(source.name, Verdict.FORK, organisation, detail=str(fork))
    except (ProofError, AnswerError, DoorError) as error:
        return Opinion(source.name, Verdict.UNPROVEN, organisation, detail=str(error))
    stale = environment.now_ms() - theirs.time_ms > STALE_MS
    if theirs.height == ours.height and theirs != ours:
        return Opinion(source.name, Verdict.FORK, organisation, detail=_fork_words(ours.height))
    if theirs.height < ours.height:
        behind = f"its newest state is {ours.height - theirs.height} heights older"
        return Opinion(source.name, Verdict.BEHIND, organisation, theirs.height, theirs.time_ms, stale, behind)
    return Opinion(source.name, Verdict.AGREES, organisation, theirs.height, theirs.time_ms, stale)


def _compare_blocks(nodes: Nodes, ours: Executed, trust: Trust) -> Executed:
    """What the source holds at our height, under a newer header of its own; that header's executed tuple."""
    data = nodes.get(api.BLOCK_PROOF, {"height": str(ours.height)}).body
    bundle = read_bundle(data)
    if not isinstance(bundle, BlockBundle):
        raise ProofError(ProofCode.WRONG_SUBJECT, "answered with another kind of proof")
    block = verify_block(bundle, trust, height=ours.height)
    leaf = block.leaf
    if (leaf.time_ms, leaf.state_root, leaf.receipts_root) != (ours.time_ms, ours.state_root, ours.receipts_root):
        raise _ForkError(_fork_words(ours.height))
    return block.anchor.executed


def _shown(head: HeadAnswer, anchor: Anchor) -> AnchorShown:
    """A head as an anchor, with the validators that the reader already verified."""
    return AnchorShown(head.chain_id, head.header, [], head.certificate, b64(encode(anchor.validators)))


def _fork_words(height: int) -> str:
    return f"a quorum signed another state of height {height}"


class _ForkError(Exception):
    """Two states of one height."""
