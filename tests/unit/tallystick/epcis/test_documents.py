"""Documents: every published valid one is read with nothing lost, every invalid one is refused with a place."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tallystick.epcis import JsonNumber, JsonObject, canonical_json, merge_event, read_document, read_json, split_event
from tallystick.errors import DecodeError, EventError

REPOSITORY = Path(__file__).parents[4]
SHARED = Path(os.environ.get("TALLYSTICK_SHARED", REPOSITORY.parent / "shared" / "data")) / "epcis"
PUBLISHED = sorted(path for path in SHARED.glob("*/**/*.json*") if "Queries" not in path.parts)
# Published as valid, but not: one field twice in one object, and what GS1's own schema refuses too.
REFUSED = {
    "gs1/AssociationEvent/AssociationEvent-h.jsonld": "json.duplicate-key",
    "openepcis/Capture/Documents/AggregationEvent_with_persistentDisposition.json": "event.field-forbidden",
    "openepcis/Capture/Documents/SensorData_with_combined_events.json": "cbv.word",
    "openepcis/Capture/Documents/TransactionEvent_with_userExtensions.json": "cbv.word",
    "openepcis/Query/SensorData_with_combined_events.json": "cbv.word",
    "openepcis/Query/TransactionEvent_with_userExtensions.json": "cbv.word",
}
STANDARD = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
EVENT: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventTime": "2026-03-04T05:06:07Z",
    "eventTimeZoneOffset": "+00:00",
    "action": "OBSERVE",
    "epcList": ["https://id.gs1.org/01/09521234543213/21/A1"],
}


def name_of(path: Path) -> str:
    return path.relative_to(SHARED).as_posix()


def events_of(root: Any) -> list[JsonObject]:
    body = root.get("epcisBody")
    if body is None:
        return [root]
    found: list[JsonObject] = (body.get("queryResults", {}).get("resultsBody") or body)["eventList"]
    return found


@pytest.mark.parametrize("path", [p for p in PUBLISHED if "Invalid" not in p.parts], ids=name_of)
def test_published_valid_document_is_read_whole(path: Path) -> None:
    data = path.read_bytes()
    refusal = REFUSED.get(name_of(path))
    if refusal is not None:
        with pytest.raises(DecodeError) as caught:
            read_document(data)
        assert caught.value.rule == refusal and caught.value.path
        return
    document = read_document(data)
    originals = events_of(read_json(data, size_max=10**7))
    assert len(document.events) == len(originals) > 0
    for event, original in zip(document.events, originals, strict=True):
        parts = split_event(event)
        merged = merge_event(parts.public, parts.members)
        assert merged == event
        assert {**merged, "@context": 0} == {**original, "@context": 0}
    assert all(warning.refused and warning.path for warning in document.warnings)
    lenient = read_document(data, lenient=True)
    assert len(lenient.events) == len(document.events)


@pytest.mark.parametrize("path", [p for p in PUBLISHED if "Invalid" in p.parts], ids=name_of)
@pytest.mark.parametrize("lenient", [False, True])
def test_published_invalid_document_is_refused_with_a_place(path: Path, lenient: bool) -> None:
    with pytest.raises(EventError) as caught:
        read_document(path.read_bytes(), lenient=lenient)
    assert caught.value.path


def document(*events: Any, **fields: Any) -> bytes:
    root = {
        "@context": [STANDARD, {"shop": "https://shop.example/ns#"}, {"other": "https://other.example/"}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-03-04T05:06:07Z",
        "epcisBody": {"eventList": list(events)},
    } | fields
    return json.dumps({key: value for key, value in root.items() if value is not None}).encode()


def test_an_event_takes_along_only_the_namespaces_it_uses() -> None:
    plain, shop, own = read_document(
        document(
            EVENT,
            EVENT | {"shop:x": 1},
            EVENT | {"@context": {"mine": "urn:mine:", "shop": "https://inner.example/"}, "shop:x": "mine:y"},
        )
    ).events
    assert plain["@context"] == [STANDARD]
    assert shop["@context"] == [STANDARD, {"shop": "https://shop.example/ns#"}]
    assert own["@context"] == [STANDARD, {"shop": "https://inner.example/", "mine": "urn:mine:"}]


def test_typed_extension_fields_keep_their_type() -> None:
    context = [STANDARD, {"rail": "urn:rail:"}, {"rail:axles": {"@type": "xsd:integer"}, "rail:no": {"@type": "@id"}}]
    (event,) = read_document(document(EVENT | {"rail:axles": "4"}, **{"@context": context})).events
    assert event["@context"] == [STANDARD, {"rail": "urn:rail:", "rail:axles": {"@type": "xsd:integer"}}]


def test_master_data_and_envelope_are_kept() -> None:
    header = {"epcisMasterData": {"vocabularyList": [{"type": "urn:epcglobal:epcis:vtype:Location"}]}, "shop:h": 1}
    found = read_document(document(EVENT, epcisHeader=header, sender="urn:a:b", id="https://doc.example/1"))
    assert found.master_data == ({"type": "urn:epcglobal:epcis:vtype:Location"},)
    assert found.envelope["sender"] == "urn:a:b" and found.envelope["epcisHeader"] == {"shop:h": 1}
    assert "epcisBody" not in found.envelope


def test_query_document_and_bare_event() -> None:
    body = {"queryResults": {"queryName": "q", "resultsBody": {"eventList": [EVENT]}}}
    (event,) = read_document(document(type="EPCISQueryDocument", epcisBody=body)).events
    (bare,) = read_document(json.dumps({**EVENT, "@context": STANDARD}).encode()).events
    assert event == bare == {**EVENT, "@context": [STANDARD]}


@pytest.mark.parametrize(
    ("data", "rule", "path"),
    [
        (b"[]", "document.object", ""),
        (b"{", "json.syntax", ""),
        (document(EVENT, **{"@context": None}), "document.context-required", "/@context"),
        (document(EVENT, type="Document"), "document.type", "/type"),
        (document(EVENT, schemaVersion=2.0), "document.schema-version", "/schemaVersion"),
        (document(EVENT, schemaVersion="two"), "document.schema-version", "/schemaVersion"),
        (document(EVENT, creationDate=None), "document.creation-date", "/creationDate"),
        (document(EVENT, creationDate="today"), "time.form", "/creationDate"),
        (document(EVENT, note="x"), "document.field-unknown", "/note"),
        (document(epcisBody={}), "document.events-required", "/epcisBody/eventList"),
        (document(epcisBody=[]), "document.object", "/epcisBody"),
        (document(epcisBody={"eventList": {}}), "event.list", "/epcisBody/eventList"),
        (document(EVENT, 7), "event.object", "/epcisBody/eventList/1"),
        (document(EVENT, EVENT | {"action": "X"}), "epcis.action", "/epcisBody/eventList/1/action"),
        (document(type="EPCISQueryDocument"), "document.object", "/epcisBody/queryResults"),
        (
            document(type="EPCISQueryDocument", epcisBody={"queryResults": {"resultsBody": {"eventList": [EVENT]}}}),
            "document.query-name",
            "/epcisBody/queryResults/queryName",
        ),
        (
            document(EVENT, epcisHeader={"epcisMasterData": {"vocabularyList": [{"type": "Location"}]}}),
            "document.master-data",
            "/epcisHeader/epcisMasterData/vocabularyList/0/type",
        ),
        (json.dumps(EVENT).encode(), "event.context-required", "/@context"),
    ],
)
def test_broken_documents_are_refused_with_rule_and_path(data: bytes, rule: str, path: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read_document(data)
    assert (caught.value.rule, caught.value.path) == (rule, path)


def test_what_only_the_ledger_refuses_is_a_warning() -> None:
    found = read_document(document(EVENT | {"epcList": ["https://id.gs1.org/01/09521234543210/21/A1"]}))
    (warning,) = found.warnings
    assert (warning.rule, warning.path, warning.refused) == (
        "gs1.check-digit",
        "/epcisBody/eventList/0/epcList/0",
        True,
    )
    assert warning.remedy


def test_lenient_reading_reports_each_change() -> None:
    event = EVENT | {
        "_comment": "x",
        "bizStep": "urn:epcglobal:cbv:bizstep:shipping",
        "disposition": "https://ref.gs1.org/cbv/Disp-in_transit",
        "epcList": ["https://brand.example/gtin/9521234543213/ser/A1?x=1"],
        "bizTransactionList": [{"type": "urn:epcglobal:cbv:btt:po", "bizTransaction": "urn:a:b", "_comment1": "y"}],
        "quantityList": [{"epcClass": "https://id.gs1.org/01/09521234543213", "quantity": "2.50", "uom": "KGM"}],
        "sensorElementList": [{"sensorReport": [{"type": "gs1:Temperature", "value": 1.5}]}],
    }
    data = document(event, _comment="about", **{"@context": "https://gs1.github.io/EPCIS/epcis-context.jsonld"})
    with pytest.raises(EventError):
        read_document(data)
    found = read_document(data, lenient=True)
    base = "/epcisBody/eventList/0"
    assert {(warning.rule, warning.path) for warning in found.warnings if not warning.refused} == {
        ("lenient.comment", "/_comment"),
        ("lenient.context", "/@context"),
        ("lenient.comment", base + "/_comment"),
        ("lenient.comment", base + "/bizTransactionList/0/_comment1"),
        ("lenient.word", base + "/bizStep"),
        ("lenient.word", base + "/disposition"),
        ("lenient.word", base + "/bizTransactionList/0/type"),
        ("lenient.word", base + "/sensorElementList/0/sensorReport/0/type"),
        ("lenient.identifier", base + "/epcList/0"),
        ("lenient.number", base + "/quantityList/0/quantity"),
    }
    (read,) = found.events
    assert read["epcList"] == ["https://id.gs1.org/01/09521234543213/21/A1"]
    assert read["bizStep"] == "shipping" and "_comment" not in read
    assert read["quantityList"] == [
        {"epcClass": "https://id.gs1.org/01/09521234543213", "quantity": JsonNumber("2.5"), "uom": "KGM"}
    ]


def test_the_older_name_of_the_type_is_read_when_lenient_only() -> None:
    event = {key: value for key, value in EVENT.items() if key != "type"} | {"isA": "ObjectEvent"}
    with pytest.raises(EventError):
        read_document(document(event))
    found = read_document(document(event), lenient=True)
    assert found.events == read_document(document(EVENT)).events
    assert [(warning.rule, warning.path) for warning in found.warnings] == [
        ("lenient.type", "/epcisBody/eventList/0/isA")
    ]


def test_reading_is_deterministic_and_leaves_no_trace() -> None:
    data = document(EVENT | {"shop:x": {"other:b": 1, "other:a": [2]}}, EVENT)
    first, second = read_document(data), read_document(data)
    assert first == second
    assert canonical_json(list(first.events)) == canonical_json(list(second.events))
