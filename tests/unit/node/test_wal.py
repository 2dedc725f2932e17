"""The signer's log on disk: torn tails, damage, segments."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.wal import WriteAheadLog, frame, read_records
from tallystick.errors import StorageError

RECORDS = [b"first", b"\x00", b"the third record", bytes(range(256))]


def written(folder: Path, records: list[bytes], *, segment_size: int = 1 << 20) -> WriteAheadLog:
    log = WriteAheadLog(folder, segment_size=segment_size)
    log.read(None)
    for record in records:
        log.append(record)
        log.sync()
    return log


def payloads(folder: Path) -> list[bytes]:
    log = WriteAheadLog(folder)
    records = [payload for _, payload in log.read(None)]
    log.close()
    return records


def test_records_come_back_in_order(tmp_path: Path) -> None:
    written(tmp_path, RECORDS).close()
    assert payloads(tmp_path) == RECORDS


def test_what_was_not_synced_is_not_there(tmp_path: Path) -> None:
    log = written(tmp_path, RECORDS)
    log.append(b"never synced")
    log.close()
    assert payloads(tmp_path) == RECORDS


def test_a_tail_torn_at_every_byte_keeps_exactly_the_whole_records(tmp_path: Path) -> None:
    whole = b"".join(frame(record) for record in RECORDS)
    ends = [len(b"".join(frame(record) for record in RECORDS[:count])) for count in range(len(RECORDS) + 1)]
    for cut in range(len(whole) + 1):
        folder = tmp_path / str(cut)
        folder.mkdir()
        path = folder / "00000001.log"
        path.write_bytes(whole[:cut])
        kept = max(count for count, end in enumerate(ends) if end <= cut)
        assert payloads(folder) == RECORDS[:kept]
        assert path.stat().st_size == ends[kept], "the torn tail is cut off"
        log = WriteAheadLog(folder)
        log.read(None)
        log.append(b"after")
        log.sync()
        log.close()
        assert payloads(folder) == [*RECORDS[:kept], b"after"]


@pytest.mark.parametrize("zeros", [1, 7, 8, 9, 16, 64, 4_096])
def test_a_tail_of_zeros_is_cut_off_as_what_a_power_cut_leaves_of_a_file_that_had_grown(
    tmp_path: Path, zeros: int
) -> None:
    whole = b"".join(frame(record) for record in RECORDS)
    path = tmp_path / "00000001.log"
    path.write_bytes(whole + bytes(zeros))
    assert payloads(tmp_path) == RECORDS
    assert path.stat().st_size == len(whole)


def test_a_byte_changed_in_a_synced_record_is_damage_and_not_a_torn_tail(tmp_path: Path) -> None:
    log = written(tmp_path, RECORDS)
    mark = log.mark()
    log.close()
    path = tmp_path / "00000001.log"
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :])
        with pytest.raises(StorageError, match="damaged"):
            WriteAheadLog(tmp_path).read(mark)


def test_a_log_cut_below_what_was_synced_is_refused_at_every_length(tmp_path: Path) -> None:
    log = written(tmp_path, RECORDS)
    mark = log.mark()
    log.close()
    path = tmp_path / "00000001.log"
    good = path.read_bytes()
    for size in range(len(good)):
        path.write_bytes(good[:size])
        with pytest.raises(StorageError):
            WriteAheadLog(tmp_path).read(mark)


def test_a_full_segment_is_followed_by_another_and_old_ones_are_deleted_whole(tmp_path: Path) -> None:
    log = written(tmp_path, [bytes((n,)) * 100 for n in range(10)], segment_size=250)
    assert log.segments == (1, 2, 3, 4)
    assert log.mark().newest == 4
    log.delete_before(3)
    assert log.segments == (3, 4)
    log.delete_before(99)
    assert log.segments == (4,), "the newest stays"
    log.close()
    assert payloads(tmp_path) == [bytes((9,)) * 100]


def test_a_missing_segment_is_noticed(tmp_path: Path) -> None:
    log = written(tmp_path, [bytes((n,)) * 100 for n in range(10)], segment_size=250)
    mark = log.mark()
    log.close()
    (tmp_path / "00000004.log").unlink()
    with pytest.raises(StorageError, match="lacks files"):
        WriteAheadLog(tmp_path).read(mark)
    (tmp_path / "00000002.log").unlink()
    with pytest.raises(StorageError, match="lacks a file"):
        WriteAheadLog(tmp_path).read(None)


def test_damage_in_an_older_segment_is_never_a_torn_tail(tmp_path: Path) -> None:
    log = written(tmp_path, [bytes((n,)) * 100 for n in range(10)], segment_size=250)
    log.close()
    path = tmp_path / "00000002.log"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError, match="damaged"):
        WriteAheadLog(tmp_path).read(None)


@given(st.binary(max_size=300))
def test_any_bytes_read_as_some_records_and_a_rest(data: bytes) -> None:
    records, end = read_records(data)
    assert data[:end] == b"".join(frame(record) for record in records)
