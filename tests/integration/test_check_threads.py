"""Four nodes that check signatures in threads: they commit, refuse, agree, and get over crashes as others do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from node.check_threads import InThreads
from tallystick import admission
from tallystick.errors import SignatureError
from tallystick.transactions import SignedTransaction
from tests.integration.network import ORGANISATIONS, PATIENCE_S, Network, play
from tests.integration.test_four_nodes import all_at, committed, crash

THREADS = 2


def run(story: Callable[[Network], Awaitable[None]], folder: Path) -> None:
    async def whole() -> None:
        await story(Network(folder, check_threads=THREADS))

    play(whole())
    assert not any(thread.name.startswith("checks-") for thread in threading.enumerate())


def spoilt(signed: SignedTransaction) -> bytes:
    """Its bytes with a signature that its second signer never made."""
    return signed.raw.replace(signed.signatures[1], bytes(64))


def test_transactions_are_committed_and_a_bad_signature_has_its_typed_refusal(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.start()
        mine = [network.register_key(index % 4) for index in range(200)]
        sent = [signed.raw for signed in mine]
        for place in range(0, 200, 50):
            sent[place] = spoilt(mine[place])
        items = await network.node().queries.submit_many(sent)
        assert [item.admitted for item in items] == [place % 50 != 0 for place in range(200)]
        with pytest.raises(SignatureError, match="does not verify"):
            await network.node().queries.submit(spoilt(network.register_key()))
        for index in range(4):
            await committed(network, [network.register_key(index)], index)
        await network.until(lambda: all(network.node().ledger.place(mine[place].id) is not None for place in (1, 199)))
        assert all(network.node().ledger.place(mine[place].id) is None for place in range(0, 200, 50))
        checker = network.node()._parts.checker
        assert isinstance(checker, InThreads) and len(checker._threads) == THREADS
        network.assert_equal_chains()

    run(story, tmp_path)


def test_a_crashed_node_catches_up_and_all_crashed_at_once_go_on_from_disk(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.start()
        await committed(network, [network.register_key()])
        crash(network, "org:carrier")
        while max(network.heights().values()) < 40:  # further than it fetches block by block
            await committed(network, [network.register_key(index) for index in (0, 1, 3)])
        target = max(network.heights().values())
        await network.restart("org:carrier")
        await all_at(network, target)
        await committed(network, [network.register_key(2)], 2)
        for name in ORGANISATIONS:
            crash(network, name)
        await network.restart(*ORGANISATIONS)
        await committed(network, [network.register_key(1)], 1)
        network.assert_equal_chains()

    run(story, tmp_path)


def test_a_fault_in_a_thread_ends_the_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(signed: SignedTransaction) -> None:
        raise LookupError("planted")

    async def story(network: Network) -> None:
        await network.start(ORGANISATIONS[0])
        node = network.node()
        monkeypatch.setattr(admission.SignedTransaction, "verify_signatures", broken)
        waiting = asyncio.get_running_loop().create_task(node.queries.submit(network.register_key().raw))
        error = await asyncio.wait_for(node.failure(), PATIENCE_S)
        assert isinstance(error, LookupError)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    run(story, tmp_path)
