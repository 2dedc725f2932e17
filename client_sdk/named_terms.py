"""What a payload is about, in words: who signs a confirmation signs an id and a number of minor units.

The objects that a payload names (obligation, slice, deal, escrow, grant, account) are read with their proofs, and the
payload's amounts are written in the currency that they are in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from client_sdk.reader import ProvenRecord, Reader
from tallystick.encoding import Message
from tallystick.epcis import format_timestamp
from tallystick.errors import DecodeError
from tallystick.money import format_amount
from tallystick.payloads import finance, trade
from tallystick.records.finance import (
    DealMembers,
    DealPublic,
    Grant,
    ObligationMembers,
    ObligationPublic,
    SliceMembers,
    SlicePublic,
    deal_key,
    grant_key,
    obligation_key,
    obligation_subject,
    slice_key,
)
from tallystick.records.trade import (
    AccountMembers,
    EscrowMembers,
    EscrowPublic,
    MilestoneTerms,
    account_key,
    escrow_key,
)

_AMOUNTS = ("face", "amount", "advance", "parts", "to_payee", "milestones")
_ACCOUNTS = (trade.IssueDeposit, trade.RedeemDeposit, trade.Transfer)
_ID = re.compile("[0-9a-f]{64}")
_OBLIGATION = obligation_subject(b"")


@dataclass(frozen=True, slots=True)
class Named:
    """An object that a payload names, proven as of one height.

    Attributes:
        fields: stable names for programs: ``kind``, ``id``, ``exists``, ``height``, ``currency`` and its terms.
        words: the same for people, a line each.
    """

    fields: dict[str, Any]
    words: tuple[str, ...]

    @property
    def currency(self) -> str:
        """What its amounts are in; empty where it has none."""
        return str(self.fields.get("currency", ""))


def names_objects(payload: Message) -> bool:
    """Whether there is anything to look up."""
    if isinstance(payload, finance.GrantAccess):
        return any(subject.startswith(_OBLIGATION) for subject in payload.subjects)
    names = ("obligation", "slice", "deal", "escrow", "grant")
    return isinstance(payload, (finance.OfferSlice, *_ACCOUNTS)) or any(hasattr(payload, name) for name in names)


def amounts_of(payload: Message, named: tuple[Named, ...]) -> dict[str, str | list[str]]:
    """A payload's amounts as '15000.00 CNY', by field; empty where nobody says what currency they are in."""
    terms: Message = getattr(payload, "terms", payload)
    currency: str = getattr(terms, "currency", "") or next((one.currency for one in named if one.currency), "")
    shown: dict[str, str | list[str]] = {}
    for name in _AMOUNTS:
        if not currency or not hasattr(terms, name):
            continue
        value = getattr(terms, name)
        if isinstance(value, tuple):
            shown[name] = [money(part.amount if isinstance(part, MilestoneTerms) else part, currency) for part in value]
        else:
            shown[name] = money(value, currency)
    return shown


def money(amount: int, currency: str) -> str:
    """Minor units as '15000.00 CNY'; of a currency that this software does not know they stay minor units."""
    try:
        return f"{format_amount(amount, currency)} {currency}"
    except DecodeError:
        return f"{amount} minor units of {currency}"


class NamedTerms:
    """Reads what a payload names.

    Args:
        organisation: whose account a payment goes from; empty where nobody says.
    """

    def __init__(self, reader: Reader, organisation: str) -> None:
        self._reader = reader
        self._organisation = organisation

    def of(self, payload: Message) -> tuple[Named, ...]:
        """The object that it names, then those behind it.

        Raises:
            VerificationError: a node showed something that does not hold.
            DoorError, UnavailableError, ConfigError: they cannot be read, or not with this key.
        """
        if isinstance(payload, finance.GrantAccess):
            subjects = [text.removeprefix(_OBLIGATION) for text in payload.subjects if text.startswith(_OBLIGATION)]
            return tuple(named for text in subjects for named in self._obligation_text(text))
        if isinstance(payload, finance.OfferSlice):
            return self._slice(payload.terms.slice)
        if isinstance(payload, trade.IssueDeposit):
            return self._account(self._organisation, payload.currency, payload.owner)
        if isinstance(payload, (trade.RedeemDeposit, trade.Transfer)):
            return self._account(payload.bank, payload.currency, self._organisation)
        for name, read in (
            ("obligation", self._obligation),
            ("slice", self._slice),
            ("deal", self._deal),
            ("escrow", self._escrow),
            ("grant", self._grant),
        ):
            if hasattr(payload, name):
                return read(getattr(payload, name))
        return ()

    # --- finance ------------------------------------------------------------------------------------------

    def _obligation(self, id_: bytes) -> tuple[Named, ...]:
        record = self._reader.record(obligation_key(id_), members=True)
        if not record.exists:
            return (_absent("obligation", id_.hex(), record),)
        state, terms = record.public_as(ObligationPublic).state.name.lower(), record.members_as(ObligationMembers)
        names = ("creditor", "debtor", "bank", "currency", "face", "confirmed", "paid", "due_ms", "accept_deadline_ms")
        kinds = ("invoice", "order", "despatch", "receipt")
        papers = {name: getattr(terms, name).hex() for name in kinds if any(getattr(terms, name))}
        fields = {name: getattr(terms, name) for name in names} | papers
        answered = f", confirmed {money(terms.confirmed, terms.currency)}" if terms.confirmed else ""
        paid = f", paid {money(terms.paid, terms.currency)}" if terms.paid else ""
        words = (
            f"{terms.debtor} owes {terms.creditor} {money(terms.face, terms.currency)}{answered}{paid}",
            f"due {format_timestamp(terms.due_ms)}, paid at {terms.bank}",
            *(f"{name} {commitment}" for name, commitment in papers.items()),
        )
        return (_present("obligation", id_.hex(), record, state, fields, words),)

    def _obligation_text(self, text: str) -> tuple[Named, ...]:
        """A grant's subject; whoever wrote the draft may have written anything there."""
        return self._obligation(bytes.fromhex(text)) if _ID.fullmatch(text) else ()

    def _slice(self, id_: bytes) -> tuple[Named, ...]:
        record = self._reader.record(slice_key(id_), members=True)
        if not record.exists:
            return (_absent("slice", id_.hex(), record),)
        state, terms = record.public_as(SlicePublic).state.name.lower(), record.members_as(SliceMembers)
        behind = self._obligation(terms.obligation)
        currency = behind[0].currency
        fields = {"owner": terms.owner, "amount": terms.amount, "paid": terms.paid, "currency": currency}
        words = (f"number {terms.index}, of {terms.owner}: {money(terms.outstanding, currency)} still to come",)
        return (_present("slice", id_.hex(), record, state, fields, words), *behind)

    def _deal(self, id_: bytes) -> tuple[Named, ...]:
        record = self._reader.record(deal_key(id_), members=True)
        if not record.exists:
            return (_absent("deal", id_.hex(), record),)
        state, deal = record.public_as(DealPublic).state.name.lower(), record.members_as(DealMembers)
        terms, behind = deal.terms, self._slice(deal.terms.slice)
        currency = behind[-1].currency
        fields = {
            "owner": deal.owner, "lender": terms.lender, "pricing": terms.pricing.name.lower(),
            "advance": terms.advance, "rate_bps": terms.rate_bps, "day_count": terms.day_count.name.lower(),
            "recourse": terms.recourse, "deadline_ms": terms.deadline_ms, "debt": deal.debt, "currency": currency,
        }  # fmt: skip
        price = f"an advance of {money(terms.advance, currency)}" if terms.advance else "a straight discount"
        recourse = "with" if terms.recourse else "without"
        owed = (f"owed to the lender: {money(deal.debt, currency)}",) if deal.debt else ()
        words = (
            f"{terms.lender} finances {deal.owner}: {price} at {terms.rate_bps} basis points a year",
            f"{recourse} recourse, to be accepted by {format_timestamp(terms.deadline_ms)}",
            *owed,
        )
        return (_present("deal", id_.hex(), record, state, fields, words), *behind)

    def _grant(self, id_: bytes) -> tuple[Named, ...]:
        record = self._reader.record(grant_key(id_), members=True)
        if not record.exists:
            return (_absent("grant", id_.hex(), record),)
        grant = record.members_as(Grant)
        fields = {"owner": grant.owner, "grantee": grant.grantee, "until_ms": grant.until_ms}
        words = (f"{grant.owner} lets {grant.grantee} see {len(grant.subjects)} things",
                 f"until {format_timestamp(grant.until_ms)}")  # fmt: skip
        subjects = [text.removeprefix(_OBLIGATION) for text in grant.subjects if text.startswith(_OBLIGATION)]
        behind = [named for text in subjects for named in self._obligation_text(text)]
        state = "revoked" if grant.revoked_ms else "given"
        return (_present("grant", id_.hex(), record, state, fields, words), *behind)

    # --- trade --------------------------------------------------------------------------------------------

    def _escrow(self, id_: bytes) -> tuple[Named, ...]:
        record = self._reader.record(escrow_key(id_), members=True)
        if not record.exists:
            return (_absent("escrow", id_.hex(), record),)
        state, escrow = record.public_as(EscrowPublic).state.name.lower(), record.members_as(EscrowMembers)
        terms = escrow.terms
        milestones = [
            {"amount": part.amount, "state": progress.state.name.lower()}
            for part, progress in zip(terms.milestones, escrow.progress, strict=True)
        ]
        fields = {
            "payer": terms.payer, "payee": terms.payee, "bank": terms.bank, "currency": terms.currency,
            "arbitrator": terms.arbitrator, "milestones": milestones,
        }  # fmt: skip
        total = sum(part.amount for part in terms.milestones)
        words = (
            f"{terms.payer} pays {terms.payee} {money(total, terms.currency)} in all, through {terms.bank}",
            f"arbitrator {terms.arbitrator}",
            *(
                f"milestone {place}: {money(part.amount, terms.currency)}, {progress.state.name.lower()}"
                for place, (part, progress) in enumerate(zip(terms.milestones, escrow.progress, strict=True))
            ),
        )
        return (_present("escrow", id_.hex(), record, state, fields, words),)

    def _account(self, bank: str, currency: str, owner: str) -> tuple[Named, ...]:
        if not bank or not owner:
            return ()  # nobody says who signs
        record = self._reader.record(account_key(bank, currency, owner), members=True)
        name = f"{owner} at {bank} in {currency}"
        if not record.exists:
            return (_absent("account", name, record),)
        balance = record.members_as(AccountMembers).balance
        fields = {"bank": bank, "currency": currency, "owner": owner, "balance": balance}
        return (_present("account", name, record, "open", fields, (f"balance {money(balance, currency)}",)),)


def _present(
    kind: str, id_: str, record: ProvenRecord, state: str, fields: dict[str, Any], words: tuple[str, ...]
) -> Named:
    height = record.anchor.executed.height
    first = f"{kind} {id_}: {state}, as of height {height} (proven)"
    head = {"kind": kind, "id": id_, "exists": True, "state": state, "height": height}
    return Named(head | fields, (first, *(f"  {line}" for line in words)))


def _absent(kind: str, id_: str, record: ProvenRecord) -> Named:
    height = record.anchor.executed.height
    words = f"there is no {kind} {id_}, as of height {height} (proven)"
    return Named({"kind": kind, "id": id_, "exists": False, "height": height}, (words,))
