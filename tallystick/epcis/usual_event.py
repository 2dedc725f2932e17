"""A quick way for the events that most traffic consists of: typed decoders in C instead of a walk over their fields.

It reads an ``ObjectEvent`` about single things, under the standard context alone, with fields that need no more than a
look. Whatever it does not know or does not like it leaves to the general way (``merge_event``, then ``examine``), which
alone refuses and says why: whether an event holds, and how it is read, never depends on which way it took.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from tallystick.epcis.bounds import IDENTIFIERS_MAX, PART_SIZE_MAX
from tallystick.epcis.contexts import STANDARD_CONTEXTS
from tallystick.epcis.identifier_reader import parse_identifier
from tallystick.epcis.key_types import CLASS_KINDS
from tallystick.epcis.model import ACTIONS, EventType, ParsedEvent
from tallystick.epcis.rules_why import EVENT_ID, parse_place
from tallystick.epcis.timestamps import parse_offset, parse_timestamp
from tallystick.epcis.vocabulary import BIZ_STEPS, DISPOSITIONS
from tallystick.errors import EventError


class _Part(
    msgspec.Struct,
    frozen=True,
    gc=False,
    kw_only=True,
    rename="camel",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """Fields stand in the order of canonical JSON, so that the encoder writes it, and a decoded part is canonical if
    writing it gives the same bytes."""


class _Place(_Part, frozen=True, kw_only=True):
    where: str = msgspec.field(name="id")


class _PublicPart(_Part, frozen=True, kw_only=True):
    context: tuple[str] = msgspec.field(name="@context")
    action: Literal["ADD", "DELETE", "OBSERVE"]
    biz_step: str | None = None
    disposition: str | None = None
    epc_list: tuple[str, ...]
    event_id: str | None = msgspec.field(name="eventID", default=None)
    event_time: str
    event_time_zone_offset: str
    read_point: _Place | None = None
    type: Literal["ObjectEvent"]


class _MembersPart(_Part, frozen=True, kw_only=True):
    context: tuple[str] = msgspec.field(name="@context")
    biz_location: _Place | None = None
    read_point: _Place | None = None


_public_decoder: Final = msgspec.json.Decoder(_PublicPart)
_members_decoder: Final = msgspec.json.Decoder(_MembersPart)
_encoder: Final = msgspec.json.Encoder()


def read_usual(public: bytes, members: bytes) -> ParsedEvent | None:
    """The event of these parts as ``parse_parts`` gives it, or None where that is for the general way to say."""
    if len(public) > PART_SIZE_MAX or len(members) > PART_SIZE_MAX:
        return None
    try:
        shown = _public_decoder.decode(public)
        if _encoder.encode(shown) != public or shown.context[0] not in STANDARD_CONTEXTS:
            return None
        if not members:
            return _event(shown, shown.read_point, None)
        hidden = _members_decoder.decode(members)
        if _encoder.encode(hidden) != members or hidden.context != shown.context:
            return None
        if hidden.read_point is None:
            return None if hidden.biz_location is None else _event(shown, shown.read_point, hidden.biz_location)
        return None if shown.read_point is not None else _event(shown, hidden.read_point, hidden.biz_location)
    except (msgspec.MsgspecError, EventError, ValueError):
        return None


def _event(shown: _PublicPart, read_point: _Place | None, biz_location: _Place | None) -> ParsedEvent | None:
    """The event, unless a field of it needs more than a look."""
    things = tuple([parse_identifier(text) for text in shown.epc_list])
    if len(things) > IDENTIFIERS_MAX or len({thing.key for thing in things}) != len(things):
        return None
    for thing in things:
        if thing.kind in CLASS_KINDS:
            return None
    if shown.biz_step is not None and shown.biz_step not in BIZ_STEPS:
        return None
    if shown.disposition is not None and shown.disposition not in DISPOSITIONS:
        return None
    if shown.event_id is not None and EVENT_ID.fullmatch(shown.event_id) is None:
        return None
    parse_offset(shown.event_time_zone_offset)
    return ParsedEvent(
        EventType.OBJECT,
        ACTIONS[shown.action],
        parse_timestamp(shown.event_time),
        things,
        biz_step=shown.biz_step,
        disposition=shown.disposition,
        event_id=shown.event_id,
        read_point=None if read_point is None else parse_place(read_point.where),
        biz_location=None if biz_location is None else parse_place(biz_location.where),
    )
