"""Listening and dialling over mutual TLS 1.3."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from node.logs import log_fields
from node.network.link import Link
from node.network.peers import Peer, Peers
from node.network.tls import load_own, peer_context, trust
from node.toml_reader import Address
from tallystick.errors import ConfigError

DIAL_DELAY_S = 0.05  # before the second attempt, then growing by half
DIAL_DELAY_MAX_S = 1.0
HANDSHAKE_TIMEOUT_S = 3.0
SECOND_DIALLER_DELAY_S = 1.0  # after its first try the node of the higher certificate leaves it to the other
WATCH_S = 0.5  # between two looks whether a peer that is connected still is
BACKLOG = 64  # connections that wait to be accepted

logger = logging.getLogger("tallystick.peers")


class Transport:
    """The peers' door and the way to theirs."""

    def __init__(self, peers: Peers, certificate: Path, key: Path) -> None:
        """
        Args:
            certificate, key: PEM files that we show and prove with.
        Raises:
            ConfigError: they do not fit together, or cannot be read.
        """
        self._peers = peers
        self._trusted = {peer.certificate for peer in peers}
        trusted = tuple(sorted(self._trusted))
        self._server_context = peer_context(certificate, key, trusted, server=True)
        self._client_context = peer_context(certificate, key, trusted, server=False)
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._watching: asyncio.Task[None] | None = None
        self._tasks: dict[Peer, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

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
        """Keep a link to every peer of now, and to nobody else; again whenever the peers have changed."""
        if self._watching is None:
            self._watching = self._started(self._watch())
        peers = list(self._peers)
        for peer in [peer for peer in self._tasks if peer not in peers]:
            task = self._tasks.pop(peer)
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        for peer in peers:
            if peer.certificate not in self._trusted:
                self._trusted.add(peer.certificate)
                for context in (self._server_context, self._client_context):
                    trust(context, peer.certificate)
            if peer not in self._tasks:
                self._tasks[peer] = self._started(self._keep(peer))

    def show(self, certificate: Path, key: Path) -> None:
        """Show another certificate on new connections.

        Raises:
            ConfigError: certificate and key do not fit together, or cannot be read.
        """
        for context in (self._server_context, self._client_context):
            load_own(context, certificate, key)

    def _started(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Close the door, stop dialling, cut every link."""
        tasks = [*self._tasks.values(), *self._ending, *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        self._peers.close()
        if self._server is not None:
            await self._server.wait_closed()

    async def _keep(self, peer: Peer) -> None:
        """Dial a peer whenever there is no link to it."""
        delay = DIAL_DELAY_S
        first = self._peers.dials_first(peer)
        at_once = True  # who has just started is waited for by nobody yet: it tries everybody without delay
        while True:
            if peer.link is not None:
                delay = DIAL_DELAY_S
                await asyncio.sleep(WATCH_S if peer.greeted else DIAL_DELAY_S)
                continue
            if not first and not at_once:
                await asyncio.sleep(SECOND_DIALLER_DELAY_S)
                if peer.link is not None:
                    continue
            at_once = False
            if self._loop.time() >= peer.refused_until:
                await self._dial_once(peer)
            if peer.link is None:
                await asyncio.sleep(delay * (0.75 + random.random() / 2))
                delay = min(delay * 1.5, DIAL_DELAY_MAX_S)

    async def _dial_once(self, peer: Peer) -> None:
        if peer.address is None:
            return
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
