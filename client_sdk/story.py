"""A verified item as facts in order: what happened, by whom, where, when; recalls first, corrections beside the event.

Only what the proof shows; nothing here asks a node. The same lines serve ``trace``, ``verify`` and programs.
"""

from __future__ import annotations

from dataclasses import dataclass

from tallystick.epcis import JsonObject, declared_reason, read_canonical
from tallystick.limits import EVENT_PART_SIZE_MAX
from tallystick.proofs import VerifiedItem
from tallystick.records.goods import HistoryEntry, HistoryKind, RecallState


@dataclass(frozen=True, slots=True)
class RecallFact:
    """A recall on the item or on something that it is part of, made from or packed in."""

    id: str
    issuer: str
    reason: str
    severity: int
    state: RecallState


@dataclass(frozen=True, slots=True)
class EventFact:
    """One event of the closure.

    Attributes:
        of: whose history it stands in: an identifier, or a container session.
        time, offset: of the event, as its signer wrote them.
        place: read point, or empty where the profile does not show it.
        signer: organisation id, empty where the proof does not show it.
        corrected: it was declared erroneous; ``correction_reason`` says why.
        declares_error: it is such a declaration, which repeats the event that it takes back.
        readings: of sensors, as texts; none in a declaration, which says that they were wrong.
    """

    of: str
    kind: HistoryKind
    commitment: bytes
    height: int
    time: str
    offset: str
    step: str
    disposition: str
    place: str
    signer: str
    corrected: bool
    correction_reason: str
    declares_error: bool
    event_id: str
    readings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """Facts about one identifier, as of a height.

    Attributes:
        verdict: ``proven``, ``partly``, ``stated`` or ``unknown-item``.
        status: of the item itself, empty when nobody controls it.
        missing: what the proof does not show, in words.
    """

    subject: str
    verdict: str
    status: str
    height: int
    time_ms: int
    signers: tuple[str, ...]
    recalls: tuple[RecallFact, ...]
    events: tuple[EventFact, ...]
    missing: tuple[str, ...]


def tell(item: VerifiedItem) -> Story:
    """The story of a verified item: every event of its closure once per recorder, in the order of the chain."""
    closure = item.closure
    placed: dict[tuple[bytes, str], tuple[str, HistoryEntry]] = {}
    for identifier, part in closure.parts.items():
        for entry in part.entries:
            placed.setdefault(entry.recorded, (identifier, entry))
    for session in closure.sessions.values():
        for entry in session.entries:
            placed.setdefault(entry.recorded, (session.session.identifier, entry))
    for entry in closure.statements:
        placed.setdefault(entry.recorded, (closure.subject, entry))
    order = sorted(
        placed.values(), key=lambda pair: (pair[1].height, pair[1].transaction_index, pair[1].event_index, pair[0])
    )
    own = closure.parts.get(closure.subject)
    moment = item.as_of if item.as_of is not None else item.anchor.executed
    return Story(
        subject=closure.subject,
        verdict=item.verdict.value,
        status=own.item.status.name.lower() if own is not None and own.item is not None else "",
        height=moment.height,
        time_ms=moment.time_ms,
        signers=item.anchor.signers,
        recalls=_recalls(item),
        events=tuple(_fact(item, of, entry) for of, entry in order if entry.kind is not HistoryKind.RECALL),
        missing=tuple(closure.missing),
    )


def _recalls(item: VerifiedItem) -> tuple[RecallFact, ...]:
    facts = [
        RecallFact(id_, recall.issuer, recall.reason, recall.severity, recall.state)
        for id_, recall in item.closure.recalls.items()
    ]
    return tuple(sorted(facts, key=lambda fact: (fact.state is RecallState.LIFTED, fact.severity, fact.id)))


def _fact(item: VerifiedItem, of: str, entry: HistoryEntry) -> EventFact:
    fields = _shown(item, entry.commitment)
    signer = item.signers.get(entry.commitment)
    correction = item.closure.corrections.get(entry.recorded)
    point = fields.get("readPoint")
    declares_error = entry.kind is HistoryKind.CORRECT or "errorDeclaration" in fields
    return EventFact(
        of=of,
        kind=entry.kind,
        commitment=entry.commitment,
        height=entry.height,
        time=_text(fields.get("eventTime")),
        offset=_text(fields.get("eventTimeZoneOffset")),
        step=_text(fields.get("bizStep")),
        disposition=_text(fields.get("disposition")),
        place=_text(point.get("id")) if type(point) is dict else "",
        signer=entry.organisation if signer is not None and signer.organisation == entry.organisation else "",
        corrected=correction is not None,
        correction_reason=declared_reason(_shown(item, correction.declared_by)) if correction is not None else "",
        declares_error=declares_error,
        event_id=_text(fields.get("eventID")),
        readings=() if declares_error else tuple(_readings(fields.get("sensorElementList"))),
    )


def _shown(item: VerifiedItem, commitment: bytes) -> JsonObject:
    """The public part of an event; empty where it is not shown."""
    shown = item.events.get(commitment)
    event = read_canonical(shown.public, EVENT_PART_SIZE_MAX) if shown is not None else None
    return event if type(event) is dict else {}


def _readings(elements: object) -> list[str]:
    """Sensor values as short texts; the event was checked when it was admitted, but shapes are not assumed."""
    texts: list[str] = []
    for element in elements if isinstance(elements, list) else []:
        reports = element.get("sensorReport") if isinstance(element, dict) else None
        for report in reports if isinstance(reports, list) else []:
            if isinstance(report, dict) and "value" in report:
                value = getattr(report["value"], "text", report["value"])
                texts.append(f"{_text(report.get('type'))} {value} {_text(report.get('uom'))}".strip())
    return texts


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
