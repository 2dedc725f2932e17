"""From the bytes on the chain to what a rule needs: the way every node takes for every event."""

from __future__ import annotations

from tallystick.epcis.issues import raise_issue
from tallystick.epcis.json_value import JsonObject
from tallystick.epcis.model import ParsedEvent
from tallystick.epcis.split import merge_event
from tallystick.epcis.usual_event import read_usual
from tallystick.epcis.validation import examine


def parse_parts(public: bytes, members: bytes = b"") -> ParsedEvent:
    """Read the parts of one event, enforce every rule, and give what contract rules need.

    Args:
        public: canonical JSON of the public part, at most ``PART_SIZE_MAX`` bytes.
        members: canonical JSON of the members' part, or empty.
    Raises:
        DecodeError: the bytes are not canonical JSON.
        EventError: the parts do not fit together, or the event breaks a rule.
    """
    usual = read_usual(public, members)
    return usual if usual is not None else parse_any(public, members)


def parse_any(public: bytes, members: bytes) -> ParsedEvent:
    """``parse_parts`` by the general way, which knows every rule. Raises the same."""
    return parse_event(merge_event(public, members))


def parse_event(event: JsonObject) -> ParsedEvent:
    """Enforce every rule on a whole self-contained event. Raises: EventError."""
    reading = examine(event, raise_issue)
    assert reading is not None  # the report raises
    return reading.parsed()
