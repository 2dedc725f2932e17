"""Listening and dialling over mutual TLS 1.3."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl

from node.logs import log_fields
from node.network.link import Link
from node.network.peers import Peer, Peers
from node.toml_reader import Address
from tallystick.errors import ConfigError

DIAL_DELAY_S = 0.05  # before the second attempt, then growing by half
DIAL_DELAY_MAX_S = 2.0
HANDSHAKE_TIMEOUT_S = 5.0
SECOND_DIALLER_DELAY_S = 1.0  # the node of the higher index leaves the first try to the other
WATCH_S = 0.5  # between two looks whether a peer that is connected still is
BACKLOG = 64  # connections that wait to be accepted

logger = logging.getLogger("tallystick.peers")


class Transport:
    """The peers' door and the way to theirs."""

    def __init__(self, peers: Peers, me: int, server: ssl.SSLContext, client: ssl.SSLContext) -> None:
        self._peers = peers
        self._me = me
        self._server_context = server
        self._client_context = client
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def listen(self, address: Address) -> Address:
        """Open the peers' door; returns where it is (a port of 0 lets the system choose).

        Raises:
            ConfigError: the address cannot be listened on.
        """
        try:
            self._server = await self._loop.create_server(
                lambda: Link(self._peers, self._loop, dialled=False),
                address.host,
                address.port,
                ssl=self._server_context,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S,
                backlog=BACKLOG,
            )
        except OSError as error:
            raise ConfigError(
                f"cannot listen for peers on {address}: {error.strerror or error}; is another node running? "
                "Check `peer_listen` in the configuration"
            ) from error
        port: int = self._server.sockets[0].getsockname()[1]
        return Address(address.host, port)

    def dial(self) -> None:
        """Begin to keep a link to every peer."""
        self._tasks = [self._loop.create_task(self._keep(peer)) for peer in self._peers]
        self._tasks.append(self._loop.create_task(self._watch()))
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def close(self) -> None:
        """Close the door, stop dialling, cut every link."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        self._peers.close()
        if self._server is not None:
            await self._server.wait_closed()

    async def _keep(self, peer: Peer) -> None:
        """Dial a peer whenever there is no link to it."""
        delay = DIAL_DELAY_S
        first = self._me < peer.index
        while True:
            if peer.link is not None:
                delay = DIAL_DELAY_S
                await asyncio.sleep(WATCH_S if peer.greeted else DIAL_DELAY_S)
                continue
            if not first:
                await asyncio.sleep(SECOND_DIALLER_DELAY_S)
                if peer.link is not None:
                    continue
            if self._loop.time() >= peer.refused_until:
                await self._dial_once(peer)
            if peer.link is None:
                await asyncio.sleep(delay * (0.75 + random.random() / 2))
                delay = min(delay * 1.5, DIAL_DELAY_MAX_S)

    async def _dial_once(self, peer: Peer) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                await self._loop.create_connection(
                    lambda: Link(self._peers, self._loop, dialled=True),
                    peer.address.host,
                    peer.address.port,
                    ssl=self._client_context,
                    server_hostname="",
                    ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S,
                )
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            logger.debug("peer not reached", extra=log_fields(peer=peer.organisation, error=str(error)))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._peers.cut_silent()

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._peers.fatal(error)
