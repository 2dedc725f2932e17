"""Evidence as a file: written, checked without a node, refused in every other state. And the keys of a rotation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from node.__main__ import main
from tallystick import keys
from tallystick.encoding import decode, encode
from tallystick.errors import DecodeError, ProofError, SignatureError
from tallystick.evidence import (
    Evidence,
    Said,
    evidence_of,
    read_evidence_file,
    verify_evidence,
    write_evidence_file,
)
from tallystick.genesis import Genesis
from tallystick.payloads.membership import NewSeat
from tallystick.votes import Statement, VoteKind
from tests.world import FOUNDERS, founding, public_key, seed

GENESIS: Genesis = founding()
ADDRESSES = ("--peer-address", "127.0.0.1:7101", "--api-address", "127.0.0.1:8101")


def evidence(chain_id: bytes = GENESIS.chain_id(), second: VoteKind = VoteKind.NOTARIZE) -> Evidence:
    def said(kind: VoteKind, fill: int) -> Said:
        block_hash = bytes((fill,)) * 32
        message = Statement(0, kind, 7, block_hash).signing_bytes()
        return Said(kind, block_hash, keys.sign(seed("org:carrier", "VALIDATOR"), keys.Purpose.VOTE, chain_id, message))

    return evidence_of(public_key("org:carrier", "VALIDATOR"), 0, 7, said(VoteKind.NOTARIZE, 1), said(second, 2))


def written(folder: Path, shown: Evidence) -> Path:
    path = folder / "evidence.json"
    path.write_bytes(write_evidence_file(shown, "org:carrier", GENESIS.chain_id()))
    return path


def test_evidence_is_checked_by_somebody_who_has_nothing_but_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, evidence())
    assert main(["evidence", "verify", str(path)]) == 0
    assert "DOUBLE_NOTARIZE in view 7 of epoch 0" in capsys.readouterr().out
    (tmp_path / "genesis.bin").write_bytes(encode(GENESIS))
    assert main(["evidence", "verify", str(path), "--genesis", str(tmp_path / "genesis.bin"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["organisation"] == "org:carrier" and answer["organisation_proven"]
    assert len(FOUNDERS) == 4


def test_a_file_that_convicts_nobody_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_another_chain = written(tmp_path, evidence(chain_id=bytes(32)))
    assert main(["evidence", "verify", str(of_another_chain)]) == 1
    lawful = written(tmp_path, evidence(second=VoteKind.FINALIZE))
    assert main(["evidence", "verify", str(lawful)]) == 1
    lawful.write_bytes(b"{}")
    assert main(["evidence", "verify", str(lawful)]) == 1
    errors = capsys.readouterr().err
    assert errors.count("convicts nobody") == 3 and "Traceback" not in errors


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"format":2}'])
def test_other_bytes_are_no_evidence_file(data: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        read_evidence_file(data)
    assert caught.value.rule == "evidence.file"


def test_a_file_of_another_format_is_refused_by_its_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, evidence())
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"format": 2}))
    assert main(["evidence", "verify", str(path)]) == 1
    said = capsys.readouterr().err
    assert "format 2; this software reads 1 [evidence.format]" in said and str(path) in said


@pytest.mark.parametrize("change", [lambda t: t + "!!!!", lambda t: t + "=", lambda t: "\n" + t, lambda t: t + "AA"])
def test_evidence_has_one_spelling_and_no_altered_file_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[str], str]
) -> None:
    path = written(tmp_path, evidence())
    fields = json.loads(path.read_bytes())
    path.write_text(json.dumps(fields | {"evidence": change(fields["evidence"])}))
    assert main(["evidence", "verify", str(path)]) == 1
    assert "convicts nobody" in capsys.readouterr().err


def test_no_altered_character_of_the_evidence_passes() -> None:
    fields = json.loads(write_evidence_file(evidence(), "org:carrier", GENESIS.chain_id()))
    text = fields["evidence"]
    for at, old in enumerate(text):
        for other in {"A", "B", "_", "+", "/", " "} - {old}:
            altered = fields | {"evidence": text[:at] + other + text[at + 1 :]}
            with pytest.raises((DecodeError, ProofError, SignatureError)):
                verify_evidence(read_evidence_file(json.dumps(altered).encode())[1], GENESIS.chain_id())


def test_rotation_makes_next_keys_once_and_a_seat_for_the_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, secret = tmp_path / "grower", tmp_path / "secret"
    secret.write_text("word\n")
    secret.chmod(0o600)
    init = ("init", "--org", "org:grower", "--name", "Grower", "--role", "governor", "--dir", str(home), *ADDRESSES)
    assert main([*init, "--passphrase-file", str(secret)]) == 0
    rotate = ["rotate", "--config", str(home / "node.toml"), *ADDRESSES, "--transport"]
    assert main(rotate) == 0
    seat = decode((home / "seat.bin").read_bytes(), NewSeat, size_max=8_192)
    new_seed = bytes.fromhex((home / "keys" / "validator-next.key").read_text())
    assert (seat.organisation, seat.key) == ("org:grower", keys.public_key_of(new_seed))
    assert main(rotate) == 1
    assert "exists already" in capsys.readouterr().err
