"""Every connection between two nodes runs through here: held back, cut off or delayed as the plan says.

One door per ordered pair of nodes: the first node dials the second one there instead of at its own address. What is
held back is not lost but comes late, as with TCP: a sender tries again after 0.2, 0.6, 1.4, 3, 6.2 … seconds, so bytes
held for five seconds arrive a second after the hold ends. Closing a connection is held back like its bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

CHUNK = 65_536  # bytes read at once
QUEUED_CHUNKS_MAX = 256  # per direction; then the sender waits, as for a full window
RETRY_FIRST_S = 0.2
RETRY_STEP_MAX_S = 120.0
PATIENCE_S = 60.0  # until the thread of the doors has done something

Way = tuple[str, str]  # from one node to another


@dataclass(frozen=True, slots=True)
class Door:
    """Where ``dialler`` finds ``listener``: a port of ours, and the port that it leads to."""

    dialler: str
    listener: str
    port: int
    target: int


def next_retry_s(waited_s: float) -> float:
    """Seconds after the first try at which a sender tries again, the first that is not before ``waited_s``."""
    at, step = 0.0, RETRY_FIRST_S
    while at < waited_s:
        at += step
        step = min(2 * step, RETRY_STEP_MAX_S)
    return at


class Wires:
    """All doors, served by a thread of their own. Call its methods from any other thread."""

    def __init__(self, doors: Iterable[Door]) -> None:
        self._doors = tuple(doors)
        self._held: set[Way] = set()
        self._refused: set[Way] = set()
        self._delay_s = 0.0
        self._writers: dict[Way, set[asyncio.StreamWriter]] = {}
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="wires", daemon=True)
        self._thread.start()
        if not self._ready.wait(PATIENCE_S):
            raise OSError("the wires between the nodes could not be laid")

    # --- what the plan asks for ---------------------------------------------------------------------------

    def hold(self, ways: Iterable[Way]) -> None:
        """Let nothing pass on these ways until ``heal``."""
        self._do(lambda: self._held.update(ways))

    def refuse(self, ways: Iterable[Way]) -> None:
        """Reset the connections of these ways, and every new one, until ``heal``."""
        self._do(lambda: self._refuse(set(ways)))

    def heal(self) -> None:
        """Let everything pass again."""
        self._do(self._open)

    def delay(self, delay_ms: float) -> None:
        """From now on every byte arrives this much later, in each direction."""
        self._do(lambda: setattr(self, "_delay_s", delay_ms / 1_000))

    def close(self) -> None:
        """Close every door and connection."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE_S)

    # --- the thread ---------------------------------------------------------------------------------------

    def _do(self, work: Callable[[], object]) -> None:
        done = threading.Event()

        def run() -> None:
            work()
            done.set()

        self._loop.call_soon_threadsafe(run)
        if not done.wait(PATIENCE_S):
            raise OSError("the wires do not do as they are told")

    def _refuse(self, ways: set[Way]) -> None:
        self._refused |= ways
        for way in ways:
            for writer in self._writers.get(way, ()):
                _reset(writer)

    def _open(self) -> None:
        self._held.clear()
        self._refused.clear()
        self._changed.set()
        self._changed = asyncio.Event()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        servers = [self._loop.run_until_complete(self._listen(door)) for door in self._doors]
        self._ready.set()
        self._loop.run_forever()
        for server in servers:
            server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _listen(self, door: Door) -> asyncio.Server:
        return await asyncio.start_server(partial(self._connected, door), "127.0.0.1", door.port, limit=CHUNK)

    async def _connected(self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # at the end; the loop would complain about each
            await self._carry(door, reader, writer)

    async def _carry(self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = (door.dialler, door.listener), (door.listener, door.dialler)
        if there in self._refused or back in self._refused:
            _reset(writer)
            return
        await self._passable(there)
        if writer.transport.is_closing():  # whoever dialled has given up meanwhile
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", door.target, limit=CHUNK)
        except OSError:
            writer.transport.abort()
            return
        both = (writer, far_writer)
        for way in (there, back):
            self._writers.setdefault(way, set()).update(both)
        try:
            await asyncio.gather(self._pump(reader, far_writer, there), self._pump(far_reader, writer, back))
        finally:
            for way in (there, back):
                self._writers[way].difference_update(both)
            for one in both:
                one.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way) -> None:
        """Bytes one way, then the end of them."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUED_CHUNKS_MAX)
        reading = asyncio.create_task(self._read(reader, queue))
        try:
            while True:
                due, data = await queue.get()
                wait_s = due - self._loop.time()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                await self._passable(way)
                if not data:
                    writer.close()
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            writer.transport.abort()
        finally:
            reading.cancel()

    async def _read(self, reader: asyncio.StreamReader, queue: asyncio.Queue[tuple[float, bytes]]) -> None:
        data = b"-"
        while data:
            try:
                data = await reader.read(CHUNK)
            except OSError:
                data = b""
            await queue.put((self._loop.time() + self._delay_s, data))

    async def _passable(self, way: Way) -> None:
        """Wait while a way is held, and then until the sender would try again."""
        started = self._loop.time()
        while way in self._held:
            await self._changed.wait()
            waited_s = self._loop.time() - started
            await asyncio.sleep(next_retry_s(waited_s) - waited_s)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close without a farewell: the other end sees a reset."""
    with contextlib.suppress(OSError, AttributeError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
