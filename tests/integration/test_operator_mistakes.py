"""What an operator can do wrong to the folder of a node with a whole trade in it: each ends in one sentence."""

from __future__ import annotations

import random
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import plyvel
import pytest

from node.folder import DATABASE, SIGNER_LOG, FolderLock
from node.ledger import Ledger
from node.storage import LevelStore
from node.tables import FORMAT_KEY, STORE_FORMAT, ByteList, FormatRow, Table, number_key
from scripts.story.acts import Story
from scripts.story.cast import CARRIER, PROCESSOR
from scripts.story.goods import PACKS_A
from scripts.story.network import ROOT, free_ports
from tallystick.encoding import decode, encode
from tallystick.receipts import Receipt
from tallystick.records.base import Record
from tallystick.records.goods import item_key
from tallystick.transactions import decode_transaction

SEED = 7
PATIENCE_S = 300.0
ROW_SIZE_MAX = 10**8
pytestmark = pytest.mark.process


def command(*words: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
    """Exit code and standard error of ``tallystick-node``."""
    line = [sys.executable, *options, "-m", "node", *words]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    return done.returncode, done.stderr


def one_sentence(result: tuple[int, str], *words: str, code: int | None = None) -> None:
    """The last line is the sentence; before it there may be lines of the log, never a traceback."""
    status, said = result
    assert status != 0 and (code is None or status == code), said
    assert "Traceback" not in said, said
    line = said.splitlines()[-1]
    assert line.startswith("tallystick-node: ") and "fault in this software" not in line, said
    for word in words:
        assert word in line, line


@pytest.fixture(scope="module")
def stopped(played: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of two nodes' folders after a whole trade, made while one of them was down."""
    folder = tmp_path_factory.mktemp("stopped")
    network = played.network
    for organisation in (CARRIER, PROCESSOR):
        process = network.nodes[organisation].process
        assert process is not None
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
        shutil.copytree(network.nodes[organisation].folder, folder / organisation.removeprefix("org:"))
        network.start(organisation)
        network.wait_for_height(1, [organisation], PATIENCE_S)
    return folder


@pytest.fixture
def home(stopped: Path, tmp_path: Path) -> Path:
    """One node's folder, to be damaged; its ports are new ones."""
    folder = tmp_path / "carrier"
    shutil.copytree(stopped / "carrier", folder)
    listen_elsewhere(folder)
    return folder


def listen_elsewhere(folder: Path) -> None:
    for address, port in zip(("peer_listen", "api_listen"), free_ports(2), strict=True):
        rewrite(folder, rf'{address} = "[^"]*"', f'{address} = "127.0.0.1:{port}"')


def rewrite(folder: Path, pattern: str, text: str) -> None:
    config = folder / "node.toml"
    changed, count = re.subn(pattern, text, config.read_text())
    assert count == 1, config.read_text()
    config.write_text(changed)


def run(folder: Path, *options: str) -> tuple[int, str]:
    return command("run", "--config", str(folder / "node.toml"), options=options)


def check(folder: Path) -> tuple[int, str]:
    return command("check", "--config", str(folder / "node.toml"))


def starts(folder: Path) -> bool:
    """Whether a node on this folder comes so far as to serve; it is then ended."""
    line = [sys.executable, "-m", "node", "run", "--config", str(folder / "node.toml")]
    with subprocess.Popen(line, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        served = any("serving" in said for said in process.stderr)
        process.terminate()
        process.stderr.read()
    return served


def change_row(folder: Path, key: bytes, change: Callable[[bytes], bytes | None]) -> None:
    base = plyvel.DB(str(folder / "data" / DATABASE))
    value = change(base.get(key))
    if value is None:
        base.delete(key)
    else:
        base.put(key, value)
    base.close()


# --- files and options ----------------------------------------------------------------------------------------


def test_an_untouched_copy_starts_and_checks_whole(home: Path) -> None:
    assert starts(home)
    status, said = check(home)
    assert status == 0, said


def wrong_genesis(home: Path, stopped: Path) -> tuple[int, str]:
    data = (home / "genesis.bin").read_bytes()
    (home / "genesis.bin").write_bytes(data.replace(b"orchard-demo", b"orchard-sham"))
    return run(home)


def broken_genesis(home: Path, stopped: Path) -> tuple[int, str]:
    (home / "genesis.bin").write_bytes((home / "genesis.bin").read_bytes()[:-1])
    return run(home)


def another_members_keys(home: Path, stopped: Path) -> tuple[int, str]:
    shutil.rmtree(home / "keys")
    shutil.copytree(stopped / "processor" / "keys", home / "keys")
    return run(home)


def another_members_data(home: Path, stopped: Path) -> tuple[int, str]:
    shutil.rmtree(home / "data")
    shutil.copytree(stopped / "processor" / "data", home / "data")
    return run(home)


def foreign_database(home: Path, stopped: Path) -> tuple[int, str]:
    change_row(home, FORMAT_KEY, lambda _: encode(FormatRow(STORE_FORMAT, bytes(32))))
    return run(home)


def newer_store(home: Path, stopped: Path) -> tuple[int, str]:
    change_row(home, FORMAT_KEY, lambda row: encode(FormatRow(STORE_FORMAT + 1, bytes(32))))
    return run(home)


def broken_config(home: Path, stopped: Path) -> tuple[int, str]:
    (home / "node.toml").write_bytes((home / "node.toml").read_bytes() + b'\npeer_listen = "')
    return run(home)


def unknown_entry(home: Path, stopped: Path) -> tuple[int, str]:
    config = home / "node.toml"
    config.write_text("peer_lisen = 1\n" + config.read_text())
    return run(home)


def busy_port(home: Path, stopped: Path) -> tuple[int, str]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        rewrite(home, r'api_listen = "[^"]*"', f'api_listen = "127.0.0.1:{taken.getsockname()[1]}"')
        return run(home)


def locked_folder(home: Path, stopped: Path) -> tuple[int, str]:
    with FolderLock(home / "data"):
        return run(home)


def optimised(home: Path, stopped: Path) -> tuple[int, str]:
    return run(home, "-O")


def lost_signer_record(home: Path, stopped: Path) -> tuple[int, str]:
    shutil.rmtree(home / "data" / SIGNER_LOG)
    return run(home)


def emptied_signer_record(home: Path, stopped: Path) -> tuple[int, str]:
    for file in (home / "data" / SIGNER_LOG).iterdir():
        file.write_bytes(b"")
    return run(home)


def missing_config(home: Path, stopped: Path) -> tuple[int, str]:
    (home / "node.toml").unlink()
    return run(home)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (wrong_genesis, ("genesis",)),
        (broken_genesis, ("genesis",)),
        (another_members_keys, ("key",)),
        (another_members_data, ("another key",)),
        (foreign_database, ("belongs to chain",)),
        (newer_store, (f"format {STORE_FORMAT + 1}",)),
        (broken_config, ("TOML",)),
        (unknown_entry, ("peer_lisen",)),
        (busy_port, ("api_listen", "in use")),
        (locked_folder, ("locked",)),
        (optimised, ("-O",)),
        (lost_signer_record, ("signer record is lost",)),
        (emptied_signer_record, ("signer",)),
        (missing_config, ("node.toml",)),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_mistake_is_told_in_one_sentence(
    home: Path, stopped: Path, mistake: Callable[[Path, Path], tuple[int, str]], words: tuple[str, ...]
) -> None:
    one_sentence(mistake(home, stopped), *words)


def test_a_lost_database_beside_a_whole_signer_record_is_fetched_anew(home: Path) -> None:
    shutil.rmtree(home / "data" / DATABASE)
    assert starts(home)


# --- flipped bytes ----------------------------------------------------------------------------------------------


def flip(path: Path, chance: random.Random) -> int:
    data = bytearray(path.read_bytes())
    place = chance.randrange(len(data))
    data[place] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return place


def test_a_flipped_byte_in_any_file_is_told_or_harmless_and_never_believed(home: Path, tmp_path: Path) -> None:
    """Every file with contents, several places each. ``check`` must name damage or find the whole chain in order."""
    chance = random.Random(SEED)
    files = sorted(file.relative_to(home) for file in (home / "data").rglob("*") if file.is_file())
    files = [
        file for file in files if (home / file).stat().st_size and file.name not in ("LOG", "LOG.old", "LOCK", "lock")
    ]
    assert any(file.parent.name == SIGNER_LOG for file in files) and len(files) >= 4
    cases = [(file, turn) for file in files for turn in range(2)]
    copies: list[tuple[Path, Path, int]] = []
    for number, (file, _) in enumerate(cases):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(home, copy)
        listen_elsewhere(copy)  # two of them run at once
        copies.append((copy, file, flip(copy / file, chance)))
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda case: damage_of(*case), copies))
    assert [words for words in results if words] == []


def damage_of(copy: Path, file: Path, place: int) -> str:
    """Empty when the damage was told in one sentence or was without effect; else what is wrong with the answer."""
    in_log = file.parent.name == SIGNER_LOG
    status, said = run(copy) if in_log else check(copy)
    where = f"{file} at {place}: exit {status}: {said[-400:]}"
    if "Traceback" in said or "fault in this software" in said:
        return where
    if in_log:  # whatever was durable in it is covered by a checksum
        return "" if status != 0 and "signer" in said.splitlines()[-1] else where
    return "" if status in (0, 3) or (status == 1 and said.startswith("tallystick-node: ")) else where


# --- check names what disagrees ---------------------------------------------------------------------------------


def ledger_of(home: Path) -> Ledger:
    return Ledger(LevelStore(home / "data" / DATABASE))


@pytest.fixture
def busy_height(home: Path) -> Iterator[int]:
    """The middle one of the heights with a capture; the chain goes on without any while others use its nodes."""
    ledger = ledger_of(home)
    captures = [
        height
        for height in range(1, ledger.tip().executed.height)
        if any(decode_transaction(raw, ledger_chain(ledger)).events for raw in ledger.transactions(height))
    ]
    ledger.close()
    yield captures[len(captures) // 2]


def ledger_chain(ledger: Ledger) -> bytes:
    row = ledger.block(1)
    assert row is not None and row.header is not None
    return row.header.chain_id


def last_bit(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))


def first_item_changed(data: bytes) -> bytes:
    items = decode(data, ByteList, size_max=ROW_SIZE_MAX).items
    return encode(ByteList((last_bit(items[0]), *items[1:])))


def without_a_change(data: bytes) -> bytes:
    items = list(decode(data, ByteList, size_max=ROW_SIZE_MAX).items)
    for index, item in enumerate(items):
        receipt: Any = decode(item, Receipt, size_max=ROW_SIZE_MAX)
        if receipt.changes:
            items[index] = encode(msgspec.structs.replace(receipt, changes=receipt.changes[:-1]))
            break
    return encode(ByteList(tuple(items)))


@pytest.mark.parametrize(
    ("table", "change"),
    [
        (Table.BLOCKS, lambda _: None),
        (Table.BODIES, first_item_changed),
        (Table.BODIES, lambda _: encode(ByteList(()))),
        (Table.RECEIPTS, without_a_change),
        (Table.RECEIPTS, lambda _: None),
    ],
)
def test_check_names_the_height_that_disagrees_in_the_middle_of_a_trade(
    home: Path, busy_height: int, table: Table, change: Callable[[bytes], bytes | None]
) -> None:
    change_row(home, number_key(table, busy_height), change)
    one_sentence(check(home), f"height {busy_height}", code=3)


def test_check_names_the_record_that_disagrees_and_a_start_on_it_is_refused(home: Path) -> None:
    key = item_key(PACKS_A[0])
    change_row(home, bytes((Table.RECORDS,)) + key, lambda data: encode(last_half(data)))
    one_sentence(check(home), key.hex(), code=3)
    one_sentence(run(home), "state root", code=3)


def last_half(data: bytes) -> Record:
    record = decode(data, Record, size_max=ROW_SIZE_MAX)
    return Record(last_bit(record.public), *[getattr(record, name) for name in Record.__struct_fields__[1:]])


def test_check_names_the_item_whose_history_was_cut(home: Path) -> None:
    ledger = ledger_of(home)
    key = item_key(PACKS_A[0])
    entries = ledger.history(key, 0, 1_000)
    ledger.close()
    assert len(entries) >= 2
    base = plyvel.DB(str(home / "data" / DATABASE))
    rows = [row for row, value in base if value == entries[-1] and row[:1] != bytes((Table.RECORDS,))]
    assert len(rows) >= 1
    for row in rows:
        base.delete(row)
    base.close()
    one_sentence(check(home), key.hex(), code=3)
