"""One connection to one peer: frames in, frames out, both bounded."""

from __future__ import annotations

import asyncio
import ssl
from time import thread_time
from typing import Protocol, cast

from node.allowance import Allowance
from node.network.frames import FrameReader
from node.network.tls import shown_certificate
from tallystick.errors import DecodeError
from tallystick.limits import FRAME_SIZE_MAX

OUTBOUND_MAX = 4 * FRAME_SIZE_MAX  # bytes waiting to be sent; a peer that takes no more is cut off and catches up later
OUTBOUND_GOSSIP_MAX = FRAME_SIZE_MAX // 2  # bytes waiting above which gossip is dropped; blocks fetch what they miss
WINDOW_MS = 100
WINDOW_BYTES_MAX = 8 * 1_048_576  # bytes read from one peer per window: 80 MB/s
WINDOW_MESSAGES_MAX = 1_000  # messages of one peer per window: an honest one stays below a tenth
WORK_S_PER_S = 0.3  # processor time per second spent at once on what one link brings, signature checks included
WORK_BURST_S = 1.0  # of it at once; what is owed is waited for before more is read


class LinkOwner(Protocol):
    """Who is told what happens on a link."""

    def link_made(self, link: Link) -> None:
        """The TLS handshake is done; ``link.certificate`` is proven."""

    def link_payload(self, link: Link, payload: bytes) -> None:
        """One frame's payload."""

    def link_fault(self, link: Link, error: DecodeError) -> None:
        """The other end sent what cannot be read."""

    def link_lost(self, link: Link) -> None:
        """The connection is gone."""


class Link(asyncio.Protocol):
    """A connection. Frames of one loop turn are written together: one TLS record and one call instead of many.

    Whoever knows that nothing more follows calls ``flush``: otherwise they leave a turn later, behind whatever work
    that turn holds.

    Attributes:
        dialled: we opened it.
        certificate: DER bytes that the other end proved to own.
        heard_at: loop time of the last bytes, seconds.
    """

    def __init__(self, owner: LinkOwner, loop: asyncio.AbstractEventLoop, *, dialled: bool) -> None:
        self._owner = owner
        self._loop = loop
        self.dialled = dialled
        self.certificate: bytes | None = None
        self.heard_at = loop.time()
        self._transport: asyncio.Transport | None = None
        self._reader = FrameReader()
        self._out: list[bytes] = []
        self._out_size = 0
        self._window_end = 0.0
        self._window_bytes = 0
        self._window_messages = 0
        self._work = Allowance(WORK_S_PER_S, WORK_BURST_S)
        self._paused = False  # reading, by the window or for the work owed
        self._holders: set[str] = set()  # who wants it not to be read just now, by ``hold``

    # --- asyncio ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods, not by its class
        connection: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        self.certificate = shown_certificate(connection)
        self._owner.link_made(self)

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        self.heard_at = self._loop.time()
        started = thread_time()
        try:
            payloads = self._reader.feed(data)
        except DecodeError as error:
            self._owner.link_fault(self, error)
            return
        self._count(len(data), len(payloads))
        for payload in payloads:
            if self._transport is None:
                return
            self._owner.link_payload(self, payload)
        owed_s = self._work.spend(self.heard_at, thread_time() - started)
        if owed_s > 0:
            self._pause(owed_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = None
        self._out.clear()
        self._owner.link_lost(self)

    # --- sending ------------------------------------------------------------------------------------------

    def send(self, frame: bytes, *, droppable: bool = False) -> bool:
        """Queue one frame; whether it was taken. A peer that reads too slowly loses gossip, then the connection."""
        transport = self._transport
        if transport is None:
            return False
        waiting = self._out_size + transport.get_write_buffer_size()
        if droppable and waiting > OUTBOUND_GOSSIP_MAX:
            return False
        if waiting > OUTBOUND_MAX:
            self.abort()
            return False
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out.append(frame)
        self._out_size += len(frame)
        return True

    def waiting(self) -> int:
        """Bytes that wait to be sent."""
        transport = self._transport
        return 0 if transport is None else self._out_size + transport.get_write_buffer_size()

    def hold(self, held: bool, holder: str) -> None:
        """Stop reading, or go on once nobody holds it: back-pressure for what the peer sends."""
        if held != (holder in self._holders):
            self._holders ^= {holder}
            self._apply()

    def charge(self, seconds: float) -> None:
        """Processor time was spent elsewhere on what this link brought."""
        owed_s = self._work.spend(self._loop.time(), seconds)
        if owed_s > 0:
            self._pause(owed_s)

    @property
    def unread(self) -> bool:
        """Whether it is we who do not read just now."""
        return self._paused or bool(self._holders)

    def abort(self) -> None:
        """Cut the connection at once; what was read already is not looked at any more."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def close(self) -> None:
        """Send what waits, then close."""
        if self._transport is not None:
            self.flush()
            self._transport.close()

    @property
    def open(self) -> bool:
        """Whether anything can still be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def flush(self) -> None:
        """Write what waits."""
        if self._transport is not None and self._out:
            self._transport.write(b"".join(self._out))
        self._out.clear()
        self._out_size = 0

    # --- bounds of reading --------------------------------------------------------------------------------

    def _count(self, size: int, messages: int) -> None:
        now = self.heard_at
        if now >= self._window_end:
            self._window_end = now + WINDOW_MS / 1_000
            self._window_bytes = self._window_messages = 0
        self._window_bytes += size
        self._window_messages += messages
        if self._window_bytes > WINDOW_BYTES_MAX or self._window_messages > WINDOW_MESSAGES_MAX:
            self._pause(self._window_end - now)

    def _pause(self, seconds: float) -> None:
        if not self._paused:
            self._paused = True
            self._apply()
            self._loop.call_later(seconds, self._end_pause)

    def _end_pause(self) -> None:
        self._paused = False
        self._apply()

    def _apply(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self.unread:
            self._transport.pause_reading()
        else:
            self.heard_at = self._loop.time()  # that nothing was read is not the peer's silence
            self._transport.resume_reading()
