"""A member with genuine keys turns hostile: the honest three go on, the victims' memory and logs stay bounded."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from client_sdk.intents import governance
from node.config import load_config
from node.network.frames import encode_frame
from node.network.messages import (
    BlockMessage,
    BlockRequest,
    CertificateMessage,
    CertificatesRequest,
    HeadNotice,
    Hello,
    ProposalMessage,
    RangeMessage,
    RangeRequest,
    TransactionFrame,
    TransactionsAnswer,
    TransactionsRequest,
    VoteMessage,
    message_frame,
)
from scripts.story.cast import CARRIER, GROWER, PROCESSOR, RETAILER, Cast
from scripts.story.network import Network
from tallystick import keys
from tallystick.blocks import Header
from tallystick.encoding import decode
from tallystick.limits import FRAME_SIZE_MAX
from tallystick.merkle import root_of
from tallystick.proposals import Proposal
from tallystick.records.members import KeyUse
from tallystick.transactions import Event
from tallystick.votes import Certificate, VoteKind
from tests.attacks.hostile import HASH, SIGNATURE, Link, Turncoat
from tests.integration.chains import blocks_of, executed_heights

HONEST = (GROWER, PROCESSOR, CARRIER)
SEED = 11
ATTACK_S = 2.0
COMMIT_S = 30.0  # for one transaction during an attack; a second or so on a quiet machine
RSS_MB_MAX = 50.0
LOG_BYTES_MAX = 4_096  # of one attack, and as many more
LOG_BYTES_PER_S = 1_024  # for every second of it
PATIENCE_S = 120.0  # for what must come about
pytestmark = pytest.mark.process


@dataclass
class Siege:
    """Three honest nodes, one of them mainly attacked, and an honest client at work."""

    network: Network
    cast: Cast
    turncoat: Turncoat
    links: list[Link] = field(default_factory=list)

    def link(self, organisation: str = GROWER, *, greet: bool = True, patience_s: float = PATIENCE_S) -> Link:
        """A connection to a victim; waits while nothing is taken from the turncoat."""
        one = Link(self.turncoat, load_config(self.network.nodes[organisation].folder / "node.toml"))
        self.links.append(one)
        end = time.monotonic() + patience_s
        while not one.connect(greet=greet):
            one.close()
            assert time.monotonic() < end, f"{organisation} takes no connection any more"
            time.sleep(0.1)
        return one

    def commit(self) -> float:
        """Seconds until a transaction of an honest member is proven."""
        started = time.monotonic()
        member, key = self.cast[GROWER], keys.generate()
        member.do(governance.register_key(keys.public_key_of(key), (KeyUse.CAPTURE,)), co_signers=[key])
        return time.monotonic() - started

    def memory_mb(self) -> dict[str, float]:
        """Resident memory of the honest."""
        sizes = {}
        for organisation in HONEST:
            process = self.network.nodes[organisation].process
            assert process is not None
            line = next(
                line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmRSS" in line
            )
            sizes[organisation] = int(line.split()[1]) / 1e3
        return sizes

    def log_sizes(self) -> dict[str, int]:
        """Bytes logged by the honest."""
        return {organisation: self.network.nodes[organisation].log.stat().st_size for organisation in HONEST}

    def withstand(self, attack: Callable[[], None]) -> None:
        """Run an attack while honest members commit; then assert everything that must hold."""
        memory, logs, started = self.memory_mb(), self.log_sizes(), time.monotonic()
        failure: list[BaseException] = []

        def attacking() -> None:
            try:
                attack()
            except BaseException as error:
                failure.append(error)

        attacker = threading.Thread(target=attacking)
        attacker.start()
        slowest, commits = self.commit(), 1
        while attacker.is_alive():
            slowest, commits = max(slowest, self.commit()), commits + 1
        attacker.join()
        if failure:
            raise failure[0]
        slowest = max(slowest, self.commit())
        for link in self.links:
            link.close()
        self.links.clear()
        print(f"\n{commits} commits, slowest {slowest:.2f} s", end="")
        assert slowest < COMMIT_S
        for organisation in HONEST:
            process, log = self.network.nodes[organisation].process, self.network.nodes[organisation].log
            assert process is not None and process.poll() is None, log.read_text()[-2_000:]
            grown = self.memory_mb()[organisation] - memory[organisation]
            assert grown < RSS_MB_MAX, f"{organisation} grew by {grown:.0f} MB"
            written = self.log_sizes()[organisation] - logs[organisation]
            log_max = LOG_BYTES_MAX + LOG_BYTES_PER_S * (time.monotonic() - started)
            assert written < log_max, log.read_text()[-2_000:]
            assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def siege(attacked: Cast) -> Iterator[Siege]:
    network = attacked.network
    one = Siege(network, attacked, Turncoat.of(network.nodes[RETAILER]))
    one.commit()
    yield one
    height = min(executed_heights(network).values())
    chains = [blocks_of(attacked, name, GROWER, height) for name in HONEST]
    for blocks in chains:
        assert [block.header for block in blocks] == [block.header for block in chains[0]]
        assert [block.receipts for block in blocks] == [block.receipts for block in chains[0]]


def for_a_while(
    act: Callable[[], object], seconds: float = ATTACK_S, *, until: Callable[[], object] = lambda: True
) -> None:
    """For so long, and until something was reached, which may take a slow machine longer."""
    started = time.monotonic()
    while time.monotonic() < started + seconds or not (until() or time.monotonic() > started + PATIENCE_S):
        act()


def flood(siege: Siege, make: Callable[[Link], bytes], victims: tuple[str, ...] = (GROWER,)) -> Callable[[], None]:
    """Say something without end to some victims, connecting again whenever they cut the connection."""

    def attack() -> None:
        links = [siege.link(name) for name in victims]

        def once() -> None:
            for link in links:
                if link.cut:
                    link.close()
                    if not link.connect():
                        time.sleep(0.05)
                        continue
                link.send(make(link))
                link.listen(0.001)

        for_a_while(once)

    return attack


# --- floods -----------------------------------------------------------------------------------------------------


def test_connecting_again_and_again(siege: Siege) -> None:
    def attack() -> None:
        config = load_config(siege.network.nodes[GROWER].folder / "node.toml")

        def once() -> None:
            link = Link(siege.turncoat, config)
            link.connect()
            link.close()

        for_a_while(once)

    siege.withstand(attack)


def test_gossip_of_strangers_transactions(siege: Siege) -> None:
    raws = [siege.turncoat.transaction().raw for _ in range(1_000)]
    frames = [message_frame(TransactionFrame(tuple(raws[start : start + 250]))) for start in range(0, 1_000, 250)]
    siege.withstand(flood(siege, lambda link: random.choice(frames), HONEST))


def test_gossip_of_huge_transactions_one_by_one_and_in_frames_that_nobody_honest_sends(siege: Siege) -> None:
    events = tuple(Event(b'{"x":"%s%d"}' % (b"y" * 900, number)) for number in range(1_000))
    huge = siege.turncoat.transaction(events=events).raw
    frames = [message_frame(TransactionFrame((huge,))), message_frame(TransactionFrame((huge,) * 7))]
    siege.withstand(flood(siege, lambda link: frames[0]))
    siege.withstand(flood(siege, lambda link: frames[1]))


def test_gossip_of_what_was_executed_long_ago(siege: Siege) -> None:
    blocks = blocks_of(siege.cast, GROWER, GROWER, min(executed_heights(siege.network).values()))
    old = [raw for block in blocks for raw in block.transactions][:50]
    frame = message_frame(TransactionFrame(tuple(old) * 5))
    siege.withstand(flood(siege, lambda link: frame, HONEST))


def test_questions_without_end_by_one_who_reads_no_answers(siege: Siege) -> None:
    questions = (
        *(BlockRequest(HASH), BlockRequest(siege.turncoat.chain_id), CertificatesRequest(0, 2**53 - 1)),
        *(RangeRequest(1, 256), RangeRequest(2**53 - 1, 1), TransactionsRequest((HASH,) * 250)),
    )
    burst = b"".join(message_frame(question) for question in questions) * 50
    siege.withstand(flood(siege, lambda link: burst))


def test_lies_about_heights_and_answers_that_nobody_asked_for(siege: Siege) -> None:
    forged = siege.turncoat.header()
    lies = (
        *(HeadNotice(10**9, 10**9, 10**9), HeadNotice(0, 0, 0), HeadNotice(2**53 - 1, 2**53 - 1, 2**53 - 1)),
        *(BlockMessage(forged, ()), TransactionsAnswer((siege.turncoat.transaction().raw,) * 100)),
    )
    burst = b"".join(map(message_frame, lies)) * 20
    siege.withstand(flood(siege, lambda link: burst, HONEST))


# --- agreement ----------------------------------------------------------------------------------------------------


def contradictions(siege: Siege, link: Link) -> bytes:
    """Two votes of every kind in every view that the victim may listen to."""
    link.listen(0.1)
    first = max(1, link.view - 1)
    votes = [
        siege.turncoat.vote(kind, view, block_hash)
        for view in range(first, first + 18)
        for kind in VoteKind
        for block_hash in (HASH, b"\x03" * 32)
    ]
    return b"".join(message_frame(VoteMessage(vote)) for vote in votes)


def test_contradicting_itself_in_every_view(siege: Siege) -> None:
    siege.withstand(flood(siege, lambda link: contradictions(siege, link), HONEST))


def hostile_proposals(siege: Siege, heard: Proposal) -> list[Proposal]:
    """What a hostile leader may put on top of an honest proposal when its turn comes."""
    parent, turncoat = heard.header, siege.turncoat
    leaves = [secrets.token_bytes(32) for _ in range(250)]
    common = {
        "height": parent.height + 1, "view": parent.view + 1, "parent_hash": parent.block_hash(),
        "parent_view": parent.view, "executed": parent.executed, "time_ms": parent.time_ms + 25,
    }  # fmt: skip
    filled = {**common, "transaction_count": 250, "transaction_root": root_of(leaves)}
    lying = msgspec.structs.replace(parent.executed, state_root=HASH)
    return [
        turncoat.proposal(turncoat.header(**filled), leaves),
        turncoat.proposal(turncoat.header(**filled, due_work=True), leaves[::-1]),
        turncoat.proposal(turncoat.header(**common, transaction_count=7, transaction_root=HASH)),
        turncoat.proposal(turncoat.header(**{**common, "executed": lying})),
        turncoat.proposal(turncoat.header(**{**common, "time_ms": 253_402_300_799_999})),
        turncoat.proposal(turncoat.header(**{**common, "height": 2**53 - 1})),
        turncoat.proposal(turncoat.header(**{**common, "parent_hash": HASH})),
    ]


def test_a_hostile_leader_with_unknown_transactions_and_wrong_answers(siege: Siege) -> None:
    """Each of its turns costs one time-out; what it answers to those who ask for its transactions changes nothing."""
    count = len(siege.turncoat.genesis.cards)
    asked: list[int] = []
    useless = tuple(siege.turncoat.transaction().raw for _ in range(250))

    def attack() -> None:
        links = [siege.link(name) for name in HONEST]
        chance = random.Random(SEED)

        def once() -> None:
            for link in links:
                if link.cut:
                    link.close()
                    link.connect()
                for message in link.listen(0.01):
                    if isinstance(message, ProposalMessage):
                        header = message.proposal.header
                        if (header.view + 1) % count == siege.turncoat.index % count:
                            bad = hostile_proposals(siege, message.proposal)
                            chosen = bad[:1] if chance.random() < 0.6 else chance.sample(bad, 2)
                            for other in links:
                                other.say(*map(ProposalMessage, chosen))
                    if isinstance(message, TransactionsRequest):
                        asked.append(len(message.witness_leaves))
                        link.say(*[TransactionsAnswer(useless)] * 20)

        for_a_while(once, 2 * ATTACK_S, until=lambda: asked)

    siege.withstand(attack)
    assert asked, "no proposal was good enough to be asked about: the attack met nothing"


def forged_certificates(siege: Siege, good: Certificate) -> list[Certificate]:
    """One genuine certificate spoiled in every way."""
    spoiled = [
        msgspec.structs.replace(good, signatures=good.signatures[::-1]),
        msgspec.structs.replace(good, signatures=(good.signatures[0],) * len(good.signatures)),
        msgspec.structs.replace(good, signatures=(*good.signatures, SIGNATURE)),
        msgspec.structs.replace(good, signers=2**31 - 1),
        msgspec.structs.replace(good, signers=1 << siege.turncoat.index, signatures=good.signatures[:1]),
    ]
    ahead = good.statement.view + 1_000
    higher = msgspec.structs.replace(good.statement, view=ahead)
    return [msgspec.structs.replace(one, statement=higher) for one in [good, *spoiled]]


def test_certificates_with_exchanged_repeated_unknown_or_missing_signers_are_cut_off(siege: Siege) -> None:
    """Each costs the connection, so that most are tried at one victim after the other."""
    blocks = blocks_of(siege.cast, GROWER, GROWER, executed_heights(siege.network)[GROWER])
    good = next(block.finalisation for block in blocks if block.finalisation is not None)
    forged = forged_certificates(siege, good)

    def attack() -> None:
        for number, certificate in enumerate(forged):
            link = siege.link(HONEST[number % 3])
            link.say(CertificateMessage(certificate))
            assert link.is_cut(), certificate
            link.close()

    siege.withstand(attack)


def bad_words(siege: Siege) -> list[tuple[bool, bytes]]:
    """What ends a connection: whether after a greeting, and the bytes. Each costs the victim's trust for a while."""
    return [
        (False, message_frame(Hello(1, HASH, "another chain"))),
        (False, b"\xff\xff\xff\xff"),
        (True, encode_frame(b"\xdd\xff\xff\xff\xff")),
        (True, encode_frame(b"\x91" * 100_000)),
        (True, encode_frame(b"\x92\x06\xdd\x00\x2a\xaa\x00" + b"\xc4\x01a" * 0x2AAA00)),
        (True, encode_frame(message_frame(HeadNotice(1, 1, 1))[4:] + b"\x00")),
        (True, message_frame(ProposalMessage(siege.turncoat.proposal(siege.turncoat.header(chain_id=HASH))))),
    ]


def test_frames_that_no_honest_member_sends_are_cut_off(siege: Siege) -> None:
    def attack() -> None:
        for number, (greet, words) in enumerate(bad_words(siege)):
            link = siege.link(HONEST[number % 3], greet=greet)
            link.send(words)
            assert link.is_cut(), words[:40]
            link.close()

    siege.withstand(attack)


def test_half_a_frame_held_back_for_ever_costs_little_and_stops_nobody(siege: Siege) -> None:
    def attack() -> None:
        links = [siege.link(name) for name in HONEST]
        for link in links:
            link.send(FRAME_SIZE_MAX.to_bytes(4, "big") + b"\x92\x06" + b"x" * (FRAME_SIZE_MAX - 10))
        for_a_while(lambda: [link.listen(0.05) for link in links], 1.0)

    siege.withstand(attack)


def test_ranges_that_lie_to_one_who_asks(siege: Siege) -> None:
    """The turncoat claims to be far ahead; what it then serves is other blocks, no chain, or nothing."""
    siege.network.wait_for_height(30, HONEST, PATIENCE_S)
    blocks = blocks_of(siege.cast, GROWER, GROWER, 30)
    genuine = [BlockMessage(decoded(block.header), block.transactions) for block in blocks]
    proof = next((block.finalisation for block in blocks if block.finalisation is not None), None)
    lies = [
        RangeMessage(1, (), (), None),
        RangeMessage(1, tuple(genuine[:5]), (), proof),
        RangeMessage(1, tuple(genuine[:5]), (siege.turncoat.header(),), proof),
        RangeMessage(1, tuple(reversed(genuine[:5])), (), proof),
    ]
    asked: list[int] = []

    def attack() -> None:
        for number, lie in enumerate(lies):
            before, end = len(asked), time.monotonic() + PATIENCE_S
            while len(asked) == before and time.monotonic() < end:  # a link that is silent for seconds is given up
                tell(HONEST[number % 3], lie)

    def tell(victim: str, lie: RangeMessage) -> None:
        link = siege.link(victim)
        link.say(HeadNotice(10**6, 10**6, 10**6))
        requests: list[RangeRequest] = []
        while not requests and not link.cut:
            requests = [message for message in link.listen(0.02) if isinstance(message, RangeRequest)]
        for request in requests:
            asked.append(request.first_height)
            link.say(msgspec.structs.replace(lie, first_height=request.first_height))
        link.close()

    siege.withstand(attack)
    assert len(asked) >= len(lies)


def decoded(data: bytes) -> Header:
    return decode(data, Header, size_max=65_536)
