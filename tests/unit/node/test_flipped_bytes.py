"""A byte flipped in any file of a stopped node's folder: ``check`` says so, in one sentence."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from node.__main__ import main
from node.bls_store import SealStore
from node.folder import CLOSING_SEALS, NEWEST_SEAL
from node.ledger import Ledger
from node.leveldb_files import FileDamage, check_database, crc32c, masked_crc
from node.record_check import Disagreement
from node.snapshots.check import check_snapshots
from node.snapshots.maker import make_snapshot, plan_snapshot
from node.snapshots.service import SNAPSHOTS
from node.snapshots.shelf import Shelf
from node.storage import LevelStore
from node.store_check import CheckReport, StoreCheck
from node.tree_file import CHANGES_MIN, TREE_FILE
from scripts.benchmark.filled_node import FilledNode
from tests import compact_world as w

SEED = 4
FLIPS_PER_FILE = 4
NOT_DATA = ("LOG", "LOG.old", "LOCK", "lock")  # LevelDB's diary, and locks


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node's folder with two tables, a log, a saved tree, a signer's log, a seal and a snapshot."""
    node = FilledNode(tmp_path_factory.mktemp("filled"))
    node.grow(CHANGES_MIN + 200)
    keep_snapshot(node)
    for keys in (60, 40):  # every opening turns the database's log into a table
        node.close()
        node.open()
        node.grow(node.key_count + keys)
    node.close()
    SealStore(node.home / "data" / NEWEST_SEAL, node.home / "data" / CLOSING_SEALS).keep(w.certificate())
    return node.home


def keep_snapshot(node: FilledNode) -> None:
    """A snapshot of the newest height, as a running node makes one."""
    shelf = Shelf(node.home / "data" / SNAPSHOTS)
    plan = plan_snapshot(node.disk.ledger, node.chain_id)
    assert plan is not None
    shelf.put(make_snapshot(node.disk.ledger.view(), plan, shelf.making, Event()))


def check(home: Path) -> int:
    return main(["check", "--config", str(home / "node.toml"), "--json"])


def files(home: Path) -> list[Path]:
    found = [path for path in sorted((home / "data").rglob("*")) if path.is_file() and path.stat().st_size]
    return [path for path in found if path.name not in NOT_DATA]


def flipped(home: Path, copy: Path, path: Path, place: int, bit: int) -> None:
    """``copy`` becomes ``home`` with one bit of one file the other way."""
    if (copy / "data").exists():
        shutil.rmtree(copy / "data")
    shutil.copytree(home / "data", copy / "data")
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    (copy / path.relative_to(home)).write_bytes(data)


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    place = tmp_path / "copy"
    shutil.copytree(home, place)
    return place


def test_an_untouched_folder_is_whole(copy: Path) -> None:
    assert check(copy) == 0
    assert check(copy) == 0  # and still is after LevelDB was opened


def test_the_folder_has_a_file_of_every_kind(home: Path) -> None:
    names = [path.name for path in files(home)]
    assert {TREE_FILE, NEWEST_SEAL, "CURRENT", "manifest.bin", "00000.chunk"} <= set(names)
    assert sum(name.endswith(".ldb") for name in names) >= 2
    assert any(name.startswith("MANIFEST") for name in names)
    logs = [path.parent.name for path in files(home) if path.suffix == ".log"]
    assert sorted(logs) == ["database", "signer"]


def places(path: Path, chance: random.Random) -> Iterator[int]:
    """Some at random, the first and the last byte, and for a table one in padding and one in what stands before it."""
    size = path.stat().st_size
    yield from {0, size - 1, *(chance.randrange(size) for _ in range(FLIPS_PER_FILE))}
    if path.suffix == ".ldb":
        yield from (size - 12, size - 60, size - 300)


def test_a_flipped_bit_in_any_file_is_found(home: Path, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(SEED)
    missed = []
    for path in files(home):
        for place in places(path, chance):
            bit = chance.randrange(8)
            flipped(home, copy, path, place, bit)
            code = check(copy)
            said = capsys.readouterr()
            where = f"{path.name} at {place}, bit {bit}: exit {code}"
            if code not in (1, 3) or "Traceback" in said.err or "fault in this software" in said.err:
                missed.append(where)
    assert missed == []


def test_every_byte_of_a_snapshots_manifest_is_held_against_the_database(copy: Path) -> None:
    ledger = Ledger(LevelStore(copy / "data" / "database"))
    genesis = ledger.block(0)
    assert genesis is not None
    chain_id = genesis.block_hash
    folder = copy / "data" / SNAPSHOTS
    check_snapshots(folder, ledger, chain_id)
    manifest = next(folder.glob("*/manifest.bin"))
    data = manifest.read_bytes()
    chance = random.Random(SEED)
    for place in range(len(data)):
        bad = bytearray(data)
        bad[place] ^= 1 << chance.randrange(8)
        manifest.write_bytes(bad)
        with pytest.raises(Disagreement):
            check_snapshots(folder, ledger, chain_id)
    manifest.write_bytes(data)
    ledger.close()


@pytest.mark.parametrize("damage", ["a chunk is missing", "a chunk too many", "another height's name", "of no height"])
def test_a_snapshot_that_is_not_what_its_manifest_says_is_named(
    copy: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot = next((copy / "data" / SNAPSHOTS).iterdir())
    named = snapshot.name
    if damage == "a chunk is missing":
        (snapshot / "00000.chunk").unlink()
        named = "00000.chunk"
    elif damage == "a chunk too many":
        named = "00099.chunk"
        (snapshot / named).write_bytes(b"more")
    elif damage == "another height's name":
        named = f"{int(snapshot.name) - 1:016d}"
        snapshot.rename(snapshot.with_name(named))
    else:
        named = f"{10**15:016d}"
        snapshot.rename(snapshot.with_name(named))
    assert check(copy) == 3
    said = capsys.readouterr()
    assert named in said.out + said.err and "delete" in said.out + said.err


def test_a_snapshot_that_was_never_finished_is_no_damage(copy: Path) -> None:
    making = copy / "data" / SNAPSHOTS / "making"
    making.mkdir()
    (making / "00000.chunk").write_bytes(b"the node ended here")
    assert check(copy) == 0


def test_every_bit_of_what_leveldb_overlooks_is_found(home: Path, copy: Path) -> None:
    """The newest table's end and the end of the log, without the walk over the chain."""
    database = copy / "data" / "database"
    table = min(database.glob("*.ldb"), key=lambda path: path.stat().st_size)
    log = next(database.glob("*.log"))
    check_database(database)
    chance = random.Random(SEED)
    for path in (table, log, next(database.glob("MANIFEST-*"))):
        data = path.read_bytes()
        size = len(data)
        for place in range(max(0, size - 400), size):
            bad = bytearray(data)
            bad[place] ^= 1 << chance.randrange(8)
            path.write_bytes(bad)
            with pytest.raises(FileDamage):
                check_database(database)
        path.write_bytes(data)


def test_a_log_that_a_crash_cut_off_is_told_from_a_whole_one(copy: Path) -> None:
    database = copy / "data" / "database"
    log = next(database.glob("*.log"))
    log.write_bytes(log.read_bytes()[:-5])
    with pytest.raises(FileDamage, match="power failure"):
        check_database(database)


def test_a_table_that_the_manifest_names_and_that_is_gone_is_damage(copy: Path) -> None:
    table = min((copy / "data" / "database").glob("*.ldb"))
    table.unlink()
    with pytest.raises(FileDamage, match=f"names the table {table.name}, which is not there"):
        check_database(table.parent)
    assert check(copy) == 3


def test_what_leveldb_writes_and_removes_beside_the_check_is_no_damage(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It compacts in a thread of its own, as soon as it is open: half of a new table is there, an old one goes."""
    walk = StoreCheck.run

    def beside_a_compaction(self: StoreCheck) -> CheckReport:
        (copy / "data" / "database" / "999998.ldb").write_bytes(b"half of a tab")
        (copy / "data" / "database" / "999999.ldb").symlink_to("gone")
        return walk(self)

    monkeypatch.setattr(StoreCheck, "run", beside_a_compaction)
    assert check(copy) == 0
    monkeypatch.undo()
    assert check(copy) == 0  # and a crash may leave it so


def test_checksums_are_those_of_the_standard() -> None:
    """RFC 3720, appendix B.4, and the masking that LevelDB's own test pins."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(b"123456789") == 0xE3069283
    crc = crc32c(b"foo")
    assert int.from_bytes(masked_crc(b"foo"), "little") == ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32
