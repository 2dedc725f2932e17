"""What a pruned database, or one from a snapshot, still holds is checked; every table's damage is found."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node import pruning
from node.ledger import Ledger
from node.memory_store import MemoryStore
from node.pruned_check import PrunedCheck
from node.pruning import Pruner
from node.record_check import Disagreement
from node.snapshots.manifest import verify_manifest
from node.snapshots.rebuild import rebuild
from node.store_check import CheckReport
from node.tables import Table
from tallystick.errors import StorageError
from tests.snapshot_world import Chain, chain, snapshot, validators, world

HEIGHT = 30


def pruned(monkeypatch: pytest.MonkeyPatch, bound: int | None = None) -> Chain:
    """A chain of 30 heights of which ten keep their bodies."""
    monkeypatch.setattr(pruning, "STEP_HEIGHTS", 2)
    one = chain(HEIGHT)
    loop = asyncio.new_event_loop()
    pruner = Pruner(one.ledger, 10, lambda: bound, loop)
    for _ in range(HEIGHT):
        pruner.stored(HEIGHT)
    pruner.close()
    loop.close()
    return one


def check(ledger: Ledger) -> CheckReport:
    return PrunedCheck(ledger, world().genesis, signatures=True, progress=lambda *_: None).run()


def test_pruning_keeps_what_it_was_told_and_survives_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    one = pruned(monkeypatch)
    assert one.ledger.floor.bodies_from == 20
    assert Ledger(one.store).floor == one.ledger.floor
    report = check(Ledger(one.store))
    assert (report.height, report.certificates, report.transactions) == (HEIGHT, HEIGHT, 11)
    assert report.records == len(dict(one.ledger.records()))


def test_nothing_above_the_newest_snapshot_is_pruned(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pruned(monkeypatch, bound=11).ledger.floor.bodies_from == 12
    assert pruned(monkeypatch, bound=0).ledger.floor.bodies_from == 0


def test_a_database_from_a_snapshot_checks(tmp_path: Path) -> None:
    made = snapshot(chain(14), tmp_path / "made", 20)
    store = MemoryStore()
    rebuild(verify_manifest(made.manifest, made.proof, validators(), 0, world().chain_id), made.chunks, store, ())
    assert check(Ledger(store)).height == 14


@pytest.mark.parametrize("table", [Table.BLOCKS, Table.BODIES, Table.RECEIPTS, Table.RECORDS, Table.HISTORIES])
def test_an_altered_row_is_found(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    one = pruned(monkeypatch)
    rows = list(one.store.range(bytes((table,)), bytes((table + 1,))))
    key, value = next((key, value) for key, value in reversed(rows) if len(value) > 40)
    one.store.write([(key, value[:-20] + bytes((value[-20] ^ 1,)) + value[-19:])])
    with pytest.raises((Disagreement, StorageError)):
        check(Ledger(one.store))
