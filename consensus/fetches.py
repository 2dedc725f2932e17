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
    turn: int


class Fetches:
    """The open questions. Holds exactly what the last ``update`` named, so it is as bounded as its caller."""

    def __init__(self, retry_ms: int, me: int | None) -> None:
        self._retry_ms = retry_ms
        self._me = me
        self._asked: dict[bytes | tuple[int, int], _Asked] = {}

    def wants_block(self, block_hash: bytes) -> bool:
        """Whether this block is being fetched."""
        return block_hash in self._asked

    def update(self, needs: list[Need], now_ms: int) -> list[Effect]:
        """Forget what is no longer needed, ask for what is due."""
        if not needs and not self._asked:
            return []
        previous, self._asked = self._asked, {}
        effects: list[Effect] = []
        for need in needs:
            asked = previous.get(need.key) or _Asked(now_ms + need.patience_ms, self._retry_ms, 0)
            self._asked[need.key] = asked
            if now_ms >= asked.due_ms:
                effects.append(self._ask(need, asked.turn))
                asked.due_ms = now_ms + asked.delay_ms
                asked.delay_ms = min(asked.delay_ms * 3 // 2, DELAY_CAP_MS)
                asked.turn += 1
        return effects

    def _ask(self, need: Need, turn: int) -> Effect:
        others = tuple(holder for holder in need.holders if holder != self._me)
        start = turn % len(others) if others else 0
        holders = others[start:] + others[:start]
        if isinstance(need.key, bytes):
            return FetchBlock(need.key, need.view, holders)
        return FetchCertificates(need.key[0], need.key[1], holders)

    def next_due_ms(self) -> int | None:
        """When the next repeat is due, or None."""
        return min(asked.due_ms for asked in self._asked.values()) if self._asked else None
