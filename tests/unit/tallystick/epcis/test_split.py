"""The parts of an event: splitting is frozen, joining is its inverse, and nothing else joins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.epcis import (
    ALWAYS_PUBLIC,
    DISCREET,
    GENERAL,
    PROFILES,
    EventType,
    IdentifierKind,
    JsonObject,
    Profile,
    canonical_json,
    merge_event,
    parse_parts,
    read_json,
    split_event,
)
from tallystick.epcis.bounds import PART_SIZE_MAX
from tallystick.epcis.model import Action
from tallystick.epcis.namespaces import quickly_used_prefixes, used_prefixes
from tallystick.epcis.profiles import QUANTITY_LISTS
from tallystick.errors import DecodeError, EventError

VECTORS = Path(__file__).parents[3] / "vectors" / "epcis"
PARTS: list[dict[str, str]] = json.loads((VECTORS / "parts.json").read_text(encoding="utf-8"))["parts"]
STANDARD = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
OPEN = Profile("open", ("sourceList", "bizLocation", "ilmd"), public_quantities=True)


@pytest.mark.parametrize("case", PARTS, ids=lambda case: f"{case['name']}-{case['profile']}")
def test_parts_are_frozen(samples: dict[str, JsonObject], case: dict[str, str]) -> None:
    event = samples[case["name"]]
    parts = split_event(event, PROFILES[case["profile"]])
    assert (parts.public.decode(), parts.members.decode()) == (case["public"], case["members"])
    assert merge_event(parts.public, parts.members) == event


def test_every_sample_has_frozen_parts(samples: dict[str, JsonObject]) -> None:
    assert {(case["name"], case["profile"]) for case in PARTS} == {(name, p) for name in samples for p in PROFILES}


@pytest.mark.parametrize("profile", [GENERAL, DISCREET, OPEN], ids=lambda profile: profile.name)
def test_a_node_reads_any_profile_to_the_same_event(
    samples: dict[str, JsonObject], sample_name: str, profile: Profile
) -> None:
    parts = split_event(samples[sample_name], profile)
    general = split_event(samples[sample_name])
    assert parse_parts(parts.public, parts.members) == parse_parts(general.public, general.members)
    public: Any = read_json(parts.public, size_max=PART_SIZE_MAX)
    for field in samples[sample_name]:
        if field in ALWAYS_PUBLIC or field in QUANTITY_LISTS:
            assert field in public


def test_what_rules_read(samples: dict[str, JsonObject]) -> None:
    parts = split_event(samples["harvest-by-weight"])
    event = parse_parts(parts.public, parts.members)
    assert event.type is EventType.OBJECT and event.action is Action.ADD
    assert [(line.item.key, line.micro, line.uom) for line in event.quantities] == [
        ("01/09521234543213/10/L7", 1_250_750_000, "KGM"),
        ("01/09521234543213/10/L8", None, None),
    ]
    parts = split_event(samples["packing"])
    event = parse_parts(parts.public, parts.members)
    assert event.parent is not None and event.parent.kind is IdentifierKind.LOGISTIC_UNIT
    assert [child.key for child in event.children] == ["01/09521234543213/21/A1", "01/09521234543213/21/A2"]
    parts = split_event(samples["sensor-without-object"])
    event = parse_parts(parts.public, parts.members)
    first, second = event.sensors
    assert (first.type, first.value, first.min, first.max) == ("Temperature", -18_765_432, -19_500_000, -18_250_000)
    assert (second.type, second.exception) == ("RelativeHumidity", "ALARM_CONDITION")
    assert first.time_ms == event.event_time_ms - 367_000
    parts = split_event(samples["error-declaration-keeps-a-late-sensor-time"])
    declared = parse_parts(parts.public, parts.members).error_declaration
    assert declared is not None and declared.reason == "incorrect_data" and len(declared.corrective_event_ids) == 1
    parts = split_event(samples["shipping-between-parties"])
    event = parse_parts(parts.public, parts.members)
    assert [(party.type, party.key) for party in event.destinations] == [("possessing_party", "417/4012345000054")]


def parts_of(public: Any, members: Any) -> tuple[bytes, bytes]:
    return canonical_json(public), canonical_json(members) if members is not None else b""


def simple(**fields: Any) -> dict[str, Any]:
    return {
        "@context": [STANDARD],
        "type": "ObjectEvent",
        "eventTime": "2026-03-04T05:06:07Z",
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "epcList": [],
    } | fields


PLACE = {"bizLocation": {"id": "urn:a:b"}}
LOT = "https://id.gs1.org/01/09521234543213/10/L7"


@pytest.mark.parametrize(
    ("public", "members", "rule"),
    [
        (simple(), {"@context": [STANDARD]}, "event.part-empty"),
        (simple(), {}, "event.context"),
        (simple(), [], "event.object"),
        ({"type": "ObjectEvent"}, None, "event.context"),
        (simple(**PLACE), {"@context": [STANDARD], **PLACE}, "event.parts-clash"),
        (simple(), {"@context": [STANDARD], "type": "ObjectEvent"}, "event.parts-clash"),
        (simple(), {"@context": [STANDARD], "bizStep": "shipping"}, "event.parts-public"),
        (simple(), {"@context": [STANDARD], "childEPCs": []}, "event.parts-public"),
        (simple(), {"@context": [STANDARD], "errorDeclaration": {}}, "event.parts-public"),
        (simple(), {"@context": [STANDARD], "quantityList": [{"epcClass": LOT, "quantity": 1}]}, "event.parts-public"),
        (
            simple(quantityList=[{"epcClass": LOT}]),
            {"@context": [STANDARD], "quantityList": [{"epcClass": LOT + "x", "quantity": 1}]},
            "event.parts-clash",
        ),
        (
            simple(quantityList=[{"epcClass": LOT}]),
            {"@context": [STANDARD], "quantityList": [{"epcClass": LOT}]},
            "event.parts-clash",
        ),
        (
            simple(quantityList=[{"epcClass": LOT, "quantity": 1}]),
            {"@context": [STANDARD], "quantityList": [{"epcClass": LOT, "quantity": 2}]},
            "event.parts-clash",
        ),
        (
            simple(quantityList=[{"epcClass": LOT}]),
            {"@context": [STANDARD], "quantityList": [{"epcClass": LOT, "quantity": 1}] * 2},
            "event.parts-clash",
        ),
        (
            simple(quantityList=[{"epcClass": LOT}]),
            {"@context": [STANDARD], "quantityList": {"epcClass": LOT}},
            "event.parts-clash",
        ),
        (
            simple(**{"@context": [STANDARD, {"a": "urn:x:"}], "a:b": 1}),
            {"@context": [STANDARD, {"a": "urn:y:"}], "a:c": 1},
            "event.parts-clash",
        ),
        (
            simple(),
            {"@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld"], **PLACE},
            "event.parts-clash",
        ),
        (simple(**{"@context": STANDARD}), None, "event.context"),
        (simple(**{"@context": STANDARD}), {"@context": [STANDARD], **PLACE}, "event.context"),
        (simple(**{"@context": [STANDARD, {"a": "urn:x:"}]}), None, "event.context-normal"),
        (simple(**{"@context": [STANDARD, STANDARD]}), None, "event.context-normal"),
        (simple(**{"@context": [STANDARD, {}]}), None, "event.context-normal"),
        (simple(**{"@context": [{"a": "urn:x:"}, STANDARD], "a:b": 1}), None, "event.context-normal"),
        (
            simple(**{"a:b": 1}),
            {"@context": [STANDARD, {"a": "urn:x:"}], "a:c": 1},
            "event.context-normal",
        ),
        (simple(**{"a:b": 1}), None, "event.prefix-undeclared"),
        (simple(type="Event"), None, "event.type"),
    ],
)
def test_other_parts_are_refused(public: Any, members: Any, rule: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse_parts(*parts_of(public, members))
    assert caught.value.rule == rule


def test_another_spelling_of_a_part_is_refused(samples: dict[str, JsonObject]) -> None:
    parts = split_event(samples["packing"])
    for public, members in (
        (parts.public + b" ", parts.members),
        (parts.public, parts.members.replace(b":3", b":3.0")),
        (parts.public.replace(b'"type"', b'"\\u0074ype"'), parts.members),
        (b"", parts.members),
    ):
        with pytest.raises(DecodeError):
            parse_parts(public, members)


def test_a_part_has_a_bound() -> None:
    event = simple(**{"@context": [STANDARD, {"a": "urn:x:"}], "a:b": "x" * PART_SIZE_MAX})
    with pytest.raises(DecodeError) as caught:
        split_event(event)
    assert caught.value.rule == "event.part-size"


@pytest.mark.parametrize(
    "event", [{}, {"@context": [STANDARD]}, {"type": "ObjectEvent"}, simple(quantityList=[1]), simple(quantityList={})]
)
def test_what_cannot_be_split_is_refused(event: Any) -> None:
    with pytest.raises(DecodeError):
        split_event(event)


@pytest.mark.parametrize(
    ("value", "path"), [({}, "/quantityList"), ([{"epcClass": LOT}, 1], "/quantityList/1"), ([{}], "/quantityList/0")]
)
def test_quantities_that_are_no_list_of_classes_are_refused_at_their_place(value: Any, path: str) -> None:
    with pytest.raises(EventError) as caught:
        split_event(simple(quantityList=value))
    assert (caught.value.rule, caught.value.path) == ("event.quantity-list", path)


extension = st.recursive(
    st.integers(-9, 9) | st.text(max_size=5) | st.sampled_from(["a:x", "b:y", "c", "urn:z:z"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a:k", "b:k", "k"]), inner, max_size=2)
    ),
    max_leaves=6,
)
quantity = st.fixed_dictionaries(
    {"epcClass": st.sampled_from([LOT, "urn:a:b"])}, optional={"quantity": st.integers(0, 9)}
)
events = st.fixed_dictionaries(
    {"type": st.just("ObjectEvent")},
    optional={
        "epcList": st.lists(st.sampled_from(["urn:a:1", "a:2", "b:3"]), max_size=2),
        "quantityList": st.lists(quantity, max_size=3),
        "childQuantityList": st.lists(quantity, max_size=1),
        "bizLocation": extension,
        "readPoint": extension,
        "ilmd": extension,
        "a:one": extension,
        "b:two": extension,
    },
)


@given(events, st.sampled_from([GENERAL, DISCREET, OPEN]))
def test_joining_undoes_splitting(body: JsonObject, profile: Profile) -> None:
    event: JsonObject = {**body, "@context": [STANDARD, {"a": "urn:aa:", "b": "urn:bb:", "c": "urn:cc:"}]}
    parts = split_event(event, profile)
    merged = merge_event(parts.public, parts.members)
    assert {**merged, "@context": 0} == {**event, "@context": 0}
    assert split_event(merged, profile) == parts
    again = split_event(dict(reversed(merged.items())), profile)
    assert again == parts


@given(st.dictionaries(st.sampled_from(["k", "a:k", '"a:', "x"]) | st.text(max_size=4), extension, max_size=4))
def test_the_quick_look_for_prefixes_finds_what_the_careful_one_finds(body: JsonObject) -> None:
    names: JsonObject = {"a": "urn:aa:", "b": "urn:bb:", "c": "urn:cc:"}
    quick = quickly_used_prefixes(canonical_json({**body, "@context": [STANDARD, names]}), names)
    assert quick is None or quick == used_prefixes(body, frozenset(names))


def test_the_quick_look_gives_up_where_a_declaration_looks_like_a_use() -> None:
    assert quickly_used_prefixes(b"{}", {"a": "urn:aa:", "b": "a:x"}) is None
    assert quickly_used_prefixes(b"{}", {"a:x": {"@type": "@id"}}) is None
    assert quickly_used_prefixes(b'{"k":"\\"a:"}', {"a": "urn:aa:"}) is None


@given(st.data())
def test_damaged_parts_are_refused_or_read_and_nothing_else(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(PARTS))
    parts = [case["public"].encode(), case["members"].encode()]
    which = data.draw(st.integers(0, 1))
    whole = parts[which]
    at = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(at, min(at + 4, len(whole))))
    snippet = data.draw(st.binary(max_size=3) | st.sampled_from([b'"', b"{}", b"[]", b"null", b"1", b'"x:y":1,', b"-"]))
    parts[which] = whole[:at] + snippet + whole[end:]
    try:
        parse_parts(parts[0], parts[1])
    except DecodeError as error:
        assert error.rule and error.detail
