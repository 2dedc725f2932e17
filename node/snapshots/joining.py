"""Joining from a snapshot: chunks from all who offer it, then a new database beside the old one.

No peer is believed. A manifest counts once a quorum's certificate covers it (``choice``); the chunks count once the
state rebuilt from them is the certified one. Blocks go on being executed meanwhile if they can be had.
docs/spec/snapshots.md.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TypeAlias

from node.epochs import Epochs
from node.logs import log_fields
from node.network.messages import ChunkMessage, ChunkRequest, EpochsMessage, ManifestMessage, SnapshotsMessage
from node.network.peers import Peer, Peers
from node.snapshots.choice import Choice, GivenUpError, Pin, Target
from node.snapshots.chunk_fetch import ChunkFetch, WrongChunkError
from node.snapshots.install import BUILDING, JOINED, sync_folder
from node.snapshots.joining_folder import JOINING, DamagedChunkError, JoiningFolder
from node.snapshots.manifest import Manifest
from node.snapshots.rebuild import SnapshotLieError, rebuild
from node.storage import LevelStore
from node.tree_file import TreeFile
from tallystick.errors import StorageError, TallystickError
from tallystick.limits import SNAPSHOT_CHUNK_FILL

ASK_AGAIN_S = 5.0  # between two questions who else offers the same
UNSERVED_S = 2.0  # without anybody who offers it after which a snapshot is given up for a newer one
STALL_S = 30.0  # without a chunk after which the snapshot is given up; what is here stays
RETRY_S = 4.0  # until the next attempt
ROOM_PERCENT = 130  # bytes of a database, while it is written, for a hundred of its rows

JoiningMessage: TypeAlias = SnapshotsMessage | ManifestMessage | ChunkMessage | EpochsMessage

logger = logging.getLogger("tallystick.snapshots")


class SnapshotReadyError(TallystickError):
    """Ends a node's run so that the next one starts from the snapshot; no fault."""


class _Cancelled(Exception):
    """The node ends."""


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
        self._peers = peers
        self._stored_height = stored_height
        self._ready = ready
        self._fatal = fatal
        self._loop = loop
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="joining")
        self._task: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._cancelled = Event()
        self._choice = Choice(
            chain_id=chain_id, pin=pin, epochs=epochs, peers=peers, stored_height=stored_height,
            has_room=self._has_room, loop=loop,
        )  # fmt: skip
        self._too_large = ""  # what was passed over in this attempt because the disk cannot hold it
        self._fetch: ChunkFetch | None = None
        self._fetching = b""  # digest of the manifest whose chunks are fetched
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
        if isinstance(message, ChunkMessage):
            self._take_chunk(peer, message)
        else:
            self._choice.take(peer, message)

    def lost(self, peer: Peer) -> None:
        """A peer is gone."""
        if self._fetch is not None:
            self._fetch.lost(peer.certificate)
        self._choice.lost(peer)

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
        except (GivenUpError, OSError) as error:
            self._not_before = self._loop.time() + RETRY_S
            logger.warning("joining from a snapshot did not succeed", extra=log_fields(error=str(error)))
        finally:
            self._fetch = None
            self._fetching = b""
            self.progress = None

    def _condemn(self, error: SnapshotLieError) -> None:
        """The manifest is a lie, and so was every offer of it."""
        self._choice.condemn(self._fetching, error)
        self._folder.clear()
        self._not_before = 0.0

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, _Cancelled):
            self._fatal(error)

    async def _choose(self) -> Target | None:
        """What was begun before, if it can still be finished; else what most peers offer."""
        self._too_large = ""
        await self._choice.gather()
        target = await self._resumed() or await self._choice.most_offered()
        if target is None and self._too_large:
            raise GivenUpError(self._too_large)
        return target

    def _has_room(self, manifest: Manifest) -> bool:
        """Whether the disk can hold it: no certificate says how many chunks there are, only which state they make."""
        total = len(manifest.chunks)
        needed = SNAPSHOT_CHUNK_FILL * (max(0, total - self._folder.count()) + total * ROOM_PERCENT // 100)
        free = shutil.disk_usage(self._data).free
        if free < needed:
            self._too_large = (
                f"{self._data}: {free:,} bytes are free, the snapshot of height {manifest.height} may take {needed:,}; "
                "make room"
            )
        return free >= needed

    async def _resumed(self) -> Target | None:
        """What was begun before, if somebody still offers it or nothing of it is missing."""
        begun = self._folder.begun()
        if begun is None:
            return None
        manifest, digest = begun[0], begun[0].digest()
        if self._choice.is_refused(digest):
            return None
        if not self._choice.sources(digest):
            here = await self._loop.run_in_executor(self._thread, self._folder.here, manifest)
            if len(here) < len(manifest.chunks):
                return None
        return await self._choice.certified(digest, *begun, None)

    # --- chunks -------------------------------------------------------------------------------------------

    async def _fetch_all(self, target: Target) -> None:
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
                raise GivenUpError(f"no chunk came for {STALL_S:.0f} s")
            if not self._choice.is_better(manifest.height):
                raise GivenUpError("the blocks have overtaken the snapshot")
            of_all = f"{fetched} of {len(manifest.chunks)} chunks"
            self.progress = f"joining from the snapshot of height {manifest.height}: {of_all}"
            fetch.expire(now)
            if now - asked_at >= ASK_AGAIN_S:
                asked_at = now
                self._choice.ask_offers()
            sources = [peer for peer in self._choice.sources(target.digest) if fetch.serves(peer.certificate)]
            served_at = now if sources else served_at
            if now - served_at > UNSERVED_S:
                raise GivenUpError("nobody has it any more")
            for peer in sources:
                while (index := fetch.next_for(peer.certificate, now)) is not None:
                    peer.send(ChunkRequest(target.digest, index))
            await self._choice.wait(0.5)

    def _take_chunk(self, peer: Peer, message: ChunkMessage) -> None:
        if self._fetch is None or message.digest != self._fetching:
            return
        try:
            if self._fetch.take(peer.certificate, message.index, message.data):
                self._folder.put(message.index, message.data)
            elif not message.data:  # it has made newer ones meanwhile
                self._choice.withdrawn(peer, message.digest)
        except WrongChunkError as error:
            self._peers.penalise(peer, error)
        except OSError as error:
            logger.error("a chunk cannot be kept", extra=log_fields(error=error.strerror or str(error)))
            self._fetch = None
            if self._task is not None:
                self._task.cancel()
        self._choice.news.set()

    # --- the new database ---------------------------------------------------------------------------------

    async def _rebuild(self, target: Target) -> None:
        manifest = target.snapshot.manifest
        total = len(manifest.chunks)

        def tell(done: int) -> None:
            self.progress = f"rebuilding the state of height {manifest.height}: {done} of {total} chunks"
            if self._cancelled.is_set():
                raise _Cancelled

        await self._loop.run_in_executor(self._thread, self._build, target, tell)
        logger.info("the state of the snapshot is the certified one", extra=log_fields(height=manifest.height))

    def _build(self, target: Target, tell: Callable[[int], None]) -> None:
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
            raise GivenUpError(str(error)) from error
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
        building.rename(joined)
        sync_folder(self._data)
