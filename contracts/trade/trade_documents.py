"""The rule of documents: orders, advices, invoices as salted commitments that refer to one another."""

from __future__ import annotations

from contracts.authority import active_organisation, require_use
from contracts.interface import Refusal
from contracts.workspace import Workspace
from tallystick.conditions import DocumentType
from tallystick.payloads.trade import RecordDocument
from tallystick.reasons import Reason
from tallystick.records.members import KeyUse
from tallystick.records.trade import (
    DocumentLink,
    DocumentMembers,
    DocumentPublic,
    document_key,
    document_link_key,
)


def record_document(work: Workspace, payload: RecordDocument) -> None:
    """Record a document, and for each document it refers to the link that conditions of escrow look up."""
    require_use(work, KeyUse.TRADE)
    issuer = work.organisation
    if payload.counterparty == issuer:
        raise Refusal(Reason.SAME_ORGANISATION, issuer)
    active_organisation(work, payload.counterparty)
    key = document_key(issuer, payload.commitment)
    if work.record(key) is not None:
        raise Refusal(Reason.ALREADY_EXISTS, payload.commitment.hex()[:16])
    for reference in payload.references:
        need_document(
            work,
            issuer=reference.issuer,
            commitment=reference.commitment,
            parties=(issuer, payload.counterparty),
        )
        link = DocumentLink(payload.commitment, work.block.height)
        work.write(document_link_key(reference.commitment, payload.document_type, issuer), link)
    members = DocumentMembers(issuer, payload.counterparty, payload.references)
    work.write(key, DocumentPublic(payload.document_type, work.block.height), members)


def need_document(
    work: Workspace,
    *,
    issuer: str,
    commitment: bytes,
    parties: tuple[str, str],
    document_type: DocumentType | None = None,
) -> None:
    """Refuse unless ``issuer`` recorded this document between these two parties (in either direction)."""
    key = document_key(issuer, commitment)
    public = work.public(key, DocumentPublic)
    members = work.members(key, DocumentMembers)
    if public is None or members is None or (document_type is not None and public.document_type is not document_type):
        raise Refusal(Reason.DOCUMENT_MISSING, commitment.hex()[:16])
    if {members.issuer, members.counterparty} != set(parties):
        raise Refusal(Reason.NOT_A_PARTY_TO_THE_DEAL, commitment.hex()[:16])
