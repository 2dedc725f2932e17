"""A network of real nodes in one process, on loopback: keys, cards, genesis, configurations, nodes."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from node.app import Node
from node.certificates import TransportIdentity, make_transport_identity
from node.config import NodeConfig, Timing
from node.founder import FounderOptions, card_body
from node.seal_secret import bls_entry, make_seal_secret
from node.toml_reader import Address
from scripts.story.network import free_ports
from tallystick import keys
from tallystick.api import TransactionState
from tallystick.encoding import encode
from tallystick.genesis import Genesis, merge_cards, sign_card
from tallystick.payloads import encode_payload
from tallystick.payloads.governance import RegisterKey
from tallystick.records.members import KeyUse
from tallystick.transactions import SignedTransaction, sign_transaction

ORGANISATIONS = ("org:grower", "org:processor", "org:carrier", "org:retailer")
IDLE_MS = 200  # shorter than in earnest, so that a silent chain certifies what happened sooner
PATIENCE_S = 120.0  # for what must come about: on the slowest machine in time, and in vain only where a test fails
PATIENCE_MS = 120_000

_alive: list[Node] = []  # every node that was started in this process and not stopped yet


def play(story: Coroutine[Any, Any, None]) -> None:
    """Play a story of real nodes on the loop that they run on in earnest.

    Whatever becomes of it, every node that it started is stopped before the loop ends, by whomever it was held: under a
    living node a loop may not end at all. What the story raises is raised; else the first fault in stopping.
    """

    async def whole() -> None:
        try:
            await story
        finally:
            faults = await _stop(list(_alive))
        if faults:
            raise faults[0]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(whole())


async def started(config: NodeConfig) -> Node:
    """Start one node, which ``play`` stops unless the story does."""
    node = Node(config)
    await node.start()
    _alive.append(node)
    return node


async def _stop(nodes: list[Node]) -> list[Exception]:
    """Stop nodes, each of them, whatever becomes of the others; what went wrong."""
    faults = []
    for node in nodes:
        if node in _alive:
            _alive.remove(node)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await node.stop()
        except Exception as error:
            faults.append(error)
    return faults


class Network:
    """Founded organisations and their nodes.

    Attributes:
        roots: root seed of each organisation.
        nodes: running nodes by organisation.
        seals: they sign seals.
        check_threads: threads of each that check signatures.
    """

    def __init__(
        self, folder: Path, timing: Timing | None = None, *, seals: bool = False, check_threads: int = 0
    ) -> None:
        self.seals = seals
        self.check_threads = check_threads
        self.organisations = ORGANISATIONS
        self.roots = {name: keys.generate() for name in ORGANISATIONS}
        self.configs: dict[str, NodeConfig] = {}
        self.nodes: dict[str, Node] = {}
        self.dead: list[Node] = []
        self.genesis = self._found(folder, timing or Timing(idle_block_ms=IDLE_MS))
        self.chain_id = self.genesis.chain_id()

    def _found(self, folder: Path, timing: Timing) -> Genesis:
        cards = []
        for index, (name, port) in enumerate(zip(self.organisations, free_ports(len(self.organisations)), strict=True)):
            config, identity, seed = new_home(folder, name, port, timing=timing, check_threads=self.check_threads)
            self.configs[name] = config
            founder = FounderOptions(
                name, name, ("governor",), (f"95212{index}",), (), f"127.0.0.1:{port}", f"127.0.0.1:{port}"
            )
            public_keys = keys.public_key_of(self.roots[name]), keys.public_key_of(seed)
            if self.seals:
                make_seal_secret(config.seal_key)
            body = card_body(founder, *public_keys, identity, bls_entry(config.seal_key))
            cards.append(sign_card(body, self.roots[name], seed))
        genesis = merge_cards(tuple(cards), network="test", time_ms=now_ms(), clock_advance_allowed=True)
        (folder / "genesis.bin").write_bytes(encode(genesis))
        return genesis

    async def start(self, *names: str) -> None:
        """Start these nodes, or all."""
        for name in names or self.organisations:
            self.nodes[name] = await started(self.configs[name])

    async def restart(self, *names: str) -> None:
        """Start nodes anew that ended; a process that ends lets go of its files, here that must be done."""
        await self._stop([self.dead.pop() for _ in list(self.dead)])
        await self.start(*names)

    async def stop(self, *names: str) -> None:
        """Stop these nodes, or all that run; the first fault is raised once each has had its turn."""
        nodes = [self.nodes.pop(name) for name in names or tuple(self.nodes)]
        await self._stop(nodes + [self.dead.pop() for _ in list(self.dead)])

    async def _stop(self, nodes: list[Node]) -> None:
        faults = await _stop(nodes)
        if faults:
            raise faults[0]

    def node(self, index: int = 0) -> Node:
        """A running node by the organisation's place in ``organisations``."""
        return self.nodes[self.organisations[index]]

    def register_key(self, index: int = 0) -> SignedTransaction:
        """A transaction that takes effect: an organisation registers a new key."""
        root, new = self.roots[self.organisations[index]], keys.generate()
        payload = RegisterKey(keys.public_key_of(new), (KeyUse.CAPTURE,), "")
        return sign_transaction(
            chain_id=self.chain_id,
            nonce=secrets.token_bytes(16),
            valid_until_ms=now_ms() + 600_000,
            seeds=(root, new),
            payload=encode_payload(secrets.token_bytes(32), payload),
        )

    async def prove(self, index: int = 0) -> bytes:
        """One transaction through one node, proven there; its id."""
        transaction, queries = self.register_key(index), self.node(index).queries
        await queries.submit(transaction.raw)
        status = await queries.wait(transaction.id, TransactionState.PROVEN, PATIENCE_MS)
        assert status.state is TransactionState.PROVEN, status
        return transaction.id

    def write_config(self, name: str) -> str:
        """The file that a node's commands read; its path."""
        config = self.configs[name]
        config.file.write_text(
            f'organisation = "{name}"\ndata = "data"\ngenesis = "../genesis.bin"\nkeys = "keys"\n'
            f'peer_listen = "{config.peer_listen}"\napi_listen = "127.0.0.1:0"\n'
        )
        return str(config.file)

    def heights(self) -> dict[str, int]:
        """Executed height of every running node."""
        return {name: node.queries.status().executed_height for name, node in self.nodes.items()}

    async def until(self, condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
        """Wait for a condition; fails with every node's status when it does not come about, or when a node ends."""
        end = time.monotonic() + seconds
        while not condition():
            for node in self.nodes.values():
                if node.failed is not None:
                    raise node.failed
            if time.monotonic() > end:
                raise AssertionError("\n".join(str(node.queries.status()) for node in self.nodes.values()))
            await asyncio.sleep(0.01)

    def assert_equal_chains(self) -> int:
        """Every running node stores the same blocks and roots; returns the height up to which all have them."""
        height = min(self.heights().values())
        stores = [node.ledger for node in self.nodes.values()]
        for at in range(height + 1):
            rows = [store.block(at) for store in stores]
            assert all(row is not None and row.executed == rows[0].executed for row in rows if rows[0] is not None)
            assert len({row.block_hash for row in rows if row is not None}) == 1
            assert len({store.transactions(at) for store in stores}) == 1
            assert len({store.receipts(at) for store in stores}) == 1
        return height


def new_home(folder: Path, name: str, port: int, **settings: Any) -> tuple[NodeConfig, TransportIdentity, bytes]:
    """An organisation's folder with new keys in it: its configuration, its certificate and its validator's seed.

    Args:
        port: where its peers reach it, on loopback.
        settings: further fields of the configuration.
    """
    home = folder / name.replace(":", "-")
    (home / "keys").mkdir(parents=True)
    identity, seed = make_transport_identity(name), keys.generate()
    config = NodeConfig(
        file=home / "node.toml",
        organisation=name,
        data=home / "data",
        genesis=folder / "genesis.bin",
        keys=home / "keys",
        peer_listen=Address("127.0.0.1", port),
        api_listen=Address("127.0.0.1", 0),
        **settings,
    )
    config.validator_key.write_text(seed.hex())
    config.validator_key.chmod(0o600)
    config.transport_key.write_bytes(identity.key_pem)
    config.transport_certificate.write_bytes(identity.certificate_pem)
    return config, identity, seed


def now_ms() -> int:
    """The machine's time."""
    return time.time_ns() // 1_000_000
