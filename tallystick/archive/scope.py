"""Which identifiers belong to a scope: exporter and verifier take the same walk, so that nothing can be left out.

One step leads from an identifier to everything its closure names (its lot and class, containers it was in, inputs of
what made it) and, for a container, to everything that was ever packed into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tallystick.archive.errors import ArchiveError
from tallystick.epcis import parse_identifier, read_canonical
from tallystick.errors import DecodeError
from tallystick.limits import ARCHIVE_ITEMS_MAX, EVENT_PART_SIZE_MAX
from tallystick.proofs import VerifiedItem
from tallystick.records.goods import HistoryKind


def linked(item: VerifiedItem) -> tuple[str, ...]:
    """Identifiers that one step leads to, sorted."""
    closure = item.closure
    found = set(closure.parts)
    found.update(session.session.identifier for session in closure.sessions.values())
    for transformation in closure.transformations.values():
        found.update(transformation.inputs)
    part = closure.parts.get(closure.subject)
    for entry in part.entries if part is not None else ():
        event = item.events.get(entry.commitment)
        if entry.kind is HistoryKind.PACK and event is not None:
            found.update(_packed(event.public, closure.subject))
    found.discard(closure.subject)
    return tuple(sorted(found))


def walk_scope(
    identifiers: Iterable[str], depth: int, item_of: Callable[[str], VerifiedItem]
) -> dict[str, VerifiedItem]:
    """Every identifier of a scope with its closure.

    Args:
        item_of: gives the verified closure of an identifier, or raises.
    Raises:
        ArchiveError: ``archive.too-large``.
    """
    items: dict[str, VerifiedItem] = {}
    level = sorted(set(identifiers))
    for step in range(depth + 1):
        following: set[str] = set()
        for identifier in level:
            if len(items) == ARCHIVE_ITEMS_MAX:
                raise ArchiveError(
                    "archive.too-large",
                    f"more than {ARCHIVE_ITEMS_MAX} identifiers",
                    "",
                    f"export fewer identifiers, or a depth below {step}" if step else "export fewer identifiers",
                )
            items[identifier] = item_of(identifier)
            following.update(linked(items[identifier]))
        level = sorted(following - items.keys())
    return items


def _packed(public: bytes, container: str) -> set[str]:
    """What an event says was packed into a container; none where it was itself packed into another."""
    event = read_canonical(public, size_max=EVENT_PART_SIZE_MAX)
    if type(event) is not dict or _keys([event.get("parentID")]) != {container}:
        return set()
    children, lines = event.get("childEPCs"), event.get("childQuantityList")
    named = list(children) if isinstance(children, list) else []
    for line in lines if isinstance(lines, list) else []:
        named.append(line.get("epcClass") if isinstance(line, dict) else None)
    return _keys(named)


def _keys(uris: Iterable[object]) -> set[str]:
    found = set()
    for uri in uris:
        try:
            found.add(parse_identifier(uri).key if isinstance(uri, str) else "")
        except DecodeError:  # nodes admit no such event; a proof of one would still only lack a step
            continue
    return found - {""}
