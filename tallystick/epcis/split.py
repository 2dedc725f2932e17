"""One event as two JSON objects: the public part, and the members' part. Joining them gives the event back.

Top-level fields go wholly to one side, as the profile says. Of a quantity list the public part always holds the
classes, and the members' part, where the list has amounts that are not public, the whole elements in the same
order. Each part carries in its own ``@context`` the namespaces that it uses.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tallystick.epcis.bounds import PART_SIZE_MAX
from tallystick.epcis.canonical import canonical_json, read_canonical
from tallystick.epcis.json_value import JsonObject, JsonValue
from tallystick.epcis.namespaces import normal_context, quickly_used_prefixes
from tallystick.epcis.profiles import ALWAYS_PUBLIC, GENERAL, QUANTITY_LISTS, Profile
from tallystick.errors import EventError

_SHOWN: Final = ALWAYS_PUBLIC.union(QUANTITY_LISTS)  # fields that the public part has if any part has them


class SplitEvent(msgspec.Struct, frozen=True, gc=False):
    """The parts of one event, canonical JSON; ``members`` is empty where nothing is for members only."""

    public: bytes
    members: bytes


def split_event(event: JsonObject, profile: Profile = GENERAL) -> SplitEvent:
    """Split a self-contained event by ``profile``.

    The event is not validated; its ``@context`` is brought to normal form (unused namespaces are left out).

    Raises:
        EventError: ``event.type`` or ``event.context-required`` where one is missing, ``event.part-size``,
            ``event.quantity-list`` where a quantity list is not a list of objects.
    """
    if "type" not in event:
        raise EventError("event.type", "the event has no type", "/type")
    if "@context" not in event:
        raise EventError("event.context-required", "@context is missing", "/@context", "every event carries its own")
    public: JsonObject = {}
    members: JsonObject = {}
    public_fields = ALWAYS_PUBLIC.union(profile.public_fields)
    for field, value in event.items():
        if field == "@context":
            continue
        if field in QUANTITY_LISTS and not profile.public_quantities:
            public[field] = _classes(field, value)
            if public[field] != value:
                members[field] = value
        elif field in public_fields or field in QUANTITY_LISTS:
            public[field] = value
        else:
            members[field] = value
    return SplitEvent(_part(public, event), _part(members, event) if members else b"")


def _part(body: JsonObject, event: JsonObject) -> bytes:
    data = canonical_json({**body, "@context": normal_context([event["@context"]], body)})
    if len(data) > PART_SIZE_MAX:
        raise EventError("event.part-size", f"{len(data)} bytes in one part, at most {PART_SIZE_MAX} are allowed")
    return data


def _classes(field: str, value: JsonValue) -> JsonValue:
    if type(value) is not list:
        raise EventError("event.quantity-list", f"{field} is not a list", "/" + field)
    classes: list[JsonValue] = []
    for index, element in enumerate(value):
        if type(element) is not dict or "epcClass" not in element:
            raise EventError("event.quantity-list", "not an object with epcClass", f"/{field}/{index}")
        classes.append({"epcClass": element["epcClass"]})
    return classes


def merge_event(public: bytes, members: bytes) -> JsonObject:
    """Join the parts into the event; the exact inverse of ``split_event`` under any profile.

    Args:
        public, members: canonical JSON; ``members`` empty where there is no members' part.
    Raises:
        DecodeError: ``non-canonical`` and the rules of the JSON reader.
        EventError: ``event.parts-clash`` (both parts claim a field, or disagree), ``event.parts-public`` (a field
            that everybody must see is only in the members' part), ``event.part-empty``, ``event.context``,
            ``event.context-normal``.
    """
    event = _read_part(public, "public")
    shown_context = event.pop("@context")
    if not members:
        _require_normal(shown_context, shown_context, public, event)
        event["@context"] = shown_context
        return event
    hidden = _read_part(members, "members'")
    hidden_context = hidden.pop("@context")
    if not hidden:
        raise EventError("event.part-empty", "the members' part holds nothing", remedy="leave it out")
    context = _join_contexts(shown_context, hidden_context)
    _require_normal(shown_context, context, public, event)
    _require_normal(hidden_context, context, members, hidden)
    if _SHOWN.isdisjoint(hidden) and event.keys().isdisjoint(hidden):  # the usual case: every field in its own part
        event.update(hidden)
        event["@context"] = context
        return event
    for field, value in hidden.items():
        if field in event:
            if field not in QUANTITY_LISTS:
                raise EventError("event.parts-clash", f"{field} is in both parts", "/" + field)
            _require_same_classes(field, event[field], value)
        elif field in ALWAYS_PUBLIC or field in QUANTITY_LISTS:
            raise EventError("event.parts-public", f"{field} must be in the public part", "/" + field)
        event[field] = value
    event["@context"] = context
    return event


def _read_part(data: bytes, name: str) -> JsonObject:
    part = read_canonical(data, PART_SIZE_MAX)
    if type(part) is not dict:
        raise EventError("event.object", f"the {name} part is not an object")
    if "@context" not in part:
        raise EventError("event.context", f"the {name} part has no @context", "/@context")
    return part


def _require_same_classes(field: str, shown: JsonValue, full: JsonValue) -> None:
    """The public list is the members' list without amounts, and the members' list adds at least one amount."""
    if type(full) is not list or shown == full or shown != _classes(field, full):
        raise EventError(
            "event.parts-clash", f"the public classes of {field} are not those of the members' part", "/" + field
        )


def _join_contexts(public: JsonValue, members: JsonValue) -> JsonValue:
    """Join two contexts in normal form. One prefix means the same in both, and the addresses are the same."""
    if public == members:
        return public
    shown, shown_names = _normal(public)
    hidden, hidden_names = _normal(members)
    if shown != hidden:
        raise EventError("event.parts-clash", "the parts name different contexts", "/@context")
    for name, meaning in hidden_names.items():
        if shown_names.get(name, meaning) != meaning:
            raise EventError("event.parts-clash", f"{name} means two things in the parts", "/@context")
    names = shown_names | hidden_names
    return [*shown, names] if names else shown


def _normal(context: JsonValue) -> tuple[list[JsonValue], JsonObject]:
    if type(context) is not list:
        raise EventError("event.context", "the @context of a part is a list", "/@context")
    if context and type(context[-1]) is dict:
        return context[:-1], context[-1]
    return context, {}


def _require_normal(context: JsonValue, joint: JsonValue, data: bytes, body: JsonObject) -> None:
    """A part declares what it uses, all of it and nothing else.

    Args:
        context: of the part; ``joint``: of both parts together.
        data: the part; ``body``: its value without ``@context``.
    """
    if type(context) is list and len(context) == 1 and type(context[0]) is str and joint == context:
        return  # the usual case: the standard context alone
    addresses, names = _normal(joint)
    used = quickly_used_prefixes(data, names)
    if used is None or len(addresses) != 1:
        expected = normal_context([joint], body)
    else:
        expected = [*addresses, {name: names[name] for name in names if name in used}] if used else addresses
    if expected != context:
        raise EventError(
            "event.context-normal",
            "a part declares in its @context exactly the namespaces that it uses, after the standard context",
            "/@context",
        )
