"""Evaluating a condition tree: what holds now, what it rests on, which leaves are open.

An event that was declared erroneous counts as absent. A leaf looks at an organisation's newest event of a kind, so once
a condition has latched it rests on the events of its evidence for as long as none of them is corrected: neither the
goods moving on nor a second receipt undoes it. A newer failed inspection does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from contracts.authority import active_organisation
from contracts.interface import Refusal
from contracts.workspace import Workspace
from tallystick.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    Condition,
    DocumentRecorded,
    InspectionPassed,
    Leaf,
    Received,
    Shipped,
    SignedBy,
    TimeReached,
    depth_of,
    items_of,
    leaves_of,
)
from tallystick.epcis import parse_key
from tallystick.errors import DecodeError
from tallystick.limits import CONDITION_DEPTH_MAX, CONDITION_LEAVES_MAX, ESCROW_ITEMS_MAX
from tallystick.reasons import Reason
from tallystick.records.goods import (
    HistoryKind,
    Inspection,
    Milestone,
    Verdict,
    correction_key,
    inspection_key,
    milestone_key,
)
from tallystick.records.trade import DocumentLink, Evidence, document_link_key


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a condition holds, the events that its true leaves rest on, and the numbers of its open leaves."""

    holds: bool
    evidence: tuple[Evidence, ...]
    open_leaves: tuple[int, ...]


def evaluate(
    work: Workspace, condition: Condition, *, approvals: tuple[str, ...] = (), latched: tuple[Evidence, ...] = ()
) -> Outcome:
    """Evaluate every leaf of a tree, then the tree.

    Args:
        approvals: organisations that approved the milestone.
        latched: evidence from when the condition latched; empty before.
    """
    known = {(entry.leaf, entry.item): entry.commitment for entry in latched}
    evidence: list[Evidence] = []
    truths: list[bool] = []
    for number, leaf in enumerate(leaves_of(condition)):
        commitments = _evidence_of(work, leaf, number, known)
        if commitments is None:
            truths.append(_plain_leaf(work, leaf, approvals))
            continue
        truths.append(len(commitments) == len(items_of(leaf)))
        if truths[-1]:
            evidence += (Evidence(number, item, commitment) for item, commitment in enumerate(commitments))
    open_leaves = tuple(number for number, truth in enumerate(truths) if not truth)
    return Outcome(_holds(condition, iter(truths).__next__), tuple(evidence), open_leaves)


def check_conditions(work: Workspace, conditions: tuple[Condition, ...]) -> None:
    """Refuse trees that are too deep, too wide, cannot hold by their form, or name what does not exist.

    Raises:
        Refusal: ``TERMS_INVALID``, or ``NOT_FOUND`` for an organisation.
    """
    item_count = 0
    for condition in conditions:
        if depth_of(condition) > CONDITION_DEPTH_MAX:
            raise Refusal(Reason.TERMS_INVALID, f"condition deeper than {CONDITION_DEPTH_MAX}")
        leaves = tuple(leaves_of(condition))
        if len(leaves) > CONDITION_LEAVES_MAX:
            raise Refusal(Reason.TERMS_INVALID, f"more than {CONDITION_LEAVES_MAX} leaves")
        _check_counts(condition)
        for leaf in leaves:
            item_count += len(items_of(leaf))
            _check_leaf(work, leaf)
    if item_count > ESCROW_ITEMS_MAX:
        raise Refusal(Reason.TERMS_INVALID, f"more than {ESCROW_ITEMS_MAX} items")


def may_approve(condition: Condition, organisation: str) -> bool:
    """Whether a leaf waits for this organisation's approval."""
    return any(isinstance(leaf, SignedBy) and leaf.organisation == organisation for leaf in leaves_of(condition))


def _holds(condition: Condition, next_truth: Callable[[], bool]) -> bool:
    """Fold the leaves' truths, consumed in reading order: every child is visited, or the numbering would shift."""
    if not isinstance(condition, AllOf | AnyOf | AtLeast):
        return next_truth()
    count = sum([_holds(child, next_truth) for child in condition.of])
    if isinstance(condition, AllOf):
        return count == len(condition.of)
    return count >= (condition.count if isinstance(condition, AtLeast) else 1)


def _plain_leaf(work: Workspace, leaf: Leaf, approvals: tuple[str, ...]) -> bool:
    """Leaves that rest on no event."""
    if isinstance(leaf, TimeReached):
        return work.block.time_ms >= leaf.at_ms
    if isinstance(leaf, SignedBy):
        return leaf.organisation in approvals
    assert isinstance(leaf, DocumentRecorded)
    return work.public(document_link_key(leaf.reference, leaf.document_type, leaf.by), DocumentLink) is not None


def _evidence_of(
    work: Workspace, leaf: Leaf, number: int, known: dict[tuple[int, int], bytes]
) -> tuple[bytes, ...] | None:
    """Commitments of the events that a leaf about goods rests on, one per item as far as they go; None for others."""
    if isinstance(leaf, InspectionPassed):
        found = [_passed(work, identifier, leaf.by) for identifier in leaf.items]
    elif isinstance(leaf, Received | Shipped):
        found = []
        for item, identifier in enumerate(leaf.items):
            before = known.get((number, item))
            if before is not None and not _corrected(work, leaf.by, before):
                found.append(before)
            else:
                found.append(_happened(work, leaf, identifier))
    else:
        return None
    return tuple(commitment for commitment in found if commitment is not None)


def _happened(work: Workspace, leaf: Received | Shipped, identifier: str) -> bytes | None:
    kind = HistoryKind.RECEIVE if isinstance(leaf, Received) else HistoryKind.SHIP
    milestone = work.members(milestone_key(identifier, kind, leaf.by), Milestone)
    if milestone is None or _corrected(work, leaf.by, milestone.commitment):
        return None
    if isinstance(leaf, Received) and leaf.before_ms and milestone.time_ms >= leaf.before_ms:
        return None
    return milestone.commitment


def _passed(work: Workspace, identifier: str, inspector: str) -> bytes | None:
    inspection = work.public(inspection_key(identifier), Inspection)
    if inspection is None or inspection.verdict is not Verdict.PASS:
        return None
    if _corrected(work, inspection.inspector, inspection.commitment):
        return None
    return inspection.commitment if inspector in ("", inspection.inspector) else None


def _corrected(work: Workspace, organisation: str, commitment: bytes) -> bool:
    return work.record(correction_key(organisation, commitment)) is not None


def _check_counts(condition: Condition) -> None:
    if isinstance(condition, AtLeast) and condition.count > len(condition.of):
        raise Refusal(Reason.TERMS_INVALID, "at least more than there are")
    if isinstance(condition, AllOf | AnyOf | AtLeast):
        for child in condition.of:
            _check_counts(child)


def _check_leaf(work: Workspace, leaf: Leaf) -> None:
    items = items_of(leaf)
    if len(set(items)) != len(items):
        raise Refusal(Reason.TERMS_INVALID, "one item twice in a condition")
    for identifier in items:
        try:
            parse_key(identifier)
        except DecodeError as error:
            raise Refusal(Reason.TERMS_INVALID, identifier[:80]) from error
    if isinstance(leaf, SignedBy):
        active_organisation(work, leaf.organisation)
    elif isinstance(leaf, Received | Shipped | DocumentRecorded) or (isinstance(leaf, InspectionPassed) and leaf.by):
        active_organisation(work, leaf.by)
