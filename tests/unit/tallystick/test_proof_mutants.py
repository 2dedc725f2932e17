"""Each single change of a bundle, of every kind, is refused with the code of the check that it meets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import ProofError
from tallystick.proofs import Trust, VerifiedItem, verify_bundle
from tests.proof_mutants import mutants
from tests.proof_mutants_parts import Mutant

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "proofs"
GOOD = [
    file.stem
    for file in sorted(VECTORS.glob("*.json"))
    if json.loads(file.read_text())["expected"] in ("proven", "stated", "unknown-item")
]
VERDICTS = ("proven", "partly", "stated", "unknown-item")


def trust_of(vector: dict[str, Any]) -> Trust:
    """What a vector's verifier trusts."""
    told = vector["trust"]
    hashes = {int(epoch): bytes.fromhex(hash_) for epoch, hash_ in told["validators_hashes"].items()}
    last_heights = {int(epoch): height for epoch, height in told.get("last_heights", {}).items()}
    return Trust(bytes.fromhex(told["chain_id"]), hashes, told["height_min"], last_heights)


def allowed(mutant: Mutant, trust: Trust) -> frozenset[str]:
    """Codes of a mutant under a trust: ends of epochs before the pinned one are not looked at, and who knows the last
    height of an epoch refuses later ones before anything else."""
    if mutant.at[:2] in (("anchor", "epochs"), ("anchor", "validators")) and min(trust.validators_hashes) > 0:
        return mutant.codes | {"proven"}
    if mutant.at == ("anchor", "header") and trust.last_heights:
        return mutant.codes | {"unknown-validators"}
    return mutant.codes


def code_of(bundle: dict[str, Any], vector: dict[str, Any]) -> str:
    """What Python's verifier says of a bundle in the place of a vector's."""
    data, trust = json.dumps(bundle).encode(), trust_of(vector)
    try:
        verified = verify_bundle(data, trust, subject=vector["subject"], at=vector.get("at"))
    except ProofError as error:
        return str(error.code)
    return str(verified.verdict) if isinstance(verified, VerifiedItem) else "proven"


@pytest.mark.parametrize("name", GOOD)
def test_every_single_change_of_a_bundle_is_refused_with_its_code(name: str) -> None:
    vector = json.loads((VECTORS / f"{name}.json").read_text())
    assert code_of(vector["bundle"], vector) == vector["expected"]
    wrong = []
    corpus = list(mutants(vector["bundle"]))
    for mutant in corpus:
        code = code_of(mutant.bundle, vector)
        said_more = code in VERDICTS and code not in (vector["expected"], "partly")
        if code not in allowed(mutant, trust_of(vector)) or said_more:
            wrong.append((mutant.name, code, sorted(mutant.codes)))
    assert wrong == []
    assert len(corpus) > 100
