"""The namespaces an event, or a part of one, uses: its ``@context`` in normal form.

Normal form: a list of the addresses in their order, then, where any is used, one object with the declarations in
use. A declaration is in use when a key or a text anywhere in the value begins with ``prefix:``.
"""

from __future__ import annotations

import re
from typing import Final

from tallystick.epcis.json_value import JsonObject, JsonValue

_PREFIX: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


def used_prefixes(value: JsonValue, candidates: frozenset[str]) -> set[str]:
    """Of ``candidates``, those that some key or text in ``value`` begins with (before a colon)."""
    used: set[str] = set()
    _collect(value, candidates, used)
    return used


def _collect(value: JsonValue, candidates: frozenset[str], used: set[str]) -> None:
    if type(value) is str:
        prefix, colon, _ = value.partition(":")
        if colon and prefix in candidates:
            used.add(prefix)
    elif type(value) is dict:
        for key, item in value.items():
            _collect(key, candidates, used)
            _collect(item, candidates, used)
    elif type(value) is list:
        for item in value:
            _collect(item, candidates, used)


def used_terms(value: JsonValue, candidates: frozenset[str]) -> set[str]:
    """Of ``candidates`` (typed extension fields), those that are a key somewhere in ``value``."""
    used: set[str] = set()
    stack: list[JsonValue] = [value]
    while stack:
        item = stack.pop()
        if type(item) is dict:
            used.update(candidates.intersection(item))
            stack.extend(item.values())
        elif type(item) is list:
            stack.extend(item)
    return used


def quickly_used_prefixes(data: bytes, names: JsonObject) -> set[str] | None:
    """Which of the declared ``names`` the canonical JSON ``data`` uses, found by looking for ``"prefix:``.

    In canonical JSON these bytes begin a key or a text, unless a backslash stands before them.

    Returns:
        The prefixes in use, or None where a declaration itself could be mistaken for a use, so that only looking at
        the value can tell.
    """
    used: set[str] = set()
    for name, meaning in names.items():
        if type(meaning) is not str or _PREFIX.fullmatch(name) is None or meaning.partition(":")[0] in names:
            return None
        needle = b'"%s:' % name.encode("ascii")
        if needle in data:
            if b"\\" + needle in data:
                return None
            used.add(name)
    return used


def normal_context(contexts: list[JsonValue], body: JsonValue) -> list[JsonValue]:
    """Join contexts, outermost first, into the normal form of what ``body`` uses.

    Args:
        contexts: values of ``@context`` that hold, outermost first; an inner declaration replaces an outer one.
        body: the event without ``@context``.
    Returns:
        Addresses in order of appearance, then one object of the declarations in use.
    """
    addresses: list[JsonValue] = []
    declared: JsonObject = {}
    for context in contexts:
        for entry in context if type(context) is list else [context]:
            if type(entry) is dict:
                declared.update(entry)
            elif entry is not None and entry not in addresses:
                addresses.append(entry)
    if not declared:
        return addresses
    terms = used_terms(body, frozenset(name for name in declared if ":" in name))
    kept_terms: JsonObject = {name: declared[name] for name in declared if name in terms}
    prefixes = frozenset(declared).difference(terms)
    used = used_prefixes(body, prefixes) | used_prefixes(kept_terms, prefixes)
    kept: JsonObject = {name: meaning for name, meaning in declared.items() if name in used or name in terms}
    return [*addresses, kept] if kept else addresses
