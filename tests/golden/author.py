"""Writing the golden chain: stories that take turns in one sequence of blocks, with nothing left to chance.

A story is a generator. It adds transactions to the next block, each with the reason that its receipt must give, and
yields the block time from which it goes on (0: the next block). Seeds, nonces, salts and event ids count up; time moves
by the blocks alone, and where every story waits it jumps, by ADVANCE_CLOCK.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

from client_sdk.event_builder import Circumstances, event_id_of
from contracts.switch import decided_validators
from tallystick.encoding import Message
from tallystick.epcis import GENERAL, JsonObject, split_event
from tallystick.payloads import encode_payload
from tallystick.payloads.governance import AdvanceClock, RegisterKey
from tallystick.reasons import Reason
from tallystick.receipts import ReceiptKind
from tallystick.records.members import KeyUse
from tallystick.transactions import Event, SignedTransaction, sign_transaction
from tests.golden.founders import DAY, GOVERNORS, HOUR, START_MS, found, named, public_key, seed
from tests.golden.replay import Height, Replay
from tests.golden.stored import StoredBlock, StoredChain

SECOND = 1_000
EMPTY_EVERY = 9  # every ninth block is empty though there is work
DUE_WORK_EVERY = 3
VALIDITIES_MS = (HOUR, 3 * HOUR, 26 * HOUR, 7 * DAY - 10 * SECOND)
PLACE = "https://id.gs1.org/414/9521111000013"
Story = Generator[int, None, None]


class Author:
    """The chain being written.

    Attributes:
        now: time of the newest block.
        worked_ms: time of the newest block that ran due work.
        heights: what was executed so far, from height 1.
    """

    def __init__(self) -> None:
        self.run = Replay(found())
        self.chain_id = self.run.chain_id
        self.now = START_MS
        self.worked_ms = START_MS
        self.heights: list[Height] = []
        self.blocks: list[StoredBlock] = []
        self._pending: list[tuple[SignedTransaction, Reason | None, str]] = []
        self._count = 0

    # --- transactions -------------------------------------------------------------------------------------

    def _next(self, what: str) -> bytes:
        self._count += 1
        return named(what, self._count)

    def add(
        self, transaction: SignedTransaction, reason: Reason | None = Reason.NONE, label: str = ""
    ) -> SignedTransaction:
        """Put a transaction into the next block; its receipt must give the reason, or any where that is None."""
        self._pending.append((transaction, reason, label))
        return transaction

    def sign(self, payload: Message, *signers: tuple[str, str]) -> tuple[SignedTransaction, bytes]:
        """A signed payload and its salt, without putting it anywhere."""
        salt = self._next("salt")
        transaction = self._signed(signers, payload=encode_payload(salt, payload))
        return transaction, salt

    def payload(
        self,
        organisation: str,
        payload: Message,
        reason: Reason | None = Reason.NONE,
        keys: Sequence[str] = ("TRADE",),
    ) -> bytes:
        """Put a payload into the next block, signed by keys of one organisation; returns its salt."""
        transaction, salt = self.sign(payload, *((organisation, key) for key in keys))
        self.add(transaction, reason, f"{organisation} {payload!r}")
        return salt

    def govern(
        self, payload: Message, reason: Reason = Reason.NONE, signers: Sequence[tuple[str, str]] = GOVERNORS
    ) -> None:
        """Put a payload of several organisations into the next block."""
        self.add(self.sign(payload, *signers)[0], reason, repr(payload))

    def register(self, organisation: str, key: str, *uses: KeyUse, person: str = "", root: str = "ROOT") -> None:
        """Register a key; its use is that of its name where none is given."""
        payload = RegisterKey(public_key(organisation, key), uses or (KeyUse[key],), person)
        self.govern(payload, signers=((organisation, root), (organisation, key)))

    def capture(
        self,
        organisation: str,
        *events: JsonObject | Event,
        reason: Reason | None = Reason.NONE,
        key: str = "CAPTURE",
    ) -> SignedTransaction:
        """Put a capture into the next block."""
        parts = tuple(event if isinstance(event, Event) else split(organisation, event) for event in events)
        transaction = self._signed(((organisation, key),), events=parts)
        return self.add(transaction, reason, f"{organisation} {[part.public for part in parts]}")

    def _signed(self, signers: Iterable[tuple[str, str]], **contents: Any) -> SignedTransaction:
        return sign_transaction(
            chain_id=self.chain_id,
            nonce=self._next("nonce")[:16],
            valid_until_ms=self.now + VALIDITIES_MS[self._count % len(VALIDITIES_MS)],
            seeds=[seed(*signer) for signer in signers],
            **contents,
        )

    # --- events -------------------------------------------------------------------------------------------

    def at(self, **fields: Any) -> Circumstances:
        """Circumstances of an event now, with the next event id and a place, which makes a members' part."""
        given: Mapping[str, Any] = {
            "time_ms": self.now,
            "event_id": event_id_of(self._next("event id")[:16]),
            "location": PLACE,
        }
        return Circumstances(**{**given, **fields})

    # --- blocks -------------------------------------------------------------------------------------------

    def worked_off(self, due_ms: int) -> Story:
        """Wait until due work of this time has been worked off."""
        while self.worked_ms < due_ms:
            yield due_ms

    def due_work_at(self, height: int) -> bool:
        """Whether an ordinary block of this height runs due work."""
        return height % DUE_WORK_EVERY == 0

    def block(self, time_ms: int, due_work: bool) -> None:
        """Execute what is pending and hold every receipt against what its story said."""
        pending, self._pending = self._pending, []
        block = StoredBlock(time_ms, due_work, tuple(transaction.raw for transaction, _, _ in pending))
        height = self.run.execute(block)
        receipts = [one for one in height.result.receipts if one.kind is ReceiptKind.TRANSACTION]
        assert not height.result.faults, height.result.faults
        for (_, reason, label), receipt in zip(pending, receipts, strict=True):
            found = (height.header.height, label, receipt.reason, receipt.detail)
            assert reason in (receipt.reason, None), (reason, found)
        self.now = time_ms
        if due_work:
            self.worked_ms = time_ms
        self.blocks.append(block)
        self.heights.append(height)

    def tell(self, stories: Sequence[Story]) -> None:
        """Let stories take turns until all have ended."""
        waiting: dict[int, Story] = dict(enumerate(stories))
        until = dict.fromkeys(waiting, 0)
        while waiting:
            self._pass_boundary()
            if len(self.blocks) % EMPTY_EVERY == EMPTY_EVERY - 1:
                self._step()
                continue
            for number in [number for number in waiting if until[number] <= self.now]:
                try:
                    until[number] = next(waiting[number])
                except StopIteration:
                    del waiting[number]
            if self._pending or not waiting:
                self._step()
            else:
                self._jump(min(until[number] for number in waiting))

    def end(self, heights: int) -> StoredChain:
        """The chain, filled up with empty blocks to the number of heights."""
        assert len(self.blocks) <= heights, len(self.blocks)
        while len(self.blocks) < heights:
            self._pass_boundary()
            self._step()
        return StoredChain(self.run.genesis, tuple(self.blocks))

    def _step(self) -> None:
        height = len(self.blocks) + 1
        self.block(self.now + SECOND + height * 37 % 200, self.due_work_at(height))

    def _pass_boundary(self) -> None:
        """An epoch ends with an empty block, whatever the stories want."""
        if decided_validators(self.run.state) is not None:
            self.block(self.now + SECOND, False)

    def _jump(self, time_ms: int) -> None:
        """Nothing to do before ``time_ms``: a block of its own moves the clock, the next one is that late."""
        by_ms = time_ms - self.now - 2 * SECOND
        if by_ms > 10 * SECOND:
            self.govern(AdvanceClock(by_ms))
            self._step()
            self._pass_boundary()
        self.block(max(time_ms, self.now + SECOND), True)


def split(organisation: str, event: JsonObject) -> Event:
    """An event in its parts; the members' salt follows from the organisation and the contents."""
    parts = split_event(event, GENERAL)
    salt = named("members", organisation, parts.public.hex(), parts.members.hex()) if parts.members else b""
    return Event(parts.public, salt, parts.members)
