"""Long runs: what was done is not done again, a torn journal is cut, another one refused, and a stop is clean."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.simulation.batch import Outcome, run_chunk
from tests.simulation.campaign import CHUNK, Campaign, JournalError
from tests.simulation.patience import TooLong, patience


def test_a_run_goes_on_from_its_journal_and_a_torn_line_is_done_again(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    whole = Campaign("consensus", 0, CHUNK + 10, 2, journal=journal).run()
    lines = journal.read_bytes().splitlines(keepends=True)
    assert whole.runs == CHUNK + 10 and whole.complaints == {} and len(lines) == 3
    journal.write_bytes(b"".join(lines[:2]) + lines[2][:40])
    again = Campaign("consensus", 0, CHUNK + 10, 1, journal=journal)
    outcome = again.run()
    assert again.resumed in (10, CHUNK) and outcome.runs == whole.runs
    assert outcome.seen == whole.seen and sorted(outcome.first_ms) == sorted(whole.first_ms)
    finished = Campaign("consensus", 0, CHUNK + 10, 1, journal=journal)
    assert finished.run().seen == whole.seen and finished.resumed == CHUNK + 10
    with pytest.raises(JournalError, match="another run or of other code"):
        Campaign("consensus", 7, 10, 1, journal=journal).run()
    head = json.loads(lines[0])
    journal.write_bytes(json.dumps({**head, "code": "0" * 16}).encode() + b"\n")
    with pytest.raises(JournalError):
        Campaign("consensus", 0, 10, 1, journal=journal).run()


def test_a_signal_lets_the_running_chunks_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Campaign._take

    def take_and_signal(self: Campaign, seeds: range, outcome: Outcome) -> None:
        take(self, seeds, outcome)
        if not self.stopped:  # the next chunks run already
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Campaign, "_take", take_and_signal)
    campaign = Campaign("consensus", 0, 100_000, 1)
    outcome = campaign.run()
    assert campaign.stopped and 0 < outcome.runs <= 4 * CHUNK and outcome.runs % CHUNK == 0
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_run_without_end_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(schedule: object) -> None:
        while True:
            pass

    monkeypatch.setattr("tests.simulation.batch.run", endless)
    monkeypatch.setattr("tests.simulation.batch.RUN_MAX_S", 1)
    outcome = run_chunk("consensus", range(1))
    assert "processor time" in outcome.complaints[0]
    with pytest.raises(TooLong), patience(1):
        endless(None)
