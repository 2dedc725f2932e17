"""Asking peers for what is missing: transactions of a proposed block, blocks by hash. Answers are checked in slices.

Only what was asked of a peer is taken from it, so nobody can make a node verify what it does not need.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from consensus.inputs import BlockReceived, Input
from node.checking import Checker, verified
from node.contents import Contents
from node.counters import Counters
from node.ledger import Ledger
from node.network.messages import (
    BlockMessage,
    BlockRequest,
    ClosingMessage,
    TransactionsAnswer,
    TransactionsRequest,
)
from node.network.peers import Peer, Peers
from tallystick.admission import VerifiedTransaction
from tallystick.blocks import Header, check_contents
from tallystick.errors import DecodeError, SignatureError
from tallystick.transactions import SignedTransaction, decode_transaction

FIRST_ASK_S = 0.03  # gossip is usually on its way; asking at once would double the work under load
PATIENCE_S = 0.25  # how long gossip that is here but not looked at yet is waited for
NEXT_ASK_S = 0.2  # until the next peer is asked
SLICE_TRANSACTIONS = 32  # verified per loop turn
ASKED_LEAVES_MAX = 10_000  # open requests for transactions, per peer
ANSWERS_MAX = 8  # answers of one peer that are looked at before it is asked again
ASKED_BLOCKS_MAX = 64  # requests by hash that are remembered


class Fetcher:
    """Requests of this node that are open."""

    def __init__(
        self,
        chain_id: bytes,
        contents: Contents,
        ledger: Ledger,
        peers: Peers,
        checker: Checker,
        counters: Counters,
        loop: asyncio.AbstractEventLoop,
        *,
        give: Callable[[Input], None],
        fatal: Callable[[BaseException], None],
        gossip_waits: Callable[[], bool],
    ) -> None:
        self._chain_id = chain_id
        self._contents = contents
        self._ledger = ledger
        self._peers = peers
        self._checker = checker
        self._counters = counters
        self._loop = loop
        self._give = give
        self._fatal = fatal
        self._gossip_waits = gossip_waits
        self._asked: dict[int, set[bytes]] = {}  # peer index -> witness leaves asked of it
        self._answers: dict[int, int] = {}  # peer index -> requests that it has not answered
        self._blocks: dict[bytes, list[int]] = {}  # block hash -> indices of peers asked
        self._checking: set[bytes] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Stop checking."""
        for task in self._tasks:
            task.cancel()

    # --- transactions -------------------------------------------------------------------------------------

    def transactions(self, block_hash: bytes) -> None:
        """Ask for an awaited block's missing transactions until they are there: its leader first, then the others."""
        self._loop.call_later(FIRST_ASK_S, self._ask_unless_waiting, block_hash, self._loop.time() + PATIENCE_S)

    def _ask_unless_waiting(self, block_hash: bytes, until: float) -> None:
        """Ask, unless what is missing is probably in the queue before the mempool."""
        if self._contents.awaited(block_hash) is None:
            return
        if self._gossip_waits() and self._loop.time() < until:
            self._loop.call_later(FIRST_ASK_S, self._ask_unless_waiting, block_hash, until)
        else:
            self._ask_transactions(block_hash)

    def _ask_transactions(self, block_hash: bytes) -> None:
        awaited = self._contents.awaited(block_hash)
        if awaited is None:
            return
        candidates = [peer for peer in self._peers.connected() if peer.index not in awaited.asked]
        if not candidates:
            awaited.asked.clear()
            candidates = self._peers.connected()
        candidates.sort(key=lambda peer: peer.index != awaited.leader)
        if candidates:
            peer = candidates[0]
            awaited.asked.append(peer.index)
            asked = self._asked.setdefault(peer.index, set())
            if len(asked) > ASKED_LEAVES_MAX:  # of blocks given up long ago
                asked.clear()
            asked |= awaited.missing
            self._answers[peer.index] = min(ANSWERS_MAX, self._answers.get(peer.index, 0) + 1)
            peer.send(TransactionsRequest(tuple(sorted(awaited.missing))))
        self._loop.call_later(NEXT_ASK_S, self._ask_transactions, block_hash)

    def take_transactions(self, peer: Peer, answer: TransactionsAnswer) -> None:
        """A peer's answer, one for each request; what was not asked of it is not looked at."""
        asked = self._asked.get(peer.index)
        if asked and self._answers.get(peer.index):
            self._answers[peer.index] -= 1
            self._start(self._check_transactions(peer, asked, answer.transactions))

    async def _check_transactions(self, peer: Peer, asked: set[bytes], raws: Sequence[bytes]) -> None:
        for start in range(0, len(raws), SLICE_TRANSACTIONS):
            if start:
                await asyncio.sleep(0)
            wanted: list[SignedTransaction] = []
            error: DecodeError | None = None
            for raw in raws[start : start + SLICE_TRANSACTIONS]:
                try:
                    signed = decode_transaction(raw, self._chain_id)
                except DecodeError as broken:
                    error = broken
                    break
                leaf = signed.witness_leaf
                if leaf in asked and self._contents.wanted(leaf):  # else come from somewhere else meanwhile
                    asked.discard(leaf)
                    wanted.append(signed)
            if wanted:
                await self._take_wanted(wanted)
            if error is not None:
                self._peers.penalise(peer, error)
                return

    async def _take_wanted(self, wanted: list[SignedTransaction]) -> None:
        for signed, outcome in zip(wanted, await verified(self._checker, wanted), strict=True):
            if isinstance(outcome, VerifiedTransaction):
                self._counters.transactions_fetched += 1
                self._contents.arrived((outcome,))
            else:
                self._contents.condemn(signed.witness_leaf)  # the leaf binds all its bytes: nobody has a better one

    # --- blocks -------------------------------------------------------------------------------------------

    def block(self, block_hash: bytes, holders: Sequence[int]) -> None:
        """Ask the next holder for a block, or answer at once if it is here."""
        known = self._contents.get(block_hash)
        if known is not None:
            self._give(BlockReceived(known.header, block_hash))
            return
        if block_hash in self._checking:
            return
        if len(self._blocks) >= ASKED_BLOCKS_MAX:
            self._blocks.clear()
        asked = self._blocks.setdefault(block_hash, [])
        connected = {peer.index: peer for peer in self._peers.connected()}
        order = [index for index in holders if index in connected]
        order += [index for index in connected if index not in order]
        if not order:
            return
        index = next((index for index in order if index not in asked), None)
        if index is None:
            asked.clear()
            index = order[0]
        asked.append(index)
        connected[index].send(BlockRequest(block_hash))

    def take_closing(self, peer: Peer, message: ClosingMessage) -> None:
        """A peer's answer to a request that named a closing header, which has no contents."""
        block_hash = message.header.block_hash()
        if peer.index in self._blocks.get(block_hash, ()):
            self._blocks.pop(block_hash, None)
            self._give(BlockReceived(message.header, block_hash))

    def forget_peers(self) -> None:
        """Drop what is open with peers: their indices have changed."""
        self._asked.clear()
        self._answers.clear()
        self._blocks.clear()

    def take_block(self, peer: Peer, message: BlockMessage) -> None:
        """A peer's answer."""
        block_hash = message.header.block_hash()
        if peer.index not in self._blocks.get(block_hash, ()) or block_hash in self._checking:
            return
        self._checking.add(block_hash)
        self._start(self._check_block(peer, message, block_hash))

    async def _check_block(self, peer: Peer, message: BlockMessage, block_hash: bytes) -> None:
        try:
            transactions = await self.verified(message.header, message.transactions)
        except (DecodeError, SignatureError) as error:
            self._peers.penalise(peer, error)
            return
        finally:
            self._checking.discard(block_hash)
        self._blocks.pop(block_hash, None)
        self._contents.add(message.header, block_hash, transactions)
        self._give(BlockReceived(message.header, block_hash))

    async def verified(self, header: Header, raws: Sequence[bytes]) -> tuple[VerifiedTransaction, ...]:
        """The verified transactions of a block; those of the mempool are not checked again.

        That they are the block's is checked first: nobody makes us check signatures that no validator voted for.

        Raises:
            DecodeError, SignatureError: they are not the block's, or one is invalid.
        """
        if len(raws) != header.transaction_count:
            raise DecodeError("block.count", f"{len(raws)} transactions, header says {header.transaction_count}")
        decoded = [decode_transaction(raw, self._chain_id) for raw in raws]
        check_contents(header, decoded)
        transactions: list[VerifiedTransaction] = []
        for start in range(0, len(decoded), SLICE_TRANSACTIONS):
            if start:
                await asyncio.sleep(0)
            part = decoded[start : start + SLICE_TRANSACTIONS]
            here = [self._contents.by_leaves((signed.witness_leaf,)) for signed in part]
            missing = [signed for signed, found in zip(part, here, strict=True) if not found]
            outcomes = iter(await verified(self._checker, missing) if missing else ())
            for found in here:
                outcome = found[0] if found else next(outcomes)
                if not isinstance(outcome, VerifiedTransaction):
                    raise outcome
                transactions.append(outcome)
        return tuple(transactions)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                self._fatal(error)
