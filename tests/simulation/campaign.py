"""Runs too long to lose: many seeds with a journal that a later run goes on from, progress, and a clean stop.

The journal is one JSON object a line: first what is being run and of which code, then each chunk's outcome, synced. A
torn last line is cut. A journal of other code is refused: its seeds say nothing about this one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, fields
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.simulation.batch import Outcome, chunks, run_chunk
from tests.simulation.compiled import ROOT, digest_of

CHUNK = 50  # seeds of one task
PROGRESS_S = 10.0  # between two lines of progress
WAITING = 2  # tasks per process that wait in its queue


class JournalError(Exception):
    """The journal is not of this run."""


@dataclass(slots=True)
class Campaign:
    """What to run.

    Attributes:
        engine: folder of a compiled engine, or None for the interpreted one.
        journal: file, or None.
    """

    kind: str
    first: int
    count: int
    jobs: int
    engine: Path | None = None
    journal: Path | None = None
    total: Outcome = field(default_factory=Outcome)
    resumed: int = 0
    stopped: bool = False
    elapsed_s: float = 0.0

    def run(self) -> Outcome:
        """Run what the journal does not have; what all seeds came to. SIGINT and SIGTERM end it after the chunk."""
        todo = self._without_journaled(chunks(self.first, self.count, CHUNK))
        start = time.perf_counter()
        if self.engine is not None:  # the processes look where we look
            sys.path.insert(0, str(self.engine))
        handlers = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._work(iter(todo), start)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            if self.engine is not None:
                sys.path.remove(str(self.engine))
            self.elapsed_s = time.perf_counter() - start
        return self.total

    def _work(self, todo: Iterator[range], start: float) -> None:
        shown = start
        running: dict[Future[Outcome], range] = {}
        with _workers(self.jobs, self.engine) as pool:
            try:
                while True:
                    while not self.stopped and len(running) < self.jobs * WAITING and (seeds := next(todo, None)):
                        running[pool.submit(run_chunk, self.kind, seeds)] = seeds
                    if not running:
                        return
                    done, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._take(running.pop(future), future.result())
                    if time.perf_counter() - shown > PROGRESS_S:
                        shown = time.perf_counter()
                        self._show(shown - start)
            except BrokenProcessPool:
                lost = sorted({future_seeds.start for future_seeds in running.values()})
                self.total.complaints[lost[0]] = f"a process died in one of the chunks of {CHUNK} seeds from {lost}"

    def _take(self, seeds: range, outcome: Outcome) -> None:
        self.total.add(outcome)
        self._write(
            {
                "seeds": [seeds.start, seeds.stop],
                "outcome": {one.name: getattr(outcome, one.name) for one in fields(outcome)},
            }
        )
        for seed, text in outcome.complaints.items():
            print(f"SEED {seed}: {text}", file=sys.stderr, flush=True)

    def _stop(self, number: int, frame: Any) -> None:
        """The first signal lets running chunks finish; the second ends everything."""
        if self.stopped:
            os._exit(130)
        self.stopped = True
        print("stopping after the running chunks; once more to stop at once", file=sys.stderr, flush=True)

    def _show(self, elapsed_s: float) -> None:
        done, fresh = self.total.runs, self.total.runs - self.resumed
        per_s = fresh / elapsed_s
        left = f"{(self.count - done) / per_s / 60:.0f} min left" if per_s else "?"
        heights = 3 * self.total.seen["heights"] * fresh / max(1, done) / elapsed_s
        print(
            f"{done} of {self.count} seeds, {len(self.total.complaints)} violations, {60 * per_s:.0f} scenarios "
            f"({heights:.0f} of 20 heights) a minute, {left}",
            file=sys.stderr,
            flush=True,
        )

    # --- the journal ----------------------------------------------------------------------------------------

    def _head(self) -> dict[str, Any]:
        folders = (ROOT / "consensus", ROOT / "node", ROOT / "tallystick", ROOT / "tests" / "simulation")
        return {"kind": self.kind, "first": self.first, "chunk": CHUNK, "code": digest_of(*folders)}

    def _without_journaled(self, todo: list[range]) -> list[range]:
        """Take in what an earlier run did, and leave it out.

        Raises:
            JournalError: it is of another run or of other code.
        """
        if self.journal is None:
            return todo
        lines = self.journal.read_bytes().split(b"\n") if self.journal.exists() else [b""]
        whole, torn = lines[:-1], lines[-1]
        if torn:
            with self.journal.open("r+b") as file:
                file.truncate(sum(len(line) + 1 for line in whole))
        if not whole:
            self._write(self._head())
            return todo
        if json.loads(whole[0]) != self._head():
            raise JournalError(f"{self.journal} is of another run or of other code; name another file or delete it")
        for line in whole[1:]:
            entry = json.loads(line)
            seeds = range(*entry["seeds"])
            if seeds in todo:
                todo.remove(seeds)
                self.total.add(_outcome(entry["outcome"]))
        self.resumed = self.total.runs
        return todo

    def _write(self, entry: dict[str, Any]) -> None:
        if self.journal is None:
            return
        with self.journal.open("ab") as file:
            file.write(json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _outcome(entry: dict[str, Any]) -> Outcome:
    complaints = {int(seed): text for seed, text in entry["complaints"].items()}
    return Outcome(**{**entry, "seen": Counter(entry["seen"]), "complaints": complaints})


def _workers(jobs: int, engine: Path | None) -> ProcessPoolExecutor:
    """Processes of their own start, whose first place to look for ``consensus`` is the compiled one, if any."""
    return ProcessPoolExecutor(jobs, get_context("spawn"), _prepare, (None if engine is None else str(engine),))


def _prepare(engine: str | None) -> None:
    """In a new process: signals are the parent's; the engine is the one that was asked for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    import consensus.engine

    file = str(consensus.engine.__file__)
    assert engine is None or file.startswith(engine), f"{file} is not the compiled engine"
