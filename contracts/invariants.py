"""What holds of every state that the rules can reach, numbered. Judged over whole states, by tests and by replays.

1  every record is the one spelling of its type, within its size
2  of a lot never more is left than was issued; something is left exactly while it is in use
3  every item has one custodian, a member; one on its way heads to another member; nothing that ended is on its way
4  what says it is in a container is in the contents of exactly that open session, and the other way round
5  a session is open exactly while something is inside, is the newest of its container, and counts what is inside
6  containers nest without a circle, at most ``CONTAINER_DEPTH_MAX`` deep
7  a history's count and root are those of its entries
8  a transformation's outputs name it, and its inputs list it among their descendants
9  a recall in force has reached everything made from what it names
10 an organisation's counts of root keys are right, and no identifier falls under two prefixes
11 records of unexpired ids lie within the hours that the state names
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from contracts.goods.restrictions import class_of
from tallystick.encoding import ZERO32, Message, decode
from tallystick.errors import DecodeError
from tallystick.limits import RECORD_SIZE_MAX
from tallystick.merkle import root_of
from tallystick.records.base import Record, Space, key_hash, number_key
from tallystick.records.chain import ExpiringHours, chain_key
from tallystick.records.goods import (
    CONTAINER_DEPTH_MAX,
    CONTENTS_MAX,
    RECALLS_PER_ITEM_MAX,
    Descendants,
    History,
    HistoryEntry,
    ItemMembers,
    ItemPublic,
    ItemStatus,
    Recall,
    RecallState,
    SessionMembers,
    SessionPublic,
    Statements,
    Transformation,
    descendants_key,
    item_key,
    session_key,
    transformation_key,
)
from tallystick.records.members import Key, KeyStatus, KeyUse, Organisation, PrefixRecord, organisation_key

T = TypeVar("T", bound=Message)
Histories = Mapping[bytes, Sequence[HistoryEntry]]


def violations(records: Mapping[bytes, Record], histories: Histories | None = None) -> list[str]:
    """Every breach of an invariant, in words; empty when all hold.

    Args:
        records: the whole state.
        histories: every history entry by its owner's key; without it number 7 is not judged.
    """
    state = _State(records)
    found = list(state.misspelt)
    for check in (_quantities, _custody, _contents, _sessions, _transformations, _recalls, _members, _ids):
        found.extend(check(state))
    if histories is not None:
        found.extend(_histories(state, histories))
    return found


class _State:
    """The records that the checks look at, decoded."""

    def __init__(self, records: Mapping[bytes, Record]) -> None:
        self.records = records
        self.misspelt: list[str] = []
        self.items = self._halves(Space.ITEM, ItemPublic, public=True)
        self.custody = self._halves(Space.ITEM, ItemMembers, public=False)
        self.sessions = self._halves(Space.SESSION, SessionPublic, public=True)
        self.inside = self._halves(Space.SESSION, SessionMembers, public=False)
        self.statements = self._halves(Space.STATEMENTS, Statements, public=True)
        self.organisations = self._halves(Space.ORGANISATION, Organisation, public=True)
        self.keys = self._halves(Space.KEY, Key, public=True)
        self.prefixes = self._halves(Space.PREFIX, PrefixRecord, public=True)
        self.transformations = self._halves(Space.TRANSFORMATION, Transformation, public=True)
        self.recalls = self._halves(Space.RECALL, Recall, public=True)

    def _halves(self, space: Space, type_: type[T], *, public: bool) -> dict[bytes, T]:
        found: dict[bytes, T] = {}
        for key, record in sorted(self.records.items()):
            if key[0] == space:
                value = self.read(key, record.public if public else record.members, type_)
                if value is not None:
                    found[key] = value
        return found

    def read(self, key: bytes, half: bytes, type_: type[T]) -> T | None:
        """One half, or None and a breach of number 1."""
        try:
            return decode(half, type_, size_max=RECORD_SIZE_MAX)
        except DecodeError as error:
            self.misspelt.append(f"1: {key!r} is no {type_.__name__}: {error}")
            return None

    def descendants(self, identifier: str) -> Iterator[bytes]:
        """Commitments of the transformations that used an identifier up."""
        chunk = 0
        while (record := self.records.get(descendants_key(identifier, chunk))) is not None:
            listed = self.read(descendants_key(identifier, chunk), record.members, Descendants)
            yield from listed.transformations if listed is not None else ()
            chunk += 1


def _quantities(state: _State) -> Iterator[str]:
    for key, held in state.custody.items():
        if held.remaining > held.issued:
            yield f"2: more is left of {key!r} than was issued"
        if held.issued and (held.remaining > 0) != (state.items[key].status is ItemStatus.ACTIVE):
            yield f"2: {key!r} has {held.remaining} left and is {state.items[key].status.name}"


def _custody(state: _State) -> Iterator[str]:
    for key, held in state.custody.items():
        for organisation in (held.holder, held.heading_to, held.received_from):
            if organisation and organisation_key(organisation) not in state.organisations:
                yield f"3: {key!r} names {organisation}, who is no member"
        if held.heading_to and (held.heading_to == held.holder or held.container):
            yield f"3: {key!r} heads to {held.heading_to} from {held.holder}, in {held.container!r}"
        if held.heading_to and state.items[key].status is not ItemStatus.ACTIVE:
            yield f"3: {key!r} has ended and is on its way"


def _contents(state: _State) -> Iterator[str]:
    placed: Counter[bytes] = Counter()
    for key, inside in state.inside.items():
        for identifier in inside.contents:
            placed[item_key(identifier)] += 1
            held = state.custody.get(item_key(identifier))
            if held is None or held.container != key:
                yield f"4: {identifier} is among the contents of {key!r} and does not say so"
    for key, held in state.custody.items():
        if placed[key] != (1 if held.container else 0):
            yield f"4: {key!r} is among the contents of {placed[key]} sessions"
        if state.items[key].container != (key_hash(held.container) if held.container else ZERO32):
            yield f"4: the public half of {key!r} names another session than the members' half"


def _sessions(state: _State) -> Iterator[str]:
    for key, session in state.sessions.items():
        inside = state.inside[key]
        container = state.items.get(item_key(session.identifier))
        if session.open != bool(inside.contents):
            yield f"5: {key!r} is {'open' if session.open else 'closed'} with {len(inside.contents)} things inside"
        if container is None or session.number > container.session_count:
            yield f"5: {key!r} is a session that its container does not count"
        elif session.open and session.number != container.session_count:
            yield f"5: {key!r} is open and not the newest"
        total, depth = _measure(state, key, 0)
        if depth > CONTAINER_DEPTH_MAX or total > CONTENTS_MAX:
            yield f"6: {key!r} holds {total} things, {depth} deep"
        elif total != inside.total or depth > 1 + inside.depth:
            yield f"5: {key!r} counts {inside.total} things, {inside.depth} deep, and has {total}, {depth} deep"


def _measure(state: _State, session: bytes, level: int) -> tuple[int, int]:
    """How many things are inside at all levels, and how many levels of containers; stops below a circle."""
    inside = state.inside.get(session)
    if inside is None or not inside.contents or level > CONTAINER_DEPTH_MAX:
        return 0, 0
    total, depth = 0, 1
    for identifier in inside.contents:
        content = state.items.get(item_key(identifier))
        count = content.session_count if content is not None else 0
        below, deep = _measure(state, session_key(identifier, count), level + 1) if count else (0, 0)
        total, depth = total + 1 + below, max(depth, 1 + deep)
    return total, depth


def _histories(state: _State, histories: Histories) -> Iterator[str]:
    kept: dict[bytes, History] = {key: item.history for key, item in state.items.items()}
    kept.update((key, session.history) for key, session in state.sessions.items())
    kept.update((key, statements.history) for key, statements in state.statements.items())
    for owner in sorted({*kept, *histories}):
        entries = histories.get(owner, ())
        history = kept.get(owner, History())
        if history.count != len(entries) or history.root() != root_of([entry.leaf_hash() for entry in entries]):
            yield f"7: the history of {owner!r} is not that of its {len(entries)} entries"


def _transformations(state: _State) -> Iterator[str]:
    for key, transformation in state.transformations.items():
        if key != transformation_key(transformation.commitment):
            yield f"8: {key!r} is the record of another transformation"
        for identifier in transformation.outputs:
            made = state.items.get(item_key(identifier))
            if made is None or made.made_by != key_hash(key):
                yield f"8: {identifier} does not name what made it"
        for identifier in transformation.inputs:
            item = state.items.get(item_key(identifier))
            kin = (identifier, item.lot if item is not None else "", class_of(identifier))
            if any(transformation.commitment not in state.descendants(name) for name in kin if name):
                yield f"8: {identifier} does not list a transformation that used it up"


def _recalls(state: _State) -> Iterator[str]:
    by_commitment = {one.commitment: one for one in state.transformations.values()}
    for key, recall in state.recalls.items():
        if recall.state is not RecallState.IN_FORCE:
            continue
        recall_id = key[1:].decode()
        waiting, reached = list(recall.roots), set(recall.roots)
        while waiting:
            for commitment in state.descendants(waiting.pop()):
                new = set(by_commitment[commitment].outputs) - reached
                reached |= new
                waiting.extend(sorted(new))
        for identifier in sorted(reached):
            recalls = state.items[item_key(identifier)].recalls
            if recall_id not in recalls and len(recalls) < RECALLS_PER_ITEM_MAX:
                yield f"9: recall {recall_id} is in force and has not reached {identifier}"


def _members(state: _State) -> Iterator[str]:
    roots: Counter[bytes] = Counter()
    for member in state.keys.values():
        if KeyUse.ROOT in member.uses and member.status is KeyStatus.ACTIVE:
            roots[organisation_key(member.organisation)] += 1
    for key, organisation in state.organisations.items():
        if roots[key] != organisation.root_key_count or not roots[key]:
            yield f"10: {key!r} counts {organisation.root_key_count} root keys and has {roots[key]}"
    held = {key[1:].decode() for key, prefix in state.prefixes.items() if prefix.organisation}
    for prefix in sorted(held):
        if any(other != prefix and other.startswith(prefix) for other in held):
            yield f"10: prefix {prefix} is held, and a longer one too"


def _ids(state: _State) -> Iterator[str]:
    key = chain_key("expiring-hours")
    hours = state.read(key, state.records[key].public, ExpiringHours)
    if hours is None:
        return
    lowest, highest = (number_key(Space.EXPIRING_IDS, hour) for hour in (hours.first, hours.last))
    for key in sorted(state.records):
        if key[0] == Space.EXPIRING_IDS and not lowest <= key <= highest:
            yield f"11: {key!r} lies outside the hours {hours.first} to {hours.last}"
