"""What goes wrong, when and to whom: all drawn from one seed.

The kinds are dealt like cards: each comes once, in a drawn order, before any comes again. So a short run meets as many
kinds as it has steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

KILLS = ("kill-one", "kill-two", "kill-all")
KINDS = (
    *KILLS,
    "pause-one",
    "pause-two",
    "pause-all",
    "split",
    "split-reset",
    "isolate",
    "one-way",
    "slow-disk",
    "full-disk",
    "clock-one",
    "clock-all",
    "wipe-database",
    "wipe-disk",
)
IN_WORDS = {
    "kill-one": "kill -9 of one node",
    "kill-two": "kill -9 of two nodes at once: no quorum is left",
    "kill-all": "kill -9 of all nodes at once",
    "pause-one": "SIGSTOP of one node, then SIGCONT",
    "pause-two": "SIGSTOP of two nodes: no quorum is left",
    "pause-all": "SIGSTOP of all nodes",
    "split": "two nodes here, two there; bytes between them are held back",
    "split-reset": "two nodes here, two there; connections between them are reset",
    "isolate": "one node is cut off from the others",
    "one-way": "nothing that one node says arrives; it hears everything",
    "slow-disk": "every sync of one node's disk takes up to a second longer",
    "full-disk": "no byte is left on one node's disk; it must end by itself, and is started again",
    "clock-one": "one node's wall clock jumps, at most by a year, and comes back",
    "clock-all": "the wall clocks of all nodes jump, back by a year or ahead by minutes, and come back",
    "wipe-database": "kill -9 of one node, and its database is gone when it starts",
    "wipe-disk": "kill -9 of one node; it must refuse to start on an empty disk; then its disk is found again",
}
YEAR_MS = 365 * 86_400_000
CLOCK_JUMPS_MS = (-YEAR_MS, -3_600_000, -30_000, -2_000, 2_000, 30_000, 3_600_000, YEAR_MS)
CLOCK_JUMPS_ALL_MS = (-YEAR_MS, -600_000, -20_000, 20_000, 600_000)  # ahead stays ahead: block time never goes back


@dataclass(frozen=True, slots=True)
class Step:
    """One fault.

    Attributes:
        victims: nodes it is about; for a split, those on the one side.
        hold_s: from the fault to its healing.
        pause_s: from then on, beyond what recovery takes.
        amount: milliseconds, of a sync or of a clock's jump.
    """

    kind: str
    victims: tuple[str, ...]
    hold_s: float
    pause_s: float
    amount: int = 0


def steps(seed: str, nodes: Sequence[str], kinds: Sequence[str]) -> Iterator[Step]:
    """Endless, and the same for the same arguments."""
    chance = Random(seed)
    while True:
        deck = list(kinds)
        chance.shuffle(deck)
        for kind in deck:
            yield _drawn(kind, chance, nodes)


def _drawn(kind: str, chance: Random, nodes: Sequence[str]) -> Step:
    count = {"two": 2, "split": 2, "all": len(nodes)}
    size = next((size for word, size in count.items() if word in kind), 1)
    victims = tuple(chance.sample(list(nodes), size))
    hold_s, amount = chance.uniform(0.2, 1.5), 0
    if kind in ("split", "split-reset", "isolate", "one-way") or kind.startswith("pause"):
        hold_s = chance.choice((0.5, 1.5, 3.0, 4.5, 6.5)) * chance.uniform(0.8, 1.2)
    elif kind == "slow-disk":
        hold_s, amount = chance.uniform(2.0, 4.0), chance.choice((50, 200, 1_000))
    elif kind == "clock-one":
        hold_s, amount = chance.uniform(1.0, 3.0), chance.choice(CLOCK_JUMPS_MS)
    elif kind == "clock-all":
        hold_s, amount = chance.uniform(1.0, 3.0), chance.choice(CLOCK_JUMPS_ALL_MS)
    return Step(kind, victims, hold_s, chance.uniform(0.1, 0.8), amount)
