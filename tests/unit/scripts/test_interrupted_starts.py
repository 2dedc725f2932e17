"""A signal that arrives while a process is being started: the process is known by then, and ended like the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from scripts.story import network as story_network
from scripts.story.network import Founder, Network, NodeProcess
from scripts.story.uninterrupted import uninterrupted

GROWER = Founder("org:grower", "Grower", ("producer",))
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture(autouse=True)
def ends_by_exception() -> Iterator[None]:
    """As the story does: the first signal raises in whatever is being done."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("start", [Network.start, Network.start_explorer])
def test_a_process_that_was_being_started_when_the_signal_came_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, start: Callable[[Network, str], object]
) -> None:
    """The signal comes when the process exists and nobody has it in hand yet."""
    started: list[subprocess.Popen[bytes]] = []

    def popen(_command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        started.append(real(SLEEPER, **options))
        os.kill(os.getpid(), number)
        return started[0]

    real = subprocess.Popen
    monkeypatch.setattr(story_network.subprocess, "Popen", popen)
    network = Network(tmp_path, (GROWER,))
    network.nodes["org:grower"] = NodeProcess(GROWER, tmp_path, 1)
    (tmp_path / "read_tokens").write_text("explorer token\n")
    try:
        with pytest.raises(KeyboardInterrupt):
            start(network, "org:grower")
        network.stop()
        assert started[0].poll() is not None
    finally:
        started[0].kill()
        started[0].wait()


def test_signals_wait_for_the_end_and_are_then_heard_in_their_order() -> None:
    heard: list[int] = []
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: heard.append(number))
    with uninterrupted():
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(1_000))  # Python looks for signals between two instructions
        assert heard == []
    assert heard == [signal.SIGHUP, signal.SIGTERM]
    os.kill(os.getpid(), signal.SIGTERM)
    assert heard == [signal.SIGHUP, signal.SIGTERM, signal.SIGTERM]


def test_what_is_ignored_stays_ignored_and_an_error_is_not_lost() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with pytest.raises(ValueError, match="planted"), uninterrupted():
        os.kill(os.getpid(), signal.SIGHUP)
        raise ValueError("planted")
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
