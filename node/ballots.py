"""Votes whose signatures nobody has checked yet: they wait until a quorum of them is there.

A late vote costs nothing that way: once its certificate is there nobody wants it any more. Nothing unchecked ever
reaches the engine. What is wanted for itself is checked at once: a nullify, for it calls for help; a vote of a
validator that was not heard of for a while; and whatever does not go with what the same validator said before, for
that is evidence. A vote waits only if it came on its signer's own connection, so that nobody can vote in another's
name, and the peer to blame for a bad one is known when it is found. Pure: who checks, counts and blames is the caller.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from consensus.engine import Engine
from tallystick.votes import Vote

Source = TypeVar("Source")
Due = list[tuple[Vote, Source]]


class Ballots(Generic[Source]):
    """Bounded: one vote of each validator, view and kind, in views whose votes the engine wants.

    ``Source`` is whatever the caller knows a connection by.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, dict[tuple[int, int], tuple[Vote, Source]]] = {}  # by view; validator and kind
        self._reviewed = -1  # the engine's changes at the last review; -1 when votes were given out since

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def clear(self) -> None:
        """Another engine goes on."""
        self._waiting.clear()

    def add(self, engine: Engine, vote: Vote, source: Source, *, own: bool) -> Due[Source]:
        """Take a vote in; which ones are to be checked now. ``own``: it came on its signer's connection."""
        lacking = engine.votes_lacking(vote)
        if lacking is None:
            return []
        statement, who = vote.statement, vote.validator
        if not own:
            self._reviewed = -1
            return [(vote, source)]
        view, key = statement.view, (who, statement.kind)
        here = self._waiting.get(view)
        if here is None:
            if lacking <= 1:
                self._reviewed = -1
                return [(vote, source)]
            here = self._waiting[view] = {}
        earlier = here.get(key)
        if lacking == 0 or (earlier is not None and earlier[0] != vote):
            return [*self._take(view, [other for other in here if other[0] == who]), (vote, source)]
        here[key] = (vote, source)
        alike = [other for other, (one, _) in here.items() if one.statement == statement]
        return self._take(view, alike) if len(alike) >= lacking else []

    def review(self, engine: Engine) -> Due[Source]:
        """After the engine went on: forget what it wants no more; what is to be checked now."""
        due: Due[Source] = []
        if self._reviewed == engine.changes:
            return due
        self._reviewed = engine.changes
        for view in list(self._waiting):
            here = self._waiting[view]
            for key, (vote, _) in list(here.items()):
                lacking = engine.votes_lacking(vote)
                if lacking is None:
                    here.pop(key, None)  # it may have been taken with another one
                elif key in here:
                    alike = [other for other, (one, _) in here.items() if one.statement == vote.statement]
                    if len(alike) >= lacking:
                        due += self._take(view, alike if lacking else [key])
            if not here:
                self._waiting.pop(view, None)
        return due

    def _take(self, view: int, keys: list[tuple[int, int]]) -> Due[Source]:
        here, self._reviewed = self._waiting[view], -1
        taken = [here.pop(key) for key in keys]
        if not here:
            del self._waiting[view]
        return taken
