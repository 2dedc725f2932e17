"""Where the walk over a scope takes its members from: nodes, when an archive is made, or the archive itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tallystick.archive import names
from tallystick.archive.errors import ArchiveError


class Supply(Protocol):
    """Bytes of members by what they are about. Whatever it gives is checked by who asks."""

    def item(self, identifier: str) -> bytes:
        """Proof bundle of a closure, as of the archive's height."""

    def record(self, key: bytes) -> bytes:
        """Proof bundle of a record, as of the archive's height."""

    def receivable(self, obligation: bytes) -> bytes:
        """Proof bundle of an obligation, as of the archive's height."""

    def block(self, height: int) -> bytes:
        """Proof bundle of a block."""

    def receipt(self, transaction: bytes) -> bytes:
        """Proof bundle of a receipt."""

    def heads(self, height: int) -> bytes:
        """Heads of a block's transactions."""

    def block_contents(self, height: int) -> bytes:
        """Transactions and receipts of a block."""

    def events(self, transaction: bytes, height: int) -> bytes:
        """Public parts of the events of a transaction in the block of this height."""

    def payload(self, transaction: bytes, height: int) -> bytes:
        """Payload of a transaction in the block of this height."""

    def event_half(self, commitment: bytes) -> bytes:
        """Members' part of an event of a bundle or transaction that was supplied before."""

    def record_half(self, key: bytes) -> bytes:
        """Members' half of a record of a bundle that was supplied before."""


class ArchiveSupply:
    """A ``Supply`` out of an archive's members."""

    def __init__(self, members: Mapping[str, bytes]) -> None:
        self._members = members

    def item(self, identifier: str) -> bytes:
        """See ``Supply``."""
        return self._take(names.item(identifier), f"the closure of {identifier}")

    def record(self, key: bytes) -> bytes:
        """See ``Supply``."""
        return self._take(names.record(key), f"the proof of record {key.hex()[:80]}")

    def receivable(self, obligation: bytes) -> bytes:
        """See ``Supply``."""
        return self._take(names.RECEIVABLE, f"the proof of obligation {obligation.hex()}")

    def block(self, height: int) -> bytes:
        """See ``Supply``."""
        return self._take(names.block(height), f"the block of height {height}")

    def receipt(self, transaction: bytes) -> bytes:
        """See ``Supply``."""
        return self._take(names.receipt(transaction), f"the receipt of transaction {transaction.hex()}")

    def heads(self, height: int) -> bytes:
        """See ``Supply``."""
        return self._take(names.heads(height), f"the heads of the transactions of height {height}")

    def block_contents(self, height: int) -> bytes:
        """See ``Supply``."""
        return self._take(names.block_contents(height), f"the contents of the block of height {height}")

    def events(self, transaction: bytes, height: int) -> bytes:
        """See ``Supply``."""
        return self._take(names.events(transaction), f"the events of transaction {transaction.hex()}")

    def payload(self, transaction: bytes, height: int) -> bytes:
        """See ``Supply``."""
        return self._take(names.payload(transaction), f"the payload of transaction {transaction.hex()}")

    def event_half(self, commitment: bytes) -> bytes:
        """See ``Supply``."""
        return self._take(names.event_half(commitment), f"the members' part of event {commitment.hex()}")

    def record_half(self, key: bytes) -> bytes:
        """See ``Supply``."""
        return self._take(names.record_half(key), f"the members' half of record {key.hex()[:80]}")

    def _take(self, name: str, what: str) -> bytes:
        data = self._members.get(name)
        if data is None:
            raise ArchiveError("archive.missing", f"{what} is not there, and the scope needs it", name)
        return data
