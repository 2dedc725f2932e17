"""Making an archive: the walk over a scope, with members fetched from nodes, all as of one height.

What is written was verified on the way, and is verified once more as a reader will do it. Specification:
docs/spec/export.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from client_sdk.environment import SYSTEM, Environment
from client_sdk.errors import AnswerError, MissingError, PrunedError
from client_sdk.heads import EPOCH_STEP_SIZE_MAX
from client_sdk.nodes import MSGPACK, Nodes
from client_sdk.reader import RETRY_S, TRIES, Reader
from client_sdk.trust import GENESIS_SIZE_MAX
from tallystick import api
from tallystick.api import BlockAnswer, HistoryAnswer
from tallystick.archive import (
    ArchiveError,
    Audience,
    HeightsScope,
    ItemsScope,
    ReceivableScope,
    Scope,
    VerifiedArchive,
    Walk,
    build_archive,
    check_scope,
    verify_archive,
)
from tallystick.archive.contents import Half, events_of, heads_of
from tallystick.archive.founding import read_founding, show_founding
from tallystick.archive.whole_block import show_block_contents
from tallystick.encoding import decode, encode
from tallystick.epochs import EpochStep
from tallystick.errors import DecodeError
from tallystick.genesis import Genesis
from tallystick.limits import FRAME_SIZE_MAX, RECORD_SIZE_MAX
from tallystick.proofs import ItemBundle, Trust, read_bundle
from tallystick.proofs.written import written_out
from tallystick.records.base import MEMBERS_ONLY_SPACES, Record
from tallystick.records.goods import HistoryEntry
from tallystick.records.members import organisation_key
from tallystick.transactions import SignedTransaction, decode_transaction

RESTARTS = 5  # how often a walk begins anew at a newer height when nodes have pruned the one before
PAGE = 50  # blocks or history entries asked for at once


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be exported.

    Attributes:
        at: the height whose state to show; None: the newest. For periods it is their last height.
        grant: id of the grant that lets this organisation see the receivable, or None.
    """

    scope: Scope
    audience: Audience = Audience.PUBLIC
    at: int | None = None
    grant: bytes | None = None


class Watcher(Protocol):
    """Is told of every member fetched."""

    def __call__(self, count: int) -> None:
        """So many members are there."""


def export(
    wish: Wish,
    nodes: Nodes,
    reader: Reader,
    *,
    environment: Environment = SYSTEM,
    on_member: Watcher = lambda count: None,
) -> tuple[bytes, VerifiedArchive]:
    """Make an archive, and verify it.

    Args:
        nodes: sign requests where the scope or the audience needs members' data.
        reader: over the same nodes, with the pinned trust.
    Raises:
        ArchiveError: what a node showed does not hold, or the scope is too large.
        PrunedError: no node keeps the state of the height asked for.
        MissingError, DoorError, UnavailableError: as ``Nodes.get``.
    """
    check_scope(wish.scope)
    reader.walk()
    genesis, steps = _founding(nodes, reader)
    trust = read_founding(show_founding(genesis, steps), reader.trust.trust()).trust
    for attempt in range(RESTARTS + 1):
        try:
            walk = _walk(wish, nodes, reader, trust, environment, on_member)
            break
        except (PrunedError, _MovedError):
            if wish.at is not None or isinstance(wish.scope, HeightsScope) or attempt == RESTARTS:
                raise
    data = build_archive(walk, wish.scope, wish.audience, genesis, steps)
    return data, verify_archive(data, reader.trust.trust())


def _walk(wish: Wish, nodes: Nodes, reader: Reader, trust: Trust, environment: Environment, on_member: Watcher) -> Walk:
    height, receivable = _beginning(wish, reader)
    supply = NodeSupply(nodes, trust.chain_id, height, receivable, environment, on_member)
    walk = Walk(supply, trust, height, wish.audience)
    try:
        walk.scope(wish.scope)
    except DecodeError as error:
        raise AnswerError(f"a node answered something that cannot be read: {error}") from error
    except ArchiveError as error:
        if error.path.startswith("record-halves/"):
            raise _MovedError(error.rule, error.detail, error.path, "try again when the ledger is quieter") from error
        raise
    return walk


def _beginning(wish: Wish, reader: Reader) -> tuple[int, bytes]:
    """The height that everything is to show, and the receivable's bundle, which no node shows of an earlier one."""
    scope = wish.scope
    if isinstance(scope, HeightsScope):
        return scope.to_height, b""
    if isinstance(scope, ReceivableScope):
        receivable, data = reader.receivable(bytes.fromhex(scope.obligation), wish.grant)
        return receivable.anchor.executed.height, data
    if wish.at is not None:
        return wish.at, b""
    if isinstance(scope, ItemsScope):
        return reader.item(scope.identifiers[0]).anchor.executed.height, b""
    return reader.record(organisation_key(scope.organisation)).anchor.executed.height, b""


def _founding(nodes: Nodes, reader: Reader) -> tuple[Genesis, tuple[EpochStep, ...]]:
    """The genesis, and how every epoch ended; checked by the walk's trust."""
    try:
        genesis = decode(nodes.get(api.GENESIS, accept=MSGPACK).body, Genesis, size_max=GENESIS_SIZE_MAX)
        steps = tuple(
            decode(
                nodes.get(api.EPOCH.format(epoch=epoch), accept=MSGPACK).body, EpochStep, size_max=EPOCH_STEP_SIZE_MAX
            )
            for epoch in range(reader.trust.newest_epoch)
        )
    except DecodeError as error:
        raise AnswerError(f"a node answered something that founds no chain: {error}") from error
    return genesis, steps


class _MovedError(ArchiveError):
    """The ledger went on while the walk was under way: begin anew."""


@dataclass(slots=True)
class NodeSupply:
    """A ``tallystick.archive.supply.Supply`` out of nodes' answers. Nothing is checked here: the walk does that.

    Attributes:
        bundle: the proof of the receivable, or empty.
    """

    nodes: Nodes
    chain_id: bytes
    height: int
    bundle: bytes
    environment: Environment
    on_member: Watcher
    _count: int = 0
    _owners: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    _halves: dict[bytes, bytes] = field(default_factory=dict)
    _blocks: dict[int, BlockAnswer] = field(default_factory=dict)
    _transactions: dict[bytes, SignedTransaction] = field(default_factory=dict)

    def item(self, identifier: str) -> bytes:
        """See ``Supply``; notes where the events' members' parts can be had."""
        data = self._proof(api.ITEM_PROOF, {"id": identifier, "at": str(self.height)})
        bundle = read_bundle(data)
        if not isinstance(bundle, ItemBundle):
            return data
        for owner, history in written_out(bundle).histories.items():
            for index, entry in enumerate(history.entries):
                shown = decode(entry, HistoryEntry, size_max=256)
                self._owners.setdefault(shown.commitment, (owner.hex(), index))
        return data

    def record(self, key: bytes) -> bytes:
        """See ``Supply``."""
        private = key[0] in MEMBERS_ONLY_SPACES
        path = api.MEMBERS_RECORD_PROOF if private else api.RECORD_PROOF
        return self._proof(path, {"key": key.hex(), "at": str(self.height)}, members=private)

    def receivable(self, obligation: bytes) -> bytes:
        """See ``Supply``; it was fetched first, for it says the height."""
        return self._counted(self.bundle)

    def block(self, height: int) -> bytes:
        """See ``Supply``."""
        return self._proof(api.BLOCK_PROOF, {"height": str(height)})

    def receipt(self, transaction: bytes) -> bytes:
        """See ``Supply``."""
        return self._proof(api.RECEIPT_PROOF.format(id=transaction.hex()), {}, members=True)

    def heads(self, height: int) -> bytes:
        """See ``Supply``."""
        transactions = [decode_transaction(raw, self.chain_id) for raw in self._block(height).transactions]
        self._transactions = {one.id: one for one in transactions}
        return self._counted(heads_of(transactions))

    def block_contents(self, height: int) -> bytes:
        """See ``Supply``."""
        block = self._block(height)
        return self._counted(show_block_contents(block.transactions, block.receipts))

    def events(self, transaction: bytes, height: int) -> bytes:
        """See ``Supply``; the heads of this height were asked for just before."""
        shown = self._transactions[transaction]
        self._keep_halves(shown)
        return self._counted(events_of(shown))

    def payload(self, transaction: bytes, height: int) -> bytes:
        """See ``Supply``."""
        return self._counted(self._transactions[transaction].payload)

    def event_half(self, commitment: bytes) -> bytes:
        """See ``Supply``."""
        if commitment not in self._halves and commitment in self._owners:
            owner, index = self._owners[commitment]
            query = {"key": owner, "from": str(index), "limit": str(PAGE)}
            body = self.nodes.get(api.HISTORY, query, members=True, accept=MSGPACK).body
            for answer in decode(body, tuple[HistoryAnswer, ...], size_max=PAGE * FRAME_SIZE_MAX):
                self._keep_halves(decode_transaction(answer.transaction, self.chain_id))
        if commitment not in self._halves:
            raise AnswerError(f"a node does not show the members' part of event {commitment.hex()}")
        return self._counted(self._halves[commitment])

    def record_half(self, key: bytes) -> bytes:
        """See ``Supply``; the newest one, which the walk refuses when it changed since the height."""
        body = self.nodes.get(api.RECORD, {"key": key.hex()}, members=True, accept=MSGPACK).body
        record = decode(body, Record, size_max=3 * RECORD_SIZE_MAX)
        return self._counted(encode(Half(record.members_salt, record.members)))

    def _keep_halves(self, transaction: SignedTransaction) -> None:
        for event, commitment in zip(transaction.events, transaction.commitments, strict=True):
            if event.members:
                self._halves[commitment] = encode(Half(event.members_salt, event.members))

    def _block(self, height: int) -> BlockAnswer:
        """A block's contents, out of the page that was asked for last."""
        if height not in self._blocks:
            query = {"from": str(height), "limit": str(PAGE)}
            body = self.nodes.get(api.BLOCKS, query, members=True, accept=MSGPACK).body
            blocks = decode(body, tuple[BlockAnswer, ...], size_max=PAGE * FRAME_SIZE_MAX)
            self._blocks = dict(enumerate(blocks, height))
            if not blocks:
                raise AnswerError(f"a node does not show the block of height {height}")
        return self._blocks[height]

    def _proof(self, path: str, query: dict[str, str], *, members: bool = False) -> bytes:
        """A proof; a node that has not come as far as the height yet is given a moment."""
        for attempt in range(1, TRIES + 1):
            try:
                return self._counted(self.nodes.get(path, query, members=members).body)
            except MissingError:
                if attempt == TRIES:
                    raise
            self.environment.sleep(RETRY_S)
        raise AssertionError("unreachable")

    def _counted(self, data: bytes) -> bytes:
        self._count += 1
        self.on_member(self._count)
        return data
