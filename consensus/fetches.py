"""What we lack and ask others for: blocks by hash, certificates by view; repeated, holders rotated."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.effects import Effect, FetchBlock, FetchCertificates

DELAY_CAP_MS = 5_000  # growth x1.5 of the delay between repeats stops here


@dataclass(frozen=True, slots=True)
class Need:
    """One thing to ask for.

    Attributes:
        key: block hash, or first and last view.
        patience_ms: how long an answer to something asked before may still take before the first fetch.
    """

    key: bytes | tuple[int, int]
    view: int
    holders: tuple[int, ...]
    patience_ms: int = 0


@dataclass(slots=True)
class _Asked:
    due_ms: int
    delay_ms: int
    holder: int | None = None  # who was asked last


class Fetches:
    """The open questions, exactly those that the last ``update`` named, so it is as bounded as its caller.

    Who left a question unanswered is asked after all others, the next questions too, until an answer comes from it: new
    questions come faster than old ones are repeated, and one that lies would else be the first holder of each.
    """

    def __init__(self, retry_ms: int, me: int | None) -> None:
        self._retry_ms = retry_ms
        self._me = me
        self._asked: dict[bytes | tuple[int, int], _Asked] = {}
        self._silent: dict[int, int] = {}  # validator: when it was last found not to have answered

    def answered(self, block_hash: bytes) -> bool:
        """Whether this block is being fetched; if so, whoever was asked last is given the credit for it."""
        asked = self._asked.get(block_hash)
        if asked is not None and asked.holder is not None:
            self._silent.pop(asked.holder, None)
        return asked is not None

    def update(self, needs: list[Need], now_ms: int) -> list[Effect]:
        """Forget what is no longer needed, ask for what is due."""
        if not needs and not self._asked:
            return []
        previous, self._asked = self._asked, {}
        effects: list[Effect] = []
        for need in needs:
            asked = previous.get(need.key) or _Asked(now_ms + need.patience_ms, self._retry_ms)
            self._asked[need.key] = asked
            if now_ms >= asked.due_ms:
                if asked.holder is not None:
                    self._silent[asked.holder] = now_ms
                holders = self._in_order(need)
                asked.holder = holders[0] if holders else None
                asked.due_ms = now_ms + asked.delay_ms
                asked.delay_ms = min(asked.delay_ms * 3 // 2, DELAY_CAP_MS)
                if isinstance(need.key, bytes):
                    effects.append(FetchBlock(need.key, need.view, holders))
                else:
                    effects.append(FetchCertificates(need.key[0], need.key[1], holders))
        return effects

    def _in_order(self, need: Need) -> tuple[int, ...]:
        others = [holder for holder in need.holders if holder != self._me]
        return tuple(sorted(others, key=lambda holder: self._silent.get(holder, -1)))

    def next_due_ms(self) -> int | None:
        """When the next repeat is due, or None."""
        return min(asked.due_ms for asked in self._asked.values()) if self._asked else None
