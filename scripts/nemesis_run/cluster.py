"""A network whose nodes reach each other through ``Wires``, and whose disks and clocks can be disturbed."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from node.folder import DATABASE
from scripts.nemesis_run.disturbance import Disturbance, build_library
from scripts.nemesis_run.small_disks import SmallDisks
from scripts.nemesis_run.wires import Door, Way, Wires
from scripts.story.network import Founder, Network, NetworkError, free_ports, last_words


class Cluster(Network):
    """Founded and started like any other network.

    Attributes:
        wires: between the nodes.
        disturbances: by organisation; empty where this machine allows none.
        left_out: kinds of faults that this machine does not allow, with the reason.
        own_disks: to be set before ``found``: every node gets a disk of its own, so that it can be full.
    """

    def __init__(self, folder: Path, founders: tuple[Founder, ...]) -> None:
        super().__init__(folder, founders)
        self.wires: Wires
        self.disturbances: dict[str, Disturbance] = {}
        self.left_out: dict[str, str] = {}
        self.disks = SmallDisks()
        self.own_disks = False

    def found(self, name: str, *, allow_clock_advance: bool = False) -> str:
        """See ``Network``; then the nodes are told to find each other at our doors."""
        chain_id = super().found(name, allow_clock_advance=allow_clock_advance)
        self._lay_wires()
        self._prepare_disturbances()
        if self.own_disks:
            all(self.disks.give(node.folder) for node in self.nodes.values())
        return chain_id

    def _lay_wires(self) -> None:
        pairs = [(a, b) for a in self.nodes for b in self.nodes if a != b]
        doors = [
            Door(a, b, port, self._peer_port(b)) for (a, b), port in zip(pairs, free_ports(len(pairs)), strict=True)
        ]
        for organisation, node in self.nodes.items():
            lines = [f'"{door.listener}" = "127.0.0.1:{door.port}"' for door in doors if door.dialler == organisation]
            with (node.folder / "node.toml").open("a") as config:
                config.write("\n[peers]\n" + "\n".join(lines) + "\n")
        self.wires = Wires(doors)

    def _peer_port(self, organisation: str) -> int:
        config = (self.nodes[organisation].folder / "node.toml").read_text()
        line = next(line for line in config.splitlines() if line.startswith("peer_listen"))
        return int(line.split('"')[1].rpartition(":")[2])

    def _prepare_disturbances(self) -> None:
        library, reason = build_library(self.folder)
        if library is None:
            self.left_out |= dict.fromkeys(("slow-disk", "clock-one", "clock-all"), reason)
            return
        for organisation, node in self.nodes.items():
            self.disturbances[organisation] = Disturbance(library, node.folder / "disturbance")

    # --- processes ----------------------------------------------------------------------------------------

    def environment(self, organisation: str) -> dict[str, str]:
        """See ``Network``; what disturbs its disk and clock."""
        disturbance = self.disturbances.get(organisation)
        return super().environment(organisation) | (disturbance.environment if disturbance else {})

    def process(self, organisation: str) -> subprocess.Popen[bytes]:
        """The process of a node that was started."""
        process = self.nodes[organisation].process
        assert process is not None
        return process

    def pause(self, organisations: Iterable[str]) -> None:
        """SIGSTOP."""
        for organisation in organisations:
            self.process(organisation).send_signal(signal.SIGSTOP)

    def go_on(self, organisations: Iterable[str]) -> None:
        """SIGCONT."""
        for organisation in organisations:
            self.process(organisation).send_signal(signal.SIGCONT)

    def fill_disk(self, organisation: str) -> None:
        """No byte is left on its disk; where it has none of its own, no file of the process may grow any more."""
        if not self.disks.fill(self.nodes[organisation].folder):
            resource.prlimit(self.process(organisation).pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))

    def empty_disk(self, organisation: str) -> None:
        """What filled its disk is gone."""
        self.disks.empty(self.nodes[organisation].folder)

    def wipe_database(self, organisation: str) -> None:
        """Remove the database of a node that does not run; its record of own votes stays."""
        shutil.rmtree(self.nodes[organisation].folder / "data" / DATABASE)

    def take_disk_away(self, organisation: str) -> None:
        """Of a node that does not run: it will find an empty folder, also without its record of own votes."""
        data = self.nodes[organisation].folder / "data"
        data.rename(data.with_name("data-away"))

    def give_disk_back(self, organisation: str) -> None:
        """What was taken away, instead of what came since."""
        data = self.nodes[organisation].folder / "data"
        shutil.rmtree(data, ignore_errors=True)
        data.with_name("data-away").rename(data)

    def wait_for_end(self, organisation: str, timeout_s: float) -> int:
        """The exit code of a process that must end by itself. Raises: NetworkError when it goes on."""
        process = self.process(organisation)
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise NetworkError(f"{organisation} still runs after {timeout_s:.0f} s, and must not") from error

    def ended(self) -> str:
        """The last words of a node that ended and should not have, or nothing."""
        for organisation, node in self.nodes.items():
            if node.process is not None and node.process.poll() is not None:
                return f"{organisation} ended with {node.process.returncode}: {last_words(node.log)[-600:]}"
        return ""

    def stop(self) -> None:
        """End every process, wires last."""
        for node in self.nodes.values():
            if node.process is not None and node.process.poll() is None:
                node.process.send_signal(signal.SIGCONT)
        super().stop()
        if hasattr(self, "wires"):
            self.wires.close()
        self.disks.close()

    def ways_between(self, left: Iterable[str], right: Iterable[str]) -> list[Way]:
        """Both ways between each node of the one and each of the other side."""
        pairs = [(a, b) for a in left for b in right]
        return pairs + [(b, a) for a, b in pairs]


def log_mark(cluster: Cluster, organisation: str) -> int:
    """Where a node's log ends now."""
    log = cluster.nodes[organisation].log
    return log.stat().st_size if log.exists() else 0


def wait_for_line(cluster: Cluster, organisation: str, mark: int, words: str, timeout_s: float) -> float:
    """Monotonic time at which a line with these words stood behind ``mark`` in a node's log."""
    end = time.monotonic() + timeout_s
    while True:
        with cluster.nodes[organisation].log.open("rb") as log:
            log.seek(mark)
            if words.encode() in log.read():
                return time.monotonic()
        if time.monotonic() > end or cluster.process(organisation).poll() is not None:
            raise NetworkError(f"{organisation} did not say {words!r}: {last_words(cluster.nodes[organisation].log)}")
        time.sleep(0.01)
