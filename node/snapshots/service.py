"""Snapshots of a running node: made now and then, kept on a shelf, served to peers."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TypeAlias

from node.allowance import Allowance
from node.epochs import Epochs
from node.ledger import Ledger
from node.logs import log_fields
from node.network.messages import (
    EPOCHS_MAX,
    SNAPSHOTS_OFFERED_MAX,
    ChunkMessage,
    ChunkRequest,
    EpochsMessage,
    EpochsRequest,
    ManifestMessage,
    ManifestRequest,
    Offer,
    SnapshotsMessage,
    SnapshotsRequest,
)
from node.network.peers import Peer
from node.snapshots.maker import Plan, make_snapshot, plan_snapshot
from node.snapshots.manifest import Manifest, SnapshotProof
from node.snapshots.pace import CancelledError
from node.snapshots.shelf import Shelf, remove
from node.storage import StoreView
from tallystick.blocks import HistoryLeaf
from tallystick.errors import StorageError
from tallystick.limits import SNAPSHOT_LEAVES_MAX

CHUNKS_PER_SECOND = 40.0  # sent to one peer: 20 MB/s
CHUNKS_AT_ONCE = 4.0  # of them without a pause
CHUNKS_WAIT_S = 1.0  # how long a request may have to wait for its turn; more are dropped
SNAPSHOTS = "snapshots"  # folder in the data folder

SnapshotQuestion: TypeAlias = SnapshotsRequest | ManifestRequest | ChunkRequest | EpochsRequest

logger = logging.getLogger("tallystick.snapshots")


class SnapshotService:
    """Makes and serves snapshots.

    Attributes:
        every: heights between two; 0: none is made, those that are there are served.
    """

    def __init__(
        self,
        *,
        folder: Path,
        every: int,
        chain_id: bytes,
        ledger: Ledger,
        epochs: Epochs,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.every = every
        self._chain_id = chain_id
        self._ledger = ledger
        self._epochs = epochs
        self._loop = loop
        self._shelf = Shelf(folder)
        self._proofs: dict[bytes, SnapshotProof] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="snapshots")
        self._cancelled = Event()
        self._making: asyncio.Task[None] | None = None
        self._chunks: dict[int, Allowance] = {}

    def ends_batch(self, height: int) -> bool:
        """Whether a batch of the store is to end with this height, so that a snapshot of it can be made."""
        return self.every > 0 and height % self.every == 0

    def stored(self, height: int) -> None:
        """The database is at this height; begin a snapshot if one is due and none is being made.

        Raises:
            StorageError: the database cannot be read.
        """
        if not self.ends_batch(height) or self._making is not None or self._cancelled.is_set():
            return
        plan = plan_snapshot(self._ledger, self._chain_id)
        if plan is not None:
            self._making = self._loop.create_task(self._make(plan, self._ledger.view()))

    def newest_height(self) -> int | None:
        """Height of the newest snapshot here, or None."""
        return self._shelf.newest_height() or None

    async def close(self) -> None:
        """Give up what is being made; nothing reads the database afterwards."""
        self._cancelled.set()
        if self._making is not None:
            await asyncio.gather(self._making, return_exceptions=True)
        self._thread.shutdown(wait=True)

    async def _make(self, plan: Plan, view: StoreView) -> None:
        started = self._loop.time()
        try:
            manifest = await self._loop.run_in_executor(
                self._thread, make_snapshot, view, plan, self._shelf.making, self._cancelled
            )
            await self._loop.run_in_executor(self._thread, remove, self._shelf.put(manifest))
        except CancelledError:
            return
        except (OSError, StorageError) as error:  # a broken database ends the node where it is read for the ledger
            logger.error("no snapshot was made", extra=log_fields(height=plan.height, error=str(error)))
            return
        finally:
            self._making = None
        taken = round(self._loop.time() - started, 1)
        logger.info("snapshot", extra=log_fields(height=plan.height, chunks=len(manifest.chunks), seconds=taken))

    # --- questions of peers -------------------------------------------------------------------------------

    def answer(self, peer: Peer, message: SnapshotQuestion) -> None:
        """Answer a peer whose requests are within its allowance."""
        match message:
            case SnapshotsRequest():
                offers = tuple(Offer(height, digest) for height, digest in self._shelf.offers() if self._proof(digest))
                peer.send(SnapshotsMessage(offers[:SNAPSHOTS_OFFERED_MAX]))
            case ManifestRequest(digest):
                manifest, proof = self._shelf.manifest(digest), self._proof(digest)
                if manifest is not None and proof is not None:
                    peer.send(ManifestMessage(manifest, proof))
            case ChunkRequest(digest, index):
                allowance = self._chunks.setdefault(peer.index, Allowance(CHUNKS_PER_SECOND, CHUNKS_AT_ONCE))
                now_s = self._loop.time()
                if allowance.spend(now_s, 0.0) < CHUNKS_WAIT_S:  # else it asks without waiting for answers
                    self._loop.call_later(allowance.spend(now_s, 1.0), self._send_chunk, peer, digest, index)
            case EpochsRequest(first):
                numbers = range(first, min(first + EPOCHS_MAX, self._epochs.number))
                proofs = tuple(proof for proof in map(self._epochs.proof, numbers) if proof is not None)
                peer.send(EpochsMessage(first, proofs))

    def _send_chunk(self, peer: Peer, digest: bytes, index: int) -> None:
        if not self._cancelled.is_set():
            peer.send(ChunkMessage(digest, index, self._shelf.chunk(digest, index)))

    def _proof(self, digest: bytes) -> SnapshotProof | None:
        """What certifies a snapshot of ours, as soon as something does."""
        manifest = self._shelf.manifest(digest)
        if manifest is None:
            return None
        proof = self._proofs.get(digest)
        if proof is None:
            proof = prove(self._ledger, manifest, self._ledger.tip().executed.height)
            if proof is not None:
                self._proofs = {digest: proof, **{key: one for key, one in self._proofs.items() if self._has(key)}}
        return proof

    def _has(self, digest: bytes) -> bool:
        return self._shelf.manifest(digest) is not None


def prove(ledger: Ledger, manifest: Manifest, stored_height: int) -> SnapshotProof | None:
    """The nearest final header of the manifest's epoch whose history covers its height; None while there is none."""
    height = manifest.height
    for above in range(height + 1, min(stored_height, height + SNAPSHOT_LEAVES_MAX) + 1):
        row = ledger.block(above)
        if row is None or row.header is None or row.header.epoch != manifest.epoch:
            return None
        if row.finalisation is not None and row.header.executed.height >= height:
            heights = range(height + 1, row.header.executed.height + 1)
            return SnapshotProof(tuple(_leaf(ledger, at) for at in heights), row.header, row.finalisation)
    return None


def _leaf(ledger: Ledger, height: int) -> HistoryLeaf:
    row = ledger.block(height)
    if row is None:
        raise StorageError(f"the database lacks the block of height {height}")
    executed = row.executed
    return HistoryLeaf(
        height, row.block_hash, executed.time_ms, executed.state_root, executed.receipts_root, row.receipt_count
    )
