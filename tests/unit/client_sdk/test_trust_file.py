"""A trust file that several commands have in hand at once: none loses what another wrote, and nothing goes back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from client_sdk.trust import TrustStore, load_trust, pin
from client_sdk.trust_file import TrustFile, join, newest_of, read_trust_file
from tallystick.encoding import encode
from tallystick.errors import ConfigError
from tests.epoch_world import CHAIN_ID, GENESIS, EpochWorld
from tests.world import founding

ROOT = Path(__file__).resolve().parents[3]
STEP = EpochWorld(250).step(0)
CHANGES = 60  # by each of two processes; without a lock some are lost every time
CHANGING = """
import sys
from pathlib import Path
from client_sdk.trust import load_trust
path, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for epoch in range(first, first + count):
    load_trust(path).note_possessions(epoch)
"""


def pinned(path: Path | None = None) -> TrustStore:
    return pin(encode(GENESIS), CHAIN_ID, path)


def test_two_processes_that_write_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    pinned(path)
    changing = [
        subprocess.Popen(
            [sys.executable, "-c", CHANGING, str(path), str(first), str(CHANGES)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for first in (0, 1_000)
    ]  # fmt: skip
    try:
        for process in changing:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        for process in changing:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        seen: set[int] = set()
        while any(process.poll() is None for process in changing):
            now = set(read_trust_file(path).possessions_checked)  # always whole, and never without what it had
            assert now >= seen
            seen = now
        assert [process.returncode for process in changing] == [0, 0]
    finally:
        for process in changing:
            process.kill()
            process.communicate()
    assert read_trust_file(path).possessions_checked == [*range(CHANGES), *range(1_000, 1_000 + CHANGES)]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["trust.json", "trust.json.lock"]


def test_pinning_anew_what_is_pinned_keeps_what_was_seen(tmp_path: Path) -> None:
    """Two first commands at once both find no file and pin; the slower must not lay the faster one's away."""
    path = tmp_path / "trust.json"
    first = pinned(path)
    first.learn(STEP)
    newest = first.newest
    assert newest is not None
    second = pinned(path)
    assert second.newest == newest and second.newest_epoch == 1
    assert load_trust(path).newest == newest


def test_the_file_of_another_chain_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    other = founding(clock_advance_allowed=False)
    pin(encode(other), other.chain_id(), path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"is about chain .* remove it to trust this one"):
        pinned(path)
    assert path.read_bytes() == before


def test_what_is_known_already_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trust.json"
    pinned(path)
    (tmp_path / "trust.json.lock").unlink()
    store = load_trust(path)
    monkeypatch.setattr("client_sdk.secure_files.locked", None)
    store.take_set(GENESIS.validators())
    store.keep(path)


def test_a_later_epoch_that_somebody_pinned_meanwhile_stays_pinned() -> None:
    """Keys of earlier validators may be in anybody's hands: a command that began before does not bring them back."""
    store = pinned()
    store.learn(STEP)
    ours = store._file
    theirs = TrustFile(1, "test", CHAIN_ID.hex(), {"1": ours.validators["1"]}, pinned_epoch=1)
    for both in (join(ours, theirs), join(theirs, ours)):
        assert both.pinned_epoch == 1
        assert set(both.validators) == {"1"} and "0" not in both.last_heights and "0" not in both.sets
        assert both.newest == ours.newest == newest_of(STEP.proof.boundary)
