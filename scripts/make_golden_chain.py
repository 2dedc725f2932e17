#!/usr/bin/env python3
"""Write the golden chain and its figures, or compare them with what the builders and rules give today.

Usage: python scripts/make_golden_chain.py [--check]

Frozen bytes are replaced only while no chain of the present format exists anywhere; docs/spec/determinism.md says what
to do afterwards.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.write_or_compare import asked_to_check
from tests.golden.chain import build
from tests.golden.figures import difference, figures_of
from tests.golden.stored import CHAIN_FILE, FIGURES_FILE, StoredChain, pack_chain, read_chain


def as_json(figures: dict[str, Any]) -> str:
    """The figures' file: readable, one line per frozen tuple."""
    rows = ",\n    ".join(json.dumps(row) for row in figures["tuples"])
    text = json.dumps({**figures, "tuples": "ROWS"}, indent=2)
    return text.replace('"ROWS"', f"[\n    {rows}\n  ]") + "\n"


def check(chain: StoredChain) -> str:
    """What differs from the frozen files; empty when nothing does."""
    stored = read_chain()
    for height, (old, new) in enumerate(zip(stored.blocks, chain.blocks, strict=False), 1):
        if old != new:
            return f"block {height} has other bytes than the stored one: a builder, an encoding or a rule has changed"
    if stored != chain:
        return "genesis or the number of blocks differ from the stored ones"
    return difference(json.loads(FIGURES_FILE.read_text(encoding="utf-8")), figures_of(stored))


def main() -> int:
    """Write or compare."""
    checking = asked_to_check(__doc__)
    chain = build()
    if checking:
        problem = check(chain)
        print(problem or f"{len(chain.blocks)} blocks, as frozen")
        return 1 if problem else 0
    figures = figures_of(chain)
    CHAIN_FILE.write_bytes(pack_chain(chain))
    FIGURES_FILE.write_text(as_json(figures), encoding="utf-8")
    print(f"{len(chain.blocks)} blocks, {CHAIN_FILE.stat().st_size} bytes, state root {figures['final'][2]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
