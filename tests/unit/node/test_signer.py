"""Nothing that contradicts an earlier statement is ever signed, restarts included; a lost record is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from consensus.effects import HeaderRecord
from node.signer import ContradictionError, Signer
from node.signer_log import SignerLog
from tallystick import keys
from tallystick.blocks import Executed, Header
from tallystick.errors import ConfigError, StorageError
from tallystick.merkle import EMPTY_ROOT
from tallystick.proposals import proposal_signing_bytes
from tallystick.votes import Certificate, Statement, Vote, VoteKind, nullify_statement

CHAIN = b"\x07" * 32
SEED = b"\x09" * 32
KEY = keys.public_key_of(SEED)
A, B = b"\xaa" * 32, b"\xbb" * 32


def signer(floor_view: int = 0) -> Signer:
    return Signer(SEED, CHAIN, 0, floor_view)


def statement(kind: VoteKind, view: int = 5, block_hash: bytes = A, epoch: int = 0) -> Statement:
    return nullify_statement(epoch, view) if kind is VoteKind.NULLIFY else Statement(epoch, kind, view, block_hash)


def header(view: int) -> Header:
    root = b"\x01" * 32
    executed = Executed(0, 1, root, EMPTY_ROOT, root)
    return Header(1, CHAIN, 0, view, view, A, view - 1, 0, view, 0, EMPTY_ROOT, False, root, root, executed)


def test_the_same_statement_twice_gives_the_same_signature() -> None:
    one = signer()
    notarize = statement(VoteKind.NOTARIZE)
    assert one.sign_statement(notarize) == one.sign_statement(notarize)
    keys.verify(KEY, one.sign_statement(notarize), keys.Purpose.VOTE, CHAIN, notarize.signing_bytes())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (statement(VoteKind.NOTARIZE), statement(VoteKind.NOTARIZE, block_hash=B)),
        (statement(VoteKind.FINALIZE), statement(VoteKind.FINALIZE, block_hash=B)),
        (statement(VoteKind.FINALIZE), statement(VoteKind.NULLIFY)),
        (statement(VoteKind.NULLIFY), statement(VoteKind.FINALIZE)),
    ],
    ids=["two-notarize", "two-finalize", "nullify-after-finalize", "finalize-after-nullify"],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_a_contradiction_is_refused_also_after_a_restart(first: Statement, second: Statement, restarted: bool) -> None:
    one = signer()
    if restarted:
        one.remember_statement(first)
    else:
        one.sign_statement(first)
    with pytest.raises(ContradictionError):
        one.sign_statement(second)


def test_notarize_and_nullify_in_one_view_is_legal() -> None:
    one = signer()
    one.sign_statement(statement(VoteKind.NOTARIZE))
    one.sign_statement(statement(VoteKind.NULLIFY))


def test_a_second_proposal_in_a_view_is_refused_also_after_a_restart() -> None:
    one = signer()
    one.remember_proposal(header(5))
    one.sign_proposal(proposal_signing_bytes(0, 5, header(5).block_hash()))
    with pytest.raises(ContradictionError):
        one.sign_proposal(proposal_signing_bytes(0, 5, B))


@pytest.mark.parametrize("view", [0, 3, 4])
def test_nothing_is_signed_at_or_below_the_floor(view: int) -> None:
    one = signer(floor_view=2)
    one.sign_statement(statement(VoteKind.NOTARIZE, view=4))
    one.forget(4)
    with pytest.raises(ContradictionError):
        one.sign_statement(statement(VoteKind.NOTARIZE, view=view))


def test_nothing_is_signed_for_another_epoch_or_after_closing() -> None:
    one = signer()
    with pytest.raises(ContradictionError):
        one.sign_statement(statement(VoteKind.NOTARIZE, epoch=1))
    one.close()
    with pytest.raises(ContradictionError):
        one.sign_statement(statement(VoteKind.NOTARIZE))


# --- the log --------------------------------------------------------------------------------------------------


def vote(view: int) -> Vote:
    return Vote(statement(VoteKind.NOTARIZE, view=view), 0, b"\x00" * 64)


def certificate(view: int) -> Certificate:
    return Certificate(statement(VoteKind.NULLIFY, view=view), 1, (b"\x00" * 64,))


def test_records_come_back_in_order_above_the_floor_with_bodies(tmp_path: Path) -> None:
    log = SignerLog(tmp_path, CHAIN, KEY, None, 0)
    log.append(vote(1), lazy=False)
    log.append(certificate(2), lazy=True)
    log.append_body(A, 3, (b"raw",))
    log.append(HeaderRecord(header(3), own=True), lazy=False)
    assert log.sync() and not log.sync()
    row = log.row(1)
    log.close()
    again = SignerLog(tmp_path, CHAIN, KEY, row, 1)
    assert again.records == [certificate(2), HeaderRecord(header(3), own=True)]
    assert again.bodies == {A: (b"raw",)}
    again.close()


def test_lazy_records_alone_ask_for_no_sync(tmp_path: Path) -> None:
    log = SignerLog(tmp_path, CHAIN, KEY, None, 0)
    log.append(certificate(1), lazy=True)
    assert not log.sync()
    log.close()


@pytest.mark.parametrize("how", ["missing", "emptied", "replaced"])
def test_a_lost_record_is_said_in_one_sentence(tmp_path: Path, how: str) -> None:
    log = SignerLog(tmp_path / "one", CHAIN, KEY, None, 0)
    log.append(vote(1), lazy=False)
    log.sync()
    row = log.row(0)
    log.close()
    folder = tmp_path / "one"
    if how == "replaced":
        other = SignerLog(tmp_path / "two", CHAIN, KEY, None, 0)
        other.append_body(A, 1, (bytes(1_000),))
        other.append(vote(1), lazy=False)
        other.sync()
        other.close()
        folder = tmp_path / "two"
    for path in folder.glob("*.log"):
        if how == "missing":
            path.unlink()
        elif how == "emptied":
            path.write_bytes(b"")
    with pytest.raises((ConfigError, StorageError)) as caught:
        SignerLog(folder, CHAIN, KEY, row, 0)
    assert "signer" in str(caught.value) and "\n" not in str(caught.value)


def test_a_log_of_another_key_or_chain_is_refused(tmp_path: Path) -> None:
    SignerLog(tmp_path, CHAIN, KEY, None, 0).close()
    with pytest.raises(ConfigError, match="another key or chain"):
        SignerLog(tmp_path, b"\x08" * 32, KEY, None, 0)
    with pytest.raises(ConfigError, match="another key or chain"):
        SignerLog(tmp_path, CHAIN, B, None, 0)


def test_pruning_drops_records_and_whole_files_and_the_rest_opens(tmp_path: Path) -> None:
    log = SignerLog(tmp_path, CHAIN, KEY, None, 0)
    for view in range(1, 8):
        log.append_body(A, view, (bytes(2_000_000),))
        log.append(vote(view), lazy=False)
        log.sync()
    assert len(list(tmp_path.glob("*.log"))) == 2
    log.prune(6)
    assert log.records == [vote(7)]
    assert len(list(tmp_path.glob("*.log"))) == 1
    row = log.row(6)
    log.close()
    again = SignerLog(tmp_path, CHAIN, KEY, row, 6)
    assert again.records == [vote(7)]
    again.close()
    with pytest.raises(ConfigError, match="older than the empty database"):
        SignerLog(tmp_path, CHAIN, KEY, None, 0)
