"""A pallet on paper: typed command, picture, a photograph of it, and a check with no node at all."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image, ImageFilter

from client_sdk import qr
from client_sdk.commands import compact
from client_sdk.errors import ExitCode
from client_sdk.transport import Request, Response
from client_sdk.trust import load_trust, pin
from tallystick import api
from tallystick.api import b64
from tallystick.compact import QR_SIZE_MAX, compact_text, read_compact
from tallystick.encoding import encode
from tallystick.errors import ConfigError
from tests import compact_world as w
from tests.qr_reader import read_text
from tests.recorded_bls import recorded_bls
from tests.unit.client_sdk.command_line import CommandLine
from tests.unit.client_sdk.ledger import FakeNode, Ledger
from tests.world import founding

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors/compact.json").read_text())
DATA = {row["name"]: bytes.fromhex(row["data"]) for row in VECTORS["proofs"]}
GOOD = DATA["good"]
PNG = qr.to_png(qr.compact_matrix(compact_text(GOOD)), 4)


def test_the_picture_read_back_is_the_proof() -> None:
    text = read_text(Image.open(io.BytesIO(PNG)))
    assert text == compact_text(GOOD) and read_compact(text.encode()) == read_compact(GOOD)


def test_a_blurred_and_compressed_photograph_of_it_reads_the_same() -> None:
    page = Image.open(io.BytesIO(PNG)).convert("L")
    larger = page.resize((page.width * 7 // 5, page.height * 7 // 5), Image.Resampling.BICUBIC)
    photograph = io.BytesIO()
    larger.filter(ImageFilter.GaussianBlur(1.2)).point(lambda grey: 40 + grey * 150 // 255).save(
        photograph, "JPEG", quality=60
    )
    assert read_text(Image.open(photograph)) == compact_text(GOOD)


def test_the_largest_proof_fits_the_largest_code_and_one_byte_more_does_not() -> None:
    largest = bytes(index % 251 + 1 for index in range(QR_SIZE_MAX))
    assert len(qr.compact_matrix(compact_text(largest))) == 177 + 2 * qr.QUIET_ZONE
    with pytest.raises(ConfigError, match="do not fit"):
        qr.compact_matrix(compact_text(largest + b"\x01\x01"))
    with pytest.raises(ConfigError, match="capital letters"):
        qr.compact_matrix("tsc1:")


@pytest.fixture(autouse=True)
def no_waiting_for_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks are looked up, not computed."""
    monkeypatch.setattr(compact, "bls", recorded_bls)


@pytest.fixture
def node() -> FakeNode:
    """A node that shows the sealed pallet."""
    shown = {api.CONSIGNMENT_PROOF: GOOD}
    made = FakeNode(Ledger(w.make_world()))
    made.before = lambda request: Response(200, {}, shown[request.path]) if request.path in shown else None
    return made


@pytest.fixture
def terminal(tmp_path: Path, node: FakeNode, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """A member at that node."""
    return CommandLine(tmp_path, "org:grower", node, capsys)


def test_a_pallet_is_put_on_paper_and_checked_offline_from_the_code(
    terminal: CommandLine, node: FakeNode, tmp_path: Path
) -> None:
    picture, kept = tmp_path / "pallet.png", tmp_path / "pallet.tsc"
    made = terminal.must("compact", w.PALLET, "--qr", str(picture), "--out", str(kept))
    assert made["size"] == len(GOOD) == len(kept.read_bytes())
    assert made["contents_digest"] and made["contents"] is None and made["recalls"] == []
    scanned = tmp_path / "scanned.txt"
    scanned.write_text(read_text(Image.open(picture)))
    node.before = _no_node
    for file in (scanned, kept):
        shown = terminal.run("verify", file, "--id", w.PALLET).json
        assert (shown["kind"], shown["id"], shown["session"], shown["open"]) == ("consignment", w.PALLET, 2, True)
        assert len(shown["signed_by"]) == 3


def test_contents_are_shown_where_their_owner_wants_it(terminal: CommandLine, tmp_path: Path) -> None:
    made = terminal.must("compact", w.PALLET, "--contents", "--out", str(tmp_path / "pallet.tsc"))
    assert made["contents"] == sorted(w.PACKS[:3])
    again = terminal.run("verify", tmp_path / "pallet.tsc").json
    assert again["contents"] == made["contents"]


@pytest.mark.parametrize("name", ["two-signers", "another-chain", "another-epoch", "other-roots", "contents-altered"])
def test_a_broken_paper_ends_with_its_code(terminal: CommandLine, tmp_path: Path, name: str) -> None:
    terminal.must("compact", w.PALLET, "--out", str(tmp_path / "good.tsc"))
    (tmp_path / "bad.tsc").write_bytes(DATA[name])
    answer = terminal.run("verify", tmp_path / "bad.tsc")
    code = next(row["code"] for row in VECTORS["proofs"] if row["name"] == name)
    assert answer.code == ExitCode.UNPROVEN and code in answer.out + answer.err


def test_a_paper_of_a_later_version_is_refused_by_its_beginning(terminal: CommandLine, tmp_path: Path) -> None:
    terminal.must("compact", w.PALLET, "--out", str(tmp_path / "good.tsc"))
    later = tmp_path / "later.txt"
    later.write_text(compact_text(GOOD).replace("TSC1:", "TSC2:"))
    answer = terminal.run("verify", later)
    assert (answer.code, answer.json["code"]) == (ExitCode.UNPROVEN, "unreadable")
    assert "neither form of a compact proof of version 1 [magic]" in answer.json["detail"]


def test_the_genesis_file_alone_is_enough_to_check_a_paper(
    terminal: CommandLine, node: FakeNode, tmp_path: Path
) -> None:
    node.before = _no_node
    (tmp_path / "good.tsc").write_bytes(GOOD)
    (tmp_path / "genesis.bin").write_bytes(encode(w.world().genesis))
    shown = terminal.run("verify", tmp_path / "good.tsc", "--genesis", tmp_path / "genesis.bin", "--id", w.PALLET).json
    assert (shown["kind"], shown["id"]) == ("consignment", w.PALLET)
    (tmp_path / "other.bin").write_bytes(encode(msgspec.structs.replace(w.world().genesis, network="other")))
    answer = terminal.run("verify", tmp_path / "good.tsc", "--genesis", tmp_path / "other.bin")
    assert answer.code == ExitCode.UNPROVEN and "wrong-chain" in answer.out + answer.err


def test_validators_without_bls_keys_prove_no_paper(terminal: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "good.tsc").write_bytes(GOOD)
    (tmp_path / "plain.bin").write_bytes(encode(founding()))
    answer = terminal.run("verify", tmp_path / "good.tsc", "--genesis", tmp_path / "plain.bin")
    assert answer.code == ExitCode.USAGE and "name no BLS keys" in answer.out + answer.err


def test_the_check_of_possessions_is_remembered_with_the_pinned_set(terminal: CommandLine, tmp_path: Path) -> None:
    terminal.must("compact", w.PALLET, "--out", str(tmp_path / "good.tsc"))
    (trust_file,) = tmp_path.rglob("trust.json")
    first = load_trust(trust_file)
    assert first.compact_trust().possessions_checked == {0}
    assert first.compact_trust().validators == {0: w.validators()}
    file = json.loads(trust_file.read_text())
    file["sets"]["0"] = b64(encode(w.with_entry(0, bls_key=w.validators().members[1].bls_key)))
    trust_file.write_text(json.dumps(file))
    answer = terminal.run("verify", tmp_path / "good.tsc")
    assert answer.code == ExitCode.USAGE and "not those that it pins" in answer.out + answer.err


def test_who_pinned_a_set_by_its_hash_learns_it_from_what_a_node_shows(tmp_path: Path) -> None:
    path, validators = tmp_path / "trust.json", w.validators()
    store = pin(encode(w.world().genesis), w.world().chain_id, path, epoch=3, validators_hash=validators.digest())
    assert store.compact_trust().validators == {}
    store.take_set(w.with_entry(0, bls_key=b"", bls_possession=b""))
    assert store.compact_trust().validators == {}
    store.take_set(validators)
    assert load_trust(path).compact_trust().validators == {3: validators}


def test_now_asks_the_validators_and_waits_for_the_height_that_is_sealed(
    terminal: CommandLine, node: FakeNode, tmp_path: Path
) -> None:
    asked: list[bytes] = []

    def answer(request: Request) -> Response | None:
        if request.path == api.SEALS:
            asked.append(request.body)
            return Response(202, {}, msgspec.json.encode(api.SealAsked(read_compact(GOOD).height)))
        if request.path == api.CONSIGNMENT_PROOF:
            assert asked, "the question for a seal comes first"
            return Response(200, {}, GOOD)
        return None

    node.before = answer
    made = terminal.must("compact", w.PALLET, "--now", "--out", str(tmp_path / "now.tsc"))
    assert asked == [encode(())] and made["id"] == w.PALLET


def test_only_a_container_has_such_a_paper(terminal: CommandLine) -> None:
    answer = terminal.send("compact", w.PACKS[0])
    assert answer.code == ExitCode.USAGE and "SSCC" in answer.out + answer.err


def _no_node(request: Request) -> Response:
    raise AssertionError(f"asked a node for {request.path}")
