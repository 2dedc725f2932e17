"""The story as ``./scripts/demo --check`` runs it: one line of figures, the exit code, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tallystick.compact import QR_SIZE_MAX

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 600.0  # a story takes 22 s on a quiet machine
REASONS = {
    "unaccredited laboratory": "NOT_ACCREDITED",
    "shipment by a stranger": "NOT_HOLDER",
    "event altered by one byte": "transaction.digest",
    "payment triggered twice": "ALREADY_PAID",
    "never-issued serial": "unknown-item",
    "refused event shown as proof": "refused",
    "erroneous event without its correction": "correction-hidden",
    "pack's story without a correction": "history-altered",
    "confirmation with one signature stripped": "transaction.signatures",
    "same invoice as INV001": "OBLIGATION_DUPLICATE",
    "lender without a grant": "GRANT_MISSING",
    "second pledge": "ALREADY_PLEDGED",
    "recalled goods shipped": "RECALLED",
    "compact proof with other contents": "record-altered",
    "compact proof on another pallet": "wrong-subject",
    "compact proof sealed by one validator": "bad-vote-signature",
}
pytestmark = pytest.mark.process


class Play:
    """A run of the story in a home and a temporary folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.home, self.temporary = folder / "home", folder / "temporary"
        self.home.mkdir()
        self.temporary.mkdir()
        self.checkout = sorted(path.name for path in ROOT.iterdir())
        environment = os.environ | {"HOME": str(self.home), "TMPDIR": str(self.temporary)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scripts.story", "--check"],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def processes(self) -> dict[int, str]:
        """Live processes that were started with this temporary folder, by id."""
        mark = f"TMPDIR={self.temporary}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # ended meanwhile, or another user's
                continue
        return found

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something the play must do."""
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < end
            time.sleep(0.02)

    def end(self) -> tuple[int, str, str]:
        """Exit code and both outputs."""
        out, error = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, error

    def assert_nothing_is_left(self) -> None:
        """No process, no file."""
        assert self.processes() == {}
        assert list(self.temporary.iterdir()) == []
        assert list(self.home.iterdir()) == []
        assert sorted(path.name for path in ROOT.iterdir()) == self.checkout


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    one = Play(tmp_path)
    yield one
    one.process.kill()
    one.process.communicate()
    for number in one.processes():
        os.kill(number, signal.SIGKILL)


def test_the_story_passes_with_one_line_of_figures_and_leaves_nothing(play: Play) -> None:
    code, out, error = play.end()
    assert code == 0, error
    assert error == ""
    assert out.count("\n") == 1 and out.endswith("\n")
    figures = json.loads(out)
    assert figures["ok"] is True
    refused = figures["refused"]
    assert refused.pop("transaction replayed").startswith("executed once, at height ")
    assert refused == REASONS
    assert figures["interest"] == "59.18" and figures["files_scanned"] > 20
    assert figures["compact_bytes"] <= QR_SIZE_MAX and figures["compact_modules"] <= 177
    play.assert_nothing_is_left()


def founding(play: Play) -> bool:
    return any(play.temporary.glob("*/network/passphrase.txt"))


def running(play: Play) -> bool:
    return len(list(play.temporary.glob("*/network/*/data"))) == 4


@pytest.mark.parametrize(
    ("moment", "signals"),
    [
        (founding, (signal.SIGTERM,)),
        (running, (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)),
    ],
)
def test_a_play_that_is_interrupted_says_so_and_leaves_nothing(
    play: Play, moment: Callable[[Play], bool], signals: tuple[signal.Signals, ...]
) -> None:
    play.until(lambda: moment(play))
    for number in signals:
        if play.process.poll() is None:
            play.process.send_signal(number)
        time.sleep(0.05)  # so that the second finds the first at work
    code, out, error = play.end()
    assert code == 130, "a check that was cut short did not pass"
    assert out == "" and "Traceback" not in error
    play.assert_nothing_is_left()
