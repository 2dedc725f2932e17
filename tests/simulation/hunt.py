"""Runs seeds until one complains; in a process of its own, so that the code under it may be a changed copy."""

from __future__ import annotations

import gc
import json
import resource
import sys

from tests.simulation.gate import try_gate
from tests.simulation.patience import patience
from tests.simulation.plan import KINDS, run

MEMORY_MAX = 1_500_000_000  # bytes


def main(kind: str, first: int, count: int) -> None:
    """Print the first seed that complains, or null, as JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))  # a bug may be one that takes it all
    gc.disable()
    for seed in range(first, first + count):
        if seed % 20 == 0:
            gc.collect()
        try:
            with patience():
                if kind == "gate":
                    try_gate(seed)
                else:
                    run(KINDS[kind](seed))
        except Exception as error:
            print(json.dumps({"seed": seed, "complaint": f"{type(error).__name__}: {error}"}))
            return
    print(json.dumps({"seed": None, "complaint": ""}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
