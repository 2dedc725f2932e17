"""Runs seeds until one complains; in a process of its own, so that the code under it may be a changed copy."""

from __future__ import annotations

import gc
import json
import sys

from tests.simulation.plan import KINDS, run


def main(kind: str, first: int, count: int) -> None:
    """Print the first seed that complains, or null, as JSON."""
    gc.disable()
    for seed in range(first, first + count):
        if seed % 20 == 0:
            gc.collect()
        try:
            run(KINDS[kind](seed))
        except Exception as error:
            print(json.dumps({"seed": seed, "complaint": f"{type(error).__name__}: {error}"}))
            return
    print(json.dumps({"seed": None, "complaint": ""}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
