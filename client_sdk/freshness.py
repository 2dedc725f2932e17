"""How old a proof is, and whether it is the newest that this member has seen: said in words, never left to guess."""

from __future__ import annotations

from dataclasses import dataclass

from client_sdk.trust_file import Newest
from tallystick.epcis import format_timestamp
from tallystick.proofs import WORDS, ProofCode

STALE_MS = 600_000  # a state older than this by the reader's clock is called stale: ten heartbeats of a minute
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


@dataclass(frozen=True, slots=True)
class Freshness:
    """What a proof's height and time say beside the reader's clock and trust file.

    Attributes:
        height, time_ms: of the state that the proof shows.
        age_ms: by the reader's clock; never negative.
        newest: the newest header that the reader has seen, when that is newer than the proof; else None.
    """

    height: int
    time_ms: int
    age_ms: int
    newest: Newest | None

    @property
    def stale(self) -> bool:
        """Whether newer events may well exist."""
        return self.age_ms > STALE_MS

    def fields(self) -> dict[str, object]:
        """As stable fields."""
        return {"stale": self.stale, "newer_height_seen": self.newest.height if self.newest is not None else None}

    def words(self) -> str:
        """For people; empty for what is fresh and the newest seen."""
        lines = []
        if self.newest is not None:
            lines.append(
                f"OLD: this shows height {self.height}; height {self.newest.height} of "
                f"{format_timestamp(self.newest.time_ms)} was seen here before"
            )
        if self.stale:
            lines.append(f"STALE: {duration_words(self.age_ms)} old. {WORDS[ProofCode.STALE][0]}")
        return "\n".join(lines)


def freshness_of(height: int, time_ms: int, newest: Newest | None, now_ms: int) -> Freshness:
    """How fresh the state of a height is.

    Args:
        newest: what the reader's trust file has seen, or None.
        now_ms: the reader's clock, milliseconds since 1970.
    """
    newer = newest if newest is not None and newest.height > height else None
    return Freshness(height, time_ms, max(0, now_ms - time_ms), newer)


def duration_words(duration_ms: int) -> str:
    """A duration in its two largest units, for instance ``2 h 5 min``."""
    parts: list[str] = []
    for size, unit in _UNITS:
        count, duration_ms = divmod(duration_ms, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
