"""The lender's query: what owners granted to this organisation, each fact with its proof, and no other lien.

A grant is judged by the block time of its own proof. Without a grant nothing is answered, also where a node would
show it to any member: what is not granted for the purpose is not evidence that a lender may rest on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from client_sdk.errors import refused
from client_sdk.reader import ProvenRecord, Reader
from tallystick.errors import ProofError, RefusedError
from tallystick.object_ids import slice_id
from tallystick.proofs import ProofCode
from tallystick.reasons import Reason
from tallystick.records.finance import (
    Grant,
    GrantField,
    LienMembers,
    LienPublic,
    LienState,
    ObligationMembers,
    ObligationPublic,
    ObligationState,
    SliceMembers,
    SlicePublic,
    SliceState,
    grant_key,
    grant_verdict,
    lien_key,
    obligation_key,
    slice_key,
)
from tallystick.records.goods import Inspection, RecallState

_OBLIGATION = "obligation:"


@dataclass(frozen=True, slots=True)
class SliceView:
    """One slice of a confirmed obligation, and who holds the lien on it.

    Attributes:
        outstanding: minor units still to come.
        lien: None proves that nobody ever held one; else its state.
        lien_holder: organisation; empty where there is no lien.
    """

    id: bytes
    state: SliceState
    owner: str
    outstanding: int
    lien: LienState | None
    lien_holder: str

    @property
    def free(self) -> bool:
        """Whether nobody holds a lien now."""
        return self.lien is not LienState.HELD


@dataclass(frozen=True, slots=True)
class ItemEvidence:
    """What is proven about goods that a grant names.

    Attributes:
        verdict: ``proven``, ``partly``, ``stated`` or ``unknown-item``.
        event_count: entries of the item's own history.
        recalls: ids of recalls in force on any part of it.
        inspection: newest one of the item or its lot, or None.
    """

    identifier: str
    verdict: ProofCode
    event_count: int
    corrected_count: int
    recalls: tuple[str, ...]
    inspection: Inspection | None


@dataclass(frozen=True, slots=True)
class Receivable:
    """One granted obligation with its evidence.

    Attributes:
        height, time_ms: of the state that the obligation's proof is about.
        terms: None unless the grant opens OBLIGATION.
        documents: name to commitment, empty unless the grant opens DOCUMENTS.
        evidence: of the goods that the same grant names, empty unless it opens EVENTS or QUALITY.
    """

    grant_id: bytes
    grant: Grant
    obligation: bytes
    state: ObligationState
    height: int
    time_ms: int
    terms: ObligationMembers | None
    slices: tuple[SliceView, ...]
    documents: dict[str, bytes]
    evidence: tuple[ItemEvidence, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """What one organisation may ask.

    Attributes:
        organisation: who asks, for instance ``org:lender-a``.
    """

    reader: Reader
    organisation: str

    def receivables(self, grants: Iterable[bytes]) -> tuple[tuple[Receivable, ...], dict[bytes, RefusedError]]:
        """Every obligation that these grants open, and why the others answer nothing."""
        shown: list[Receivable] = []
        denied: dict[bytes, RefusedError] = {}
        for grant_id in grants:
            try:
                shown += self.of_grant(grant_id)
            except RefusedError as error:
                denied[grant_id] = error
        return tuple(shown), denied

    def of_grant(self, grant_id: bytes) -> tuple[Receivable, ...]:
        """The obligations of one grant.

        Raises:
            RefusedError: GRANT_MISSING or GRANT_EXPIRED.
        """
        grant = self.grant(grant_id)
        subjects = [text for text in grant.subjects if text.startswith(_OBLIGATION)]
        return tuple(self._receivable(grant_id, grant, _obligation_of(text)) for text in subjects)

    def grant(self, grant_id: bytes, subject: str | None = None) -> Grant:
        """A grant that this organisation may use now.

        Args:
            subject: what it must cover; None takes it as it is.
        Raises:
            RefusedError: GRANT_MISSING or GRANT_EXPIRED.
        """
        record = self.reader.record(grant_key(grant_id), members=True)
        if not record.exists:
            raise refused(Reason.GRANT_MISSING, grant_id.hex())
        grant = record.members_as(Grant)
        now_ms = record.anchor.executed.time_ms
        asked = subject if subject is not None else grant.subjects[0]
        verdict = grant_verdict(grant, grantee=self.organisation, subject=asked, now_ms=now_ms)
        if verdict is not Reason.NONE:
            raise refused(verdict, grant_id.hex())
        return grant

    def _receivable(self, grant_id: bytes, grant: Grant, obligation: bytes) -> Receivable:
        record = self.reader.record(obligation_key(obligation), members=True)
        if not record.exists:
            raise refused(Reason.NOT_FOUND, obligation.hex())
        terms = record.members_as(ObligationMembers)
        opened = GrantField.OBLIGATION in grant.fields
        goods = [text for text in grant.subjects if not text.startswith(_OBLIGATION)]
        wants_goods = GrantField.EVENTS in grant.fields or GrantField.QUALITY in grant.fields
        return Receivable(
            grant_id=grant_id,
            grant=grant,
            obligation=obligation,
            state=record.public_as(ObligationPublic).state,
            height=record.anchor.executed.height,
            time_ms=record.anchor.executed.time_ms,
            terms=terms if opened else None,
            slices=self._slices(obligation, terms.slice_count) if opened else (),
            documents=_documents(terms) if GrantField.DOCUMENTS in grant.fields else {},
            evidence=tuple(self._evidence(identifier) for identifier in goods) if wants_goods else (),
        )

    def _slices(self, obligation: bytes, count: int) -> tuple[SliceView, ...]:
        views: list[SliceView] = []
        for index in range(count):
            id_ = slice_id(obligation, index)
            record = self.reader.record(slice_key(id_), members=True)
            if not record.exists:
                raise ProofError(ProofCode.NOT_SHOWN, f"slice {index} of the obligation is not there")
            members = record.members_as(SliceMembers)
            lien = self.reader.record(lien_key(id_), members=True)
            views.append(
                SliceView(
                    id_,
                    record.public_as(SlicePublic).state,
                    members.owner,
                    members.outstanding,
                    lien.public_as(LienPublic).state if lien.exists else None,
                    _holder(lien),
                )
            )
        return tuple(views)

    def _evidence(self, identifier: str) -> ItemEvidence:
        item = self.reader.item(identifier)
        own = item.closure.parts.get(identifier)
        inspections = [part.inspection for part in item.closure.parts.values() if part.inspection is not None]
        in_force = [id_ for id_, recall in item.closure.recalls.items() if recall.state is not RecallState.LIFTED]
        return ItemEvidence(
            identifier,
            item.verdict,
            len(own.entries) if own is not None else 0,
            len(item.closure.corrections),
            tuple(sorted(in_force)),
            max(inspections, key=lambda inspection: inspection.height, default=None),
        )


def _holder(lien: ProvenRecord) -> str:
    if not lien.exists or lien.public_as(LienPublic).state is not LienState.HELD:
        return ""
    return lien.members_as(LienMembers).holder


def _obligation_of(subject: str) -> bytes:
    return bytes.fromhex(subject.removeprefix(_OBLIGATION))


def _documents(terms: ObligationMembers) -> dict[str, bytes]:
    every = {"order": terms.order, "despatch": terms.despatch, "receipt": terms.receipt, "invoice": terms.invoice}
    return {name: commitment for name, commitment in every.items() if any(commitment)}
