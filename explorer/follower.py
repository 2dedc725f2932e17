"""Following the chain: ask the node, check, write, remember; for ever, and never back.

One height is written whole or not at all, so a process that is killed anywhere goes on where it was. What does not
verify is not written; the pages go on with what was checked before, and say that the copy is stuck and why.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from explorer import schema
from explorer.chain_copy import ChainCopy, CopyError, EpochEndedError, Position
from explorer.database import storage_error
from explorer.founding import Founding
from explorer.node_client import BLOCKS_MAX, EPOCH_STEP_SIZE_MAX, NodeClient
from explorer.projection import Projection
from explorer.validator_book import ValidatorBook
from tallystick.blocks import HistoryLeaf
from tallystick.encoding import decode
from tallystick.epochs import EpochProof
from tallystick.errors import CertificateError, DecodeError, ProofError, StorageError, UnavailableError
from tallystick.merkle import append_all
from tallystick.records.base import key_hash
from tallystick.trie import Trie

PAUSE_MAX_S = 10.0  # between questions to a node that does not answer or does not verify
STALE_AFTER_HEARTBEATS = 3
CATCHING_UP = 20  # heights in one answer after which the next is asked for at once


@dataclass(frozen=True, slots=True)
class FollowerStatus:
    """How far the copy is, and what is wrong, if anything.

    Attributes:
        height, time_ms: newest checked height and its block's time.
        trouble: empty, or a short stable name: ``unavailable`` (the node does not answer), ``read-model`` (the
            database failed) or the code of a ``CopyError``.
        detail: one sentence about the trouble.
    """

    height: int
    time_ms: int
    trouble: str = ""
    detail: str = ""

    def stale(self, now_ms: int, heartbeat_ms: int) -> bool:
        """Whether the newest checked block is older than an idle chain would let it become."""
        return now_ms - self.time_ms > STALE_AFTER_HEARTBEATS * heartbeat_ms


class Follower:
    """Keeps the read model up to the node's newest certified height.

    Args:
        engine: the read model with all rights, tables made.
    Attributes:
        validators: who voted in which epoch, as far as it was proven.
    Raises:
        StorageError: what the read model holds does not fit together; rebuild it.
    """

    def __init__(self, founding: Founding, engine: Engine, node: NodeClient) -> None:
        self._founding = founding
        self._engine = engine
        self._node = node
        self._stop = threading.Event()
        with engine.begin() as connection:
            self.validators = restore_validators(connection, founding)
            position = restore(connection, founding, self.validators)
        self._copy = ChainCopy(founding.chain_id, self.validators, position)
        self.status = FollowerStatus(position.height, position.time_ms)

    def step(self) -> int:
        """Ask once, check, write; says how many heights were added.

        Raises:
            UnavailableError, DecodeError, CopyError: see there; nothing was written.
            StorageError: the database failed; what was written is whole heights.
        """
        before = self._copy.position
        answers = self._node.blocks(before.height + 1, BLOCKS_MAX)
        if not answers:
            return 0
        try:
            checked = self._copy.accept(answers)
        except EpochEndedError as ended:
            self._cross(ended)
            return self.step()
        try:
            with self._engine.begin() as connection:
                projection = Projection(connection, self.validators)
                for height in checked:
                    projection.height(height)
                if checked:
                    projection.tail(before.height + len(checked), self._copy.tail)
        except SQLAlchemyError as error:
            self._copy.position = before
            raise storage_error(error) from error
        position = self._copy.position
        self.status = FollowerStatus(position.height, position.time_ms)
        return len(checked)

    def _cross(self, ended: EpochEndedError) -> None:
        """Ask for the proof of an epoch's end, check it, keep it.

        Raises:
            UnavailableError, DecodeError, CopyError: there is none, or it does not hold.
        """
        if ended.epoch != self.validators.newest_epoch:
            raise CopyError("fork-seen", ended.height, "a block of a later epoch that does not follow its boundary")
        proof = self._node.epoch(ended.epoch).proof
        try:
            self.validators.learn(proof)
        except (ProofError, CertificateError) as error:
            raise CopyError(error.code, ended.height, error.detail) from error
        try:
            with self._engine.begin() as connection:
                Projection(connection, self.validators).epoch(proof)
        except SQLAlchemyError as error:
            raise storage_error(error) from error

    def run(self, poll_ms: int) -> None:
        """Follow until ``stop``. Trouble is shown in ``status`` and tried again, each time after a longer pause."""
        pause_s = poll_ms / 1_000
        while not self._stop.is_set():
            try:
                added = self.step()
                pause_s = poll_ms / 1_000
                self.status = replace(self.status, trouble="", detail="")
                wait_s = 0.0 if added >= CATCHING_UP else pause_s
            except (UnavailableError, DecodeError, CopyError, StorageError) as error:
                self.status = replace(self.status, trouble=_trouble(error), detail=str(error))
                wait_s = pause_s = min(pause_s * 2, PAUSE_MAX_S)
            self._stop.wait(wait_s)

    def stop(self) -> None:
        """Make ``run`` return soon."""
        self._stop.set()


def _trouble(error: Exception) -> str:
    match error:
        case CopyError():
            return error.code
        case UnavailableError():
            return "unavailable"
        case StorageError():
            return "read-model"
        case _:
            return "unreadable"


def restore_validators(connection: Connection, founding: Founding) -> ValidatorBook:
    """Who voted in which epoch, out of the proofs that are kept.

    Raises:
        StorageError: a proof does not hold.
    """
    book = ValidatorBook(founding.chain_id, founding.validators)
    epochs = schema.epochs
    for row in connection.execute(select(epochs.c.proof).order_by(epochs.c.epoch)):
        try:
            book.learn(decode(row.proof, EpochProof, size_max=EPOCH_STEP_SIZE_MAX))
        except (DecodeError, ProofError, CertificateError) as error:
            raise StorageError(f"the proof of an epoch's end does not hold ({error}); name a new database") from error
    return book


def restore(connection: Connection, founding: Founding, validators: ValidatorBook) -> Position:
    """The position that a read model stands at; a new one gets the rows of genesis first.

    Raises:
        StorageError: blocks are missing, or the leaves do not give the newest block's state root.
    """
    leaves = schema.members_leaves
    query = select(leaves.c.record_key, leaves.c.leaf).where(leaves.c.to_height.is_(None), leaves.c.leaf.is_not(None))
    held = {key_hash(row.record_key): row.leaf for row in connection.execute(query)}
    if not held:
        Projection(connection, validators).genesis(founding.genesis, founding.changes)
        return founding.position
    state = Trie().update(held)
    blocks = schema.blocks
    hashes, position = [founding.leaf.leaf_hash()], founding.position
    columns = (blocks.c.height, blocks.c.block_hash, blocks.c.time_ms, blocks.c.state_root, blocks.c.receipts_root,
               blocks.c.receipt_count, blocks.c.view, blocks.c.epoch)  # fmt: skip
    for row in connection.execute(select(*columns).order_by(blocks.c.height)):
        if row.height != position.height + 1:
            raise StorageError(f"the read model lacks height {position.height + 1}; name a new database to rebuild it")
        leaf = HistoryLeaf(*row[:6])
        hashes.append(leaf.leaf_hash())
        position = replace(
            position,
            height=row.height,
            block_hash=row.block_hash,
            view=row.view,
            time_ms=row.time_ms,
            state=state,
            epoch=row.epoch,
        )
    newest = connection.execute(select(func.max(blocks.c.height))).scalar_one() or 0
    root = founding.position.state.root
    if newest:
        root = connection.execute(select(blocks.c.state_root).where(blocks.c.height == newest)).scalar_one()
    if state.root != root:
        raise StorageError("the leaves do not give the newest state root; name a new database to rebuild it")
    return replace(position, state=state, peaks=append_all((), 0, hashes))


def now_ms() -> int:
    """The clock of this machine, milliseconds since 1970: only for saying how old the copy is."""
    return time.time_ns() // 1_000_000
