"""A second opinion: what other members' nodes and explorers hold of the state that a proof rests on.

A quorum's signatures prove a state to whoever pinned its validators. What they cannot show alone is that it is the
newest, or that the quorum did not sign another one for somebody else. So others are asked for their heads, and for the
block that they have at the very height of the proof. Each answer is checked like any proof; a member's word counts for
nothing. Whoever asked may know an earlier or later epoch than the one that answers: ends of epochs lead across. What
contradicts the proof is kept as evidence. Specification: docs/spec/proofs.md, section 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from client_sdk.environment import SYSTEM, Environment
from client_sdk.errors import AnswerError, DoorError
from client_sdk.freshness import STALE_MS
from client_sdk.heads import CheckedHead, ask_head
from client_sdk.nodes import Nodes
from client_sdk.transport import Transport
from tallystick import api
from tallystick.blocks import Executed
from tallystick.errors import ProofError, UnavailableError
from tallystick.proofs import Anchor, BlockBundle, ProofCode, Trust, read_bundle, verify_block

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
        evidence: of a fork: what the source showed, which verifies by itself; else empty.
        signed_both: of a fork: organisations whose validators' signatures stand under both.
    """

    source: str
    verdict: Verdict
    organisation: str = ""
    height: int = 0
    time_ms: int = 0
    stale: bool = False
    detail: str = ""
    evidence: bytes = b""
    signed_both: tuple[str, ...] = ()


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
    own = {anchor.header.epoch: anchor.validators.digest()}
    pinned = Trust(trust.chain_id, {**own, **trust.validators_hashes}, 0, trust.last_heights)
    return tuple(_ask(anchor, source, pinned, environment) for source in sources)


def check_opinions(opinions: Sequence[Opinion]) -> None:
    """Refuse what others contradict, and a second opinion that nobody gave.

    Raises:
        ProofError: ``fork-seen``.
        UnavailableError: no source gave an answer that proves anything.
    """
    for opinion in opinions:
        if opinion.verdict is Verdict.FORK:
            both = f" Signatures of {', '.join(opinion.signed_both)} stand under both." if opinion.signed_both else ""
            raise ProofError(
                ProofCode.FORK_SEEN,
                f"{opinion.source}: {opinion.detail}. More validators broke the rules of agreement than the ledger "
                f"withstands, and no proof can say which side is true.{both} Believe neither, pay and ship nothing on "
                "it, keep both files, and call the other members",
            )
    if not any(opinion.height for opinion in opinions):
        raise UnavailableError("no second opinion: " + "; ".join(f"{o.source}: {o.detail}" for o in opinions))


def _ask(anchor: Anchor, source: Transport, trust: Trust, environment: Environment) -> Opinion:
    nodes = Nodes([source], environment=environment, patience_s=PATIENCE_S)
    ours = anchor.executed
    try:
        head = ask_head(nodes, trust, (anchor.validators,))
        theirs = _compare(nodes, anchor, head)
    except UnavailableError as error:
        return Opinion(source.name, Verdict.SILENT, detail=str(error))
    except _ForkError as fork:
        both = tuple(sorted({*anchor.signers} & {*fork.signers}))
        return Opinion(
            source.name, Verdict.FORK, fork.organisation, detail=str(fork), evidence=fork.shown, signed_both=both
        )
    except (ProofError, AnswerError, DoorError) as error:
        return Opinion(source.name, Verdict.UNPROVEN, detail=str(error))
    stale = environment.now_ms() - theirs.time_ms > STALE_MS
    organisation = head.answer.organisation
    if theirs.height < ours.height:
        behind = f"its newest state is {ours.height - theirs.height} heights older"
        return Opinion(source.name, Verdict.BEHIND, organisation, theirs.height, theirs.time_ms, stale, behind)
    return Opinion(source.name, Verdict.AGREES, organisation, theirs.height, theirs.time_ms, stale)


def _compare(nodes: Nodes, anchor: Anchor, head: CheckedHead) -> Executed:
    """The newest executed tuple that the source proves and that does not contradict ours."""
    ours, theirs = anchor.executed, head.anchor.executed
    organisation, shown = head.answer.organisation, msgspec.json.encode(head.answer)
    if head.retired is not None:
        raise _ForkError(
            f"a quorum of the validators of epoch {head.anchor.header.epoch} signed height {head.anchor.header.height} "
            f"after their epoch had ended with height {head.retired}",
            organisation, shown, head.anchor,
        )  # fmt: skip
    if theirs.height == ours.height and theirs != ours:
        raise _ForkError(_fork_words(ours.height), organisation, shown, head.anchor)
    if theirs.height <= ours.height:
        return theirs
    data = nodes.get(api.BLOCK_PROOF, {"height": str(ours.height)}).body
    bundle = read_bundle(data)
    if not isinstance(bundle, BlockBundle):
        raise ProofError(ProofCode.WRONG_SUBJECT, "answered with another kind of proof")
    block = verify_block(bundle, head.trust, height=ours.height)
    leaf = block.leaf
    if (leaf.time_ms, leaf.state_root, leaf.receipts_root) != (ours.time_ms, ours.state_root, ours.receipts_root):
        raise _ForkError(_fork_words(ours.height), organisation, data, block.anchor)
    return block.anchor.executed


def fork_evidence(proof: bytes, opinion: Opinion) -> bytes:
    """A file that shows both sides of a fork, each of which verifies by itself.

    Args:
        proof: the bundle that the reader held.
        opinion: with verdict ``fork``.
    """
    shown = {
        "format": 1,
        "kind": "fork",
        "what": opinion.detail,
        "source": opinion.source,
        "organisation": opinion.organisation,
        "signed_both": list(opinion.signed_both),
        "ours": msgspec.Raw(proof),
        "theirs": msgspec.Raw(opinion.evidence),
    }
    return msgspec.json.format(msgspec.json.encode(shown), indent=1) + b"\n"


def _fork_words(height: int) -> str:
    return f"a quorum signed another state of height {height}"


class _ForkError(Exception):
    """Two states of one height, or a quorum that signed after its term."""

    def __init__(self, words: str, organisation: str, shown: bytes, anchor: Anchor) -> None:
        super().__init__(words)
        self.organisation = organisation
        self.shown = shown
        self.signers = anchor.signers
