"""One suite for both stores, so that the one in memory can be trusted; then what only a disk can do wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.executor import found
from node.ledger import Ledger
from node.memory_store import MemoryStore
from node.storage import BACKGROUND_NICE, LevelStore, Put, Store
from node.tables import FORMAT_KEY, FormatRow
from tallystick.encoding import encode
from tallystick.errors import ConfigError, StorageError

CHAIN = b"\x01" * 32
ROOT = Path(__file__).resolve().parents[3]
Reopen = Callable[[], Store]


@pytest.fixture(params=["level", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = LevelStore(tmp_path / "database") if request.param == "level" else MemoryStore()
    yield made
    made.close()


def everything(store: Store) -> list[tuple[bytes, bytes]]:
    return list(store.range(b"", b"\xff" * 8))


def test_a_key_never_written_reads_as_none(store: Store) -> None:
    assert store.get(b"nobody") is None


def test_a_written_value_is_read_back_and_a_deleted_one_is_gone(store: Store) -> None:
    store.write([(b"a", b"1"), (b"b", b"2")])
    store.write([(b"a", None)])
    assert store.get(b"a") is None
    assert store.get(b"b") == b"2"


def test_the_later_of_two_puts_of_one_key_counts(store: Store) -> None:
    store.write([(b"a", b"1"), (b"a", None), (b"a", b"3")])
    assert store.get(b"a") == b"3"
    store.write([(b"a", b"4"), (b"a", None)])
    assert store.get(b"a") is None


def test_a_range_is_half_open_in_byte_order(store: Store) -> None:
    store.write([(bytes((n,)), bytes((n,))) for n in (1, 200, 3, 2)])
    assert [key for key, _ in store.range(b"\x01", b"\xc8")] == [b"\x01", b"\x02", b"\x03"]
    assert list(store.range(b"\x04", b"\x05")) == []


def test_a_range_sees_the_state_at_its_start(store: Store) -> None:
    store.write([(b"a", b"1"), (b"b", b"2")])
    pairs = store.range(b"a", b"z")
    first = next(iter(pairs))
    store.write([(b"b", None), (b"c", b"3")])
    assert [first, *pairs] == [(b"a", b"1"), (b"b", b"2")]


def test_deleting_what_is_not_there_is_no_error(store: Store) -> None:
    store.write([(b"x", None)])
    assert everything(store) == []


def test_a_closed_store_answers_with_a_storage_error(store: Store) -> None:
    store.write([(b"a", b"1")])
    store.close()
    with pytest.raises(StorageError):
        store.get(b"a")
    with pytest.raises(StorageError):
        store.write([(b"a", b"2")])
    with pytest.raises(StorageError):
        list(store.range(b"a", b"b"))


KEYS = st.binary(min_size=1, max_size=3)
BATCHES = st.lists(st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=4)), max_size=8), max_size=8)


@given(batches=BATCHES, first=KEYS, end=KEYS)
@settings(max_examples=60, deadline=None)
def test_both_stores_agree_with_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Put]], first: bytes, end: bytes
) -> None:
    level, memory = LevelStore(tmp_path_factory.mktemp("db")), MemoryStore()
    model: dict[bytes, bytes] = {}
    for batch in batches:
        level.write(batch)
        memory.write(batch)
        for key, value in batch:
            model.pop(key, None)
            if value is not None:
                model[key] = value
    expected = sorted((key, value) for key, value in model.items() if first <= key < end)
    for store in (level, memory):
        assert everything(store) == sorted(model.items())
        assert list(store.range(first, end)) == expected
    level.close()


# --- the disk -------------------------------------------------------------------------------------------------


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    store = LevelStore(tmp_path)
    store.write([(b"a", b"1")])
    store.close()
    again = LevelStore(tmp_path)
    assert again.get(b"a") == b"1"
    again.close()


def test_the_thread_that_merges_tables_yields_to_all_others(tmp_path: Path) -> None:
    told = """
import os, sys
from pathlib import Path
from node.storage import LevelStore
LevelStore(Path(sys.argv[1])).write([(b"a", b"1")])
print(sorted(os.getpriority(os.PRIO_PROCESS, int(task)) - os.nice(0) for task in os.listdir("/proc/self/task")))
"""
    command = (sys.executable, "-c", told, str(tmp_path))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([0, min(BACKGROUND_NICE, 19 - os.nice(0))])


def test_a_second_process_on_one_folder_is_refused(tmp_path: Path) -> None:
    store = LevelStore(tmp_path)
    with pytest.raises(StorageError, match="cannot be opened"):
        LevelStore(tmp_path)
    store.close()


def test_a_flipped_byte_on_disk_is_an_error_and_never_a_wrong_value(tmp_path: Path) -> None:
    store = LevelStore(tmp_path)
    values = {b"key%05d" % n: bytes((n % 251,)) * 100 for n in range(5_000)}
    store.write(list(values.items()))
    store.close()
    LevelStore(tmp_path).close()  # moves the log into a table
    table = max(tmp_path.glob("*.ldb"), key=lambda path: path.stat().st_size)
    data = bytearray(table.read_bytes())
    for at in range(1_000, len(data) - 1_000, max(1, len(data) // 40)):
        data[at] ^= 0x55
    table.write_bytes(data)
    errors = 0
    try:
        store = LevelStore(tmp_path)
    except StorageError:
        return
    for key, value in values.items():
        try:
            assert store.get(key) in (value,)
        except StorageError:
            errors += 1
    with pytest.raises(StorageError):
        everything(store)
    store.close()
    assert errors > 0


def test_a_missing_table_is_an_error(tmp_path: Path) -> None:
    store = LevelStore(tmp_path)
    store.write([(b"key%05d" % n, b"x" * 100) for n in range(2_000)])
    store.close()
    LevelStore(tmp_path).close()
    for table in tmp_path.glob("*.ldb"):
        table.unlink()
    with pytest.raises(StorageError):
        everything(LevelStore(tmp_path))


def test_a_database_of_another_chain_is_refused_in_one_sentence() -> None:
    ledger = Ledger(MemoryStore())
    found(ledger, CHAIN, 1, {})
    assert ledger.check_format(CHAIN, "here")
    with pytest.raises(ConfigError, match=r"belongs to chain 0101.*check `data` and `genesis`"):
        ledger.check_format(b"\x02" * 32, "here")


def test_a_database_of_newer_software_is_refused_in_one_sentence() -> None:
    store = MemoryStore()
    store.write([(FORMAT_KEY, encode(FormatRow(99, CHAIN)))])
    with pytest.raises(ConfigError, match="format 99"):
        Ledger(store).check_format(CHAIN, "here")


def test_rows_without_a_format_are_no_empty_database() -> None:
    store = MemoryStore()
    store.write([(b"\x05record", b"x")])
    with pytest.raises(StorageError, match="no format row"):
        Ledger(store).check_format(CHAIN, "here")


def test_a_damaged_row_names_its_type() -> None:
    store = MemoryStore()
    ledger = Ledger(store)
    found(ledger, CHAIN, 1, {})
    store.write([(b"\x02" + bytes(8), b"\x99")])
    with pytest.raises(StorageError, match="BlockRow"):
        ledger.block(0)
