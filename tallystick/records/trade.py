"""Records of trade: accounts at settlement banks, documents as commitments, escrow.

Balances, parties and amounts stand in members' halves; public halves say states and heights only.
Specification: docs/spec/trade.md.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from tallystick.conditions import Condition, DocumentType
from tallystick.encoding import Amount, Bytes32, Currency, Message, Name, Natural, PositiveAmount, TimeMs, encode
from tallystick.limits import (
    CONDITION_LEAVES_MAX,
    DOCUMENT_REFERENCES_MAX,
    ESCROW_ITEMS_MAX,
    ESCROW_MILESTONES_MAX,
    SIGNERS_MAX,
    WINDOW_MAX_MS,
)
from tallystick.records.base import Space, hash_key

WindowMs = Annotated[int, msgspec.Meta(ge=0, le=WINDOW_MAX_MS)]

# --- money ------------------------------------------------------------------------------------------------


class AccountPublic(Message, frozen=True):
    """Public half of an account or of a bank's book: that it was opened."""

    opened_height: Natural


class AccountMembers(Message, frozen=True):
    """Members' half of an account. Key: ``account_key(bank, currency, owner)``.

    Attributes:
        balance: minor units.
    """

    bank: Name
    currency: Currency
    owner: Name
    balance: Amount


class BankBook(Message, frozen=True):
    """Members' half of what a bank issued in a currency. Key: ``book_key(bank, currency)``.

    ``issued - redeemed`` is the sum of all accounts and all money locked in escrow, and at most ``AMOUNT_MAX``, so that
    no payment between accounts can overflow.
    """

    bank: Name
    currency: Currency
    issued: Natural
    redeemed: Natural


class Payment(Message, frozen=True):
    """A payment id was used. Key: ``payment_key(organisation, payment id)``. Public."""

    height: Natural


# --- documents --------------------------------------------------------------------------------------------


class DocumentReference(Message, frozen=True):
    """A document that another one refers to: who recorded it, and its commitment."""

    issuer: Name
    commitment: Bytes32


class DocumentPublic(Message, frozen=True):
    """Public half of a document: its type and when it was recorded."""

    document_type: DocumentType
    height: Natural


class DocumentMembers(Message, frozen=True):
    """Members' half of a document. Key: ``document_key(issuer, commitment)``. Prices and terms are not on the chain."""

    issuer: Name
    counterparty: Name
    references: Annotated[tuple[DocumentReference, ...], msgspec.Meta(max_length=DOCUMENT_REFERENCES_MAX)]


class DocumentLink(Message, frozen=True):
    """Newest document of a type by an issuer that refers to another. Key: ``document_link_key``. Public."""

    commitment: Bytes32
    height: Natural


# --- escrow -----------------------------------------------------------------------------------------------


class EscrowState(IntEnum):
    """Where an escrow stands; docs/spec/trade.md has the table."""

    CREATED = 1
    FUNDED = 2
    CLOSED = 3  # every milestone is paid out
    CANCELLED = 4  # never funded


class MilestoneState(IntEnum):
    """Where one milestone of an escrow stands."""

    WAITING = 1
    LATCHED = 2  # its condition held; the objection window runs
    DISPUTED = 3
    RELEASED = 4  # paid to the payee
    REFUNDED = 5  # paid back to the payer
    SETTLED = 6  # divided by settlement, ruling or default ruling


class DefaultRuling(IntEnum):
    """What happens to a disputed amount when nobody rules in time; chosen at creation."""

    REFUND = 1
    RELEASE = 2
    SPLIT = 3  # halves; the odd minor unit goes to the payer


class MilestoneTerms(Message, frozen=True):
    """One part of an escrow.

    Attributes:
        amount: minor units.
        objection_ms: how long either party may dispute after the condition held; 0 pays at once.
    """

    amount: PositiveAmount
    condition: Condition
    objection_ms: WindowMs


class EscrowTerms(Message, frozen=True):
    """What was agreed; never changed after creation.

    Attributes:
        bank, currency: both parties hold an account there.
        fund_deadline_ms: funding is allowed before it; at it the escrow is cancelled.
        refund_after_ms: from then on money whose condition does not hold goes back.
        arbitrator: organisation with that role.
        dispute_ms: time the arbitrator has; then the default ruling applies.
    """

    payer: Name
    payee: Name
    bank: Name
    currency: Currency
    milestones: Annotated[tuple[MilestoneTerms, ...], msgspec.Meta(min_length=1, max_length=ESCROW_MILESTONES_MAX)]
    fund_deadline_ms: TimeMs
    refund_after_ms: TimeMs
    arbitrator: Name
    dispute_ms: WindowMs
    default_ruling: DefaultRuling


class Evidence(Message, frozen=True):
    """What a leaf of a condition rested on when the condition latched: leaf number, item number, event commitment."""

    leaf: Natural
    item: Natural
    commitment: Bytes32


class SettlementOffer(Message, frozen=True):
    """What a party to a dispute would accept; two equal offers settle it."""

    by: Name
    to_payee: Amount


class MilestoneProgress(Message, frozen=True):
    """How far one milestone has come.

    Attributes:
        deadline_ms: end of the objection window (LATCHED) or of the arbitrator's time (DISPUTED); else 0.
        evidence: what the latched condition rests on.
        approvals: organisations that approved, sorted.
        offers: at most one per party, sorted by party.
        to_payee, to_payer: what was paid out; together the milestone's amount once it has ended, else 0.
    """

    state: MilestoneState = MilestoneState.WAITING
    deadline_ms: TimeMs = 0
    evidence: Annotated[tuple[Evidence, ...], msgspec.Meta(max_length=ESCROW_ITEMS_MAX)] = ()
    approvals: Annotated[tuple[Name, ...], msgspec.Meta(max_length=CONDITION_LEAVES_MAX)] = ()
    offers: Annotated[tuple[SettlementOffer, ...], msgspec.Meta(max_length=SIGNERS_MAX)] = ()
    to_payee: Amount = 0
    to_payer: Amount = 0


class EscrowPublic(Message, frozen=True):
    """Public half of an escrow: states, no parties, no amounts."""

    state: EscrowState
    milestones: Annotated[tuple[MilestoneState, ...], msgspec.Meta(min_length=1, max_length=ESCROW_MILESTONES_MAX)]


class EscrowMembers(Message, frozen=True):
    """Members' half of an escrow. Key: ``escrow_key(id)``."""

    terms: EscrowTerms
    progress: Annotated[tuple[MilestoneProgress, ...], msgspec.Meta(min_length=1, max_length=ESCROW_MILESTONES_MAX)]


# --- keys -------------------------------------------------------------------------------------------------


def account_key(bank: str, currency: str, owner: str) -> bytes:
    """Key of an organisation's account at a bank: one per currency."""
    return bytes((Space.ACCOUNT,)) + encode((bank, currency, owner))


def book_key(bank: str, currency: str) -> bytes:
    """Key of what a bank issued in a currency; no organisation has an empty id."""
    return account_key(bank, currency, "")


def payment_key(organisation: str, payment_id: bytes) -> bytes:
    """Key of a used payment id (32 bytes, chosen by the payer, its own per organisation)."""
    return hash_key(Space.PAYMENT, payment_id) + organisation.encode()


def document_key(issuer: str, commitment: bytes) -> bytes:
    """Key of a document: nobody can take another issuer's commitment in advance."""
    assert len(commitment) == 32
    return bytes((Space.DOCUMENT, 0)) + commitment + issuer.encode()


def document_link_key(reference: bytes, type_: DocumentType, issuer: str) -> bytes:
    """Key of the newest document of a type by ``issuer`` that refers to the document ``reference`` (its commitment)."""
    assert len(reference) == 32
    return bytes((Space.DOCUMENT, 1)) + reference + bytes((type_,)) + issuer.encode()


def escrow_key(escrow: bytes) -> bytes:
    """Key of an escrow by its 32-byte id."""
    return hash_key(Space.ESCROW, escrow)
