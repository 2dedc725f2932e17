"""Each single change of a bundle, of every kind, is refused with the code of the check that it meets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import ProofError
from tallystick.proofs import VerifiedItem, verify_bundle
from tests.proof_mutants import mutants
from tests.proof_world import TRUST

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "proofs"
GOOD = [
    file.stem
    for file in sorted(VECTORS.glob("*.json"))
    if json.loads(file.read_text())["expected"] in ("proven", "stated", "unknown-item")
]
VERDICTS = ("proven", "partly", "stated", "unknown-item")


def code_of(bundle: dict[str, Any], subject: str, at: int | None) -> str:
    """What Python's verifier says."""
    try:
        verified = verify_bundle(json.dumps(bundle).encode(), TRUST, subject=subject, at=at)
    except ProofError as error:
        return str(error.code)
    return str(verified.verdict) if isinstance(verified, VerifiedItem) else "proven"


@pytest.mark.parametrize("name", GOOD)
def test_every_single_change_of_a_bundle_is_refused_with_its_code(name: str) -> None:
    vector = json.loads((VECTORS / f"{name}.json").read_text())
    assert code_of(vector["bundle"], vector["subject"], vector.get("at")) == vector["expected"]
    wrong = []
    corpus = list(mutants(vector["bundle"]))
    for mutant in corpus:
        code = code_of(mutant.bundle, vector["subject"], vector.get("at"))
        said_more = code in VERDICTS and code not in (vector["expected"], "partly")
        if code not in mutant.codes or said_more:
            wrong.append((mutant.name, code, sorted(mutant.codes)))
    assert wrong == []
    assert len(corpus) > 100
