"""Rules of an obligation before it is owed: present, confirm by two persons, reject, cancel, expire.

Only the debtor's own keys can confirm; a creditor cannot relay a confirmation. Each invoice number of a creditor can be
confirmed once for ever: the debtor's keyed tag of it is a key of the state.
"""

from __future__ import annotations

from msgspec.structs import replace

from contracts.authority import active_organisation, require_use, signer_persons, signer_uses
from contracts.finance.finance_states import OBLIGATION, SLICE
from contracts.finance.maturity import MATURE
from contracts.finance.stored import Obligation, Slice, load_obligation
from contracts.interface import Refusal
from contracts.trade.ledger import need_account
from contracts.trade.trade_documents import need_document
from contracts.workspace import Workspace
from tallystick.conditions import DocumentType
from tallystick.encoding import ZERO32
from tallystick.limits import TENOR_MAX_MS
from tallystick.object_ids import object_id, slice_id
from tallystick.payloads.finance import CancelObligation, ConfirmObligation, PresentObligation, RejectObligation
from tallystick.reasons import Reason
from tallystick.records.base import Space
from tallystick.records.finance import (
    ObligationMembers,
    ObligationTag,
    SliceMembers,
    obligation_key,
    obligation_tag_key,
)
from tallystick.records.members import KeyUse

EXPIRE = "obligation.expire"


def present_obligation(work: Workspace, payload: PresentObligation) -> None:
    """Write a claim that the debtor has not answered yet."""
    require_use(work, KeyUse.TRADE)
    creditor = work.organisation
    if payload.debtor == creditor:
        raise Refusal(Reason.SAME_ORGANISATION, creditor)
    active_organisation(work, payload.debtor)
    need_account(work, payload.bank, payload.currency, creditor)
    now = work.block.time_ms
    if not now < payload.accept_deadline_ms < payload.due_ms:
        raise Refusal(Reason.TERMS_INVALID, "now < accept deadline < due date")
    if payload.due_ms - now > TENOR_MAX_MS:
        raise Refusal(Reason.TENOR_TOO_LONG, f"{TENOR_MAX_MS} ms at most")
    _check_documents(work, payload, creditor)
    identifier = object_id(Space.OBLIGATION, work.salt, creditor)
    if work.record(obligation_key(identifier)) is not None:
        raise Refusal(Reason.ALREADY_EXISTS, identifier.hex()[:16])
    Obligation(identifier, OBLIGATION.start, _terms_of(payload, creditor)).save(work)
    work.schedule(payload.accept_deadline_ms, EXPIRE, obligation_key(identifier), creditor)


def confirm_obligation(work: Workspace, payload: ConfirmObligation) -> None:
    """The debtor promises to pay; slice 0 goes to the creditor."""
    _require_two_persons(work)
    obligation = load_obligation(work, payload.obligation)
    terms = obligation.terms
    if work.organisation != terms.debtor:
        raise Refusal(Reason.NOT_DEBTOR, work.organisation)
    state = OBLIGATION.step(obligation.state, "confirm")
    if work.block.time_ms >= terms.accept_deadline_ms:
        raise Refusal(Reason.TOO_LATE, "accept deadline")
    if payload.amount > terms.face:
        raise Refusal(Reason.AMOUNT_MISMATCH, "more than the face")
    if payload.tag == ZERO32:
        raise Refusal(Reason.TERMS_INVALID, "tag")
    tag_key = obligation_tag_key(terms.debtor, payload.tag)
    if work.record(tag_key) is not None:
        raise Refusal(Reason.OBLIGATION_DUPLICATE, payload.obligation.hex()[:16])
    if payload.auto_debit:
        need_account(work, terms.bank, terms.currency, terms.debtor)
    work.write(tag_key, ObligationTag(payload.obligation, work.block.height))
    obligation.state = state
    obligation.terms = replace(
        terms, confirmed=payload.amount, tag=payload.tag, auto_debit=payload.auto_debit, slice_count=1
    )
    obligation.save(work)
    first = SliceMembers(payload.obligation, 0, 0, terms.creditor, payload.amount, 0, ZERO32)
    Slice(slice_id(payload.obligation, 0), SLICE.start, first).save(work)
    work.schedule(terms.due_ms, MATURE, obligation_key(payload.obligation), terms.creditor)


def reject_obligation(work: Workspace, payload: RejectObligation) -> None:
    """The debtor refuses; lenders with a grant see that, and why."""
    require_use(work, KeyUse.TRADE)
    obligation = load_obligation(work, payload.obligation)
    if work.organisation != obligation.terms.debtor:
        raise Refusal(Reason.NOT_DEBTOR, work.organisation)
    obligation.state = OBLIGATION.step(obligation.state, "reject")
    obligation.terms = replace(obligation.terms, reject_reason=int(payload.reason))
    obligation.save(work)


def cancel_obligation(work: Workspace, payload: CancelObligation) -> None:
    """The creditor takes its presentation back."""
    require_use(work, KeyUse.TRADE)
    obligation = load_obligation(work, payload.obligation)
    if work.organisation != obligation.terms.creditor:
        raise Refusal(Reason.NOT_OWNER, work.organisation)
    obligation.state = OBLIGATION.step(obligation.state, "cancel")
    obligation.save(work)


def expire_due(work: Workspace, subject: bytes) -> None:
    """Due work: the debtor did not answer before the accept deadline."""
    obligation = load_obligation(work, subject[1:])
    if (
        OBLIGATION.allows(obligation.state, "accept_deadline")
        and work.block.time_ms >= obligation.terms.accept_deadline_ms
    ):
        obligation.state = OBLIGATION.step(obligation.state, "accept_deadline")
        obligation.save(work)


def _require_two_persons(work: Workspace) -> None:
    """Two keys of two known, different persons: one for the maker, the other for the checker."""
    persons = signer_persons(work)
    if len(persons) != 2 or not all(persons) or persons[0] == persons[1]:
        raise Refusal(Reason.TWO_PERSONS_NEEDED, f"{len({person for person in persons if person})} of 2")
    first, second = signer_uses(work)
    maker, checker = KeyUse.CONFIRM_MAKER, KeyUse.CONFIRM_CHECKER
    if not ((maker in first and checker in second) or (checker in first and maker in second)):
        raise Refusal(Reason.KEY_NOT_FOR_THIS, f"{maker.name} and {checker.name}")


def _check_documents(work: Workspace, payload: PresentObligation, creditor: str) -> None:
    """The invoice, and whichever others are named, were recorded by the right side between these two parties."""
    expected = (
        (payload.order, payload.debtor, DocumentType.ORDER),
        (payload.despatch, creditor, DocumentType.DESPATCH_ADVICE),
        (payload.receipt, payload.debtor, DocumentType.RECEIPT_ADVICE),
        (payload.invoice, creditor, DocumentType.INVOICE),
    )
    for commitment, issuer, document_type in expected:
        if commitment != ZERO32 or document_type is DocumentType.INVOICE:
            need_document(
                work,
                issuer=issuer,
                commitment=commitment,
                parties=(creditor, payload.debtor),
                document_type=document_type,
            )


def _terms_of(payload: PresentObligation, creditor: str) -> ObligationMembers:
    return ObligationMembers(
        creditor=creditor,
        debtor=payload.debtor,
        bank=payload.bank,
        currency=payload.currency,
        face=payload.face,
        confirmed=0,
        paid=0,
        due_ms=payload.due_ms,
        grace_ms=payload.grace_ms,
        cure_ms=payload.cure_ms,
        accept_deadline_ms=payload.accept_deadline_ms,
        order=payload.order,
        despatch=payload.despatch,
        receipt=payload.receipt,
        invoice=payload.invoice,
        tag=ZERO32,
        auto_debit=False,
        slice_count=0,
        reject_reason=0,
    )
