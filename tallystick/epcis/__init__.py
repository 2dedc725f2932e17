"""EPCIS 2.0 events: one reader, one spelling, every rule, three audiences. Pure and deterministic.

The way in for a node is ``parse_parts``; for a sender ``read_document`` and ``split_event``.
"""

from __future__ import annotations

from tallystick.epcis.canonical import canonical_json, read_canonical
from tallystick.epcis.check_digit import check_digit
from tallystick.epcis.contexts import STANDARD_CONTEXTS
from tallystick.epcis.declared import corrective_events, declared_reason
from tallystick.epcis.documents import Document, DocumentWarning, read_document
from tallystick.epcis.epc_urn import to_epc_urn
from tallystick.epcis.event_hash import event_hash, pre_hash_string
from tallystick.epcis.identifier_reader import parse_identifier, parse_identifier_lenient, parse_key
from tallystick.epcis.identifiers import Identifier
from tallystick.epcis.issues import EventIssue
from tallystick.epcis.json_reader import read_json
from tallystick.epcis.json_value import JsonNumber, JsonObject, JsonValue
from tallystick.epcis.key_types import IdentifierKind
from tallystick.epcis.model import (
    Action,
    ErrorDeclaration,
    EventType,
    ParsedEvent,
    Quantity,
    SensorReading,
    TypedReference,
)
from tallystick.epcis.parsed import parse_event, parse_parts
from tallystick.epcis.profiles import ALWAYS_PUBLIC, DISCREET, GENERAL, PROFILES, Profile
from tallystick.epcis.quantity import format_decimal, format_micro, parse_decimal, parse_micro, parse_minor
from tallystick.epcis.split import SplitEvent, merge_event, split_event
from tallystick.epcis.timestamps import format_timestamp, parse_offset, parse_timestamp
from tallystick.epcis.validation import collect_issues, validate_event

__all__ = [
    "ALWAYS_PUBLIC",
    "DISCREET",
    "GENERAL",
    "PROFILES",
    "STANDARD_CONTEXTS",
    "Action",
    "Document",
    "DocumentWarning",
    "ErrorDeclaration",
    "EventIssue",
    "EventType",
    "Identifier",
    "IdentifierKind",
    "JsonNumber",
    "JsonObject",
    "JsonValue",
    "ParsedEvent",
    "Profile",
    "Quantity",
    "SensorReading",
    "SplitEvent",
    "TypedReference",
    "canonical_json",
    "check_digit",
    "collect_issues",
    "corrective_events",
    "declared_reason",
    "event_hash",
    "format_decimal",
    "format_micro",
    "format_timestamp",
    "merge_event",
    "parse_decimal",
    "parse_event",
    "parse_identifier",
    "parse_identifier_lenient",
    "parse_key",
    "parse_micro",
    "parse_minor",
    "parse_offset",
    "parse_parts",
    "parse_timestamp",
    "pre_hash_string",
    "read_canonical",
    "read_document",
    "read_json",
    "split_event",
    "to_epc_urn",
    "validate_event",
]
