"""Validators come and go while real nodes run: joins by readiness, leaves, rotated keys, proofs across epochs."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from client_sdk.trust import pin
from consensus.inputs import VoteReceived
from contracts.switch import PLAN_KEY
from contracts.workspace import PARAMETERS_KEY
from explorer.database import open_database
from explorer.follower import Follower
from explorer.founding import founding_of
from explorer.node_client import NodeClient
from node.__main__ import main
from node.app import Node
from node.certificates import make_transport_identity
from node.folder import SIGNER_LOG
from node.identity import NEXT_TRANSPORT_CERTIFICATE, NEXT_TRANSPORT_KEY, NEXT_VALIDATOR_KEY
from node.key_files import read_validator_seed
from node.seal_secret import bls_entry
from node.signer_log import SignerRecordLostError, salvage
from scripts.story.network import free_ports
from tallystick import keys
from tallystick.api import BlockAnswer
from tallystick.encoding import Message, encode
from tallystick.epochs import EpochStep
from tallystick.errors import ProofError
from tallystick.evidence import EvidenceKind
from tallystick.payloads import encode_payload
from tallystick.payloads.governance import AdmitOrganisation
from tallystick.payloads.membership import ChangeValidators, NewSeat, RotateValidator
from tallystick.proofs import Trust, VerifiedEvidence, verify_anchor, verify_bundle, verify_record
from tallystick.proofs.anchor import show_head
from tallystick.proofs.bundle import write_bundle
from tallystick.reasons import Reason
from tallystick.records.base import Space, read_public
from tallystick.records.membership import PlannedChange
from tallystick.transactions import SignedTransaction, sign_transaction
from tallystick.votes import Statement, Vote, VoteKind
from tests.integration.network import PATIENCE_S, Network, new_home, now_ms, play, started

FIFTH = "org:laboratory"


class Members(Network):
    """A network whose validators change.

    Attributes:
        newcomers: seats of organisations that were not among the founders.
    """

    def signed(self, payload: Message, *seeds: bytes) -> SignedTransaction:
        return sign_transaction(
            chain_id=self.chain_id,
            nonce=secrets.token_bytes(16),
            valid_until_ms=now_ms() + 600_000,
            seeds=seeds,
            payload=encode_payload(secrets.token_bytes(32), payload),
        )

    def governed(self, payload: Message) -> SignedTransaction:
        return self.signed(payload, *(self.roots[name] for name in self.organisations[:3]))

    async def put(self, transaction: SignedTransaction, through: str = "org:grower") -> int:
        """Have a transaction executed, with effect; returns its height."""
        node = self.nodes[through]
        await node.queries.submit(transaction.raw)
        await self.until(lambda: node.ledger.place(transaction.id) is not None)
        receipt = node.queries.receipt(transaction.id)
        assert receipt is not None and receipt.reason is Reason.NONE, receipt
        return receipt.height

    def new_node(self, folder: Path, name: str) -> NewSeat:
        """Keys and a configuration of an organisation that is to join."""
        (port,) = free_ports(1)
        timing = self.configs["org:grower"].timing
        config, identity, seed = new_home(folder, name, port, joining=True, timing=timing)
        self.configs[name] = config
        self.roots[name] = keys.generate()
        address = f"127.0.0.1:{port}"
        return NewSeat(name, keys.public_key_of(seed), identity.certificate_der, address, address)

    def next_keys(self, name: str, *, transport: bool) -> tuple[NewSeat, bytes]:
        """What ``tallystick-node rotate`` puts beside the keys in use; the seat and the new seed."""
        config = self.configs[name]
        seed = keys.generate()
        path = config.keys / NEXT_VALIDATOR_KEY
        path.write_text(seed.hex())
        path.chmod(0o600)
        certificate = next(card.body.certificate for card in self.genesis.cards if card.body.organisation == name)
        if transport:
            identity = make_transport_identity(name)
            (config.keys / NEXT_TRANSPORT_KEY).write_bytes(identity.key_pem)
            (config.keys / NEXT_TRANSPORT_CERTIFICATE).write_bytes(identity.certificate_pem)
            certificate = identity.certificate_der
        address = str(config.peer_listen)
        entry = bls_entry(config.seal_key)
        return NewSeat(name, keys.public_key_of(seed), certificate, address, address, *entry), seed

    async def in_epoch(self, number: int, *names: str, seconds: float = PATIENCE_S) -> None:
        await self.until(lambda: all(self.nodes[name].epochs.number == number for name in names), seconds)

    def plan(self, name: str = "org:grower") -> PlannedChange | None:
        record = self.nodes[name].queries.record(PLAN_KEY)
        return None if record is None else read_public(record, PlannedChange)

    def votes(self, name: str) -> int:
        """How many own votes stand in a node's record."""
        return sum(isinstance(record, Vote) for record in salvage(self.configs[name].data / SIGNER_LOG)[0])

    def ready(self, joiner: str) -> bool:
        """Whether a joiner has said on the chain that it has the state: the switch takes it in."""
        plan = self.plan()
        assert plan is not None and plan.next_validators is None, f"the switch came before {joiner} could be ready"
        return any(join.organisation == joiner and join.ready_ms > 0 for join in plan.joins)


def height_of(node: Node) -> int:
    return node.queries.status().executed_height


@dataclass
class Load:
    """Transactions all the time; every one of them must be executed in the end.

    Attributes:
        pause_s: between two of them. Heights come with them, and a switch must not come before a joiner can be ready.
    """

    network: Members
    sent: list[SignedTransaction] = field(default_factory=list)
    pause_s: float = 0.05
    stopped: bool = False

    async def run(self) -> None:
        while not self.stopped:
            transaction = self.network.register_key(0)
            await self.network.nodes["org:processor"].queries.submit(transaction.raw)
            self.sent.append(transaction)
            await asyncio.sleep(self.pause_s)


def test_a_fifth_joins_while_transactions_run_one_leaves_and_keys_rotate(tmp_path: Path) -> None:
    async def story() -> None:
        network = Members(tmp_path)
        await network.start()
        load = Load(network)
        loading = asyncio.create_task(load.run())
        try:
            await _fifth_joins(network, tmp_path, load)
            await _one_leaves_and_one_rotates(network, load)
            load.stopped = True
            await loading
            node, sent = network.nodes["org:grower"], load.sent
            await network.until(lambda: all(node.ledger.place(one.id) is not None for one in sent))
            assert len(sent) > 20
            _walk(network)
        finally:
            load.stopped = True
            await asyncio.gather(loading, return_exceptions=True)
            await network.stop()

    play(story())


async def _fifth_joins(network: Members, folder: Path, load: Load) -> None:
    seat = network.new_node(folder, FIFTH)
    root = keys.public_key_of(network.roots[FIFTH])
    await network.put(network.governed(AdmitOrganisation(FIFTH, "Laboratory", ("inspector",), (), (), root)))
    switch = height_of(network.node()) + 200
    await network.put(network.governed(ChangeValidators((seat,), (), switch)))
    load.pause_s = 1.0
    await network.start(FIFTH)
    await network.until(lambda: network.ready(FIFTH))
    load.pause_s = 0.05
    everybody = (*network.organisations, FIFTH)
    await network.in_epoch(1, *everybody)
    fifth = network.nodes[FIFTH]
    assert fifth.epochs.me is not None and fifth.epochs.validators.count == 5
    votes = fifth.counters.as_dict()["signer_log_syncs"]
    await network.until(lambda: fifth.counters.as_dict()["signer_log_syncs"] > votes + 3)


async def _one_leaves_and_one_rotates(network: Members, load: Load) -> None:
    seat, seed = network.next_keys("org:carrier", transport=True)
    load.pause_s = 0.5
    switch = height_of(network.node()) + 60
    await network.put(network.governed(ChangeValidators((), ("org:retailer",), switch)))
    await network.put(network.signed(RotateValidator(seat, switch), network.roots["org:carrier"], seed))
    load.pause_s = 0.05
    stay = ("org:grower", "org:processor", "org:carrier", FIFTH)
    await network.in_epoch(2, *stay, "org:retailer")
    assert network.nodes["org:retailer"].epochs.me is None
    carrier = network.nodes["org:carrier"]
    assert carrier.epochs.me is not None
    assert carrier.epochs.validators.members[carrier.epochs.me].key == keys.public_key_of(seed)
    await network.stop("org:retailer")
    before = height_of(carrier)
    await network.until(lambda: height_of(carrier) > before + 10)
    await network.stop("org:carrier")
    await network.start("org:carrier")
    await network.until(lambda: all(height_of(network.nodes[name]) > before + 20 for name in stay))
    network.assert_equal_chains()


def _walk(network: Members) -> None:
    """A client with epoch 0 pinned gets to the present set with one proof per epoch."""
    node = network.nodes["org:grower"]
    store = pin(encode(network.genesis), network.chain_id)
    for epoch in range(node.epochs.number):
        step = node.queries.epoch(epoch)
        assert step is not None
        store.learn(step)
    assert node.queries.epoch(node.epochs.number) is None
    assert store.trust().validators_hashes[node.epochs.number] == node.epochs.validators.digest()
    head = node.queries.head()
    assert head is not None and len(head.epochs) == min(2, node.epochs.number)
    shown = show_head(head)
    verify_anchor(shown, store.trust())
    founding = founding_of(network.genesis)
    engine = open_database("sqlite://", founding.chain_id, founding.genesis.network)
    follower = Follower(founding, engine, cast(NodeClient, Beside(node)))
    while follower.step():
        pass
    assert follower.validators.newest == node.epochs.validators
    again = Follower(founding, engine, cast(NodeClient, Beside(node)))
    assert again.validators.trust.validators_hashes == store.trust().validators_hashes
    bundle = node.proofs.record(PARAMETERS_KEY)
    assert verify_record(bundle, store.trust()).public is not None
    certified = node.proofs.certified()
    for epoch in range(certified.header.epoch):
        shown = certified.header_of_epoch(epoch)
        assert shown is not None
        header, validators = shown
        assert (header.epoch, header.validators_hash) == (epoch, validators.digest())
    assert certified.header_of_epoch(certified.header.epoch) is None
    with_genesis_alone = Trust(network.chain_id, {0: network.genesis.validators().digest()})
    assert verify_record(bundle, with_genesis_alone).anchor.validators == node.epochs.validators


@pytest.mark.parametrize("size", [3, pytest.param(7, marks=pytest.mark.long)])
def test_one_validator_becomes_several_and_one_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("tests.integration.network.ORGANISATIONS", ("org:grower",))

    async def until_epoch(network: Members, number: int, *names: str) -> None:
        while not all(network.nodes[name].epochs.number == number for name in names):
            await network.put(network.register_key(0))

    async def story() -> None:
        network = Members(tmp_path)
        await network.start()
        names = ["org:grower"]
        for number in range(2, size + 1):
            name = f"org:member-{number}"
            seat = network.new_node(tmp_path, name)
            root = keys.public_key_of(network.roots[name])
            await network.put(network.governed(AdmitOrganisation(name, name, ("carrier",), (), (), root)))
            switch = height_of(network.node()) + 250
            await network.put(network.governed(ChangeValidators((seat,), (), switch)))
            await network.start(name)
            await network.until(lambda name=name: network.ready(name))  # type: ignore[misc]
            names.append(name)
            await until_epoch(network, len(names) - 1, *names)
            assert network.node().epochs.validators.count == len(names)
        for epoch in range(size, 2 * size - 1):
            name = names[-1]
            order = ChangeValidators((), (name,), height_of(network.node()) + 40)
            await network.put(network.governed(order))
            await until_epoch(network, epoch, *names)
            await network.stop(name)
            names.remove(name)
        assert network.node().epochs.validators.count == 1
        await network.put(network.register_key(0))

    play(story())


def test_a_joiner_that_is_not_there_is_left_out_and_the_chain_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        network = Members(tmp_path)
        await network.start()
        seat = network.new_node(tmp_path, FIFTH)
        root = keys.public_key_of(network.roots[FIFTH])
        await network.put(network.governed(AdmitOrganisation(FIFTH, "Laboratory", ("inspector",), (), (), root)))
        switch = height_of(network.node()) + 28
        await network.put(network.governed(ChangeValidators((seat,), (), switch)))
        assert network.plan() is not None
        await network.until(lambda: network.plan() is None)
        assert network.node().epochs.number == 0
        await network.put(network.register_key())

    play(story())


def test_a_node_that_slept_through_two_epochs_catches_up(tmp_path: Path) -> None:
    async def story() -> None:
        network = Members(tmp_path)
        await network.start()
        await network.stop("org:retailer")
        others = network.organisations[:3]
        for epoch, name in ((1, "org:grower"), (2, "org:processor")):
            seat, seed = network.next_keys(name, transport=False)
            rotation = RotateValidator(seat, height_of(network.node()) + 28)
            await network.put(network.signed(rotation, network.roots[name], seed))
            await network.in_epoch(epoch, *others)
        await network.start("org:retailer")
        await network.in_epoch(2, "org:retailer")
        await network.put(network.register_key(), "org:retailer")
        network.assert_equal_chains()

    play(story())
    data, genesis = tmp_path / "org-retailer" / "data", tmp_path / "genesis.bin"
    assert main(["check", "--data", str(data), "--genesis", str(genesis)]) == 0


def test_a_validator_that_votes_twice_is_recorded_and_can_be_shown_to_outsiders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story() -> None:
        network = Members(tmp_path)
        await network.start()
        await network.put(network.register_key())
        # What is made up below must not be an answer to the retailer's own question at its start.
        await network.until(lambda: not any(node.epochs.asking for node in network.nodes.values()))
        seed = read_validator_seed(network.configs["org:retailer"].validator_key)
        index = network.genesis.validators().index_of(keys.public_key_of(seed))
        assert index is not None
        for name in network.organisations[:3]:
            node = network.nodes[name]
            view = node.queries.status().view + 3
            for fill in (1, 2):
                statement = Statement(0, VoteKind.NOTARIZE, view, bytes((fill,)) * 32)
                message = statement.signing_bytes()
                signature = keys.sign(seed, keys.Purpose.VOTE, network.chain_id, message)
                node._parts.runner.give(VoteReceived(Vote(statement, index, signature)))
        nodes = list(network.nodes.values())
        await network.until(lambda: all(list(node.ledger.records(Space.EVIDENCE)) for node in nodes))
        proofs = nodes[0].proofs
        key, _ = next(nodes[0].ledger.records(Space.EVIDENCE))
        trust = pin(encode(network.genesis), network.chain_id).trust()
        await network.until(lambda: proofs.certified().record(key) is not None)
        bundle = write_bundle(proofs.evidence(key))
        shown = verify_bundle(bundle, trust, subject=key.hex())
        assert isinstance(shown, VerifiedEvidence) and shown.recorded is not None
        assert (shown.organisation, shown.kind) == ("org:retailer", EvidenceKind.DOUBLE_NOTARIZE)
        height = shown.anchor.executed.height
        later = verify_bundle(write_bundle(proofs.evidence(key, at=height)), trust, subject=key.hex(), at=height)
        assert isinstance(later, VerifiedEvidence) and later.as_of is not None
        for unknown in (key[:-1] + bytes((key[-1] ^ 1,)), PARAMETERS_KEY):
            with pytest.raises(ProofError):
                proofs.evidence(unknown)

    play(story())
    written = write_config(tmp_path)
    assert main(["evidence", "export", "--config", str(written), "--dir", str(tmp_path / "out")]) == 0
    (file, *_) = sorted((tmp_path / "out").iterdir())
    assert main(["evidence", "verify", str(file), "--genesis", str(tmp_path / "genesis.bin")]) == 0
    assert "that of org:retailer" in capsys.readouterr().out


def write_config(folder: Path) -> Path:
    """The configuration file of the first node, as an operator would have it."""
    home = folder / "org-grower"
    (home / "node.toml").write_text(
        'organisation = "org:grower"\ndata = "data"\ngenesis = "../genesis.bin"\nkeys = "keys"\n'
        'peer_listen = "127.0.0.1:0"\napi_listen = "127.0.0.1:0"\n'
    )
    return home / "node.toml"


def test_a_validator_on_an_older_disk_notices_and_signs_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        network = Members(tmp_path)
        await network.start()
        await network.put(network.register_key())
        await network.until(lambda: network.votes("org:retailer") > 0)
        await network.stop("org:retailer")
        data = network.configs["org:retailer"].data
        shutil.copytree(data, tmp_path / "image")
        old = network.votes("org:retailer")
        await network.start("org:retailer")
        while network.votes("org:retailer") < old + 4:  # the first of which the others have heard by then
            await network.put(network.register_key())
        await network.stop("org:retailer")
        shutil.rmtree(data)
        (tmp_path / "image").rename(data)
        node = await started(network.configs["org:retailer"])
        assert node.epochs.me is None
        error = await asyncio.wait_for(node.failure(), PATIENCE_S)
        assert isinstance(error, SignerRecordLostError) and "recover key" in str(error)
        await node.stop()
        await network.put(network.register_key())

    play(story())


def test_a_lost_record_is_replaced_by_a_new_key_that_takes_the_seat(tmp_path: Path) -> None:
    async def story() -> None:
        network = Members(tmp_path)
        await network.start()
        await network.put(network.register_key())
        await network.stop("org:retailer")
        shutil.rmtree(network.configs["org:retailer"].data / SIGNER_LOG)
        with pytest.raises(SignerRecordLostError):
            await started(network.configs["org:retailer"])
        seat, seed = network.next_keys("org:retailer", transport=False)
        await network.start("org:retailer")
        assert network.nodes["org:retailer"].epochs.me is None
        rotation = RotateValidator(seat, height_of(network.node()) + 28)
        await network.put(network.signed(rotation, network.roots["org:retailer"], seed))
        await network.in_epoch(1, *network.organisations)
        retailer = network.nodes["org:retailer"]
        assert retailer.epochs.me is not None
        assert retailer.epochs.validators.members[retailer.epochs.me].key == keys.public_key_of(seed)
        await network.stop("org:carrier")  # now its vote is needed
        await network.put(network.register_key())

    play(story())


class Beside:
    """What an explorer asks of the node beside it, without HTTP between."""

    def __init__(self, node: Node) -> None:
        self._queries = node.queries

    def blocks(self, from_height: int, limit: int) -> tuple[BlockAnswer, ...]:
        return tuple(self._queries.blocks(from_height, limit))

    def epoch(self, epoch: int) -> EpochStep:
        step = self._queries.epoch(epoch)
        assert step is not None
        return step
