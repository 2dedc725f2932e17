"""What an archive proves."""

from __future__ import annotations

from dataclasses import dataclass, field

from tallystick.proofs import VerifiedBlock, VerifiedItem, VerifiedReceivable
from tallystick.reasons import Reason
from tallystick.records.goods import Correction, EventStatus


@dataclass(frozen=True, slots=True)
class EventOfOrganisation:
    """One event that an organisation sent in.

    Attributes:
        correction: what declared it erroneous by the height of the archive, or None, which is proven too.
    """

    commitment: bytes
    public: bytes
    status: EventStatus
    reason: Reason
    correction: Correction | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one transaction of an organisation; ``events`` is empty for a payload."""

    transaction: bytes
    height: int
    reason: Reason
    detail: str
    events: tuple[EventOfOrganisation, ...]


@dataclass(slots=True)
class Proven:
    """Everything that was checked on a walk.

    Attributes:
        height, time_ms, state_root: of the one state that all of it shows; set by the first proof.
        protocol_version: the newest in any header that certifies a proof.
        signers: organisations whose validators signed any of these headers.
        items: closures by identifier.
        public: public halves of all records shown, by key.
        blocks: by height.
        outcomes: an organisation's transactions, in order.
        halves: members' halves, of events and of records.
    """

    height: int
    time_ms: int = 0
    state_root: bytes = b""
    protocol_version: int = 0
    signers: set[str] = field(default_factory=set)
    items: dict[str, VerifiedItem] = field(default_factory=dict)
    public: dict[bytes, bytes] = field(default_factory=dict)
    receivable: VerifiedReceivable | None = None
    blocks: dict[int, VerifiedBlock] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    halves: int = 0

    @property
    def complete(self) -> bool:
        """Whether every closure is whole; the set of members always is."""
        return not any(item.closure.missing for item in self.items.values())
