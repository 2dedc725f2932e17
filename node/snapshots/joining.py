"""Joining from a snapshot: who offers which, chunks from all of them, a new database beside the old one.

No peer is believed. A manifest counts once a quorum's certificate covers it; the chunks count once the state rebuilt
from them is the certified one. Blocks go on being executed meanwhile if they can be had. docs/spec/snapshots.md.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TypeAlias

from node.epochs import Epochs
from node.logs import log_fields
from node.network.messages import (
    ChunkMessage,
    ChunkRequest,
    EpochsMessage,
    EpochsRequest,
    ManifestMessage,
    ManifestRequest,
    SnapshotsMessage,
    SnapshotsRequest,
)
from node.network.peers import Peer, PeerFault, Peers
from node.snapshots.chunk_fetch import ChunkFetch, WrongChunkError
from node.snapshots.install import BUILDING, JOINED, sync_folder
from node.snapshots.joining_folder import JOINING, DamagedChunkError, JoiningFolder
from node.snapshots.manifest import CertifiedSnapshot, Manifest, SnapshotProof, verify_manifest
from node.snapshots.rebuild import SnapshotLieError, rebuild
from node.storage import LevelStore
from node.tree_file import TreeFile
from tallystick.epochs import EpochProof, verify_epoch_proof
from tallystick.errors import ProofError, StorageError, TallystickError, VerificationError
from tallystick.validators import ValidatorSet

ANSWER_S = 5.0  # until a manifest or the ends of epochs are asked of another peer
OFFERS_S = 1.5  # how long offers are waited for
ASK_AGAIN_S = 5.0  # between two questions who else offers the same
UNSERVED_S = 2.0  # without anybody who offers it after which a snapshot is given up for a newer one
STALL_S = 30.0  # without a chunk after which the snapshot is given up; what is here stays
RETRY_S = 4.0  # until the next attempt

Pin: TypeAlias = tuple[int, bytes]  # epoch and hash of its validators
JoiningMessage: TypeAlias = SnapshotsMessage | ManifestMessage | ChunkMessage | EpochsMessage

logger = logging.getLogger("tallystick.snapshots")


class SnapshotReadyError(TallystickError):
    """Ends a node's run so that the next one starts from the snapshot; no fault."""


class _GivenUpError(Exception):
    """This attempt does not come to an end; another may."""


class _Cancelled(Exception):
    """The node ends."""


@dataclass(frozen=True, slots=True)
class _Target:
    digest: bytes
    snapshot: CertifiedSnapshot
    epochs: tuple[tuple[int, EpochProof], ...]


class Joining:
    """At most one join at a time.

    Attributes:
        progress: what is being done, for people; None while nothing is.
    """

    def __init__(
        self,
        *,
        data: Path,
        chain_id: bytes,
        behind: int,
        pin: Pin | None,
        epochs: Epochs,
        peers: Peers,
        stored_height: Callable[[], int],
        ready: Callable[[int], None],
        fatal: Callable[[BaseException], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """``behind``: see ``StorageConfig.join_behind``; ``ready`` is told the height of a database that can be
        installed; ``fatal`` ends the process."""
        self._data = data
        self._folder = JoiningFolder(data / JOINING)
        self._chain_id = chain_id
        self._behind = behind
        self._pin = pin
        self._epochs = epochs
        self._peers = peers
        self._stored_height = stored_height
        self._ready = ready
        self._fatal = fatal
        self._loop = loop
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="joining")
        self._task: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._cancelled = Event()
        self._news = asyncio.Event()
        self._offers: dict[bytes, dict[bytes, int]] = {}  # certificate of a peer -> digest -> height
        self._expected: tuple[Peer, type[JoiningMessage], asyncio.Future[JoiningMessage | None]] | None = None
        self._fetch: ChunkFetch | None = None
        self._fetching = b""  # digest of the manifest whose chunks are fetched
        self._refused: set[bytes] = set()  # manifests that proved to be lies
        self._liars: set[bytes] = set()  # certificates of peers that offered one
        self.progress: str | None = None

    # --- from the node ------------------------------------------------------------------------------------

    def consider(self) -> None:
        """Begin if it is needed; called once a second."""
        if self._task is None and self._loop.time() >= self._not_before and self._is_needed():
            self._task = self._loop.create_task(self._run())
            self._task.add_done_callback(self._ended)

    def take(self, peer: Peer, message: JoiningMessage) -> None:
        """An answer; what nobody asked for is dropped."""
        if self._task is None:
            return
        if isinstance(message, SnapshotsMessage):
            if peer.certificate in self._offers:
                self._offers[peer.certificate] = {offer.digest: offer.height for offer in message.offers}
                self._news.set()
        elif isinstance(message, ChunkMessage):
            self._take_chunk(peer, message)
        elif self._expected is not None and self._expected[0] is peer and isinstance(message, self._expected[1]):
            self._answer(message)

    def lost(self, peer: Peer) -> None:
        """A peer is gone."""
        self._offers.pop(peer.certificate, None)
        if self._fetch is not None:
            self._fetch.lost(peer.certificate)
            self._news.set()
        if self._expected is not None and self._expected[0] is peer:
            self._answer(None)

    async def close(self) -> None:
        """Stop; what was fetched stays on the disk."""
        self._cancelled.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown, True)

    def _is_needed(self) -> bool:
        if not self._behind:
            return False
        ours = self._stored_height()
        heads = [peer.head for peer in self._peers.connected() if peer.head and peer.head.executed_height > ours]
        far = any(head.executed_height >= ours + self._behind for head in heads)
        return far or (bool(heads) and all(head.bodies_from > ours + 1 for head in heads))

    # --- the attempt --------------------------------------------------------------------------------------

    async def _run(self) -> None:
        self._not_before = self._loop.time() + RETRY_S / 4
        self.progress = "asking who has a snapshot"
        try:
            target = await self._choose()
            if target is None:
                return
            self._folder.begin(target.snapshot.manifest, target.snapshot.proof)
            while True:
                await self._fetch_all(target)
                try:
                    await self._rebuild(target)
                    break
                except DamagedChunkError as error:
                    logger.warning("a fetched chunk was damaged on the disk", extra=log_fields(chunk=error.index))
            self._ready(target.snapshot.manifest.height)
        except SnapshotLieError as error:
            self._condemn(error)
        except (_GivenUpError, OSError) as error:
            self._not_before = self._loop.time() + RETRY_S
            logger.warning("joining from a snapshot did not succeed", extra=log_fields(error=str(error)))
        finally:
            self._fetch = None
            self._fetching = b""
            self.progress = None

    def _condemn(self, error: SnapshotLieError) -> None:
        """The manifest is a lie, and so was every offer of it."""
        self._refused.add(self._fetching)
        for peer in self._peers:
            if self._fetching in self._offers.get(peer.certificate, {}):
                self._liars.add(peer.certificate)
                self._peers.penalise(peer, error)
        self._folder.clear()
        self._not_before = 0.0

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, _Cancelled):
            self._fatal(error)

    # --- which one ----------------------------------------------------------------------------------------

    async def _choose(self) -> _Target | None:
        """A certified manifest above our height: what was begun, if somebody still offers it; else the most offered."""
        self._offers.clear()
        self._ask_offers()
        end = self._loop.time() + OFFERS_S
        while self._loop.time() < end and not all(self._offers.get(p.certificate) for p in self._peers.connected()):
            await self._wait(end - self._loop.time())
        target = await self._resumed()
        if target is not None:
            return target
        for digest in self._ranked():
            for peer in self._sources(digest):
                answer = await self._ask(peer, ManifestRequest(digest), ManifestMessage)
                if not isinstance(answer, ManifestMessage):
                    continue
                if answer.manifest.digest() != digest:
                    self._peers.penalise(peer, PeerFault("a manifest that was not asked for"))
                    continue
                target = await self._certified(digest, answer.manifest, answer.proof, peer)
                if target is not None:
                    return target
        return None

    async def _resumed(self) -> _Target | None:
        """What was begun before, if somebody still offers it or nothing of it is missing."""
        begun = self._folder.begun()
        if begun is None:
            return None
        manifest, digest = begun[0], begun[0].digest()
        if digest in self._refused:
            return None
        if not self._sources(digest):
            here = await self._loop.run_in_executor(self._thread, self._folder.here, manifest)
            if len(here) < len(manifest.chunks):
                return None
        return await self._certified(digest, *begun, None)

    def _ask_offers(self) -> None:
        for peer in self._peers.connected():
            if peer.certificate not in self._liars:
                self._offers.setdefault(peer.certificate, {})
                peer.send(SnapshotsRequest())

    def _is_better(self, height: int) -> bool:
        return height > self._stored_height()

    def _ranked(self) -> list[bytes]:
        """Manifests that are offered: by how many peers, then the newest."""
        count: dict[bytes, int] = {}
        heights: dict[bytes, int] = {}
        for offers in self._offers.values():
            for digest, height in offers.items():
                if digest not in self._refused and self._is_better(height):
                    count[digest] = count.get(digest, 0) + 1
                    heights[digest] = height
        return sorted(count, key=lambda digest: (-count[digest], -heights[digest], digest))

    def _sources(self, digest: bytes) -> list[Peer]:
        return [peer for peer in self._peers.connected() if digest in self._offers.get(peer.certificate, {})]

    async def _certified(
        self, digest: bytes, manifest: Manifest, proof: SnapshotProof, sender: Peer | None
    ) -> _Target | None:
        """A manifest held against its epoch's validators; None, and its sender cut off, when it is not certified."""
        if not self._is_better(manifest.height):
            return None
        walked = await self._walk(manifest.epoch, [sender] if sender else self._peers.connected())
        if walked is None:
            return None
        validators, epochs = walked
        try:
            snapshot = verify_manifest(manifest, proof, validators, manifest.epoch, self._chain_id)
        except VerificationError as error:
            if sender is not None:
                self._peers.penalise(sender, error)
            return None
        return _Target(digest, snapshot, epochs)

    async def _walk(
        self, epoch: int, peers: list[Peer]
    ) -> tuple[ValidatorSet, tuple[tuple[int, EpochProof], ...]] | None:
        """The validators of an epoch, and the proofs that lead to it from ours."""
        at = min(epoch, self._epochs.number)
        validators = self._epochs.validators_of(at)
        self._check_pin(at, validators)
        proofs: list[tuple[int, EpochProof]] = []
        while at < epoch:
            found = False
            for peer in peers:
                answer = await self._ask(peer, EpochsRequest(at), EpochsMessage)
                if not isinstance(answer, EpochsMessage) or answer.first != at:
                    continue
                try:
                    for proof in answer.proofs[: epoch - at]:
                        if proof.boundary.epoch != at:
                            raise ProofError("unknown-validators", f"not the end of epoch {at}")
                        validators = verify_epoch_proof(proof, validators, self._chain_id)
                        proofs.append((at, proof))
                        at, found = at + 1, True
                        self._check_pin(at, validators)
                except VerificationError as error:
                    self._peers.penalise(peer, error)
            if not found:
                return None
        if self._pin is not None and epoch < self._pin[0]:
            raise _GivenUpError(f"the snapshot is of epoch {epoch}, before the pinned epoch {self._pin[0]}")
        return validators, tuple(proofs)

    def _check_pin(self, epoch: int, validators: ValidatorSet) -> None:
        if self._pin is not None and self._pin[0] == epoch and self._pin[1] != validators.digest():
            raise _GivenUpError(f"epoch {epoch} has other validators than the ones that are pinned")

    async def _ask(
        self, peer: Peer, request: ManifestRequest | EpochsRequest, kind: type[JoiningMessage]
    ) -> JoiningMessage | None:
        future: asyncio.Future[JoiningMessage | None] = self._loop.create_future()
        self._expected = (peer, kind, future)
        peer.send(request)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await future
        except TimeoutError:
            return None
        finally:
            self._expected = None

    def _answer(self, message: JoiningMessage | None) -> None:
        if self._expected is not None and not self._expected[2].done():
            self._expected[2].set_result(message)

    # --- chunks -------------------------------------------------------------------------------------------

    async def _fetch_all(self, target: _Target) -> None:
        """Ask all who offer the manifest, until every chunk is on the disk."""
        manifest = target.snapshot.manifest
        here = await self._loop.run_in_executor(self._thread, self._folder.here, manifest)
        fetch = self._fetch = ChunkFetch(manifest.chunks, here)
        self._fetching = target.digest
        logger.info(
            "joining from a snapshot",
            extra=log_fields(height=manifest.height, chunks=len(manifest.chunks), here=len(here)),
        )
        fetched = fetch.fetched
        moved_at = asked_at = served_at = self._loop.time()
        while not fetch.done:
            now = self._loop.time()
            if fetch.fetched != fetched:
                fetched, moved_at = fetch.fetched, now
            if now - moved_at > STALL_S:
                raise _GivenUpError(f"no chunk came for {STALL_S:.0f} s")
            if not self._is_better(manifest.height):
                raise _GivenUpError("the blocks have overtaken the snapshot")
            of_all = f"{fetched} of {len(manifest.chunks)} chunks"
            self.progress = f"joining from the snapshot of height {manifest.height}: {of_all}"
            fetch.expire(now)
            if now - asked_at >= ASK_AGAIN_S:
                asked_at = now
                self._ask_offers()
            sources = [peer for peer in self._sources(target.digest) if fetch.serves(peer.certificate)]
            served_at = now if sources else served_at
            if now - served_at > UNSERVED_S:
                raise _GivenUpError("nobody has it any more")
            for peer in sources:
                while (index := fetch.next_for(peer.certificate, now)) is not None:
                    peer.send(ChunkRequest(target.digest, index))
            await self._wait(0.5)

    def _take_chunk(self, peer: Peer, message: ChunkMessage) -> None:
        if self._fetch is None or message.digest != self._fetching:
            return
        try:
            if self._fetch.take(peer.certificate, message.index, message.data):
                self._folder.put(message.index, message.data)
            elif not message.data:  # it has made newer ones meanwhile
                self._offers.get(peer.certificate, {}).pop(message.digest, None)
        except WrongChunkError as error:
            self._peers.penalise(peer, error)
        except OSError as error:
            logger.error("a chunk cannot be kept", extra=log_fields(error=error.strerror or str(error)))
            self._fetch = None
            if self._task is not None:
                self._task.cancel()
        self._news.set()

    async def _wait(self, seconds: float) -> None:
        """Wait for news, or so long."""
        self._news.clear()
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._news.wait()
        except TimeoutError:
            return

    # --- the new database ---------------------------------------------------------------------------------

    async def _rebuild(self, target: _Target) -> None:
        manifest = target.snapshot.manifest
        total = len(manifest.chunks)

        def tell(done: int) -> None:
            self.progress = f"rebuilding the state of height {manifest.height}: {done} of {total} chunks"
            if self._cancelled.is_set():
                raise _Cancelled

        await self._loop.run_in_executor(self._thread, self._build, target, tell)
        logger.info("the state of the snapshot is the certified one", extra=log_fields(height=manifest.height))

    def _build(self, target: _Target, tell: Callable[[int], None]) -> None:
        """In the thread."""
        building, joined = self._data / BUILDING, self._data / JOINED
        shutil.rmtree(building, ignore_errors=True)
        shutil.rmtree(joined, ignore_errors=True)
        try:
            store = LevelStore(building)
            try:
                manifest = target.snapshot.manifest
                trie = rebuild(target.snapshot, self._folder.chunks(manifest), store, target.epochs, tell)
            finally:
                store.close()
            tree = TreeFile(building, self._chain_id)
            tree.write(manifest.height, trie)
            tree.close()
        except StorageError as error:  # of the new database, which nobody depends on yet
            shutil.rmtree(building, ignore_errors=True)
            raise _GivenUpError(str(error)) from error
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
        building.rename(joined)
        sync_folder(self._data)
