"""A backup is whole or refused, says nothing of own votes, and is restored whole or not at all."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.execution import execute_block
from node.__main__ import main
from node.backup.archive import BackupError, BackupReader, backup_rows, write_backup
from node.backup.control import BACKUP, POLL_S, ControlDoor, ask_for_backup
from node.commands import backup as commands_backup
from node.config_template import render_config
from node.executor import Executor
from node.folder import DATABASE, SIGNER_LOG, FolderLock
from node.ledger import Ledger
from node.memory_store import MemoryStore
from node.snapshots import pace
from node.storage import LevelStore
from node.tables import SIGNER_PREFIX, RestoredRow
from node.toml_reader import Address
from tallystick.encoding import encode
from tallystick.errors import UnavailableError
from tests.snapshot_world import chain, world
from tests.world import founding

HEIGHT = 12


@pytest.fixture(scope="module")
def whole() -> bytes:
    view = chain(HEIGHT).ledger.view()
    return b"".join(write_backup(view, backup_rows(view)))


def read(data: bytes, piece: int = 7_000) -> dict[bytes, bytes | None]:
    """All rows; ``BackupError`` where the bytes are not a whole backup."""
    reader = BackupReader()
    rows = [row for at in range(0, len(data), piece) for row in reader.feed(data[at : at + piece])]
    reader.end()
    return dict(rows)


def home(folder: Path, name: str = "node") -> Path:
    """A node's configuration with the world's genesis beside it; no keys, which these commands do not need."""
    place = folder / name
    place.mkdir()
    (place / "genesis.bin").write_bytes(encode(world().genesis))
    config = place / "node.toml"
    config.write_text(render_config("org:grower", Address("127.0.0.1", 1), Address("127.0.0.1", 2)))
    return config


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """The configuration of a node that ran and was stopped."""
    config = home(tmp_path)
    store = LevelStore(config.parent / "data" / DATABASE)
    chain(HEIGHT, store)
    store.close()
    return config


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence on standard error."""
    text = capsys.readouterr().err
    assert text.count("\n") == 1 and "Traceback" not in text
    return text


def test_a_backup_holds_every_row_but_those_of_own_votes(whole: bytes) -> None:
    one = chain(HEIGHT)
    rows = dict(one.store.range(b"", b"\xff"))
    assert any(key.startswith(SIGNER_PREFIX) for key in rows)
    assert read(whole) == {key: value for key, value in rows.items() if not key.startswith(SIGNER_PREFIX)}


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_found(whole: bytes, at: int, bit: int) -> None:
    broken = bytearray(whole)
    broken[at % len(whole)] ^= 1 << bit
    with pytest.raises(BackupError):
        read(bytes(broken))


@settings(max_examples=50, deadline=None)
@given(at=st.integers(0, 10**9))
def test_a_backup_cut_off_anywhere_is_not_whole(whole: bytes, at: int) -> None:
    with pytest.raises(BackupError):
        read(whole[: at % len(whole)])


def test_bytes_behind_the_end_are_refused(whole: bytes) -> None:
    for more in (b"\x00", whole[8:]):
        with pytest.raises(BackupError):
            read(whole + more)


def test_two_backups_into_one_folder_do_not_touch_each_other(
    stopped: Path, tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in (".org-grower.backup.part", ".org-grower.backup.killed.part"):  # one leads elsewhere, one was left over
        (out / name).symlink_to(tmp_path / "precious") if "killed" not in name else (out / name).touch()
    (tmp_path / "precious").write_text("mine")
    started: list[str] = []

    def pieces(config: object) -> Iterator[bytes]:
        yield whole[:1_000]
        if not started:
            started.append("second")
            assert main(["backup", str(out / "second"), "--config", str(stopped)]) == 0
        yield whole[1_000:]

    monkeypatch.setattr(commands_backup, "_pieces", pieces)
    assert main(["backup", str(out / "first"), "--config", str(stopped)]) == 0
    assert started and (out / "first").read_bytes() == (out / "second").read_bytes() == whole
    assert (tmp_path / "precious").read_text() == "mine"
    assert sorted(path.name for path in out.iterdir()) == [".org-grower.backup.part", "first", "second"]


def test_a_caller_that_is_slow_to_ask_gets_its_backup(tmp_path: Path, whole: bytes) -> None:
    """A machine under load may need a moment between connecting and asking."""
    door = ControlDoor(tmp_path, chain(HEIGHT).ledger)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.settimeout(120)
            caller.connect(str(tmp_path / "control"))
            caller.sendall(BACKUP[:3])
            time.sleep(3 * POLL_S)
            caller.sendall(BACKUP[3:])
            answer = b"".join(iter(lambda: caller.recv(65_536), b""))
        assert answer == whole
    finally:
        door.close()


def test_a_stopped_node_is_backed_up_and_restored_elsewhere(
    stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    assert main(["backup", str(tmp_path / "out"), "--config", str(stopped)]) == 0
    (file,) = (tmp_path / "out").iterdir()
    assert file.name == f"org-grower-{HEIGHT}.backup" and file.stat().st_mode & 0o777 == 0o600
    other = home(tmp_path, "other")
    assert main(["restore", str(file), "--config", str(other)]) == 0
    assert capsys.readouterr().err == ""
    data = other.parent / "data"
    assert not (data / SIGNER_LOG).exists()
    store = LevelStore(data / DATABASE)
    ledger = Ledger(store)
    tip = ledger.tip()
    assert ledger.restored() == RestoredRow(tip.epoch, tip.view)
    assert Executor(ledger, execute_block).state.trie.root == chain(HEIGHT).executed[-1].state_root
    store.close()


def test_a_running_node_is_backed_up_through_its_local_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "REST_PER_WORK", 0.0)
    data = tmp_path / ("a long name " * 12) / "data"
    data.mkdir(parents=True)
    one = chain(HEIGHT, LevelStore(data / DATABASE))
    door = ControlDoor(data, one.ledger)
    try:
        pieces = ask_for_backup(data)
        first = next(pieces)
        one.grow(HEIGHT + 4)
        rows = read(first + b"".join(pieces))
        store = MemoryStore()
        store.write(rows.items())
        assert Ledger(store).tip().executed.height == HEIGHT
    finally:
        door.close()
        one.store.close()
    with pytest.raises(UnavailableError):
        list(ask_for_backup(data))


def test_a_node_that_ends_breaks_its_backup_off(tmp_path: Path) -> None:
    one = chain(HEIGHT, LevelStore(tmp_path / DATABASE))
    door = ControlDoor(tmp_path, one.ledger)
    door.close()
    with pytest.raises(UnavailableError):
        list(ask_for_backup(tmp_path))
    one.store.close()


def test_a_locked_folder_without_a_door_is_told_so(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FolderLock(stopped.parent / "data"):
        assert main(["backup", str(stopped.parent / "x.backup"), "--config", str(stopped)]) == 1
    assert "locked" in said(capsys)
    assert not (stopped.parent / "x.backup").exists()


def test_nothing_is_overwritten(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = stopped.parent / "x.backup"
    file.write_bytes(b"something")
    assert main(["backup", str(file), "--config", str(stopped)]) == 1
    assert "exists" in said(capsys) and file.read_bytes() == b"something"
    assert main(["restore", str(file), "--config", str(stopped)]) == 1
    assert "there is a database here" in said(capsys)


def test_a_folder_that_never_ran_has_nothing_to_back_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", str(tmp_path / "x"), "--config", str(home(tmp_path))]) == 1
    assert "no database" in said(capsys)


@pytest.mark.parametrize("how", ["cut", "flipped", "no backup", "missing", "empty"])
def test_a_broken_archive_leaves_nothing_behind(
    how: str, whole: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.backup"
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    contents = {"cut": whole[:-9], "flipped": bytes(flipped), "no backup": b"\x7fELF" * 99, "empty": b""}
    if how in contents:
        file.write_bytes(contents[how])
    config = home(tmp_path)
    assert main(["restore", str(file), "--config", str(config)]) == 1
    assert str(file) in said(capsys)
    assert {path.name for path in (config.parent / "data").iterdir()} <= {"lock"} if how != "missing" else True


def test_another_chains_backup_is_refused(whole: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.backup"
    file.write_bytes(whole)
    config = home(tmp_path)
    (config.parent / "genesis.bin").write_bytes(encode(founding(clock_advance_allowed=False)))
    assert main(["restore", str(file), "--config", str(config)]) == 1
    assert "backup of chain" in said(capsys)
    assert {path.name for path in (config.parent / "data").iterdir()} == {"lock"}


def test_no_room_is_told_before_anything_is_written(
    whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.backup"
    file.write_bytes(whole)
    config = home(tmp_path)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000))
    assert main(["restore", str(file), "--config", str(config)]) == 1
    assert "make room" in said(capsys)


def test_a_full_disk_leaves_no_half_backup(
    stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object) -> Iterator[bytes]:
        yield b""
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("node.commands.backup.write_backup", full)
    out = tmp_path / "out"
    out.mkdir()
    assert main(["backup", str(out), "--config", str(stopped)]) == 1
    assert "No space left" in said(capsys) and not list(out.iterdir())
