"""Four real nodes in one process: they commit, agree, survive a crash of any one, and start again from disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from node.config import Timing
from node.folder import DATABASE, SIGNER_LOG
from tallystick.api import TransactionState
from tallystick.errors import ConfigError, DecodeError, RefusedError, SignatureError
from tallystick.transactions import SignedTransaction
from tests.integration.network import IDLE_MS, ORGANISATIONS, PATIENCE_MS, Network, play, started


def run(story: Callable[[Network], Awaitable[None]], folder: Path, timing: Timing | None = None) -> None:
    async def whole() -> None:
        await story(Network(folder, timing))

    play(whole())


async def committed(network: Network, transactions: list[SignedTransaction], index: int = 0) -> None:
    """Submit to one node; return when all are proven there."""
    queries = network.node(index).queries
    items = await queries.submit_many([transaction.raw for transaction in transactions])
    assert all(item.admitted for item in items), items
    for transaction in transactions:
        status = await queries.wait(transaction.id, TransactionState.PROVEN, PATIENCE_MS)
        assert status.state is TransactionState.PROVEN and status.reason == "NONE", status


async def all_at(network: Network, height: int) -> None:
    await network.until(lambda: min(network.heights().values()) >= height)


def crash(network: Network, name: str) -> None:
    """End a node without letting it say or write anything more, as a kill would."""
    node = network.nodes.pop(name)
    node.fatal(RuntimeError("killed by the test"))
    network.dead.append(node)


def test_transactions_sent_to_any_node_are_proven_on_all(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.start()
        mine = [network.register_key(index) for index in range(4)]
        for index, transaction in enumerate(mine):
            await committed(network, [transaction], index)
        for index in range(4):
            for transaction in mine:
                status = await network.node(index).queries.wait(transaction.id, TransactionState.PROVEN, PATIENCE_MS)
                assert status.state is TransactionState.PROVEN
        assert network.assert_equal_chains() >= 4

    run(story, tmp_path)


def test_an_idle_chain_certifies_what_happened_and_keeps_a_slow_beat(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.start()
        await all_at(network, 2)
        before, since = min(network.heights().values()), time.monotonic()
        await all_at(network, before + 5)
        passed_ms = (time.monotonic() - since) * 1_000
        assert min(network.heights().values()) - before <= passed_ms / IDLE_MS + 3

        def what_happened_is_certified() -> bool:
            head = network.node().queries.head()
            return head is not None and head.executed.height == head.height - 1

        await network.until(what_happened_is_certified)

    run(story, tmp_path)


def test_one_crashed_node_changes_nothing_and_catches_up_when_it_returns(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.start()
        await committed(network, [network.register_key()])
        crash(network, "org:carrier")
        for _ in range(5):
            await committed(network, [network.register_key(index) for index in (0, 1, 3)])
        target = max(network.heights().values())
        await network.restart("org:carrier")
        await all_at(network, target)
        await committed(network, [network.register_key(2)], 2)
        network.assert_equal_chains()

    run(story, tmp_path)


def test_a_node_that_missed_a_hundred_heights_fetches_them_in_ranges(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.start(*ORGANISATIONS[:3])
        while max(network.heights().values()) < 100:
            await committed(network, [network.register_key() for _ in range(3)])
        target = max(network.heights().values())
        await network.start(ORGANISATIONS[3])
        await all_at(network, target)
        await network.until(lambda: network.node(3).counters.blocks_caught_up >= 70)  # counted once all are applied
        await committed(network, [network.register_key(3)], 3)
        network.assert_equal_chains()

    run(story, tmp_path, Timing(idle_block_ms=IDLE_MS, view_timeout_ms=80))


def test_all_nodes_crashed_at_once_go_on_from_disk(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.start()
        first = [network.register_key() for _ in range(20)]
        await committed(network, first)
        waiting = [network.register_key() for _ in range(100)]
        await network.node().queries.submit_many([transaction.raw for transaction in waiting])
        for name in ORGANISATIONS:
            crash(network, name)
        await network.restart(*ORGANISATIONS)
        await committed(network, [network.register_key(1)], 1)
        for transaction in first:
            status = await network.node(2).queries.wait(transaction.id, TransactionState.PROVEN, PATIENCE_MS)
            assert status.state is TransactionState.PROVEN
        network.assert_equal_chains()

    run(story, tmp_path)


def test_a_node_that_lost_its_signer_record_says_so_and_does_not_start(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.start()
        await committed(network, [network.register_key()])
        await network.stop("org:carrier")
        shutil.rmtree(network.configs["org:carrier"].data / SIGNER_LOG)
        with pytest.raises(ConfigError, match="the signer record is lost"):
            await started(network.configs["org:carrier"])
        await committed(network, [network.register_key()])

    run(story, tmp_path)


def test_a_database_of_another_chain_and_a_locked_folder_are_refused(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        other = Network(tmp_path / "other")
        await network.start()
        with pytest.raises(ConfigError, match="locked"):
            await started(network.configs["org:grower"])
        await network.stop()
        mine, theirs = network.configs["org:grower"].data, other.configs["org:grower"].data
        shutil.copytree(mine / DATABASE, theirs / DATABASE)
        with pytest.raises(ConfigError, match="belongs to chain"):
            await started(other.configs["org:grower"])

    run(story, tmp_path)


def test_the_door_refuses_what_can_never_be_valid_and_answers_repeats_with_their_place(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.start()
        queries = network.node().queries
        good = network.register_key()
        await committed(network, [good])
        again = await queries.submit(good.raw)
        assert again.state is TransactionState.PROVEN and again.height is not None
        with pytest.raises(DecodeError):
            await queries.submit(good.raw[:-1])
        other = network.register_key()
        with pytest.raises(SignatureError):
            await queries.submit(other.raw.replace(other.signatures[0], other.signatures[1]))
        network.roots["org:grower"] = b"\x77" * 32
        with pytest.raises(RefusedError, match="UNKNOWN_KEY"):
            await queries.submit(network.register_key().raw)
        items = await queries.submit_many([good.raw, b"", network.register_key(1).raw])
        assert [item.admitted for item in items] == [True, False, True]

    run(story, tmp_path)
