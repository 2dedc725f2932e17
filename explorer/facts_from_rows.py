"""The facts of a page from rows: for an earlier height, and while no proof can be had."""

from __future__ import annotations

import json

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
from explorer.read_model import Fact, ReadModel
from tallystick.epcis import Identifier
from tallystick.records.goods import HistoryKind, ItemStatus, Origin, Verdict


def facts_from_rows(model: ReadModel, identifier: Identifier) -> ItemFacts:
    """Everything the read model knows about a thing at its height."""
    key, row = identifier.key, model.item(identifier.key)
    if row is None:
        steps = [_step(model, fact, key, OWN) for fact in model.statements_about(key)]
        recalls = _recalls(model, [key, *_class_of(identifier)])
        return ItemFacts(key, identifier.kind, known=False, statements=in_order(steps), recalls=recalls)
    lots = model.lots_of(key)
    containers = model.containers_of(key)
    made_from = model.made_from(key)
    journey = [_step(model, fact, key, OWN) for fact in model.events_of(key)]
    for relation, others in ((LOT, lots), (CLASS, _class_of(identifier))):
        journey += [_step(model, fact, other, relation) for other in others for fact in model.events_of(other)]
    for stay in containers:
        inside = model.events_of(stay["container"], first=stay["from_height"], last=stay["to_height"])
        journey += [_step(model, fact, stay["container"], CONTAINER) for fact in inside]
    inputs = [_step(model, fact, other, INPUT) for other in made_from for fact in model.events_of(other)]
    shown = {step.recorded for step in journey}
    own = [key, *lots, *_class_of(identifier)]
    return ItemFacts(
        key,
        identifier.kind,
        known=True,
        status=ItemStatus(row["status"]),
        origin=Origin(row["origin"]),
        origin_words=row["origin_words"],
        lots=tuple(lots),
        first_height=row["from_height"],
        journey=in_order(journey),
        inputs=in_order([step for step in inputs if step.recorded not in shown]),
        made_from=tuple(made_from),
        used_for=tuple(model.used_for(key)),
        containers=tuple(dict.fromkeys(stay["container"] for stay in containers)),
        contents=tuple(model.contents_of(key)),
        inspections=_inspections(model, [*own, *made_from]),
        recalls=_recalls(model, [*own, *(stay["container"] for stay in containers)]),
    )


def _class_of(identifier: Identifier) -> list[str]:
    key = identifier.class_key
    return [key] if key and key != identifier.key else []


def _step(model: ReadModel, fact: Fact, about: str, relation: str) -> StepFact:
    correction = model.correction_of(fact["commitment"], fact["organisation"])
    return StepFact(
        commitment=fact["commitment"].hex(),
        about=about,
        relation=relation,
        kind=HistoryKind(fact.get("kind", HistoryKind.STATE)),
        place=(fact["height"], fact["transaction_index"], fact["event_index"]),
        event_time_ms=fact["event_time_ms"],
        public=read_public(fact["public"]),
        organisation=fact["organisation"],
        recorder=fact["organisation"],
        correction=None if correction is None else correction_fact(correction),
    )


def correction_fact(row: Fact) -> CorrectionFact:
    """A correction from its row."""
    corrective = tuple(row["corrective_event_ids"])
    return CorrectionFact(row["declared_by"].hex(), row["reason"], row["from_height"], corrective)


def _inspections(model: ReadModel, keys: list[str]) -> tuple[InspectionFact, ...]:
    found = []
    for key in dict.fromkeys(keys):
        row = model.inspection(key)
        if row is not None:
            verdict = Verdict(row["verdict"])
            found.append(InspectionFact(key, row["inspector"], verdict, row["commitment"].hex(), row["from_height"]))
    return tuple(found)


def _recalls(model: ReadModel, keys: list[str]) -> tuple[RecallFact, ...]:
    return tuple(
        RecallFact(
            row["recall_id"],
            row["issuer"],
            row["reason"],
            row["severity"],
            tuple(json.loads(row["roots"])),
            row["from_height"],
        )
        for row in model.recalls_on(keys)
    )
