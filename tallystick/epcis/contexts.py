"""``@context``: the standard context by its address, plus the namespaces an event uses. Nothing is ever fetched."""

from __future__ import annotations

import re
from typing import Final

from tallystick.epcis.issues import Report
from tallystick.epcis.json_value import JsonObject, JsonValue
from tallystick.epcis.uris import NAME_SCHEMES, is_uri

STANDARD_CONTEXTS: Final = (
    "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
    "https://ref.gs1.org/standards/epcis/epcis-context.jsonld",
)
# Prefixes that the standard context declares; those marked True carry the meaning of standard values and may not
# be declared otherwise.
STANDARD_PREFIXES: Final[dict[str, tuple[str, bool]]] = {
    "epcis": ("https://ref.gs1.org/epcis/", True),
    "cbv": ("https://ref.gs1.org/cbv/", True),
    "gs1": ("https://gs1.org/voc/", True),
    "cbvmda": ("urn:epcglobal:cbv:mda:", False),
    "rdfs": ("http://www.w3.org/2000/01/rdf-schema#", False),
    "owl": ("http://www.w3.org/2002/07/owl#", False),
    "xsd": ("http://www.w3.org/2001/XMLSchema#", False),
    "dcterms": ("http://purl.org/dc/terms/", False),
}
_STANDARD_ALONE: Final = {prefix: iri for prefix, (iri, _) in STANDARD_PREFIXES.items()}
_PREFIX: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_TERM_KEYWORDS: Final = frozenset({"@type", "@id", "@container", "@language"})
_REMEDY: Final = f'give "@context": ["{STANDARD_CONTEXTS[0]}", {{"prefix": "namespace"}}]'


def read_context(report: Report, value: JsonValue, path: str) -> dict[str, str]:
    """Check a context and give all prefixes that hold under it, the standard ones included.

    Rules: ``event.context`` (form), ``event.context-standard`` (the standard one is not named),
    ``event.context-unknown`` (an address whose contents we do not know), ``event.context-prefix`` (not a prefix, or
    not a URI), ``event.context-redefined`` (a prefix of the standard vocabularies with another meaning).
    """
    if type(value) is list and len(value) == 1 and type(value[0]) is str and value[0] in STANDARD_CONTEXTS:
        return _STANDARD_ALONE  # the usual case
    entries = value if type(value) is list else [value]
    prefixes = _STANDARD_ALONE
    has_standard = False
    for entry in entries:
        if type(entry) is str:
            if entry in STANDARD_CONTEXTS:
                has_standard = True
            else:
                report("event.context-unknown", f"the context {entry[:120]} is not one we know", path, _REMEDY)
        elif type(entry) is dict:
            if prefixes is _STANDARD_ALONE:
                prefixes = dict(_STANDARD_ALONE)
            _read_prefixes(report, entry, prefixes, path)
        else:
            report("event.context", "a context is an address or an object of prefixes", path, _REMEDY)
    if not has_standard:
        report("event.context-standard", "the standard EPCIS context is not named", path, _REMEDY)
    return prefixes


def _read_prefixes(report: Report, entry: JsonObject, prefixes: dict[str, str], path: str) -> None:
    for name, meaning in entry.items():
        if type(meaning) is dict:
            _check_term(report, name, meaning, path)
            continue
        if type(meaning) is not str or _PREFIX.fullmatch(name) is None or not is_uri(meaning):
            report("event.context-prefix", f"{name[:60]!r} does not declare a prefix for a URI", path, _REMEDY)
            continue
        if name in NAME_SCHEMES:
            report("event.context-prefix", f"{name} is the scheme of URIs and cannot be a prefix", path)
        standard = STANDARD_PREFIXES.get(name)
        if standard is not None and standard[1] and standard[0] != meaning:
            report("event.context-redefined", f"{name} always stands for {standard[0]}", path, "use another prefix")
        if standard is None and prefixes.get(name, meaning) != meaning:
            report("event.context-redefined", f"{name} stands for two namespaces", path, "use another prefix")
        prefixes[name] = meaning


def _check_term(report: Report, name: str, meaning: JsonObject, path: str) -> None:
    """A term definition may only say how the values of one extension field are typed, as in ``{"@type": "@id"}``."""
    prefix, _, local = name.partition(":")
    if not local or _PREFIX.fullmatch(prefix) is None:
        report("event.context-prefix", f"{name[:60]!r} redefines a word; only extension fields are typed", path)
    if any(keyword not in _TERM_KEYWORDS or type(text) is not str for keyword, text in meaning.items()):
        report("event.context-prefix", f"{name[:60]!r} is defined by more than type and container", path)


def is_declared_name(key: str, prefixes: dict[str, str]) -> bool:
    """Say whether ``key`` names an extension: ``prefix:name`` with a declared prefix, or a full URI."""
    prefix, colon, local = key.partition(":")
    if not colon or not local:
        return False
    return (prefix in prefixes or prefix in NAME_SCHEMES) and is_uri(key)
