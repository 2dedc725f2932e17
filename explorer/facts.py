"""What a product page states, whichever way it was learnt: from a verified proof, or from checked rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tallystick.epcis import IdentifierKind
from tallystick.records.goods import HistoryKind, ItemStatus, Origin, Verdict

OWN, LOT, CLASS, CONTAINER, INPUT = "own", "lot", "class", "container", "input"


@dataclass(frozen=True, slots=True)
class CorrectionFact:
    """That an event was declared erroneous.

    Attributes:
        declared_by: commitment of the declaring event, hex.
        corrective: ids of events that replace it.
    """

    declared_by: str
    reason: str
    height: int
    corrective: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepFact:
    """One event in the journey of a thing.

    Attributes:
        commitment: hex.
        about: key text of the thing whose history holds it; ``relation`` says what that is to the page's subject.
        public: the event's public part as JSON.
        organisation: id of the signer, or empty where it is not shown.
        recorder: id of the organisation that recorded it there, shown or not.
    """

    commitment: str
    about: str
    relation: str
    kind: HistoryKind
    place: tuple[int, int, int]
    event_time_ms: int
    public: Mapping[str, Any]
    organisation: str
    recorder: str
    correction: CorrectionFact | None = None

    @property
    def recorded(self) -> tuple[str, str]:
        """Which event this is: two organisations may have recorded one with the same bytes."""
        return self.commitment, self.recorder

    @property
    def height(self) -> int:
        """Height of the block that holds it."""
        return self.place[0]

    @property
    def biz_step(self) -> str:
        """Bare CBV word or URI, or empty."""
        return str(self.public.get("bizStep", ""))

    @property
    def disposition(self) -> str:
        """Bare CBV word or URI, or empty."""
        return str(self.public.get("disposition", ""))

    @property
    def read_point(self) -> str:
        """URI of the place where it happened, or empty."""
        place = self.public.get("readPoint")
        return str(place.get("id", "")) if isinstance(place, dict) else ""


@dataclass(frozen=True, slots=True)
class InspectionFact:
    """The newest inspection of one thing."""

    about: str
    inspector: str
    verdict: Verdict
    commitment: str
    height: int


@dataclass(frozen=True, slots=True)
class RecallFact:
    """A recall in force on the thing, its lot, its class or a container it was in."""

    recall_id: str
    issuer: str
    reason: str
    severity: int
    roots: tuple[str, ...]
    height: int
    spreading: bool = False


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """Everything a product page states.

    Attributes:
        known: under control; else only statements exist, or nothing.
        journey: own, lot's, class's and containers' events by event time.
        inputs: events about what it was made from, one level.
        statements: events about an identifier that nobody controls.
    """

    identifier: str
    kind: IdentifierKind
    known: bool
    status: ItemStatus = ItemStatus.ACTIVE
    origin: Origin = Origin.COMMISSIONED
    origin_words: str = ""
    lots: tuple[str, ...] = ()
    first_height: int = 0
    journey: tuple[StepFact, ...] = ()
    inputs: tuple[StepFact, ...] = ()
    statements: tuple[StepFact, ...] = ()
    made_from: tuple[str, ...] = ()
    used_for: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    inspections: tuple[InspectionFact, ...] = ()
    recalls: tuple[RecallFact, ...] = field(default=())

    @property
    def shown(self) -> tuple[StepFact, ...]:
        """Every event that the page shows."""
        return (*self.journey, *self.inputs, *self.statements)


def in_order(steps: list[StepFact]) -> tuple[StepFact, ...]:
    """Steps by event time, each event once: what is closest to the subject wins."""
    rank = {OWN: 0, LOT: 1, CLASS: 2, CONTAINER: 3, INPUT: 4}
    nearest: dict[tuple[str, str], StepFact] = {}
    for step in sorted(steps, key=lambda step: rank[step.relation]):
        nearest.setdefault(step.recorded, step)
    return tuple(sorted(nearest.values(), key=lambda step: (step.event_time_ms, step.place)))


def read_public(data: bytes) -> Mapping[str, Any]:
    """The public part of an event that was checked before."""
    value = json.loads(data)
    assert isinstance(value, dict)
    return value
