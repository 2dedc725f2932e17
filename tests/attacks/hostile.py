"""A member that has turned hostile: its genuine TLS and validator keys, and nothing honest to say."""

from __future__ import annotations

import secrets
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from node.config import NodeConfig, load_config
from node.founding import read_genesis
from node.network.frames import FrameReader
from node.network.messages import HeadNotice, Hello, PeerMessage, decode_message, message_frame
from node.network.tls import peer_context
from scripts.story.network import NodeProcess
from tallystick import keys
from tallystick.blocks import Executed, Header
from tallystick.encoding import ZERO32
from tallystick.genesis import Genesis
from tallystick.merkle import EMPTY_ROOT
from tallystick.proposals import Proposal, proposal_signing_bytes
from tallystick.transactions import Event, SignedTransaction, sign_transaction
from tallystick.votes import Statement, Vote, VoteKind

HASH = b"\x02" * 32
SIGNATURE = b"\x01" * 64


@dataclass(frozen=True)
class Turncoat:
    """Who attacks: keys and place of one founder whose own node does not run."""

    config: NodeConfig
    genesis: Genesis
    index: int
    seed: bytes

    @classmethod
    def of(cls, node: NodeProcess) -> Turncoat:
        config = load_config(node.folder / "node.toml")
        genesis, _ = read_genesis(config.genesis)
        seed = bytes.fromhex(config.validator_key.read_text().strip())
        index = genesis.validators().index_of(keys.public_key_of(seed))
        assert index is not None
        return cls(config, genesis, index, seed)

    @property
    def chain_id(self) -> bytes:
        """32 bytes."""
        return self.genesis.chain_id()

    def vote(self, kind: VoteKind, view: int, block_hash: bytes) -> Vote:
        """A vote with a genuine signature."""
        statement = Statement(0, kind, view, ZERO32 if kind is VoteKind.NULLIFY else block_hash)
        signature = keys.sign(self.seed, keys.Purpose.VOTE, self.chain_id, statement.signing_bytes())
        return Vote(statement, self.index, signature)

    def header(self, **changed: object) -> Header:
        """A header that may be anything."""
        digest = self.genesis.validators().digest()
        fields = {
            "protocol_version": 1, "chain_id": self.chain_id, "epoch": 0, "height": 3, "view": 3, "parent_hash": HASH,
            "parent_view": 2, "proposer": self.index, "time_ms": time.time_ns() // 1_000_000, "transaction_count": 0,
            "transaction_root": EMPTY_ROOT, "due_work": False, "validators_hash": digest,
            "next_validators_hash": digest, "executed": Executed(0, 1, HASH, EMPTY_ROOT, HASH),
        }  # fmt: skip
        return Header(**{**fields, **changed})  # type: ignore[arg-type]

    def proposal(self, header: Header, leaves: Sequence[bytes] = (), **more: object) -> Proposal:
        """A proposal with a genuine signature."""
        message = proposal_signing_bytes(header.epoch, header.view, header.block_hash())
        signature = keys.sign(self.seed, keys.Purpose.PROPOSAL, header.chain_id, message)
        fields = {"finalisation": None, "certificates": ()} | more
        return Proposal(header, tuple(leaves), signature=signature, **fields)  # type: ignore[arg-type]

    def transaction(self, seed: bytes = b"", events: tuple[Event, ...] = ()) -> SignedTransaction:
        """A well-formed transaction, of a key that nobody knows unless one is given."""
        return sign_transaction(
            chain_id=self.chain_id,
            nonce=secrets.token_bytes(16),
            valid_until_ms=time.time_ns() // 1_000_000 + 600_000,
            seeds=(seed or secrets.token_bytes(32),),
            events=events or (Event(b'{"x":1}'),),
        )


@dataclass
class Link:
    """A connection to a victim with the turncoat's certificate. Reads never block for long."""

    turncoat: Turncoat
    victim: NodeConfig
    heard: list[PeerMessage] = field(default_factory=list)
    view: int = 0
    cut: bool = True

    def connect(self, *, greet: bool = True) -> bool:
        """Whether the victim took the connection (and, when greeting, answered)."""
        config = self.turncoat.config
        trusted = tuple(card.body.certificate for card in self.turncoat.genesis.cards)
        context = peer_context(config.transport_certificate, config.transport_key, trusted, server=False)
        self._reader = FrameReader()
        self.cut = False
        address = self.victim.peer_listen
        try:
            plain = socket.create_connection((address.host, address.port), timeout=60)
            self._socket = context.wrap_socket(plain)
        except OSError:
            self.cut = True
            return False
        if greet:
            self.say(Hello(1, self.turncoat.chain_id, "turncoat"))
            self.listen_until(lambda: any(isinstance(message, Hello) for message in self.heard), 60.0)
        return not self.cut

    def say(self, *messages: PeerMessage) -> None:
        """Send messages."""
        self.send(b"".join(map(message_frame, messages)))

    def send(self, data: bytes) -> None:
        """Send bytes, reading what comes meanwhile so that nobody waits for the other for ever."""
        view = memoryview(data)
        self._socket.settimeout(0.05)
        end = time.monotonic() + 60
        while view and not self.cut and time.monotonic() < end:
            try:
                view = view[self._socket.send(view[:65_536]) :]
            except (TimeoutError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                self.listen(0.001)
            except OSError:
                self.cut = True

    def listen(self, seconds: float) -> list[PeerMessage]:
        """What the victim says within a time; ends early when it cuts the connection."""
        new: list[PeerMessage] = []
        end = time.monotonic() + seconds
        while not self.cut:
            left = end - time.monotonic()
            self._socket.settimeout(max(0.001, left))
            try:
                data = self._socket.recv(262_144)
            except (TimeoutError, ssl.SSLWantReadError):
                data = None
            except OSError:
                data = b""
            if data == b"":
                self.cut = True
            elif data:
                new += [decode_message(payload) for payload in self._reader.feed(data)]
            if left <= 0:
                break
        for message in new:
            if isinstance(message, HeadNotice):
                self.view = message.view
        self.heard = (self.heard + new)[-2_000:]
        return new

    def listen_until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Listen until something holds; whether it came about."""
        end = time.monotonic() + seconds
        while not holds() and not self.cut and time.monotonic() < end:
            self.listen(0.02)
        return holds()

    def is_cut(self, seconds: float = 60.0) -> bool:
        """Whether the victim ends the connection in time."""
        end = time.monotonic() + seconds
        while not self.cut and time.monotonic() < end:
            self.listen(0.05)
        return self.cut

    def close(self) -> None:
        """Hang up."""
        if hasattr(self, "_socket"):
            self._socket.close()
        self.cut = True
