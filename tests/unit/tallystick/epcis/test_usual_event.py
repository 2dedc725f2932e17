"""The quick reading of usual events: it refuses nothing, and what it reads the general way reads alike."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.epcis import PROFILES, JsonObject, canonical_json, split_event
from tallystick.epcis.bounds import IDENTIFIERS_MAX, PART_SIZE_MAX
from tallystick.epcis.canonical import read_canonical
from tallystick.epcis.contexts import STANDARD_CONTEXTS
from tallystick.epcis.json_value import JsonValue
from tallystick.epcis.model import ParsedEvent
from tallystick.epcis.parsed import parse_any, parse_parts
from tallystick.epcis.usual_event import read_usual
from tallystick.errors import DecodeError

SERIAL = "https://id.gs1.org/01/09521002000016/21/N"
PLACE = {"id": "https://id.gs1.org/414/9521002000023"}
PUBLIC: dict[str, Any] = {
    "@context": [STANDARD_CONTEXTS[0]],
    "action": "ADD",
    "bizStep": "commissioning",
    "disposition": "active",
    "epcList": [SERIAL + "1"],
    "eventID": "urn:uuid:a20cd150-898c-4dc5-b993-7876f5e0d6a1",
    "eventTime": "2026-03-04T05:06:07.089Z",
    "eventTimeZoneOffset": "+08:00",
    "readPoint": PLACE,
    "type": "ObjectEvent",
}
MEMBERS: dict[str, Any] = {"@context": [STANDARD_CONTEXTS[0]], "bizLocation": PLACE}

# What may stand in a field: usual values, unusual ones that hold, and wrong ones.
VALUES: dict[str, list[Any]] = {
    "@context": [[STANDARD_CONTEXTS[1]], STANDARD_CONTEXTS[0], [*STANDARD_CONTEXTS], [], ["https://a.example/"],
                 [STANDARD_CONTEXTS[0], {"x": "https://x.example/"}]],
    "action": ["OBSERVE", "DELETE", "add", None, 1],
    "bizStep": ["shipping", "https://a.example/step", "cbv:BizStep-shipping", "none", None, ["shipping"]],
    "disposition": ["in_transit", "https://a.example/way", "lost", None],
    "epcList": [[], [SERIAL + "1", SERIAL + "2"], [SERIAL + "1", SERIAL + "1"], [SERIAL], [None], None, "x",
                [SERIAL + "1", "urn:epc:id:sgtin:9521002.00001.1"], ["https://id.gs1.org/01/09521002000016"],
                ["https://id.gs1.org/01/09521002000017/21/1"], ["https://id.gs1.org/01/09521002000016/10/L"],
                ["https://a.example/x?y=z"], ["no uri"], ["urn:x:é"], ["\U0001f600"]],
    "eventID": ["ni:///sha-256;" + "a" * 64 + "?ver=CBV2.0", "urn:uuid:1", "", None, 7],
    "eventTime": ["2026-03-04T05:06:07+01:00", "2026-02-30T05:06:07Z", "2026-03-04", "", None],
    "eventTimeZoneOffset": ["-02:30", "+15:00", "Z", None],
    "readPoint": [{"id": "https://a.example/place"}, {"id": 1}, {}, {**PLACE, "x:y": 1}, None, "x"],
    "type": ["AggregationEvent", "objectEvent", None],
    "bizLocation": [{"id": "urn:epc:id:sgln:9521002.00002.0"}, {"id": ""}, {}, {**PLACE, "more": 1}, None],
    "sourceList": [[], [{"type": "owning_party", "source": "https://id.gs1.org/417/9521002000023"}]],
    "quantityList": [[], [{"epcClass": "https://id.gs1.org/01/09521002000016/10/L"}]],
    "x:field": [1, "x", {"x:y": []}],
}  # fmt: skip


def outcome(public: bytes, members: bytes) -> ParsedEvent | tuple[str, ...]:
    """What the general way makes of these parts."""
    try:
        return parse_any(public, members)
    except DecodeError as error:
        return error.rule, error.detail, error.path


def agree(public: bytes, members: bytes) -> bool:
    """Whether the quick way took these parts; it must then have read what the general way reads."""
    quick = read_usual(public, members)
    assert quick is None or quick == outcome(public, members)
    return quick is not None


def test_what_commissioning_sends_goes_the_quick_way_under_each_profile() -> None:
    for profile in PROFILES.values():
        parts = split_event({**PUBLIC, **MEMBERS}, profile)
        assert agree(parts.public, parts.members)
        assert read_usual(parts.public, parts.members) == parse_parts(parts.public, parts.members)
    assert agree(canonical_json(PUBLIC), b"")


def test_every_sample_is_read_alike_with_any_value_of_any_field(samples: dict[str, JsonObject]) -> None:
    for event in samples.values():
        for profile in PROFILES.values():
            parts = split_event(event, profile)
            agree(parts.public, parts.members)
            public = read_canonical(parts.public, PART_SIZE_MAX)
            assert isinstance(public, dict)
            for field, values in VALUES.items():
                for value in values:
                    agree(canonical_json({**public, field: value}), parts.members)


@pytest.mark.parametrize("field", VALUES)
def test_every_value_of_a_field_is_read_alike_in_either_part(field: str) -> None:
    for value in VALUES[field]:
        for public, members in (({**PUBLIC, field: value}, MEMBERS), (PUBLIC, {**MEMBERS, field: value})):
            agree(canonical_json(public), canonical_json(members))
        without = {name: kept for name, kept in PUBLIC.items() if name != field}
        agree(canonical_json(without), canonical_json({**MEMBERS, field: value}))
    agree(canonical_json({name: kept for name, kept in PUBLIC.items() if name != field}), canonical_json(MEMBERS))
    agree(canonical_json(PUBLIC), canonical_json({name: kept for name, kept in MEMBERS.items() if name != field}))


fields = st.dictionaries(st.sampled_from(sorted(VALUES)), st.integers(0, 20), max_size=3)
dropped = st.sets(st.sampled_from(sorted(PUBLIC)), max_size=2)


@given(fields, fields, dropped)
def test_combinations_are_read_alike(shown: dict[str, int], hidden: dict[str, int], dropped: set[str]) -> None:
    public = {name: value for name, value in PUBLIC.items() if name not in dropped}
    public |= {name: VALUES[name][at % len(VALUES[name])] for name, at in shown.items()}
    members = MEMBERS | {name: VALUES[name][at % len(VALUES[name])] for name, at in hidden.items()}
    agree(canonical_json(public), canonical_json(members))
    agree(canonical_json(public), b"")


@given(st.booleans(), st.integers(0, 500), st.integers(0, 3), st.binary(max_size=3) | st.sampled_from(
    [b" ", b"\\u0041", b'"', b"\\/", b",", b'"action":"ADD",', b'"type":"ObjectEvent",', b"\xf0\x9f\x98\x80",
     b"\\ud800"]
))  # fmt: skip
def test_changed_bytes_are_read_alike(first: bool, at: int, cut: int, new: bytes) -> None:
    public, members = canonical_json(PUBLIC), canonical_json(MEMBERS)
    changed = public if first else members
    at %= len(changed)
    changed = changed[:at] + new + changed[at + cut :]
    agree(*((changed, members) if first else (public, changed)))


def test_a_second_spelling_is_left_to_the_general_way() -> None:
    public, members = canonical_json(PUBLIC), canonical_json(MEMBERS)
    for spelled in (public.replace(b":", b": ", 1), public.replace(b"ADD", b"\\u0041DD"), public + b" ",
                    public.replace(b'"action"', b'"action":"ADD","action"')):  # fmt: skip
        assert not agree(spelled, members) and not agree(public, members + b"\n")


def test_too_many_things_and_too_long_parts_are_left_to_the_general_way() -> None:
    many: list[JsonValue] = [f"{SERIAL}{number}" for number in range(IDENTIFIERS_MAX)]
    assert agree(canonical_json({**PUBLIC, "epcList": many}), b"")
    assert not agree(canonical_json({**PUBLIC, "epcList": [*many, SERIAL]}), b"")
    long = canonical_json({**PUBLIC, "epcList": ["https://a.example/" + "x" * PART_SIZE_MAX]})
    assert not agree(long, b"")
