#!/usr/bin/env python3
"""Write the frozen vectors of proof bundles, good and broken, that all three verifiers replay.

Usage: python scripts/make_proof_vectors.py [--check]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.proof_vectors.attacks import SEEN
from scripts.proof_vectors.broken import broken
from scripts.proof_vectors.epochs import trust_changes
from scripts.proof_vectors.good import good
from scripts.proof_vectors.making import AT
from scripts.write_or_compare import asked_to_check
from tests import proof_world as w

FOLDER = ROOT / "tests" / "vectors" / "proofs"
AT_NONE = {"item-as-of-when-the-newest-was-asked"}  # asked without a height although they show an earlier one
AT_ASKED = {"item-newest-when-a-height-was-asked"}  # the other way round


def files() -> dict[str, str]:
    """File name to text of every vector."""
    trust = {
        "chain_id": w.CHAIN_ID.hex(),
        "validators_hashes": {"0": w.validators().digest().hex()},
        "height_min": 0,
    }
    result = {}
    pinned_later = trust_changes()
    for name, (code, subject, bundle) in {**good(), **broken()}.items():
        trusted = trust | pinned_later.get(name, {}) | ({"height_min": SEEN[name]} if name in SEEN else {})
        vector: dict[str, Any] = {
            "name": name, "expected": code, "subject": subject, "trust": trusted, "bundle": bundle,
        }  # fmt: skip
        if name in AT_ASKED or ("-as-of" in name and name not in AT_NONE):
            vector["at"] = AT
        result[f"{name}.json"] = json.dumps(vector, indent=1) + "\n"
    return result


def main() -> int:
    """Write the vectors, or with --check compare them."""
    checking = asked_to_check(__doc__)
    wanted = files()
    if checking:
        found = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
        differing = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        print("\n".join(differing) or f"{len(wanted)} vectors are current")
        return 1 if differing else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)
    print(f"{len(wanted)} vectors written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
