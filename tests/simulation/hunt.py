"""Does one run after the other until one complains; in a process of its own, where the code may be a changed copy."""

from __future__ import annotations

import gc
import json
import resource
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path

from tests.simulation import test_liveness
from tests.simulation.gate import try_gate
from tests.simulation.patience import patience
from tests.simulation.plan import KINDS, run
from tests.simulation.schedule import read_schedule

FOUND = Path(__file__).parent / "found"
MEMORY_MAX = 1_500_000_000  # bytes


def runs(kind: str, first: int, count: int) -> Iterator[Callable[[], object]]:
    """The runs of a kind (see ``Mutant``): of seeds so many, of others all there are."""
    match kind:
        case "found":
            for file in sorted(FOUND.glob("*.json")):
                yield partial(run, read_schedule(file.read_text()))
        case "scenarios":
            yield from _scenarios()
        case "gate":
            yield from (partial(try_gate, seed) for seed in range(first, first + count))
        case _:
            yield from (partial(run, KINDS[kind](seed)) for seed in range(first, first + count))


def _scenarios() -> Iterator[Callable[[], object]]:
    """The tests of ``test_liveness``, with each of their parameters."""
    for name, test in vars(test_liveness).items():
        if name.startswith("test_"):
            parameters = [mark.args for mark in getattr(test, "pytestmark", ())]
            for values in product(*(cases for _, cases in parameters)):
                yield partial(test, **{named: value for (named, _), value in zip(parameters, values, strict=True)})


def main(kind: str, first: int, count: int) -> None:
    """Print the first run that complains, seeds by their number and others counted from ``first``, or null, as JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))  # a bug may be one that takes it all
    gc.disable()
    for seed, one in enumerate(runs(kind, first, count), first):
        if seed % 20 == 0:
            gc.collect()
        try:
            with patience():
                one()
        except Exception as error:
            print(json.dumps({"seed": seed, "complaint": f"{type(error).__name__}: {error}"}))
            return
    print(json.dumps({"seed": None, "complaint": ""}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
