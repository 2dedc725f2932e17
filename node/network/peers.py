"""Who is connected: validators and observers, each with at most one link, dialled again with back-off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from node.allowance import Allowance
from node.counters import Counters
from node.logs import log_fields
from node.network.link import Link
from node.network.messages import (
    PEER_PROTOCOL,
    HeadNotice,
    Hello,
    PeerMessage,
    decode_message,
    message_frame,
)
from node.toml_reader import Address
from tallystick.errors import DecodeError, TallystickError, VerificationError

SILENCE_MAX_S = 4.0  # a link silent for so long is made anew: TCP alone may wait longer; heads come each second
LINKS_PER_SECOND, LINKS_BURST = 1.0, 8.0  # of one peer that are taken; more is no honest loss of a connection
PENALTY_S = 5.0  # after a peer broke the protocol, nothing is taken from it for so long
SOFTWARE = "tallystick"
OBSERVERS_FROM = 1_000  # indices of peers that are no validators of the present epoch

logger = logging.getLogger("tallystick.peers")


class PeerFault(TallystickError):
    """A peer sent what an honest one never sends."""


class Peer:
    """A member of the network as this node sees it.

    Attributes:
        index: its index in the validator set; of an observer a number from ``OBSERVERS_FROM`` on.
        address: None where none is known: it must dial us.
        head: what it last said of itself, or None.
        faults: how often it broke the protocol.
        greeted: its hello was read on the present link.
        links: how many more links of it are taken.
    """

    def __init__(self, index: int, organisation: str, certificate: bytes, address: Address | None) -> None:
        self.index = index
        self.organisation = organisation
        self.certificate = certificate
        self.address = address
        self.link: Link | None = None
        self.head: HeadNotice | None = None
        self.faults = 0
        self.refused_until = 0.0
        self.greeted = False
        self.links = Allowance(LINKS_PER_SECOND, LINKS_BURST)

    @property
    def connected(self) -> bool:
        """Whether messages can be exchanged."""
        return self.link is not None and self.greeted

    def send(self, message: PeerMessage, *, droppable: bool = False) -> bool:
        """Queue a message; whether it was taken."""
        return self.send_frame(message_frame(message), droppable=droppable)

    def send_frame(self, frame: bytes, *, droppable: bool = False) -> bool:
        """Queue a message that was made into a frame once for several peers."""
        return self.link is not None and self.greeted and self.link.send(frame, droppable=droppable)


class PeerHandler(Protocol):
    """Who works on what peers say."""

    def peer_connected(self, peer: Peer) -> None:
        """Both sides have greeted."""

    def peer_message(self, peer: Peer, message: PeerMessage) -> None:
        """A message. Raises ``PeerFault``, ``DecodeError`` or ``VerificationError`` if no honest peer sends it."""

    def peer_lost(self, peer: Peer) -> None:
        """The link is gone."""


@dataclass(frozen=True, slots=True)
class PeerSeat:
    """Who may be a peer: index in the validator set, or None for an observer, and how it is known and reached."""

    index: int | None
    organisation: str
    certificate: bytes
    address: Address | None


class Peers:
    """All peers; the owner of every link.

    Attributes:
        handler: works on messages; set once, before the first link.
    """

    handler: PeerHandler

    def __init__(
        self,
        chain_id: bytes,
        own_certificate: bytes,
        counters: Counters,
        loop: asyncio.AbstractEventLoop,
        fatal: Callable[[BaseException], None],
    ) -> None:
        """``fatal`` is told what no peer may cause, and ends the process."""
        self.fatal = fatal
        self.own_certificate = own_certificate
        self._chain_id = chain_id
        self._counters = counters
        self._loop = loop
        self._others: tuple[Peer, ...] = ()
        self._by_certificate: dict[bytes, Peer] = {}
        self._by_index: dict[int, Peer] = {}
        self._next_observer = OBSERVERS_FROM
        self._peer_of: dict[Link, Peer] = {}
        self._hello = message_frame(Hello(PEER_PROTOCOL, chain_id, SOFTWARE))

    # --- what the node does with peers --------------------------------------------------------------------

    def seat(self, seats: Sequence[PeerSeat]) -> None:
        """Have exactly these for peers; links of those that stay are kept, the others are cut."""
        others: list[Peer] = []
        for seat in seats:
            peer = self._by_certificate.get(seat.certificate)
            if peer is None:
                peer = Peer(0, seat.organisation, seat.certificate, seat.address)
            peer.organisation, peer.address = seat.organisation, seat.address
            if seat.index is not None:
                peer.index = seat.index
            elif peer.index < OBSERVERS_FROM:
                peer.index, self._next_observer = self._next_observer, self._next_observer + 1
            others.append(peer)
        gone = [peer for peer in self._others if peer not in others]
        self._others = tuple(others)
        self._by_certificate = {peer.certificate: peer for peer in others}
        self._by_index = {peer.index: peer for peer in others}
        for peer in gone:
            if peer.link is not None:
                peer.link.abort()

    def __iter__(self) -> Iterator[Peer]:
        return iter(self._others)

    def get(self, index: int) -> Peer | None:
        """The peer of a validator index; None for ourselves and strangers."""
        return self._by_index.get(index)

    def connected(self) -> list[Peer]:
        """Peers that can be talked to now."""
        return [peer for peer in self._others if peer.connected]

    def keepers(self, height: int) -> list[str]:
        """Organisations of connected peers that say they keep the transactions of a height."""
        heads = [(peer.organisation, peer.head) for peer in self.connected()]
        return [name for name, head in heads if head and head.bodies_from <= height <= head.executed_height]

    def state_keepers(self, height: int) -> list[str]:
        """Organisations of connected peers that say they can prove as of a height."""
        heads = [(peer.organisation, peer.head) for peer in self.connected()]
        return [name for name, head in heads if head and head.states_from <= height <= head.executed_height]

    def broadcast(self, message: PeerMessage, *, droppable: bool = False) -> None:
        """Send to every connected peer."""
        frame = message_frame(message)
        for peer in self._others:
            peer.send_frame(frame, droppable=droppable)

    def flush(self) -> None:
        """Write now what was sent to whomever: nothing more follows in this turn of the loop."""
        for peer in self._others:
            if peer.link is not None:
                peer.link.flush()

    def penalise(self, peer: Peer, error: Exception) -> None:
        """Cut a peer off that broke the protocol, and take nothing from it for a while."""
        peer.faults += 1
        peer.refused_until = self._loop.time() + PENALTY_S
        self._counters.peer_messages_refused += 1
        logger.warning("peer broke the protocol", extra=log_fields(peer=peer.organisation, error=str(error)))
        if peer.link is not None:
            peer.link.abort()

    def close(self) -> None:
        """Cut every link."""
        for link in list(self._peer_of):
            link.abort()

    def cut_silent(self) -> None:
        """Cut links on which nothing came for too long."""
        for peer in self._others:
            link = peer.link
            if link is not None and not link.unread and self._loop.time() - link.heard_at > SILENCE_MAX_S:
                logger.warning("peer is silent; its link is cut", extra=log_fields(peer=peer.organisation))
                link.abort()

    def preferred(self, peer: Peer, link: Link) -> bool:
        """Of two links between the same nodes both ends keep the one that ``dials_first`` names."""
        return link.dialled == self.dials_first(peer)

    def dials_first(self, peer: Peer) -> bool:
        """Whether we dial this peer rather than wait for it: the lower certificate does, as both ends know."""
        return self.own_certificate < peer.certificate

    # --- what links say -----------------------------------------------------------------------------------

    def link_made(self, link: Link) -> None:
        """See ``LinkOwner``."""
        peer = self._by_certificate.get(link.certificate or b"")
        if peer is None or self._loop.time() < peer.refused_until:
            link.abort()
            return
        known = peer.link
        if known is not None and self.preferred(peer, known) and not self.preferred(peer, link) and known.open:
            link.abort()
            return
        if not peer.links.take(self._loop.time()):
            link.abort()
            return
        if peer.link is not None:
            self._drop(peer)
        self._peer_of[link] = peer
        peer.link, peer.greeted = link, False
        link.send(self._hello)

    def link_payload(self, link: Link, payload: bytes) -> None:
        """See ``LinkOwner``."""
        peer = self._peer_of.get(link)
        if peer is None:
            return
        self._counters.peer_messages_in += 1
        self._counters.peer_bytes_in += len(payload)
        try:
            message = decode_message(payload)
            if peer.greeted:
                self.handler.peer_message(peer, message)
            else:
                self._greet(peer, message)
        except (DecodeError, VerificationError, PeerFault) as error:
            self.penalise(peer, error)
        except Exception as error:  # a transport would only log it
            self.fatal(error)

    def link_fault(self, link: Link, error: DecodeError) -> None:
        """See ``LinkOwner``."""
        peer = self._peer_of.get(link)
        if peer is not None:
            self.penalise(peer, error)

    def link_lost(self, link: Link) -> None:
        """See ``LinkOwner``."""
        peer = self._peer_of.pop(link, None)
        if peer is not None and peer.link is link:
            self._forget(peer)

    def _greet(self, peer: Peer, message: PeerMessage) -> None:
        if not isinstance(message, Hello):
            raise PeerFault("the first message is not a hello")
        if message.chain_id != self._chain_id:
            raise PeerFault(f"it speaks of chain {message.chain_id.hex()[:16]}…")
        if message.protocol != PEER_PROTOCOL:
            raise PeerFault(f"it speaks peer protocol {message.protocol}, we speak {PEER_PROTOCOL}")
        peer.greeted = True
        logger.info("peer connected", extra=log_fields(peer=peer.organisation))
        self.handler.peer_connected(peer)

    def _drop(self, peer: Peer) -> None:
        link = peer.link
        assert link is not None
        self._peer_of.pop(link, None)
        self._forget(peer)
        link.abort()

    def _forget(self, peer: Peer) -> None:
        greeted, peer.link, peer.greeted = peer.greeted, None, False
        if greeted:
            logger.info("peer lost", extra=log_fields(peer=peer.organisation))
            self.handler.peer_lost(peer)
