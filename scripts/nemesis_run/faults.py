"""Doing what a step says, undoing it, and how long recovery took."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from scripts.nemesis_run import votes
from scripts.nemesis_run.cluster import Cluster, log_mark, wait_for_line
from scripts.nemesis_run.plan import Step
from scripts.nemesis_run.watch import Watch
from scripts.story.network import NetworkError

RECOVERY_MAX_S = 60.0  # what takes longer is a broken promise, whatever the machine
FULL_DISK_END_S = 60.0
STANDSTILL_S = 6.0  # without a commit, while one node alone is affected, is a broken promise, too
STARTED = "node started"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What one step cost.

    Attributes:
        commit_s: from the healing to the first height above all earlier ones on any node.
        rejoin_s: the same on every node.
        up_s, voting_s: after a kill, from the first start until the last process was up, and until all had voted.
        killed: processes that were killed.
    """

    step: Step
    commit_s: float
    rejoin_s: float
    up_s: float | None = None
    voting_s: float | None = None
    killed: int = 0


class Faults:
    """Applies steps to a cluster, one after the other."""

    def __init__(self, cluster: Cluster, watch: Watch) -> None:
        self._cluster = cluster
        self._watch = watch
        self.spoken = {name: votes.Spoken() for name in cluster.nodes}

    def perform(self, step: Step) -> Recovery:
        """Break, hold, heal, wait until everything is well again.

        Raises:
            NetworkError: a node ended by itself, did not end although it must, or nothing recovers.
        """
        if step.kind.startswith(("kill", "wipe")) or step.kind == "full-disk":
            return self._end_and_start(step)
        self._break(step)
        at_first = self._watch.highest(self._watchable(step))
        time.sleep(step.hold_s)
        before = self._watch.highest(self._watchable(step))
        self._heal(step)
        recovery = self._recovered(step, before, time.monotonic())
        if len(step.victims) == 1 and step.hold_s >= STANDSTILL_S and before == at_first:
            raise NetworkError(f"{step}: nothing was committed for {step.hold_s:.1f} s, though three nodes were well")
        return recovery

    def gather_votes(self) -> None:
        """Read every node's record of own votes."""
        for name, spoken in self.spoken.items():
            spoken.read(self._cluster.nodes[name].folder)

    # --- processes that end -------------------------------------------------------------------------------

    def _end_and_start(self, step: Step) -> Recovery:
        cluster = self._cluster
        if step.kind == "full-disk":
            cluster.fill_disk(step.victims[0])
            code = cluster.wait_for_end(step.victims[0], step.hold_s + FULL_DISK_END_S)
            cluster.empty_disk(step.victims[0])
            if code == 0:
                raise NetworkError(f"{step.victims[0]} ended with code 0 on a full disk")
        before = self._watch.highest(cluster.nodes)
        for victim in step.victims:
            if step.kind != "full-disk":
                cluster.kill(victim)
            self.spoken[victim].read(cluster.nodes[victim].folder)
        time.sleep(step.hold_s)
        before = max(before, self._watch.highest(set(cluster.nodes) - set(step.victims)))
        if step.kind == "wipe-database":
            cluster.wipe_database(step.victims[0])
        elif step.kind == "wipe-disk":
            self._start_without_disk(step.victims[0])
        marks = {victim: log_mark(cluster, victim) for victim in step.victims}
        places = {victim: votes.end_of(cluster.nodes[victim].folder) for victim in step.victims}
        started = time.monotonic()
        for victim in step.victims:
            cluster.start(victim)
        with ThreadPoolExecutor(1) as pool:
            recovered = pool.submit(self._recovered, step, before, started)
            up = max(wait_for_line(cluster, name, mark, STARTED, RECOVERY_MAX_S) for name, mark in marks.items())
            voting = self._all_voting(places)
            done = recovered.result()
        killed = 0 if step.kind == "full-disk" else len(step.victims)
        return Recovery(step, done.commit_s, done.rejoin_s, up - started, voting - started, killed)

    def _start_without_disk(self, victim: str) -> None:
        """A validator without its record must end by itself, and must not have signed anything."""
        cluster, folder = self._cluster, self._cluster.nodes[victim].folder
        cluster.take_disk_away(victim)
        cluster.start(victim)
        code = cluster.wait_for_end(victim, RECOVERY_MAX_S)
        if code == 0 or votes.votes_behind(folder, votes.Place()):
            raise NetworkError(f"{victim} signed without its record (exit code {code})")
        cluster.give_disk_back(victim)

    def _all_voting(self, places: dict[str, votes.Place]) -> float:
        """Monotonic time at which each of these nodes had voted again."""
        end = time.monotonic() + RECOVERY_MAX_S
        waiting = dict(places)
        while True:
            for name, place in list(waiting.items()):
                if votes.votes_behind(self._cluster.nodes[name].folder, place):
                    del waiting[name]
            if not waiting:
                return time.monotonic()
            if time.monotonic() > end:
                raise NetworkError(f"{', '.join(waiting)} did not vote again within {RECOVERY_MAX_S:.0f} s")
            time.sleep(0.01)

    # --- processes that go on -----------------------------------------------------------------------------

    def _break(self, step: Step) -> None:
        cluster, victims = self._cluster, step.victims
        others = [name for name in cluster.nodes if name not in victims]
        match step.kind:
            case "pause-one" | "pause-two" | "pause-all":
                cluster.pause(victims)
            case "split" | "isolate":
                cluster.wires.hold(cluster.ways_between(victims, others))
            case "split-reset":
                cluster.wires.refuse(cluster.ways_between(victims, others))
            case "one-way":
                cluster.wires.hold((victims[0], other) for other in others)
            case "slow-disk":
                cluster.disturbances[victims[0]].slow_disk(step.amount)
            case "clock-one" | "clock-all":
                for victim in victims:
                    cluster.disturbances[victim].wrong_clock(step.amount)
            case _:
                raise ValueError(f"no fault of kind {step.kind}")

    def _heal(self, step: Step) -> None:
        cluster = self._cluster
        if step.kind.startswith("pause"):
            cluster.go_on(step.victims)
        cluster.wires.heal()
        for disturbance in cluster.disturbances.values():
            disturbance.slow_disk(0)
            disturbance.wrong_clock(0)

    def _watchable(self, step: Step) -> list[str]:
        """Nodes that answer while the fault is there."""
        paused = step.victims if step.kind.startswith("pause") else ()
        return [name for name in self._cluster.nodes if name not in paused]

    def _recovered(self, step: Step, before: int, healed: float) -> Recovery:
        nodes = self._cluster.nodes
        first = self._watch.until_above(before, nodes, everybody=False, timeout_s=RECOVERY_MAX_S)
        last = self._watch.until_above(before, nodes, everybody=True, timeout_s=RECOVERY_MAX_S)
        ended = self._cluster.ended()
        if ended:
            raise NetworkError(ended)
        if first is None or last is None:
            reached = self._watch.executed(nodes)
            raise NetworkError(f"{step} did not recover within {RECOVERY_MAX_S:.0f} s: above {before} are {reached}")
        return Recovery(step, first - healed, last - healed)
