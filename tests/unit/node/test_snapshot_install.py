"""A rebuilt database takes the old one's place whatever moment a crash chooses, and what was promised goes along."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from node.folder import DATABASE
from node.ledger import Ledger
from node.snapshots.install import JOINED, OLD, install_joined
from node.snapshots.joining_folder import JOINING
from node.snapshots.manifest import verify_manifest
from node.snapshots.rebuild import rebuild
from node.storage import LevelStore
from node.tables import signer_row_key
from tests.snapshot_world import chain, snapshot, validators, world

OLD_HEIGHT, NEW_HEIGHT = 6, 14


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with an old database, and one from a snapshot that waits."""
    folder = tmp_path / "data"
    old = chain(OLD_HEIGHT, LevelStore(folder / DATABASE))
    old.store.close()
    made = snapshot(chain(NEW_HEIGHT), tmp_path / "made", NEW_HEIGHT + 6)
    store = LevelStore(folder / JOINED)
    rebuild(verify_manifest(made.manifest, made.proof, validators(), 0, world().chain_id), made.chunks, store, ())
    store.close()
    (folder / JOINING).mkdir()
    return folder


def height_of(data: Path) -> int:
    """Of the database that a node would open; it must know what the old one knew of own votes."""
    store = LevelStore(data / DATABASE)
    try:
        assert store.get(signer_row_key(bytes(32))) is not None
        return Ledger(store).tip().executed.height
    finally:
        store.close()


def names(data: Path) -> set[str]:
    return {path.name for path in data.iterdir()}


def test_it_takes_over_with_the_rows_about_own_votes(data: Path) -> None:
    install_joined(data)
    assert height_of(data) == NEW_HEIGHT
    assert names(data) == {DATABASE}
    install_joined(data)
    assert height_of(data) == NEW_HEIGHT


@pytest.mark.parametrize("step", range(4))
def test_a_crash_between_any_two_steps_loses_nothing(data: Path, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The renames and deletions of one run are cut off after ``step`` of them; the next run finishes."""
    done = 0

    class CrashError(Exception):
        pass

    def counted(*arguments: object) -> None:
        nonlocal done
        if done == step:
            raise CrashError
        done += 1

    with monkeypatch.context() as patch:
        rename, rmtree = Path.rename, shutil.rmtree
        patch.setattr(Path, "rename", lambda self, to: (counted(), rename(self, to))[1])
        patch.setattr("shutil.rmtree", lambda path, **rest: (counted(), rmtree(path, **rest))[1])
        with pytest.raises(CrashError):
            install_joined(data)
    install_joined(data)
    assert height_of(data) == NEW_HEIGHT
    assert not names(data) & {JOINED, OLD}


def test_one_that_the_blocks_have_overtaken_is_dropped(data: Path, tmp_path: Path) -> None:
    shutil.rmtree(data / DATABASE)
    chain(NEW_HEIGHT, LevelStore(data / DATABASE)).store.close()
    install_joined(data)
    assert height_of(data) == NEW_HEIGHT
    assert JOINED not in names(data)


def test_a_folder_without_a_join_is_left_alone(tmp_path: Path) -> None:
    chain(2, LevelStore(tmp_path / DATABASE)).store.close()
    install_joined(tmp_path)
    assert names(tmp_path) == {DATABASE}
    install_joined(tmp_path / "nothing")
