"""Each single change of a bundle is refused, with the code of the check that it meets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tallystick.errors import ProofError
from tallystick.proofs import verify_bundle
from tests.proof_mutants import mutants
from tests.proof_world import TRUST

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "proofs"
KINDS = ["block", "block-genesis", "receipt", "receivable", "receivable-presented", "item-as-of", "record-as-of"]


@pytest.mark.parametrize("name", KINDS)
def test_every_single_change_of_a_bundle_is_refused_with_its_code(name: str) -> None:
    bundle = json.loads((VECTORS / f"{name}.json").read_text())["bundle"]
    wrong = []
    corpus = list(mutants(bundle))
    for mutant in corpus:
        try:
            verify_bundle(json.dumps(mutant.bundle).encode(), TRUST)
            code = "proven"
        except ProofError as error:
            code = str(error.code)
        if code not in mutant.codes:
            wrong.append((mutant.name, code, sorted(mutant.codes)))
    assert wrong == []
    assert len(corpus) > 100
