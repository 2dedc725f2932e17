"""A whole run as data: what is drawn from a seed, printed when it fails, shrunk, and replayed."""

from __future__ import annotations

import msgspec


class Fault(msgspec.Struct, frozen=True, array_like=True):
    """Something that happens at a time.

    Attributes:
        at_ms: from the start of the run.
        kind: a name of ``faults.KINDS``.
        numbers: what that kind needs.
    """

    at_ms: int
    kind: str
    numbers: tuple[int, ...] = ()


class Network(msgspec.Struct, frozen=True):
    """Rates of the wires, in thousandths, and times in milliseconds."""

    delay_max_ms: int = 3
    loss: int = 0
    duplication: int = 0
    straggle: int = 0
    straggle_max_ms: int = 400


class Temper(msgspec.Struct, frozen=True):
    """How one machine is: its clock, its executor, its luck.

    Attributes:
        crash: chance of a crash at each effect, in hundred thousandths.
        late_ms: alarms ring up to so much late, some twice; 0: on time.
        fill_ms: blocks of its own take up to so long to fill.
        storage: chance that a read or write of a full node's database fails, in hundred thousandths.
    """

    skew_ms: int = 0
    execution_ms: int = 1
    crash: int = 0
    late_ms: int = 0
    storage: int = 0
    fill_ms: int = 0


class Schedule(msgspec.Struct, frozen=True):
    """One run.

    Attributes:
        seed: of the random stream that decides each message's fate.
        traitors: kind by machine; at most f, lost disks included.
        duration_ms: of the first phase.
        full: nodes with the product's storage and execution.
        ed25519: real signatures.
    """

    seed: int
    count: int
    duration_ms: int
    traitors: dict[int, str] = {}
    observers: int = 0
    idle_block_ms: int = 1_000
    spacing_ms: int = 20
    network: Network = Network()
    tempers: tuple[Temper, ...] = ()
    faults: tuple[Fault, ...] = ()
    full: bool = False
    ed25519: bool = False

    def to_json(self) -> str:
        """On one line."""
        return msgspec.json.encode(self).decode()


def read_schedule(text: str) -> Schedule:
    """What ``to_json`` gave."""
    return msgspec.json.decode(text, type=Schedule)
