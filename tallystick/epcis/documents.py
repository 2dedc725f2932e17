"""EPCIS documents: from one file to self-contained events. Nothing of an event is lost.

A document (or a query result, or one bare event) is refused where GS1's JSON schema refuses it. Rules of the
standard's text that the schema does not know do not stop the reading; they come back as warnings marked
``refused``, because the ledger will refuse those events.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from tallystick.epcis.bounds import DOCUMENT_SIZE_MAX
from tallystick.epcis.issues import EventIssue
from tallystick.epcis.json_reader import read_json
from tallystick.epcis.json_value import JsonObject, JsonValue
from tallystick.epcis.lenient import normalise_context, normalise_event, without_comments
from tallystick.epcis.namespaces import normal_context
from tallystick.epcis.rules_common import shown, step
from tallystick.epcis.timestamps import parse_timestamp
from tallystick.epcis.uris import is_uri
from tallystick.epcis.validation import collect_issues
from tallystick.errors import EventError

_VERSION: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_DOCUMENT_FIELDS: Final = frozenset(
    {
        "@context",
        "id",
        "type",
        "schemaVersion",
        "creationDate",
        "instanceIdentifier",
        "sender",
        "receiver",
        "epcisHeader",
        "epcisBody",
    }
)
# Rules of the standard that GS1's JSON schema does not enforce.
_BEYOND_SCHEMA: Final = frozenset(
    {
        "error.corrective",
        "event.class-among-instances",
        "event.context-prefix",
        "event.context-redefined",
        "event.context-standard",
        "event.context-unknown",
        "event.duplicate-identifier",
        "event.id",
        "event.instance-among-classes",
        "event.list-size",
        "event.parent-among-children",
        "event.prefix-undeclared",
        "event.too-many-identifiers",
        "quantity.count-not-whole",
        "quantity.negative",
        "quantity.precision",
        "quantity.range",
        "quantity.uom-alone",
        "sensor.time-after-event",
        "sensor.time-order",
        "sensor.too-many",
        "time.range",
    }
)


class DocumentWarning(msgspec.Struct, frozen=True, gc=False):
    """Something a sender should know.

    Attributes:
        rule, detail, path, remedy: as in ``EventError``; the path goes from the document's root.
        refused: True where the ledger will refuse the event; False where the lenient reading changed a spelling.
    """

    rule: str
    detail: str
    path: str
    remedy: str
    refused: bool


class Document(msgspec.Struct, frozen=True):
    """What a document holds.

    Attributes:
        events: each with its own ``@context`` in normal form (standard context, then the namespaces it uses).
        warnings: in order of the document.
        master_data: the entries of ``vocabularyList``, as they stand.
        envelope: every other field of the document (id, sender, creation date, query name …), as it stands.
    """

    events: tuple[JsonObject, ...]
    warnings: tuple[DocumentWarning, ...]
    master_data: tuple[JsonValue, ...]
    envelope: JsonObject


def read_document(data: bytes, *, lenient: bool = False, size_max: int = DOCUMENT_SIZE_MAX) -> Document:
    """Read an EPCISDocument, an EPCISQueryDocument or one bare event.

    Args:
        lenient: also read known deviations (URNs and IRIs of CBV words, comment keys, unusual Digital Links,
            quantities in quotes); each is a warning.
    Raises:
        DecodeError: not JSON as ``read_json`` reads it.
        EventError: a rule of GS1's schema is broken; ``path`` goes from the document's root.
    """
    root = read_json(data, size_max=size_max)
    if type(root) is not dict:
        raise EventError("document.object", "the document is not an object")
    return _Reader(lenient).read(root)


class _Reader:
    def __init__(self, lenient: bool) -> None:
        self._lenient = lenient
        self._warnings: list[DocumentWarning] = []

    def _notice(self, rule: str, detail: str, path: str) -> None:
        self._warnings.append(DocumentWarning(rule, detail, path, "", False))

    def read(self, root: JsonObject) -> Document:
        if self._lenient:
            root = self._clean_envelope(root)
        kind = root.get("type", root.get("isA") if self._lenient else None)
        if kind == "EPCISDocument":
            _check_envelope(root, True, self._lenient)
            body = _child(root, "epcisBody", "")
            events_path, holder = "/epcisBody", body
            master_data = _master_data(root)
        elif kind == "EPCISQueryDocument":
            _check_envelope(root, False, self._lenient)
            results = _child(_child(root, "epcisBody", ""), "queryResults", "/epcisBody")
            if type(results.get("queryName")) is not str:
                raise EventError("document.query-name", "queryName is missing", "/epcisBody/queryResults/queryName")
            events_path = "/epcisBody/queryResults/resultsBody"
            holder = _child(results, "resultsBody", "/epcisBody/queryResults")
            master_data = _entries(holder.get("vocabularyList", []), events_path + "/vocabularyList")
        elif "epcisBody" in root or "epcisHeader" in root:
            raise EventError("document.type", f"{shown(kind)} is no type of document", "/type", "EPCISDocument")
        else:
            return Document((self._event(root, [], ""),), tuple(self._warnings), (), {})
        if "eventList" not in holder:
            raise EventError("document.events-required", "eventList is missing", events_path + "/eventList")
        events: list[JsonObject] = []
        contexts: list[JsonValue] = [self._context(root.get("@context"), "/@context")]
        for index, event in enumerate(_entries(holder["eventList"], events_path + "/eventList")):
            path = f"{events_path}/eventList/{index}"
            if type(event) is not dict:
                raise EventError("event.object", f"{shown(event)} is not an event", path)
            events.append(self._event(event, contexts, path))
        return Document(tuple(events), tuple(self._warnings), tuple(master_data), _envelope(root))

    def _clean_envelope(self, root: JsonObject) -> JsonObject:
        body = {key: item for key, item in root.items() if key not in ("epcisBody", "@context")}
        if "epcisBody" not in root:
            return root  # a bare event is cleaned as an event
        cleaned = without_comments(body, self._notice, "")
        assert type(cleaned) is dict
        return {**cleaned, **{key: root[key] for key in ("epcisBody", "@context") if key in root}}

    def _context(self, context: JsonValue, path: str) -> JsonValue:
        return normalise_context(context, self._notice, path) if self._lenient else context

    def _event(self, source: JsonObject, contexts: list[JsonValue], path: str) -> JsonObject:
        event = normalise_event(source, self._notice, path) if self._lenient else dict(source)
        own = event.pop("@context", None)
        if own is not None:
            contexts = [*contexts, self._context(own, path + "/@context")]
        if contexts:
            event["@context"] = normal_context(contexts, event)
        for issue in collect_issues(event):
            if not _is_beyond_schema(issue, event):
                raise EventError(issue.rule, issue.detail, path + issue.path, issue.remedy)
            self._warnings.append(
                DocumentWarning(issue.rule, issue.detail, path + issue.path, issue.remedy, refused=True)
            )
        return event


def _is_beyond_schema(issue: EventIssue, event: JsonObject) -> bool:
    if issue.rule == "epcis.parent-required":
        return event["type"] == "AggregationEvent"
    return issue.rule in _BEYOND_SCHEMA or issue.rule.startswith("gs1.")


def _check_envelope(root: JsonObject, is_capture: bool, lenient: bool) -> None:
    """The fields beside the body: EPCIS 2.0, section 9.5, as GS1's schema has them."""
    if "@context" not in root:
        raise EventError("document.context-required", "@context is missing", "/@context", "name the standard context")
    for key in root:
        if key not in _DOCUMENT_FIELDS and not is_uri(key) and not (lenient and key == "isA"):
            raise EventError("document.field-unknown", f"{key[:80]!r} is no field of a document", step("", key))
    version, created = root.get("schemaVersion"), root.get("creationDate")
    if version is None and created is None and not is_capture:
        return
    if type(version) is not str or _VERSION.fullmatch(version) is None:
        raise EventError("document.schema-version", f"{shown(version)} is no version", "/schemaVersion", 'write "2.0"')
    if type(created) is not str:
        raise EventError("document.creation-date", "creationDate is missing", "/creationDate")
    try:
        parse_timestamp(created)
    except EventError as error:
        raise EventError(error.rule, error.detail, "/creationDate", error.remedy) from None


def _child(parent: JsonObject, key: str, path: str) -> JsonObject:
    child = parent.get(key)
    if type(child) is dict:
        return child
    raise EventError("document.object", f"{key} is missing or not an object", step(path, key))


def _entries(value: JsonValue, path: str) -> list[JsonValue]:
    if type(value) is list:
        return value
    raise EventError("event.list", f"{shown(value)} is not a list", path)


def _master_data(root: JsonObject) -> list[JsonValue]:
    if "epcisHeader" not in root:
        return []
    header = _child(root, "epcisHeader", "")
    if "epcisMasterData" not in header:
        return []
    data = _child(header, "epcisMasterData", "/epcisHeader")
    path = "/epcisHeader/epcisMasterData/vocabularyList"
    entries = _entries(data.get("vocabularyList", []), path)
    for index, entry in enumerate(entries):
        kind = entry.get("type") if type(entry) is dict else None
        if type(kind) is not str or not is_uri(kind):
            raise EventError("document.master-data", "a vocabulary has a URI as its type", f"{path}/{index}/type")
    return entries


def _envelope(root: JsonObject) -> JsonObject:
    """The document without its events and master data, so that nothing else is lost."""
    envelope: JsonObject = {key: item for key, item in root.items() if key not in ("epcisBody", "epcisHeader")}
    header, body = root.get("epcisHeader"), root["epcisBody"]
    if type(header) is dict:
        envelope["epcisHeader"] = {key: item for key, item in header.items() if key != "epcisMasterData"}
    results = body.get("queryResults") if type(body) is dict else None
    if type(results) is dict:
        envelope["queryResults"] = {key: item for key, item in results.items() if key != "resultsBody"}
    return envelope
