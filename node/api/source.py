"""What the HTTP doors ask of a node. ``node.app.Node`` answers it; tests hold a small twin to the same questions.

Everything here is called on the node's own event loop. Bytes given to ``submit`` come from outside, unread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tallystick.api import (
    BlockAnswer,
    BulkItem,
    CertifiedHeader,
    HeadAnswer,
    HistoryAnswer,
    StatusAnswer,
    TransactionState,
    TransactionStatus,
)
from tallystick.epochs import EpochStep
from tallystick.genesis import Genesis
from tallystick.receipts import Receipt
from tallystick.records.base import Record


class NodeQueries(Protocol):
    """The questions.

    Attributes:
        genesis, chain_id: the founding document and its hash.
        counters: monotonic counts by name, see ``node.metrics``.
    """

    @property
    def genesis(self) -> Genesis: ...

    @property
    def chain_id(self) -> bytes: ...

    @property
    def counters(self) -> Mapping[str, float]: ...

    def status(self) -> StatusAnswer:
        """What the node is doing and what it waits for."""

    def head(self) -> HeadAnswer | None:
        """The newest final header with its certificate; None while nothing but genesis is final."""

    async def submit(self, raw: bytes) -> TransactionStatus:
        """Check and admit one transaction; one that is known already answers where it is.

        Raises:
            DecodeError, SignatureError: the transaction is malformed or a signature does not verify.
            UnavailableError: the mempool is full.
        """

    async def submit_many(self, raws: Sequence[bytes]) -> list[BulkItem]:
        """The same for many, each judged alone, in the order given."""

    def transaction_status(self, transaction_id: bytes) -> TransactionStatus:
        """Where a transaction is; state ``unknown`` when it was never seen here."""

    async def wait(self, transaction_id: bytes, state: TransactionState, timeout_ms: int) -> TransactionStatus:
        """As ``transaction_status``, once the state is reached or the time is over."""

    def receipt(self, transaction_id: bytes) -> Receipt | None:
        """The receipt of an executed transaction, or None."""

    def blocks(self, from_height: int, limit: int) -> list[BlockAnswer]:
        """Executed heights in order, at most ``limit``, beginning with ``from_height``."""

    def certified_header(self, height: int) -> CertifiedHeader | None:
        """A final header with what certifies it, or None."""

    def epoch(self, epoch: int) -> EpochStep | None:
        """How an epoch ended, or None while it goes on."""

    def epoch_was_recovered(self, epoch: int) -> bool:
        """Whether a recovery ended an epoch, so that nobody can be led across its end."""

    def record(self, key: bytes) -> Record | None:
        """The newest executed record of a key, or None."""

    def history(self, key: bytes, from_index: int, limit: int) -> list[HistoryAnswer]:
        """Entries of the history that the record of ``key`` owns, in order."""


class ProofQueries(Protocol):
    """Bundles that anybody can verify, as values that are written as JSON without change (``node.proofs``)."""

    def item(self, identifier: str, at: int | None = None) -> Any:
        """An item (or lot, product, container) with its closure.

        Raises:
            DecodeError: not an identifier.
        """

    def event(self, commitment: bytes, identifier: str, at: int | None = None) -> Any:
        """One event in the history of an item, with its correction or the absence of one."""

    def record(self, key: bytes, at: int | None = None) -> Any:
        """One record's public half, or its absence."""

    def block(self, height: int) -> Any:
        """The block of an executed height."""

    def receipt(self, transaction_id: bytes) -> Any:
        """The receipt of an executed transaction."""

    def evidence(self, key: bytes, at: int | None = None) -> Any:
        """Two statements of a validator that exclude each other, by the key of their record."""

    def receivable(self, obligation: bytes, grant: bytes | None, organisation: str, at: int | None = None) -> Any:
        """An obligation with its tag, slices and liens, for who may see it."""
