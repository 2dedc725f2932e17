"""A pallet on paper: typed command, picture, a photograph of it, and a check with no node at all."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image, ImageFilter

from client_sdk import qr
from client_sdk.commands import compact
from client_sdk.errors import ExitCode
from client_sdk.seal_keys import file_beside
from client_sdk.transport import Request, Response
from tallystick import api
from tallystick.compact import QR_SIZE_MAX, compact_text, read_compact, write_compact
from tallystick.encoding import encode
from tallystick.errors import ConfigError
from tallystick.seals import SealKeys, SealKeySet, sign_seal_key
from tests import compact_world as w
from tests.qr_reader import read_text
from tests.recorded_bls import recorded_bls
from tests.unit.client_sdk.command_line import CommandLine
from tests.unit.client_sdk.ledger import FakeNode, Ledger

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
    shown = {
        api.CONSIGNMENT_PROOF: GOOD,
        api.SEAL_KEYS: bytes.fromhex(VECTORS["key_set"]),
    }
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


def test_without_pinned_keys_a_paper_is_not_believed(terminal: CommandLine, tmp_path: Path) -> None:
    terminal.must("compact", w.PALLET, "--out", str(tmp_path / "good.tsc"))
    next(tmp_path.rglob("*.seal-keys.json")).unlink()
    answer = terminal.run("verify", tmp_path / "good.tsc")
    assert answer.code == ExitCode.USAGE and "pinned" in answer.out + answer.err


def test_a_replaced_key_is_fetched_again_and_papers_under_the_former_one_still_hold(
    terminal: CommandLine, node: FakeNode, tmp_path: Path
) -> None:
    old, keys = under_a_former_key()
    node.before = _showing(old, keys)
    terminal.must("compact", w.PALLET, "--out", str(tmp_path / "old.tsc"))
    node.before = _showing(GOOD, w.key_set())
    terminal.must("compact", w.PALLET, "--out", str(tmp_path / "new.tsc"))
    for name in ("old.tsc", "new.tsc"):
        assert terminal.run("verify", tmp_path / name).json["id"] == w.PALLET


def test_only_a_container_has_such_a_paper(terminal: CommandLine) -> None:
    answer = terminal.send("compact", w.PACKS[0])
    assert answer.code == ExitCode.USAGE and "SSCC" in answer.out + answer.err


def test_the_keys_lie_beside_the_trust_file() -> None:
    assert file_beside(Path("a/trust.json")) == Path("a/trust.seal-keys.json")


def under_a_former_key() -> tuple[bytes, SealKeySet]:
    """The pallet's proof, and the keys, before the first founder replaced its BLS key by the present one."""
    scheme, former = recorded_bls(), (5).to_bytes(32, "big")
    first, *others = w.key_set().keys
    seed = w.seed(w.key_set().validators.members[0].organisation, "VALIDATOR")
    vouched = sign_seal_key(seed, w.world().chain_id, scheme.public_key(former), scheme.prove_possession(former))
    assert vouched.validator_key == first.validator_key and vouched.key != first.key
    keys = msgspec.structs.replace(w.key_set(), keys=(vouched, *others))
    shares = {0: scheme.sign(former, w.seal().signing_bytes()), 1: w.share(1), 3: w.share(3)}
    certificate = SealKeys(keys, w.world().chain_id, scheme).combine(w.seal(), shares)
    return write_compact(msgspec.structs.replace(w.proof(), signature=certificate.signature)), keys


def _showing(proof: bytes, keys: SealKeySet) -> Callable[[Request], Response | None]:
    shown = {api.CONSIGNMENT_PROOF: proof, api.SEAL_KEYS: encode(keys)}
    return lambda request: Response(200, {}, shown[request.path]) if request.path in shown else None


def _no_node(request: Request) -> Response:
    raise AssertionError(f"asked a node for {request.path}")
