"""A whole cluster from one seed: machines, wires, a plan of faults, judges; then healing, and a demand for progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256

from consensus.config import EngineConfig, Floor
from consensus.engine import Engine
from tallystick.blocks import Executed
from tests.simulation.judges import Judges, Violation
from tests.simulation.machine import Machine
from tests.simulation.signer import CHAIN_ID, validators
from tests.simulation.world import WALL_START_MS, Faults, World

GENESIS = Executed(0, WALL_START_MS, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run consists of, besides its seed.

    Attributes:
        count: n.
        traitors: class of machine by index; at most f.
        engine_class: the engine of the honest, for planted bugs.
    """

    count: int = 4
    traitors: dict[int, type[Machine]] = field(default_factory=dict)
    engine_class: type[Engine] = Engine
    idle_block_ms: int = 1_000
    observers: int = 0


class Cluster:
    """n machines of one seed."""

    def __init__(self, seed: int, setup: Setup) -> None:
        self.seed, self.setup = seed, setup
        self.world = World(seed)
        members = validators(setup.count)
        honest = frozenset(i for i in range(setup.count) if i not in setup.traitors)
        self.judges = Judges(setup.count, GENESIS, honest)
        floor = Floor(None, CHAIN_ID, 0, None, GENESIS)
        self.machines: list[Machine] = []
        self.lines: list[str] = []
        self.submitted = 0
        self.recovery_ms = 0
        for index in range(setup.count + setup.observers):
            me = index if index < setup.count else None
            config = EngineConfig(CHAIN_ID, members, me, idle_block_ms=setup.idle_block_ms)
            self.machines.append(setup.traitors.get(index, Machine)(self, index, config, floor))
            if index not in setup.traitors:
                self.machines[-1].engine_class = setup.engine_class

    @property
    def honest(self) -> list[Machine]:
        """The machines that are not traitors."""
        return [machine for machine in self.machines if machine.index in self.judges.honest]

    def say(self, index: int, line: str) -> None:
        """A line of the trace."""
        if self.world.trace is not None:
            self.world.trace(f"{self.world.now_ms:7} {index} {line}")

    def start(self, spread_ms: int = 5) -> None:
        """All machines come up within a few milliseconds; who comes late misses what was said before."""
        for machine in self.machines:
            self.world.later(self.world.random.randint(0, spread_ms), machine.start)

    def restart_later(self, machine: Machine) -> None:
        """A crashed machine comes back after a while."""
        self.world.later(self.world.random.randint(1, 1_500), lambda: None if machine.up else machine.start())

    def submit(self, count: int = 1) -> None:
        """Transactions arrive at one machine and are gossiped to the others."""
        for _ in range(count):
            self.submitted += 1
            leaf = sha256(b"leaf" + self.submitted.to_bytes(4, "big")).digest()
            for machine in self.machines:
                delay = self.world.random.randint(0, 40)
                self.world.later(delay, partial(machine.submit, leaf))

    def heal(self) -> None:
        """End of all faults: wires whole, clocks right, everybody up. Traitors stay what they are."""
        self.world.faults = Faults()
        for machine in self.machines:
            machine.crash_rate, machine.skew_ms = 0.0, 0
            machine.execution_ms = min(machine.execution_ms, 5)
            if not machine.up:
                machine.start()

    def lowest_final(self) -> int:
        """Newest height that every honest machine has."""
        return min(machine.final_height for machine in self.honest)

    def demand_progress(self, bound_ms: int, heights: int = 3) -> None:
        """After healing all honest machines reach new heights within the bound, and all work gets done."""
        target = max(self.judges.final, default=0) + heights
        waiting = [leaf for machine in self.honest for leaf in machine.pool]

        def done() -> bool:
            if self.lowest_final() < target:
                return False
            return all(machine.used.keys() >= set(waiting) for machine in self.honest)

        healed_ms = self.world.now_ms
        if not self.world.run_until(healed_ms + bound_ms, done):
            raise Violation(f"no progress within {bound_ms} ms after healing: {self.describe()}")
        self.recovery_ms = self.world.now_ms - healed_ms

    def describe(self) -> str:
        """What every machine waits for."""
        parts = []
        for machine in self.machines:
            status = machine.engine.status() if machine.up else None
            words = (
                f"view {status.view} final {status.final_height} {status.waiting.name} {status.detail}"
                if status
                else "down"
            )
            parts.append(f"[{machine.index}] {words}")
        return "; ".join(parts)

    def run(self, duration_ms: int, submissions: Sequence[tuple[int, int]] = ()) -> None:
        """Let it run; ``submissions`` are (time from now, count)."""
        for delay_ms, count in submissions:
            self.world.later(delay_ms, partial(self.submit, count))
        self.world.run_until(self.world.now_ms + duration_ms)
