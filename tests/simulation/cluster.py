"""A whole cluster from one schedule: machines, wires, faults, judges; then healing, and a demand for progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from consensus.config import EngineConfig
from tests.simulation import full
from tests.simulation.disk import AnyHeader
from tests.simulation.faults import KINDS
from tests.simulation.ground import MADE_UP
from tests.simulation.judges import Judges, Violation
from tests.simulation.machine import Machine
from tests.simulation.reference import Membership, order_of
from tests.simulation.schedule import Schedule
from tests.simulation.signer import Ed25519, Register, Signatures, members_of
from tests.simulation.traitors import KINDS as TRAITORS
from tests.simulation.world import Faults, World

SIZE_CHECK_MS = 2_500
DRIP_MS = 400


class Cluster:
    """n machines of one schedule."""

    def __init__(self, schedule: Schedule, classes: Mapping[int, type[Machine]] | None = None) -> None:
        """``classes`` replaces the machines of some indices, for scenarios written by hand."""
        self.schedule = schedule
        self.world = World(schedule.seed)
        self.classes: dict[int, type[Machine]] = {index: TRAITORS[name] for index, name in schedule.traitors.items()}
        self.classes |= classes or {}
        count = schedule.count + schedule.observers
        holders = [*range(count), *(index for index, name in schedule.traitors.items() if name == "twins")]
        honest = frozenset(i for i in range(count) if self.classes.get(i, Machine).honest)
        self.ground = full.GROUND if schedule.full else MADE_UP
        real = schedule.ed25519 or schedule.full
        chain_id = self.ground.chain_id
        self.signatures: Signatures = Ed25519(self.holder_of, chain_id) if real else Register(self.holder_of)
        self.judges = Judges(self.world, self.signatures, honest, self.ground.reference(tuple(range(schedule.count))))
        self.healed = False
        self.recovery_ms = self.first_ms = 0
        self.submitted: list[bytes] = []
        self._hashes: dict[int, tuple[AnyHeader, bytes]] = {}
        self.machines = [
            self.ground.machine(self.classes.get(holder, Machine))(self, index, holder, self.ground.disk(self, index))
            for index, holder in enumerate(holders)
        ]
        for machine, temper in zip(self.machines, schedule.tempers, strict=False):
            machine.skew_ms, machine.execution_ms = temper.skew_ms, temper.execution_ms
            machine.crash_rate, machine.late_ms = temper.crash / 100_000, temper.late_ms
            machine.fill_ms = temper.fill_ms
        network = schedule.network
        self.world.faults = Faults(
            delay_max_ms=network.delay_max_ms,
            loss=network.loss / 1_000,
            duplication=network.duplication / 1_000,
            straggle=network.straggle / 1_000,
            straggle_max_ms=network.straggle_max_ms,
        )

    def config_of(self, membership: Membership, holder: int | None) -> EngineConfig:
        """An engine's parameters in an epoch; of an observer when the holder has no seat."""
        members = membership.members
        me = members.index(holder) if holder in members else None
        return EngineConfig(
            self.ground.chain_id,
            members_of(members),
            me,
            membership.epoch,
            spacing_ms=self.schedule.spacing_ms,
            idle_block_ms=self.schedule.idle_block_ms,
        )

    def holder_of(self, epoch: int, seat: int) -> int:
        """Who votes from a seat; -1 where there is none."""
        return self.judges.holder_of(epoch, seat)

    def seated(self, epoch: int, seat: int) -> list[Machine]:
        """The machines with the key of a seat: one, or twins."""
        holder = self.holder_of(epoch, seat)
        return [machine for machine in self.machines if machine.holder == holder]

    def wipe(self, machine: Machine) -> None:
        """Everything on a disk is gone."""
        machine.disk.discard()
        machine.disk = self.ground.disk(self, machine.index)
        machine.disk.wiped = True

    def close(self) -> None:
        """Let go of what the machines have outside this process's memory."""
        for machine in self.machines:
            machine.disk.discard()

    @property
    def honest(self) -> list[Machine]:
        """The machines that are not traitors."""
        return [machine for machine in self.machines if machine.index in self.judges.honest]

    def hash_of(self, header: AnyHeader) -> bytes:
        """A header's hash; one computation for all machines of the cluster that are shown the same object."""
        known = self._hashes.get(id(header))
        if known is None:
            known = self._hashes[id(header)] = (header, header.block_hash())
        return known[1]

    def say(self, index: int, line: str) -> None:
        """A line of the trace."""
        if self.world.trace is not None:
            self.world.trace(f"{self.world.now_ms:7} {index} {line}")

    # --- what happens ---------------------------------------------------------------------------------------

    def start(self, spread_ms: int = 5) -> None:
        """All machines come up within a few milliseconds; who comes late misses what was said before."""
        for machine in self.machines:
            self.world.later(self.world.upto(spread_ms), machine.start)
        for fault in self.schedule.faults:
            self.world.later(fault.at_ms, self._happen, fault.kind, fault.numbers)
        self.world.later(SIZE_CHECK_MS, self._check_sizes)

    def _happen(self, kind: str, numbers: tuple[int, ...]) -> None:
        if not self.healed:
            self.say(-1, f"** {kind} {numbers}")
            KINDS[kind](self, *numbers)

    def _check_sizes(self) -> None:
        for machine in self.machines:
            if machine.up:
                self.judges.check_size(machine)
        self.world.later(SIZE_CHECK_MS, self._check_sizes)

    def submit(self, count: int = 1) -> None:
        """Transactions arrive at one machine and are gossiped to the others."""
        for _ in range(count):
            leaf = self.new_transaction()
            for machine in self.machines:
                self.world.later(self.world.upto(40), machine.submit, leaf)

    def order_members(self, mask: int) -> None:
        """A transaction that asks for the validators of a bit mask."""
        leaf = order_of([index for index in range(32) if mask >> index & 1], len(self.submitted))
        self.submitted.append(leaf)
        for machine in self.machines:
            self.world.later(self.world.upto(40), machine.submit, leaf)

    def new_transaction(self) -> bytes:
        """One that nobody has seen yet."""
        leaf = self.ground.transaction(len(self.submitted))
        self.submitted.append(leaf)
        return leaf

    def heal(self) -> None:
        """End of all faults: wires whole, clocks right, everybody up. Traitors stay what they are."""
        self.healed = True
        self.world.faults = Faults()
        self.world.filter = None
        for machine in self.machines:
            machine.crash_rate, machine.skew_ms, machine.crash_at, machine.late_ms = 0.0, 0, None, 0
            machine.execution_ms = min(machine.execution_ms, 5)
            machine.heal()

    # --- what is demanded -----------------------------------------------------------------------------------

    def lowest_final(self) -> int:
        """Newest height that every honest machine has."""
        return min(machine.final_height for machine in self.honest)

    def demand_progress(self, bound_ms: int, heights: int = 3) -> None:
        """After healing all honest machines reach new heights within the bound, and all work gets done."""
        judges, honest = self.judges, self.honest
        start = judges.highest
        target = start + heights
        waiting = {leaf for machine in honest for leaf in machine.pool}
        healed_ms = self.world.now_ms
        self.first_ms = 0

        def done() -> bool:
            if self.first_ms == 0 and judges.highest > start:
                self.first_ms = self.world.now_ms - healed_ms
            if self.lowest_final() < target:
                return False
            return all(machine.is_done(leaf) for machine in honest for leaf in waiting)

        self.world.later(DRIP_MS, self._drip, healed_ms + bound_ms)
        if not self.world.run_until(healed_ms + bound_ms, done):
            raise Violation(f"no progress within {bound_ms} ms after healing: {self.describe()}")
        self.recovery_ms = self.world.now_ms - healed_ms
        for machine in self.machines:
            if machine.up:
                judges.check_size(machine)

    def _drip(self, end_ms: int) -> None:
        """A transaction now and then: a network without work may rest."""
        self.submit(1)
        if self.world.now_ms + DRIP_MS < end_ms:
            self.world.later(DRIP_MS, self._drip, end_ms)

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

    def run(self, duration_ms: int, submissions: tuple[tuple[int, int], ...] | list[tuple[int, int]] = ()) -> None:
        """Let it run; ``submissions`` are (time from now, count)."""
        for delay_ms, count in submissions:
            self.world.later(delay_ms, partial(self.submit, count))
        self.world.run_until(self.world.now_ms + duration_ms)

    def run_until(self, duration_ms: int, done: Callable[[], bool]) -> bool:
        """Let it run until something holds, at most so long."""
        return self.world.run_until(self.world.now_ms + duration_ms, done)
