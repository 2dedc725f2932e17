"""Strangers do not get in; a member that lies is cut off, and neither crashes a node nor stops the chain."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from node import admission, dialogue
from node.allowance import Allowance
from node.certificates import make_transport_identity
from node.network import peers
from node.network.frames import FrameReader, encode_frame
from node.network.messages import (
    BlockMessage,
    BlockRequest,
    CertificateMessage,
    CertificatesRequest,
    HeadNotice,
    Hello,
    PeerMessage,
    ProposalMessage,
    RangeMessage,
    RangeRequest,
    TransactionFrame,
    TransactionsAnswer,
    TransactionsRequest,
    VoteMessage,
    decode_message,
    message_frame,
)
from node.network.tls import peer_context
from tallystick import keys
from tallystick.api import TransactionState
from tallystick.blocks import Executed, Header
from tallystick.encoding import ZERO32, encode
from tallystick.errors import DecodeError
from tallystick.limits import FRAME_SIZE_MAX
from tallystick.merkle import EMPTY_ROOT
from tallystick.proposals import Proposal
from tallystick.votes import Certificate, Statement, Vote, VoteKind
from tests.integration.network import ORGANISATIONS, PATIENCE_MS, PATIENCE_S, Network, play

VICTIM = ORGANISATIONS[0]
LIAR = ORGANISATIONS[3]  # its node never starts; the test speaks with its certificate
SIGNATURE = b"\x01" * 64
HASH = b"\x02" * 32


@pytest.fixture(autouse=True)
def silence_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A liar that only listens is cut off for what it said, however long that takes, and not because it is silent."""
    monkeypatch.setattr(peers, "SILENCE_MAX_S", 100 * PATIENCE_S)


class Liar:
    """A connection to the victim that shows the liar's certificate."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._reader = FrameReader()
        self.heard: list[PeerMessage] = []

    async def connect(self) -> None:
        config = self._network.configs[LIAR]
        trusted = tuple(card.body.certificate for card in self._network.genesis.cards)
        context = peer_context(config.transport_certificate, config.transport_key, trusted, server=False)
        address = self._network.configs[VICTIM].peer_listen
        self._in, self._out = await asyncio.open_connection(address.host, address.port, ssl=context, server_hostname="")

    async def greet(self) -> None:
        await self.connect()
        await self.say(message_frame(Hello(1, self._network.chain_id, "liar")))

    async def say(self, data: bytes) -> None:
        self._out.write(data)
        await self._out.drain()

    async def cut_off(self, seconds: float = PATIENCE_S) -> bool:
        """Whether the victim ends the connection in time."""
        try:
            async with asyncio.timeout(seconds):
                while data := await self._in.read(65_536):
                    self.heard += [decode_message(payload) for payload in self._reader.feed(data)]
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    async def hear(self, kind: type[PeerMessage]) -> None:
        """Wait until the victim has said something of a kind."""
        async with asyncio.timeout(PATIENCE_S):
            while not any(isinstance(message, kind) for message in self.heard):
                assert not await self.cut_off(0.1)

    def close(self) -> None:
        self._out.close()


def run(story: Callable[[Network], Awaitable[None]], folder: Path, check_threads: int = 0) -> None:
    async def whole() -> None:
        network = Network(folder, check_threads=check_threads)
        await network.start(*ORGANISATIONS[:3])
        await story(network)
        transaction = network.register_key()
        await network.node().queries.submit(transaction.raw)
        status = await network.node().queries.wait(transaction.id, TransactionState.PROVEN, PATIENCE_MS)
        assert status.state is TransactionState.PROVEN, "the chain goes on"
        assert all(node.failed is None for node in network.nodes.values())
        network.assert_equal_chains()

    play(whole())


both = pytest.mark.parametrize("check_threads", [0, 2], ids=["on the loop", "in threads"])


def header(network: Network, **changed: object) -> Header:
    validators = network.genesis.validators()
    executed = Executed(0, 1, HASH, EMPTY_ROOT, HASH)
    fields = {
        "protocol_version": 1, "chain_id": network.chain_id, "epoch": 0, "height": 3, "view": 3, "parent_hash": HASH,
        "parent_view": 2, "proposer": 3, "time_ms": 5, "transaction_count": 0, "transaction_root": EMPTY_ROOT,
        "due_work": False, "validators_hash": validators.digest(), "next_validators_hash": validators.digest(),
        "executed": executed,
    }  # fmt: skip
    return Header(**{**fields, **changed})  # type: ignore[arg-type]


def test_a_stranger_with_a_certificate_of_its_own_does_not_get_in(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        identity = make_transport_identity(LIAR)  # the right name, another key
        (tmp_path / "own.crt").write_bytes(identity.certificate_pem)
        (tmp_path / "own.key").write_bytes(identity.key_pem)
        trusted = tuple(card.body.certificate for card in network.genesis.cards)
        contexts = [peer_context(tmp_path / "own.crt", tmp_path / "own.key", trusted, server=False)]
        without = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        without.check_hostname, without.verify_mode = False, ssl.CERT_NONE
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode, old.maximum_version = False, ssl.CERT_NONE, ssl.TLSVersion.TLSv1_2
        address = network.configs[VICTIM].peer_listen
        for context in (*contexts, without, old):
            with pytest.raises((OSError, EOFError)):
                reader, writer = await asyncio.open_connection(
                    address.host, address.port, ssl=context, server_hostname=""
                )
                writer.write(message_frame(Hello(1, network.chain_id, "stranger")))
                await writer.drain()
                async with asyncio.timeout(PATIENCE_S):
                    if not await reader.read(10):
                        raise EOFError
        status = network.node().queries.status()
        assert all(not peer.connected for peer in status.peers if peer.organisation == LIAR)

    run(story, tmp_path)


def bad_first_words(network: Network) -> list[bytes]:
    return [
        message_frame(Hello(1, HASH, "another chain")),
        message_frame(Hello(2, network.chain_id, "another protocol")),
        message_frame(HeadNotice(1, 1, 1)),
        b"GET / HTTP/1.1\r\n\r\n",
        (FRAME_SIZE_MAX + 1).to_bytes(4, "big"),
        encode_frame(b"\xc1"),
    ]


def broken_certificates(network: Network) -> list[Certificate]:
    """Made of genuine signatures of a quorum: permuted, one counted thrice, ascribed to others, too few."""
    seeds = {name: bytes.fromhex(network.configs[name].validator_key.read_text()) for name in ORGANISATIONS}
    names = [validator.organisation for validator in network.genesis.validators().members]
    said = Statement(0, VoteKind.FINALIZE, 2**40, HASH)
    signed = [keys.sign(seeds[name], keys.Purpose.VOTE, network.chain_id, said.signing_bytes()) for name in names]
    return [
        Certificate(said, 0b0111, (signed[1], signed[0], signed[2])),
        Certificate(said, 0b0111, (signed[0],) * 3),
        Certificate(said, 0b1110, (signed[0], signed[1], signed[2])),
        Certificate(said, 0b0011, (signed[0], signed[1])),
        Certificate(said, 0b0111, (signed[0], signed[1])),
        Certificate(said, 1 << 20 | 0b0011, (signed[0], signed[1], signed[2])),
        Certificate(Statement(0, VoteKind.NOTARIZE, 2**40, HASH), 0b0111, tuple(signed[:3])),
    ]


def bad_later_words(network: Network) -> list[bytes]:
    genuine = network.register_key().raw
    now = network.node().queries.status().view
    notarize = Statement(0, VoteKind.NOTARIZE, now + 9, HASH)
    finalize = Statement(0, VoteKind.FINALIZE, 2**40, HASH)
    leader = {view % 4: view for view in range(now + 4, now + 12)}
    # A bad vote in its own name may wait until a quorum is there, and cost a later link: see test_ballots.
    own = [validator.organisation for validator in network.genesis.validators().members].index(LIAR)
    proposals = [
        Proposal(header(network, proposer=who, view=view, height=view), (), None, (), SIGNATURE)
        for who, view in leader.items()
    ]
    return [
        message_frame(Hello(1, network.chain_id, "twice")),
        message_frame(CertificateMessage(Certificate(finalize, 7, (SIGNATURE,) * 3))),
        message_frame(CertificateMessage(Certificate(finalize, 2**30, (SIGNATURE,)))),
        b"".join(message_frame(VoteMessage(Vote(notarize, who, SIGNATURE))) for who in range(4) if who != own),
        b"".join(message_frame(ProposalMessage(proposal)) for proposal in proposals),
        message_frame(ProposalMessage(Proposal(header(network, chain_id=HASH), (), None, (), SIGNATURE))),
        message_frame(TransactionFrame((genuine[:-1] + bytes((genuine[-1] ^ 1,)),))),
        message_frame(TransactionFrame((b"\x00",))),
        encode_frame(encode([6, []])),
        encode_frame(b"\x00" * 100),
        *(message_frame(CertificateMessage(certificate)) for certificate in broken_certificates(network)),
    ]


@both
def test_a_member_that_breaks_the_protocol_is_cut_off_each_time(tmp_path: Path, check_threads: int) -> None:
    async def story(network: Network) -> None:
        (peer,) = [peer for peer in network.node().peers if peer.organisation == LIAR]
        first = len(bad_first_words(network))
        for count in range(1, first + len(bad_later_words(network)) + 1):
            greeted = count > first  # made anew each time: what is said about views must not be about old ones
            word = bad_later_words(network)[count - first - 1] if greeted else bad_first_words(network)[count - 1]
            liar = Liar(network)
            await (liar.greet() if greeted else liar.connect())
            await liar.say(word)
            assert await liar.cut_off(), word
            assert peer.faults == count, word
            liar.close()
            refused = Liar(network)
            await refused.connect()
            assert await refused.cut_off(), "nothing is taken from it for a while"
            refused.close()
            peer.refused_until, peer.links = 0.0, Allowance(1, 8)

    run(story, tmp_path, check_threads)


@both
def test_forged_votes_never_count_in_whatever_view_and_however_many(tmp_path: Path, check_threads: int) -> None:
    async def story(network: Network) -> None:
        names = [validator.organisation for validator in network.genesis.validators().members]
        own = names.index(LIAR)
        (peer,) = [peer for peer in network.node().peers if peer.organisation == LIAR]
        for kind, statement_hash in ((VoteKind.NOTARIZE, HASH), (VoteKind.FINALIZE, HASH), (VoteKind.NULLIFY, ZERO32)):
            liar = Liar(network)
            await liar.greet()
            now = network.node().queries.status().view
            votes = [Vote(Statement(0, kind, now + ahead, statement_hash), own, SIGNATURE) for ahead in range(8)]
            with suppress(ConnectionError):
                await liar.say(b"".join(message_frame(VoteMessage(vote)) for vote in votes * 20))
            if kind is VoteKind.NULLIFY:  # wanted for itself; the others wait for a quorum that never comes
                assert await liar.cut_off() and peer.faults
            await network.until(lambda now=now: network.node().queries.status().view > now + 8)  # type: ignore[misc]
            liar.close()
            peer.refused_until, peer.links = 0.0, Allowance(1, 8)
        engine = network.node()._parts.runner.engine
        assert engine is not None and engine.newest_vote(own) is None
        assert network.node().counters.evidence == 0, "what nobody signed accuses nobody"

    run(story, tmp_path, check_threads)


def test_answers_that_nobody_asked_for_and_lies_about_heights_have_no_effect(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        liar = Liar(network)
        await liar.greet()
        forged = header(network)
        for message in (
            HeadNotice(10**9, 10**9, 10**9),
            TransactionsAnswer((network.register_key().raw,)),
            BlockMessage(forged, ()),
            RangeMessage(10**6, (BlockMessage(forged, ()),), (), None),
            CertificateMessage(Certificate(Statement(7, VoteKind.FINALIZE, 5, HASH), 7, (SIGNATURE,) * 3)),
            VoteMessage(Vote(Statement(0, VoteKind.NOTARIZE, 10**9, HASH), 1, SIGNATURE)),
        ):
            await liar.say(message_frame(message))
        assert not await liar.cut_off(1.0)
        assert network.node().queries.status().peers
        async with asyncio.timeout(PATIENCE_S):  # the victim believes nothing, asks, and does not wait for ever
            while not await liar.cut_off(0.2):
                asked = [message.first_height for message in liar.heard if isinstance(message, RangeRequest)]
                liar.heard.clear()
                with suppress(ConnectionError):  # cut off while it speaks
                    for first in asked:
                        await liar.say(message_frame(RangeMessage(first, (BlockMessage(forged, ()),), (), None)))
                    await liar.say(message_frame(HeadNotice(10**9, 10**9, 10**9)))
        liar.close()

    run(story, tmp_path)


def test_a_flood_of_requests_is_answered_within_bounds(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        liar = Liar(network)
        await liar.greet()
        questions: tuple[PeerMessage, ...] = (
            BlockRequest(network.chain_id),
            BlockRequest(HASH),
            CertificatesRequest(0, 2**53 - 1),
            RangeRequest(0, 256),
            RangeRequest(2**53 - 1, 256),
            RangeRequest(1, 1),
            TransactionsRequest((HASH,)),
        )
        burst = b"".join(message_frame(question) for question in questions) * 300
        loop = asyncio.get_running_loop()
        began = loop.time()
        await liar.say(burst)
        await liar.hear(RangeMessage)
        assert not await liar.cut_off(1.5)
        answers = [message for message in liar.heard if isinstance(message, RangeMessage)]
        # A burst is two seconds' worth, and one more may be on its way.
        assert 0 < len(answers) <= dialogue.RANGES_PER_SECOND * (3 + loop.time() - began)
        liar.close()

    run(story, tmp_path)


def test_random_frames_end_in_a_cut_and_never_in_a_crash(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        (peer,) = [peer for peer in network.node().peers if peer.organisation == LIAR]
        for _ in range(40):
            liar = Liar(network)
            await liar.greet()
            payload = secrets.token_bytes(1 + secrets.randbelow(300))
            try:
                decode_message(payload)
            except DecodeError:
                await liar.say(encode_frame(payload))
                assert await liar.cut_off(), payload.hex()
            liar.close()
            peer.refused_until, peer.links = 0.0, Allowance(1, 8)

    run(story, tmp_path)


def test_a_flood_of_known_gossip_is_soon_not_looked_at_and_disturbs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "WASTE_BURST_S", 0.05)
    # Time that may be wasted comes back with the clock, but is spent as processor time, of which four nodes in one
    # process on a busy machine have little: with the real share such a machine is too slow to be flooded at all.
    monkeypatch.setattr(admission, "WASTE_S_PER_S", 0.01)

    async def story(network: Network) -> None:
        liar, known, loop = Liar(network), network.register_key(), asyncio.get_running_loop()
        node = network.node()
        await node.queries.submit(known.raw)
        await node.queries.wait(known.id, TransactionState.PROVEN, PATIENCE_MS)

        async def submitted_to_final() -> float:
            mine, started = network.register_key(), loop.time()
            await node.queries.submit(mine.raw)
            status = await node.queries.wait(mine.id, TransactionState.FINAL, PATIENCE_MS)
            assert status.state is not TransactionState.ADMITTED
            return loop.time() - started

        calm = max([await submitted_to_final() for _ in range(5)])
        await liar.greet()
        flood = message_frame(TransactionFrame((known.raw,) * 60)) * 40

        async def flooding() -> None:
            while True:
                await liar.say(flood)

        task = loop.create_task(flooding())
        slowest, end = 0.0, loop.time() + 120
        while node.queries.counters["gossip_dropped"] < 10_000:
            assert loop.time() < end
            slowest = max(slowest, await submitted_to_final())
        task.cancel()
        assert slowest < max(20.0, 50 * calm), "clients and votes go before and between what floods"
        liar.close()

    run(story, tmp_path)


def test_huge_views_and_heights_are_kept_nowhere(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        liar = Liar(network)
        await liar.greet()
        seeds = {name: bytes.fromhex(network.configs[name].validator_key.read_text()) for name in ORGANISATIONS}
        names = [validator.organisation for validator in network.genesis.validators().members]
        mine = names.index(LIAR)
        before = network.node().queries.status()
        for exponent in range(10, 53):
            for kind in VoteKind:
                said = Statement(0, kind, 2**exponent, bytes(32) if kind is VoteKind.NULLIFY else HASH)
                signature = keys.sign(seeds[LIAR], keys.Purpose.VOTE, network.chain_id, said.signing_bytes())
                await liar.say(message_frame(VoteMessage(Vote(said, mine, signature))))
            await liar.say(message_frame(HeadNotice(2**exponent, 2**exponent, 2**exponent)))
            await liar.say(message_frame(CertificatesRequest(2**exponent, 2**53 - 1)))
        assert not await liar.cut_off(1.0), "genuine votes, only far ahead: no fault, no effect"
        after = network.node().queries.status()
        assert after.view < before.view + 100 and after.height < before.height + 100
        liar.close()

    run(story, tmp_path)
