"""One run: found, load, break and heal by the plan, judge, count."""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmark.client import percentile
from scripts.nemesis_run import judge
from scripts.nemesis_run.cluster import Cluster
from scripts.nemesis_run.dead_node import measure_dead_node
from scripts.nemesis_run.delays import SAMPLES, measure_delays
from scripts.nemesis_run.faults import Faults, Recovery
from scripts.nemesis_run.history import History
from scripts.nemesis_run.plan import Step, steps
from scripts.nemesis_run.watch import Watch
from scripts.story.cast import FOUNDERS, Cast
from scripts.story.network import NetworkError

CLIENTS = 10
SUMMARY_STEPS = 20  # a line of figures so often: a run that is ended from outside leaves them behind
SETTLE_S = 120.0  # at the end, for answers that are due and for equal heads


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for: see ``__main__``; ``kills`` None and the last five 0 when not asked for.

    ``steps`` are done at least, however long a slow machine takes for them.
    """

    plan: str
    kinds: tuple[str, ...]
    seconds: float
    kills: int | None = None
    rate: float = 40.0
    no_quorum_s: float = 0.0
    dead_node_s: float = 0.0
    delay_ms: float = 0.0
    skip: int = 0
    steps: int = 0


class Nemesis:
    """A cluster, its clients, and what was seen."""

    def __init__(self, folder: Path, options: Options, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._options = options
        self._say = say
        self._cluster = Cluster(folder, FOUNDERS)
        self._cast = Cast(self._cluster)
        self._watch = Watch(self._cluster)
        self._recoveries: list[Recovery] = []
        self._broken: list[str] = []
        self._extra: dict[str, Any] = {}
        self._enough = threading.Event()
        self._full_disk_by = ""

    def run(self) -> dict[str, Any]:
        """Everything; the figures.

        Raises:
            NetworkError: the network did not even begin.
        """
        options, cluster = self._options, self._cluster
        cluster.own_disks = "full-disk" in options.kinds
        cluster.found("nemesis")
        if cluster.own_disks:
            self._full_disk_by = cluster.disks.in_words
            self._say(f"a full disk is {self._full_disk_by}")
        cluster.start_all()
        self._cast.open_founders()
        faults = Faults(cluster, self._watch)
        if options.delay_ms:
            self._say(f"{SAMPLES} transactions, one after the other, {options.delay_ms:.0f} ms per message")
            self._extra = measure_delays(cluster, self._cast, options.delay_ms)
        history = History(self._cast, self._folder / "history.jsonl", clients=CLIENTS, per_second=options.rate)
        history.begin()
        started = time.monotonic()
        try:
            if options.no_quorum_s:
                nodes = tuple(cluster.nodes)
                self._perform(faults, Step("split", nodes[:2], options.no_quorum_s, 1.0))
            elif options.dead_node_s:
                self._extra = {"dead_node": measure_dead_node(cluster, history, options.dead_node_s)}
            elif not options.delay_ms:
                self._follow_plan(faults, started)
        except NetworkError as error:
            self._broken.append(str(error))
            cluster.wires.heal()
        elapsed = time.monotonic() - started
        history.end(SETTLE_S)
        return self._judged(faults, history, elapsed)

    def end_early(self) -> None:
        """Begin no new fault; what was done is judged."""
        self._enough.set()

    def close(self) -> None:
        """End all processes that were started."""
        self._watch.close()
        self._cluster.stop()

    # --- the plan -----------------------------------------------------------------------------------------

    def _follow_plan(self, faults: Faults, started: float) -> None:
        options, cluster = self._options, self._cluster
        for kind, reason in cluster.left_out.items():
            if kind in options.kinds:
                self._say(f"left out: {kind}, because it {reason}")
        kinds = [kind for kind in options.kinds if kind not in cluster.left_out]
        if not kinds:
            raise NetworkError("this machine allows none of these faults")
        kills = 0
        for step in islice(steps(options.plan, list(cluster.nodes), kinds), options.skip, None):
            late = time.monotonic() - started >= options.seconds and len(self._recoveries) >= options.steps
            if late or self._enough.is_set() or (options.kills and kills >= options.kills):
                break
            kills += step.kind.startswith("kill")
            self._perform(faults, step)
            if len(self._recoveries) % SUMMARY_STEPS == 0:
                self._say(f"so far: {json.dumps({'seconds': round(time.monotonic() - started, 1), **self._so_far()})}")

    def _perform(self, faults: Faults, step: Step) -> None:
        time.sleep(step.pause_s)
        recovery = faults.perform(step)
        self._recoveries.append(recovery)
        self._broken += judge.alarms(self._watch, self._cluster)
        amount = f" {step.amount} ms" if step.amount else ""
        voting = f", all voting after {recovery.voting_s:.2f} s" if recovery.voting_s is not None else ""
        self._say(
            f"{step.kind:14} {','.join(name.removeprefix('org:') for name in step.victims):32}{amount} "
            f"{step.hold_s:.1f} s; next commit after {recovery.commit_s:.2f} s, on all nodes after "
            f"{recovery.rejoin_s:.2f} s{voting}"
        )

    # --- the end ------------------------------------------------------------------------------------------

    def _judged(self, faults: Faults, history: History, elapsed: float) -> dict[str, Any]:
        height = 0
        if not self._broken:
            self._broken, height = judge.compare(self._cast, self._cluster, history, SETTLE_S)
            self._broken += judge.alarms(self._watch, self._cluster)
        faults.gather_votes()
        for name, spoken in faults.spoken.items():
            self._broken += [f"{name} signed {what}" for what in spoken.contradictions()]
        for what in self._broken[:20]:
            self._say(f"BROKEN: {what}")
        latencies = [answer.final_s - answer.sent_s for answer in history.answers]
        return {
            "ok": not self._broken,
            "plan": self._options.plan,
            "seconds": round(elapsed, 1),
            **self._so_far(),
            "left_out": self._cluster.left_out,
            "full_disk_by": self._full_disk_by,
            "answered_final": len(history.answers),
            "never_answered": len(history.open),
            "heights_compared": height,
            "own_statements_checked": sum(spoken.statements for spoken in faults.spoken.values()),
            "submit_to_final_ms": {key: value * 1_000 for key, value in spread(latencies).items()},
            **self._extra,
            "broken": self._broken,
            "cpus": os.cpu_count(),
            "machine": platform.machine(),
            "python": platform.python_version(),
        }

    def _so_far(self) -> dict[str, Any]:
        """Counts and times of the steps that are done; those of a run that is cut short, too."""
        voting = [recovery.voting_s for recovery in self._recoveries if recovery.voting_s is not None]
        return {
            "steps": dict(sorted(Counter(recovery.step.kind for recovery in self._recoveries).items())),
            "next_skip": self._options.skip + len(self._recoveries),
            "kills": sum(recovery.step.kind.startswith("kill") for recovery in self._recoveries),
            "processes_killed": sum(recovery.killed for recovery in self._recoveries),
            "broken_so_far": len(self._broken),
            "heal_to_commit_s": spread([recovery.commit_s for recovery in self._recoveries]),
            "heal_to_all_nodes_s": spread([recovery.rejoin_s for recovery in self._recoveries]),
            "partition_or_pause_to_commit_s": spread(self._of(("split", "isolate", "one-way", "pause"))),
            "start_to_voting_s": spread(voting),
            "kill_all": self._kill_all(),
        }

    def _of(self, prefixes: tuple[str, ...]) -> list[float]:
        return [recovery.commit_s for recovery in self._recoveries if recovery.step.kind.startswith(prefixes)]

    def _kill_all(self) -> dict[str, Any]:
        """After ``kill -9`` of all nodes: seconds from the first start, and from the last process being up."""
        found = [
            r for r in self._recoveries if r.step.kind == "kill-all" and r.voting_s is not None and r.up_s is not None
        ]
        voting = [recovery.voting_s or 0.0 for recovery in found]
        after_up = [(recovery.voting_s or 0.0) - (recovery.up_s or 0.0) for recovery in found]
        return {
            "start_to_all_voting_s": spread(voting),
            "last_up_to_all_voting_s": spread(after_up),
            "start_to_commit_s": spread([recovery.commit_s for recovery in found]),
        }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and greatest value; empty without values."""
    if not values:
        return {}
    return {
        "p50": round(median(values), 3),
        "p99": round(percentile(values, 0.99), 3),
        "max": round(max(values), 3),
    }
