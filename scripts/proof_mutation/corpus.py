"""The good bundles that are changed: every good vector, with what its verifier trusts and what it is asked about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tallystick.proofs import Trust, Verified, verify_bundle

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "vectors" / "proofs"
VERDICTS = ("proven", "stated", "unknown-item")


@dataclass(frozen=True, slots=True)
class Good:
    """A good bundle.

    Attributes:
        text: its JSON.
        verified: what it proves.
    """

    name: str
    text: bytes
    trust: Trust
    subject: str
    at: int | None
    verified: Verified


def good_bundles() -> tuple[Good, ...]:
    """All of them, by name."""
    found = []
    for file in sorted(FOLDER.glob("*.json")):
        vector = json.loads(file.read_text())
        if vector["expected"] not in VERDICTS:
            continue
        told = vector["trust"]
        hashes = {int(epoch): bytes.fromhex(hash_) for epoch, hash_ in told["validators_hashes"].items()}
        last_heights = {int(epoch): height for epoch, height in told.get("last_heights", {}).items()}
        trust = Trust(bytes.fromhex(told["chain_id"]), hashes, told["height_min"], last_heights)
        text, subject, at = json.dumps(vector["bundle"]).encode(), vector["subject"], vector.get("at")
        verified = verify_bundle(text, trust, subject=subject, at=at)
        found.append(Good(file.stem, text, trust, subject, at, verified))
    return tuple(found)
