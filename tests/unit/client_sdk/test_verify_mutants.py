"""``tallystick verify`` answers every frozen vector, and changed bundles of every kind, as the library does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from client_sdk import cli
from client_sdk.errors import ExitCode
from tallystick.errors import ProofError
from tallystick.proofs import VerifiedItem, verify_bundle
from tests.proof_mutants import mutants
from tests.proof_world import TRUST
from tests.unit.tallystick.test_proof_mutants import GOOD, VECTORS

EVERY = 40  # one mutant of so many goes through the command line


@pytest.fixture(scope="module")
def trust_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``tallystick pin`` writes, for the vectors' chain."""
    told = json.loads((VECTORS / "item.json").read_text())["trust"]
    file = tmp_path_factory.mktemp("trust") / "trust.json"
    pinned = {"format": 1, "network": "test", "chain_id": told["chain_id"], "validators": told["validators_hashes"]}
    file.write_text(json.dumps(pinned))
    return file


def library_says(data: bytes) -> str:
    try:
        verified = verify_bundle(data, TRUST)
    except ProofError as error:
        return str(error.code)
    return str(verified.verdict) if isinstance(verified, VerifiedItem) else "proven"


def command_says(file: Path, trust: Path, capsys: pytest.CaptureFixture[str]) -> str:
    code = cli.main(["verify", str(file), "--trust", str(trust), "--json"])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    answer = json.loads(captured.out or captured.err)
    assert code == (ExitCode.UNPROVEN if "code" in answer else ExitCode.OK)
    return str(answer["code"] if "code" in answer else answer.get("verdict", "proven"))


def test_every_frozen_vector_gets_the_answer_of_the_library(
    trust_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "proof.json"
    for path in sorted(VECTORS.glob("*.json")):
        file.write_text(json.dumps(json.loads(path.read_text())["bundle"]))
        assert command_says(file, trust_file, capsys) == library_says(file.read_bytes()), path.stem


@pytest.mark.parametrize("name", GOOD)
def test_changed_bundles_get_the_answer_of_the_library(
    name: str, trust_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "proof.json"
    bundle = json.loads((VECTORS / f"{name}.json").read_text())["bundle"]
    for place, mutant in enumerate(mutants(bundle)):
        if place % EVERY == 0:
            file.write_text(json.dumps(mutant.bundle))
            assert command_says(file, trust_file, capsys) == library_says(file.read_bytes()), mutant.name
