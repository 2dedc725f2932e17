"""What a batch of seeds must have met: a fault that never happened, or a situation that never arose, tests nothing."""

from __future__ import annotations

from collections import Counter

from tests.simulation.traitors import KINDS as TRAITORS
from tests.simulation.traitors.liar import LIES

FAULTS = (
    "alarms late or doubled",
    "blackouts",
    "clock days",
    "clock jumps",
    "crash, records kept",
    "crash, records lost",
    "crash, records torn",
    "crashes between effects",
    "execution stalls",
    "flapping partitions",
    "lost disks",
    "messages cut off",
    "messages doubled",
    "messages lost",
    "messages overtaken",
    "notarisations heard too late",
    "one-way partitions",
    "orders of new validators",
    "pauses",
    "power cuts of all",
    "restarts",
    "restored backups",
    "symmetric partitions",
)
REACHED = (
    "accusations",
    "bad answers refused",
    "bad certificates refused",
    "bad contents refused",
    "bad votes refused",
    "block fetches",
    "certificate fetches",
    "changes of validators",
    "epoch proofs taken",
    "epochs proven by a closing header",
    "epochs that ended",
    "executions that lag",
    "finalize votes",
    "garbled messages",
    "heights beyond the bound on the lag",
    "heights with transactions",
    "lies in sync",
    "notarize votes",
    "nullify votes",
    "proposals",
    "proposals made again after a restart",
    "proposals of others refused",
    "root mismatches",
    "sizes checked",
    "swapped proofs",
    "transactions awaited",
    "transactions repeated in the chain",
    "unreadable messages refused",
    "views that ended both ways",
    "views with a finalize certificate",
    "views with a notarize certificate",
    "views with a nullify certificate",
    "votes of a flood",
)
SIZES = (1, 4, 5, 7, 10)


def never_reached(seen: Counter[str]) -> list[str]:
    """What never happened, of all that should in some hundred seeds."""
    traitors = tuple(f"traitor: {name}" for name in TRAITORS)
    lies = tuple(f"lie: {lie}" for lie in LIES)
    sizes = tuple(f"n = {count}" for count in SIZES)
    return [name for name in FAULTS + REACHED + traitors + lies + sizes if seen[name] == 0]
