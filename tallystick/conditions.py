"""Conditions of payment: small trees over what the ledger knows, terms as data.

Leaves are about effective events, inspections, documents, time and approvals; inner nodes are all, any, at least k. A
tree has at most ``CONDITION_DEPTH_MAX`` levels and ``CONDITION_LEAVES_MAX`` leaves. Leaves are numbered from 0 in
reading order. Specification: docs/spec/trade.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Annotated, TypeAlias, Union

import msgspec

from tallystick.encoding import Bytes32, Message, Name, Text, TimeMs
from tallystick.limits import CONDITION_LEAVES_MAX, ESCROW_ITEMS_MAX


class DocumentType(IntEnum):
    """Business documents by their UBL names. Numbers are on the ledger and never reused."""

    ORDER = 1
    ORDER_RESPONSE = 2
    DESPATCH_ADVICE = 3
    RECEIPT_ADVICE = 4
    INVOICE = 5
    CREDIT_NOTE = 6


Items = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=ESCROW_ITEMS_MAX)]
Children = Annotated[tuple["Condition", ...], msgspec.Meta(min_length=1, max_length=CONDITION_LEAVES_MAX)]


class AllOf(Message, frozen=True, tag=1):
    """Every child holds."""

    of: Children


class AnyOf(Message, frozen=True, tag=2):
    """At least one child holds."""

    of: Children


class AtLeast(Message, frozen=True, tag=3):
    """At least ``count`` children hold; 1 ≤ count ≤ number of children."""

    count: Annotated[int, msgspec.Meta(ge=1, le=CONDITION_LEAVES_MAX)]
    of: Children


class Received(Message, frozen=True, tag=10):
    """Each item's newest effective receiving is by ``by``, in a block before ``before_ms`` (0: at any time)."""

    items: Items
    by: Name
    before_ms: TimeMs


class InspectionPassed(Message, frozen=True, tag=11):
    """Each item's newest inspection passed; by ``by``, or by any accredited inspector when it is empty."""

    items: Items
    by: Text


class Shipped(Message, frozen=True, tag=12):
    """Each item's newest effective shipping is by ``by``."""

    items: Items
    by: Name


class DocumentRecorded(Message, frozen=True, tag=13):
    """``by`` recorded a document of this type that refers to the document with this commitment."""

    document_type: DocumentType
    reference: Bytes32
    by: Name


class TimeReached(Message, frozen=True, tag=14):
    """Block time is at or after ``at_ms``."""

    at_ms: TimeMs


class SignedBy(Message, frozen=True, tag=15):
    """The organisation approved this milestone by ApproveMilestone."""

    organisation: Name


Leaf: TypeAlias = Received | InspectionPassed | Shipped | DocumentRecorded | TimeReached | SignedBy
Condition: TypeAlias = Union[  # noqa: UP007 — read by msgspec through a forward reference
    AllOf, AnyOf, AtLeast, Received, InspectionPassed, Shipped, DocumentRecorded, TimeReached, SignedBy
]


def depth_of(condition: Condition) -> int:
    """Levels of a tree; 1 for a leaf."""
    if isinstance(condition, AllOf | AnyOf | AtLeast):
        return 1 + max(depth_of(child) for child in condition.of)
    return 1


def leaves_of(condition: Condition) -> Iterator[Leaf]:
    """The leaves in reading order."""
    if isinstance(condition, AllOf | AnyOf | AtLeast):
        for child in condition.of:
            yield from leaves_of(child)
    else:
        yield condition


def items_of(leaf: Leaf) -> tuple[str, ...]:
    """The identifiers that a leaf names; empty for leaves that are not about goods."""
    return leaf.items if isinstance(leaf, Received | InspectionPassed | Shipped) else ()
