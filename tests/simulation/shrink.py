"""From a failing schedule to a smaller one that fails in the same way; and the hash of a run's trace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256

import msgspec

from tests.simulation.plan import run
from tests.simulation.schedule import Network, Schedule, Temper

RUNS_MAX = 400


def complaint(schedule: Schedule) -> str:
    """What is wrong with a run; empty when nothing is. Every kind of exception is a finding."""
    try:
        run(schedule)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def trace_of(schedule: Schedule) -> tuple[list[str], str]:
    """Every input and effect of a run, and the complaint at its end."""
    lines: list[str] = []
    try:
        run(schedule, lines.append)
    except Exception as error:
        return lines, f"{type(error).__name__}: {error}"
    return lines, ""


def trace_hash(schedule: Schedule) -> str:
    """Equal for equal runs, and only for those."""
    lines, ending = trace_of(schedule)
    return sha256("\n".join([*lines, ending]).encode()).hexdigest()


def signature(text: str) -> str:
    """The kind of a complaint: without numbers and what follows its first words."""
    return re.sub(r"\d+", "#", text)[:48]


def shrink(schedule: Schedule) -> Schedule:
    """Leave out faults, traitors, rates and time as long as the same kind of complaint remains."""
    wanted = signature(complaint(schedule))
    assert wanted, "nothing to shrink: the run is good"
    runs, again = 0, True
    while again and runs < RUNS_MAX:
        again = False
        for candidate in _smaller(schedule):
            runs += 1
            if signature(complaint(candidate)) == wanted:
                schedule, again = candidate, True
                break
            if runs >= RUNS_MAX:
                break
    return schedule


def _smaller(schedule: Schedule) -> Iterator[Schedule]:
    """Smaller schedules, the boldest first."""

    def altered(**changes: object) -> Schedule:
        return msgspec.structs.replace(schedule, **changes)

    faults = schedule.faults
    size = len(faults)
    while size:
        for start in range(0, len(faults), size):
            yield altered(faults=faults[:start] + faults[start + size :])
        size //= 2
    for name, value in msgspec.structs.asdict(Network()).items():
        if getattr(schedule.network, name) != value:
            yield altered(network=msgspec.structs.replace(schedule.network, **{name: value}))
    if schedule.tempers:
        yield altered(tempers=())
    plain = Temper()
    for index, temper in enumerate(schedule.tempers):
        if temper != plain:
            yield altered(tempers=(*schedule.tempers[:index], plain, *schedule.tempers[index + 1 :]))
    for index in schedule.traitors:
        yield altered(traitors={i: kind for i, kind in schedule.traitors.items() if i != index})
    if schedule.observers:
        yield altered(observers=0)
    if schedule.duration_ms > 200:
        yield altered(duration_ms=schedule.duration_ms * 2 // 3)
