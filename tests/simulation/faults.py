"""What can happen to a cluster at a moment. Each is counted when it happened, not when it was planned."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tallystick.proposals import ClosingProposal, Proposal
from tallystick.votes import Certificate, Vote, VoteKind

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster
    from tests.simulation.machine import Machine
    from tests.simulation.world import Faults

BLACKOUT_MS = 1_800


def transactions(cluster: Cluster, count: int) -> None:
    """So many transactions arrive, each at a random machine first."""
    cluster.submit(count)


def resubmit(cluster: Cluster, count: int) -> None:
    """Clients send again what they sent before, done or not."""
    for leaf in cluster.world.random.sample(cluster.submitted, min(count, len(cluster.submitted))):
        cluster.world.seen["transactions sent again"] += 1
        for machine in cluster.machines:
            cluster.world.later(cluster.world.upto(40), machine.submit, leaf)


def change_members(cluster: Cluster, mask: int) -> None:
    """A transaction asks for the validators of a bit mask."""
    cluster.order_members(mask)
    cluster.world.seen["orders of new validators"] += 1


def split(cluster: Cluster, side: int, duration_ms: int) -> None:
    """The machines of a bit mask and the others do not hear each other."""
    pairs = _across(cluster, side)
    _sever(cluster, pairs | {(b, a) for a, b in pairs}, duration_ms, "symmetric partitions")


def one_way(cluster: Cluster, side: int, duration_ms: int) -> None:
    """The machines of a bit mask are not heard by the others, and hear them."""
    _sever(cluster, _across(cluster, side), duration_ms, "one-way partitions")


def flapping(cluster: Cluster, side: int, duration_ms: int, times: int) -> None:
    """The same split again and again."""
    for turn in range(times):
        cluster.world.later(2 * turn * duration_ms, partial(split, cluster, side, duration_ms))
    cluster.world.seen["flapping partitions"] += 1


def pause(cluster: Cluster, index: int, duration_ms: int) -> None:
    """One machine stands still for a while."""
    machine = cluster.machines[index]
    if cluster.healed:
        return
    machine.pause()
    cluster.world.later(duration_ms, machine.resume)


def crash(cluster: Cluster, side: int) -> None:
    """The machines of a bit mask lose power at once and come back one by one."""
    chosen = [machine for machine in cluster.machines if side >> machine.index & 1 and machine.up]
    if len(chosen) == len(cluster.machines):
        cluster.world.seen["power cuts of all"] += 1
    for machine in chosen:
        machine.crash_and_restart()


def crash_at_effect(cluster: Cluster, index: int, effect: int) -> None:
    """One machine stops before its effect of this number."""
    machine = cluster.machines[index]
    machine.crash_at = machine.effects_performed + effect


def blackout(cluster: Cluster) -> None:
    """No wire works, so everybody gives the view up alone; then all power fails at once, and both come back."""
    machines = cluster.machines
    pairs = {(a, b) for a in range(len(machines)) for b in range(len(machines))}
    _sever(cluster, pairs, BLACKOUT_MS, "blackouts")
    for machine in machines:
        cluster.world.later(BLACKOUT_MS - cluster.world.upto(100), _power_fails, cluster, machine)


def lose_disk(cluster: Cluster, index: int) -> None:
    """Everything on one disk is gone, the signer's record too: the machine follows, and never signs again."""
    machine = cluster.machines[index]
    if machine.up:
        machine.crash()
    cluster.wipe(machine)
    cluster.world.seen["lost disks"] += 1
    cluster.world.later(1 + cluster.world.upto(1_000), machine.start)


def take_backup(cluster: Cluster, index: int) -> None:
    """A copy of one database; never of the signer's record."""
    disk = cluster.machines[index].disk
    disk.backup = disk.database.copy()


def restore_backup(cluster: Cluster, index: int) -> None:
    """One machine stops and comes back on yesterday's database, with its signer's record as it is."""
    machine = cluster.machines[index]
    if machine.disk.backup is None or machine.disk.wiped:
        return
    if machine.up:
        machine.crash()
    restored = machine.disk.backup.copy()
    if restored.floor.executed.height < machine.disk.database.floor.executed.height:
        cluster.world.seen["restored backups"] += 1
    machine.disk.database = restored
    cluster.world.later(1 + cluster.world.upto(1_000), machine.start)


def clock(cluster: Cluster, index: int, skew_ms: int, duration_ms: int) -> None:
    """One machine's clock jumps, and comes back after a while."""
    machine = cluster.machines[index]
    before = machine.skew_ms
    machine.skew_ms += skew_ms
    cluster.world.seen["clock jumps"] += 1
    cluster.world.later(duration_ms, _put_back, cluster, machine, "skew_ms", before)


def clock_day(cluster: Cluster, ahead_ms: int) -> None:
    """All clocks jump ahead, and come back after a while: chain time stays where it went."""
    cluster.world.seen["clock days"] += 1
    for machine in cluster.machines:
        machine.skew_ms += ahead_ms
        cluster.world.later(400, _put_back, cluster, machine, "skew_ms", 0)


def stall(cluster: Cluster, index: int, execution_ms: int, duration_ms: int) -> None:
    """One machine's executor becomes slow for a while."""
    machine = cluster.machines[index]
    before, machine.execution_ms = machine.execution_ms, execution_ms
    cluster.world.seen["execution stalls"] += 1
    cluster.world.later(duration_ms, _put_back, cluster, machine, "execution_ms", before)


def drop_kind(cluster: Cluster, which: int, duration_ms: int) -> None:
    """All messages of one kind are lost: proposals, notarize, nullify or finalize votes, or certificates."""
    world = cluster.world
    name = DROPPED[which]
    world.seen[f"all {name} lost"] += 1

    def passes(source: int, target: int, message: object) -> bool:
        if isinstance(message, Vote):
            return message.statement.kind.name.lower() != name
        return {Certificate: "certificates", Proposal: "proposals", ClosingProposal: "proposals"}.get(
            type(message)
        ) != name

    world.filter = passes
    world.later(duration_ms, _drop_nothing, cluster, passes)


def hold_finality(cluster: Cluster, duration_ms: int) -> None:
    """From the moment on which a boundary block is proposed, finalize votes and finalisations are lost for a while."""
    world = cluster.world
    until_ms = 0

    def passes(source: int, target: int, message: object) -> bool:
        nonlocal until_ms
        if isinstance(message, Proposal) and not until_ms:
            header = message.header
            if header.next_validators_hash != header.validators_hash:
                until_ms = world.now_ms + duration_ms
                world.seen["boundary blocks held back from finality"] += 1
        final = isinstance(message, Vote | Certificate) and message.statement.kind is VoteKind.FINALIZE
        return not (final and world.now_ms < until_ms)

    world.filter = passes


def late_notarisations(cluster: Cluster, side: int, duration_ms: int) -> None:
    """The machines of a bit mask hear of a notarisation only after they gave its view up: so they never finalize it.

    With more than f of them, views are notarised by all, nullified by some, finalized by the others, and only a
    descendant can make their blocks final.
    """
    world = cluster.world
    until_ms = world.now_ms + duration_ms

    def too_early(target: int, message: object) -> bool:
        if isinstance(message, Proposal):
            return any(too_early(target, certificate) for certificate in message.certificates)
        if not isinstance(message, Vote | Certificate) or message.statement.kind is not VoteKind.NOTARIZE:
            return False
        machine, statement = cluster.machines[target], message.statement
        if not machine.up or machine.config.epoch != statement.epoch:
            return False
        held = machine.engine._core.views.rounds.get(statement.view)
        return statement.view > machine.engine.status().final_view and (
            held is None or VoteKind.NULLIFY not in held.own
        )

    def passes(source: int, target: int, message: object) -> bool:
        if world.now_ms >= until_ms or not side >> target & 1 or not too_early(target, message):
            return True
        world.seen["notarisations heard too late"] += 1
        return False

    world.filter = passes


DROPPED = ("proposals", "notarize", "nullify", "finalize", "certificates")


KINDS: dict[str, Callable[..., None]] = {
    kind.__name__: kind
    for kind in (
        transactions, resubmit,
        change_members, split, one_way, flapping, pause, crash, crash_at_effect, blackout, lose_disk,
        take_backup, restore_backup, clock, clock_day, stall, drop_kind, hold_finality,
        late_notarisations,
    )
}  # fmt: skip


def _across(cluster: Cluster, side: int) -> set[tuple[int, int]]:
    indices = range(len(cluster.machines))
    return {(a, b) for a in indices for b in indices if side >> a & 1 and not side >> b & 1}


def _sever(cluster: Cluster, pairs: set[tuple[int, int]], duration_ms: int, name: str) -> None:
    faults = cluster.world.faults
    if pairs and not cluster.healed:
        cluster.world.seen[name] += 1
        faults.sever(pairs)
        cluster.world.settle()
        cluster.world.later(duration_ms, _join, cluster, faults, pairs)


def _power_fails(cluster: Cluster, machine: Machine) -> None:
    if not cluster.healed:
        machine.crash_and_restart()


def _drop_nothing(cluster: Cluster, passes: object) -> None:
    if cluster.world.filter is passes:
        cluster.world.filter = None


def _join(cluster: Cluster, faults: Faults, pairs: set[tuple[int, int]]) -> None:
    faults.join(pairs)
    cluster.world.settle()


def _put_back(cluster: Cluster, machine: Machine, name: str, before: int) -> None:
    """What the end of a fault leaves behind may itself be wrong or slow, and the healing has ended that too."""
    if not cluster.healed:
        setattr(machine, name, before)
