"""A real node's folder with as many records as one asks for.

Four founders are founded as strangers would; the first one's database then grows through the node's own executor, one
synced batch per height, headers and certificates signed by the four, one of whom changes its key once. Only the rules
are replaced while it grows: every block commissions serials, with the records, histories and receipts that rules would
write, so that a million keys take minutes and not an hour. ``tallystick-node check`` finds such a folder whole, and a
node runs on it.

Usage: python -m scripts.benchmark.filled_node FOLDER KEYS
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

from msgspec import structs

from contracts.execution import execute_block
from contracts.interface import BlockContext, StateView
from contracts.result import BlockResult, HistoryAppend
from contracts.switch import VALIDATORS_KEY
from node.config import load_config
from node.disk import Disk
from node.executor import ExecutedHeight, FinalBlock
from node.founding import read_founding
from node.identity import NEXT_VALIDATOR_KEY
from node.key_files import read_validator_seed, write_new
from scripts.story.cast import FOUNDERS, PROCESSOR
from scripts.story.goods import PACK_GTIN
from scripts.story.network import Network
from tallystick import keys
from tallystick.admission import VerifiedTransaction
from tallystick.blocks import PROTOCOL_VERSION, Header, transaction_root
from tallystick.encoding import ZERO32
from tallystick.reasons import Reason
from tallystick.receipts import Change, Receipt, ReceiptKind
from tallystick.records.base import Record, members_salt_for, record_of
from tallystick.records.chain import ValidatorsRecord
from tallystick.records.goods import (
    EventRecord,
    EventStatus,
    History,
    HistoryEntry,
    HistoryKind,
    ItemMembers,
    ItemPublic,
    ItemStatus,
    Origin,
    event_id_key,
    item_key,
)
from tallystick.records.members import Key, KeyStatus, KeyUse, member_key
from tallystick.validators import ValidatorSet, validator_set
from tallystick.votes import Statement, VoteKind, certificate_of

Rules: TypeAlias = Callable[[StateView, BlockContext, Sequence[VerifiedTransaction]], BlockResult]

SERIALS_PER_BLOCK = 2_000
KEYS_PER_SERIAL = 2  # the item's record and the event's
SPACING_MS = 1  # so that the chain's time stays behind every clock, and four nodes can go on from it


class FilledNode:
    """The first founder's node, stopped, with its database open; ``close`` it before a node runs on the folder.

    Attributes:
        network: all four founders' folders.
        home: the first one's.
        disk: what the node has on disk.
        founders: the validators of epoch 0.
        capture_seed: of a key with which the processor captures.
    """

    def __init__(self, folder: Path, setting: str = "") -> None:
        """Args: setting: a line for its configuration."""
        self.network = Network(folder, FOUNDERS)
        self.network.found("state", allow_clock_advance=False)
        self.network.configure(next(iter(self.network.nodes)), setting)
        nodes = [node.folder for node in self.network.nodes.values()]
        self.home = nodes[0]
        seeds = [read_validator_seed(node / "keys" / "validator.key") for node in nodes]
        self._seeds = {keys.public_key_of(seed): seed for seed in seeds}
        self.capture_seed = keys.generate()
        self._serial = 0
        self._rules: Rules = self._commissioned
        self.open()
        self.grow(self.key_count + KEYS_PER_SERIAL)
        self._change_validators()

    def open(self) -> None:
        """Open the folder as a node does at its start."""
        config = load_config(self.home / "node.toml")
        founding = read_founding(config)
        self.chain_id = founding.chain_id
        self.founders = founding.genesis.validators()
        self.disk = Disk(config, founding, lambda *block: self._rules(*block))
        self.disk.sit(founding.identity)

    def close(self) -> None:
        """Release the folder."""
        self.disk.close()

    @property
    def key_count(self) -> int:
        """Records in the state."""
        return len(self.disk.executor.state.trie)

    @property
    def validators(self) -> ValidatorSet:
        """Who signs the next block."""
        return self.disk.executor.validators().validators

    def grow(self, key_count: int) -> None:
        """Commission serials until the state has that many records, or one more."""
        while self.key_count < key_count:
            self._wanted = min(SERIALS_PER_BLOCK, -(-(key_count - self.key_count) // KEYS_PER_SERIAL))
            self.commit([self.execute(())])

    def execute(self, transactions: Sequence[VerifiedTransaction]) -> ExecutedHeight:
        """Execute the next block: with transactions through the contracts, without as one that commissions serials."""
        self._rules = execute_block if transactions else self._commissioned
        digest = self.validators.digest()
        return self.disk.executor.execute(self._final(transactions, digest))

    def _change_validators(self) -> None:
        """The last validator changes its key: the boundary block of epoch 0. Its node finds the key in its folder."""
        members, seed = self.validators.members, keys.generate()
        last = members[-1]
        folder = self.network.nodes[last.organisation].folder / "keys"
        write_new(folder / NEXT_VALIDATOR_KEY, seed.hex().encode() + b"\n", secret=True)
        following = validator_set((*members[:-1], structs.replace(last, key=keys.public_key_of(seed))))
        record = record_of(ValidatorsRecord(1, following), None, b"")

        def boundary(state: StateView, context: BlockContext, _: Sequence[VerifiedTransaction]) -> BlockResult:
            written = {VALIDATORS_KEY: record}
            receipt = _receipt(context.height, 0, written)
            replaced = {VALIDATORS_KEY: state.get(VALIDATORS_KEY)}
            return BlockResult((receipt,), dict(written), replaced, (), (), None)

        self._rules = boundary
        self.commit([self.disk.executor.execute(self._final((), following.digest()))])
        self._seeds[keys.public_key_of(seed)] = seed

    def commit(self, heights: Sequence[ExecutedHeight]) -> None:
        """Write what was executed in one synced batch."""
        executor = self.disk.executor
        self.disk.ledger.write(executor.take_batch(self.disk.signer_put()))
        executor.state.written()

    def _final(self, transactions: Sequence[VerifiedTransaction], next_validators_hash: bytes) -> FinalBlock:
        """A block with a quorum's signatures."""
        tip = self.disk.executor.tip
        header = Header(
            protocol_version=PROTOCOL_VERSION,
            chain_id=self.chain_id,
            epoch=tip.epoch,
            height=tip.executed.height + 1,
            view=tip.view + 1,
            parent_hash=tip.block_hash,
            parent_view=tip.view,
            proposer=self.validators.leader_of(tip.view + 1),
            time_ms=tip.executed.time_ms + SPACING_MS,
            transaction_count=len(transactions),
            transaction_root=transaction_root([transaction.signed for transaction in transactions]),
            due_work=False,
            validators_hash=self.validators.digest(),
            next_validators_hash=next_validators_hash,
            executed=tip.executed,
        )
        statement = Statement(header.epoch, VoteKind.FINALIZE, header.view, header.block_hash())
        message = statement.signing_bytes()
        signatures = {
            index: keys.sign(self._seeds[member.key], keys.Purpose.VOTE, self.chain_id, message)
            for index, member in enumerate(self.validators.members[: self.validators.quorum])
        }
        proof = certificate_of(statement, signatures)
        return FinalBlock(header, header.block_hash(), tuple(transactions), proof)

    def _commissioned(
        self, state: StateView, context: BlockContext, transactions: Sequence[VerifiedTransaction]
    ) -> BlockResult:
        """What commissioning the next serials writes, each in a receipt of its own."""
        writes: dict[bytes, Record | None] = {}
        receipts: list[Receipt] = []
        histories: list[HistoryAppend] = []
        if context.height == 1:
            public = keys.public_key_of(self.capture_seed)
            record = record_of(Key(PROCESSOR, KeyStatus.ACTIVE, (KeyUse.CAPTURE,), "desk", 1, 0), None, b"")
            writes[member_key(public)] = record
            receipts.append(_receipt(context.height, 0, {member_key(public): record}))
        for index in range(self._wanted):
            written, append = _serial(self._serial, context.height, index)
            self._serial += 1
            writes.update(written)
            receipts.append(_receipt(context.height, len(receipts), written))
            histories.append(append)
        return BlockResult(tuple(receipts), writes, dict.fromkeys(writes), tuple(histories), (), None)


def _serial(number: int, height: int, index: int) -> tuple[dict[bytes, Record], HistoryAppend]:
    """The records of one commissioned serial as the rules write them."""
    commitment = sha256(b"serial %d" % number).digest()
    item = item_key(f"01/{PACK_GTIN}/21/F{number:09}")
    entry = HistoryEntry(commitment, height, index, 0, HistoryKind.COMMISSION, ZERO32, PROCESSOR)
    public = ItemPublic(ItemStatus.ACTIVE, Origin.COMMISSIONED, History().append(entry), "", ZERO32, ZERO32, 0, ())
    members = ItemMembers(PROCESSOR, "", "", 0, 0, "", b"")
    event = EventRecord(EventStatus.EFFECTIVE, height, index, 0, commitment, sha256(item).digest())
    event_id = f"urn:uuid:{commitment[:16].hex()}"
    records = {
        event_id_key(PROCESSOR, event_id): record_of(event, None, b""),
        item: record_of(public, members, members_salt_for(commitment, item)),
    }
    return records, HistoryAppend(item, 0, entry)


def _receipt(height: int, index: int, written: dict[bytes, Record]) -> Receipt:
    changes = tuple(Change(key, record.leaf_hash()) for key, record in sorted(written.items()))
    subject = sha256(changes[0].key).digest()
    return Receipt(ReceiptKind.DUE_WORK, height, index, subject, Reason.NONE, "", (), changes)


def main() -> None:
    """Fill a folder."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    started = perf_counter()
    node = FilledNode(folder)
    node.grow(count)
    height = node.disk.executor.tip.executed.height
    print(f"{node.home}: {node.key_count:,} keys at height {height} in {perf_counter() - started:.0f} s")
    node.close()


if __name__ == "__main__":
    main()
