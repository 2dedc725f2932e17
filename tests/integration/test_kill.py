"""Nodes killed without warning while a trade is under way: nothing that was answered is lost, nothing comes twice."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from client_sdk import event_builder as build
from client_sdk.errors import StillWaitingError
from client_sdk.intents import trade
from client_sdk.outcome import Outcome
from scripts.story.cast import ADMISSIONS, BANK, CARRIER, FOUNDERS, GROWER, PROCESSOR, RETAILER, Cast
from scripts.story.goods import FIELD_GTIN, GoodsStory, lot
from scripts.story.network import Network
from tallystick.api import TransactionState
from tallystick.encoding import decode
from tallystick.errors import UnavailableError
from tallystick.reasons import Reason
from tallystick.receipts import Receipt, ReceiptKind
from tallystick.records.members import KeyUse
from tallystick.records.trade import AccountMembers, account_key
from tallystick.transactions import SignedTransaction, decode_transaction
from tests.integration.chains import blocks_of, executed_heights, header_of, wait_for_equal_heads

SEED = 20_261
PATIENCE_S = 180.0
ANSWERS = 11  # of each trader at least, for the kills to meet anything
RECEIPT_SIZE_MAX = 1_048_576
pytestmark = pytest.mark.process


@dataclass
class Trader:
    """A member at work until told to stop; remembers what it was answered. Doubt is settled by sending again."""

    cast: Cast
    organisation: str
    make: Callable[[int], SignedTransaction]
    stop: threading.Event
    answered: dict[bytes, Outcome] = field(default_factory=dict)
    failure: BaseException | None = None

    def run(self) -> None:
        count = 0
        try:
            while not self.stop.is_set():
                transaction = self._made(count)
                wait = (TransactionState.FINAL, TransactionState.EXECUTED, TransactionState.PROVEN)[count % 3]
                self.answered[transaction.id] = self._submitted(transaction, wait)
                count += 1
        except BaseException as error:
            self.failure = error
        finally:
            self.cast[self.organisation].client.nodes.close()

    def _made(self, count: int) -> SignedTransaction:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.make(count)
            except UnavailableError:  # nobody says what time it is
                if time.monotonic() > end:
                    raise

    def _submitted(self, transaction: SignedTransaction, wait: TransactionState) -> Outcome:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.cast[self.organisation].client.submit(transaction, wait=wait)
            except (UnavailableError, StillWaitingError):
                if time.monotonic() > end:
                    raise


@dataclass
class Market:
    """A network with goods and money moving on it."""

    network: Network
    cast: Cast
    stop: threading.Event = field(default_factory=threading.Event)
    traders: list[Trader] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def open(self) -> None:
        self.network.found("kill")
        for organisation in (PROCESSOR, CARRIER):  # each node's own affair: they agree with those that have none
            self.network.configure(organisation, "check_threads = 2")
        self.network.configure(CARRIER, "tree_keys_in_memory = 0")
        self.network.start_all()
        self.cast.open_founders()
        self.cast.admit(next(admission for admission in ADMISSIONS if admission.organisation == BANK))
        for owner in (RETAILER, PROCESSOR):
            self.cast[BANK].do(trade.open_account(owner, "CNY"))
        self.cast[BANK].do(trade.issue_deposit(RETAILER, "CNY", 1_000_000, bytes(32)))

    def _capture(self, organisation: str, count: int) -> SignedTransaction:
        member = self.cast[organisation]
        event = build.commission([lot(f"01/{FIELD_GTIN}/10/K{count}", 1)], GoodsStory(self.cast).at())
        return member.client.sign_events(member.prepare([event]).events, [member.seed_for(KeyUse.CAPTURE)])

    def _transfer(self, count: int) -> SignedTransaction:
        return self.cast[RETAILER].sign(trade.transfer(BANK, "CNY", PROCESSOR, 1, count.to_bytes(32, "big")))

    def begin(self) -> None:
        self.traders = [
            Trader(self.cast, GROWER, lambda count: self._capture(GROWER, count), self.stop),
            Trader(self.cast, RETAILER, self._transfer, self.stop),
        ]
        self.threads = [threading.Thread(target=trader.run) for trader in self.traders]
        for thread in self.threads:
            thread.start()

    def wait_for_answers(self) -> None:
        """On a slow machine there are few while nodes are killed: go on until each trader has enough."""
        end = time.monotonic() + PATIENCE_S
        while any(len(trader.answered) < ANSWERS and trader.failure is None for trader in self.traders):
            assert time.monotonic() < end, [len(trader.answered) for trader in self.traders]
            time.sleep(0.05)

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(2 * PATIENCE_S)
        self.cast.close()

    def balance(self, owner: str) -> int:
        record = self.cast.reader(owner).record(account_key(BANK, "CNY", owner), members=True)
        return record.members_as(AccountMembers).balance


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    network = Network(tmp_path / "network", FOUNDERS)
    one = Market(network, Cast(network))
    try:
        one.open()
        one.begin()
        yield one
    finally:
        one.stop.set()
        network.stop()
        one.end()


def seconds_until_above(network: Network, height: int) -> float:
    """How long until some node has executed more than ``height``."""
    started = time.monotonic()
    while max(executed_heights(network).values(), default=0) <= height:
        assert time.monotonic() - started < PATIENCE_S, f"nothing was committed above {height}"
        time.sleep(0.02)
    return time.monotonic() - started


def test_killed_nodes_come_back_and_everything_answered_stands_once_at_its_place(
    market: Market, record_property: Callable[[str, object], None]
) -> None:
    network, chance = market.network, random.Random(SEED)
    victims = [GROWER, PROCESSOR, CARRIER, RETAILER]
    chance.shuffle(victims)
    waits: list[float] = []
    for victim in victims:
        time.sleep(chance.uniform(0.3, 1.0))
        network.kill(victim)
        waits.append(seconds_until_above(network, max(executed_heights(network).values())))
        time.sleep(chance.uniform(0.1, 0.6))
        network.start(victim)
        network.wait_for_height(max(executed_heights(network).values()), timeout_s=PATIENCE_S)
    market.wait_for_answers()
    time.sleep(chance.uniform(0.3, 1.0))
    reached = max(executed_heights(network).values())
    for victim in victims:
        network.kill(victim)
    for victim in victims:
        network.start(victim)
    after_all = seconds_until_above(network, reached)
    time.sleep(1.0)
    market.end()
    assert [trader.failure for trader in market.traders] == [None, None]
    print(f"\nnext commit after each kill: {[round(wait, 2) for wait in waits]} s; after all four: {after_all:.2f} s")
    record_property("next_commit_after_kill_s", waits)
    record_property("next_commit_after_killing_all_s", after_all)
    assert_answers_hold(market)


def assert_answers_hold(market: Market) -> None:
    """Equal heads and blocks; every answered transaction once, at the place it was answered with."""
    network = market.network
    answered = [outcome.height or 0 for trader in market.traders for outcome in trader.answered.values()]
    executed = wait_for_equal_heads(network, PATIENCE_S, certified=max(answered))
    height = int(str(executed["height"]))
    chains = {name: blocks_of(market.cast, name, GROWER, height) for name in network.nodes}
    first = chains[GROWER]
    for blocks in chains.values():
        assert [block.header for block in blocks] == [block.header for block in first]
        assert [block.transactions for block in blocks] == [block.transactions for block in first]
        assert [block.receipts for block in blocks] == [block.receipts for block in first]
    places: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    for block in first:
        receipts = [decode(data, Receipt, size_max=RECEIPT_SIZE_MAX) for data in block.receipts]
        executed_here = [receipt for receipt in receipts if receipt.kind is ReceiptKind.TRANSACTION]
        assert len(executed_here) == len(block.transactions)
        for index, (raw, receipt) in enumerate(zip(block.transactions, executed_here, strict=True)):
            assert receipt.subject == decode_transaction(raw, market.cast.chain_id).id
            if receipt.reason is not Reason.REPLAYED:  # ordered again after a crash, and skipped
                places[receipt.subject].append((header_of(block).height, index))
    paid = 0
    for trader in market.traders:
        assert len(trader.answered) >= ANSWERS
        for id_, outcome in trader.answered.items():
            assert outcome.reached(TransactionState.FINAL)
            assert outcome.reason is Reason.NONE
            assert places[id_] == [(outcome.height, outcome.index)]
        paid += len(trader.answered) if trader.organisation == RETAILER else 0
    assert market.balance(PROCESSOR) == paid and market.balance(RETAILER) == 1_000_000 - paid
