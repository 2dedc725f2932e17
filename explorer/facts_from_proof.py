"""The facts of a page from a verified proof: what the page shows is then what the reader's browser checks."""

from __future__ import annotations

from explorer.facts import (
    CLASS,
    CONTAINER,
    INPUT,
    LOT,
    OWN,
    CorrectionFact,
    InspectionFact,
    ItemFacts,
    RecallFact,
    StepFact,
    in_order,
    read_public,
)
from tallystick.epcis import Identifier, corrective_events, declared_reason, parse_timestamp
from tallystick.errors import EventError
from tallystick.proofs import VerifiedItem
from tallystick.proofs.closure import Declared
from tallystick.records.goods import HistoryEntry, HistoryKind, RecallState


def facts_from_proof(verified: VerifiedItem, identifier: Identifier) -> ItemFacts:
    """Everything that a verified closure says about its subject."""
    closure = verified.closure
    part = closure.parts.get(identifier.key)
    item = part.item if part is not None else None
    recalls = _recalls(verified)
    if item is None:
        statements = _steps(verified, closure.statements, identifier.key, OWN)
        return ItemFacts(identifier.key, identifier.kind, known=False, statements=in_order(statements), recalls=recalls)
    assert part is not None
    journey, inputs = _journey(verified, identifier, item.lot)
    shown = {step.recorded for step in journey}
    sessions = [session.session.identifier for session in closure.sessions.values()]
    return ItemFacts(
        identifier.key,
        identifier.kind,
        known=True,
        status=item.status,
        origin=item.origin,
        origin_words=item.declared_origin,
        lots=(item.lot,) if item.lot else (),
        first_height=part.entries[0].height if part.entries else 0,
        journey=in_order(journey),
        inputs=in_order([step for step in inputs if step.recorded not in shown]),
        made_from=_made_from(verified, identifier.key),
        containers=tuple(dict.fromkeys(sessions)),
        inspections=_inspections(verified),
        recalls=recalls,
    )


def _journey(verified: VerifiedItem, identifier: Identifier, lot: str) -> tuple[list[StepFact], list[StepFact]]:
    """Steps of the thing, its lot, its class and its containers; and those of what it was made from."""
    relations = {identifier.key: OWN, lot: LOT, identifier.class_key or "": CLASS}
    relations[identifier.key] = OWN
    journey: list[StepFact] = []
    inputs: list[StepFact] = []
    for part in verified.closure.parts.values():
        relation = relations.get(part.identifier, INPUT)
        steps = _steps(verified, part.entries, part.identifier, relation)
        (inputs if relation == INPUT else journey).extend(steps)
    for session in verified.closure.sessions.values():
        journey += _steps(verified, session.entries, session.session.identifier, CONTAINER)
    return journey, inputs


def _made_from(verified: VerifiedItem, key: str) -> tuple[str, ...]:
    made = [each for each in verified.closure.transformations.values() if key in each.outputs]
    return tuple(dict.fromkeys(name for transformation in made for name in transformation.inputs))


def _steps(verified: VerifiedItem, entries: tuple[HistoryEntry, ...], about: str, relation: str) -> list[StepFact]:
    found = []
    for entry in entries:
        event = verified.events.get(entry.commitment)
        if event is None or entry.kind is HistoryKind.RECALL:
            continue
        public = read_public(event.public)
        signer = verified.signers.get(entry.commitment)
        correction = verified.closure.corrections.get(entry.recorded)
        found.append(
            StepFact(
                commitment=entry.commitment.hex(),
                about=about,
                relation=relation,
                kind=entry.kind,
                place=(entry.height, entry.transaction_index, entry.event_index),
                event_time_ms=_time_of(str(public.get("eventTime", ""))),
                public=public,
                organisation=entry.organisation
                if signer is not None and signer.organisation == entry.organisation
                else "",
                recorder=entry.organisation,
                correction=None if correction is None else _correction(correction, verified),
            )
        )
    return found


def _correction(declared: Declared, verified: VerifiedItem) -> CorrectionFact:
    event = verified.events.get(declared.declared_by)
    public = read_public(event.public) if event is not None else {}
    reason, corrective = declared_reason(public), corrective_events(public)
    return CorrectionFact(declared.declared_by.hex(), reason, declared.height, corrective)


def _time_of(text: str) -> int:
    try:
        return parse_timestamp(text)
    except EventError:  # the ledger took no such event; a verified one always has a time
        return 0


def _inspections(verified: VerifiedItem) -> tuple[InspectionFact, ...]:
    return tuple(
        InspectionFact(
            part.identifier,
            part.inspection.inspector,
            part.inspection.verdict,
            part.inspection.commitment.hex(),
            part.inspection.height,
        )
        for part in verified.closure.parts.values()
        if part.inspection is not None
    )


def _recalls(verified: VerifiedItem) -> tuple[RecallFact, ...]:
    """Recalls not lifted, as the subject itself, its lot, class or containers carry them; inputs' recalls reach it too.

    A recall of an input that was made before it spread here says so by its state.
    """
    found = [
        RecallFact(
            recall_id,
            recall.issuer,
            recall.reason,
            recall.severity,
            recall.roots,
            recall.height,
            spreading=recall.state is RecallState.SPREADING,
        )
        for recall_id, recall in verified.closure.recalls.items()
        if recall.state is not RecallState.LIFTED
    ]
    return tuple(sorted(found, key=lambda recall: -recall.height))
