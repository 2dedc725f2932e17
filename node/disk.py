"""What a node has on disk, opened in the order in which each part is checked against the one before."""

from __future__ import annotations

import logging
from pathlib import Path

from consensus.effects import HeaderRecord
from contracts.genesis_state import genesis_writes
from node.config import NodeConfig
from node.executor import ExecuteBlock, Executor, found
from node.folder import DATABASE, SIGNER_LOG, FolderLock
from node.founding import Founding
from node.identity import Identity
from node.ledger import Ledger, signer_row
from node.logs import log_fields
from node.signer import Signer
from node.signer_log import SignerLog, SignerRecordLostError
from node.snapshots.install import install_joined
from node.storage import LevelStore, Put
from node.tables import RETIRED, SignerRow
from node.tree_file import TreeFile
from tallystick.votes import Vote

logger = logging.getLogger("tallystick.node")


class Disk:
    """Lock, database with the state rebuilt from it, and the signer with its log, once ``sit`` has been called.

    Attributes:
        key: the validator key in use, or b"" before ``sit``.
        log, signer: of the validator key in use; of the newest one where this node has no seat.
    Raises:
        ConfigError: the folder is in use, belongs to another chain or newer software, or the signer record is lost.
        StorageError: what is there is damaged.
    """

    log: SignerLog
    signer: Signer

    def __init__(self, config: NodeConfig, founding: Founding, execute: ExecuteBlock) -> None:
        self._data = config.data
        self._founding = founding
        self.key = b""
        self._retired: set[bytes] = set()
        self._lock = FolderLock(config.data)
        self._open: list[Ledger | SignerLog | TreeFile] = []
        try:
            install_joined(config.data)
            self.ledger = Ledger(LevelStore(config.data / DATABASE))
            self._open.append(self.ledger)
            if not self.ledger.check_format(founding.chain_id, str(config.data)):
                writes = genesis_writes(founding.genesis)
                found(self.ledger, founding.chain_id, founding.genesis.time_ms, writes)
            tree = TreeFile(config.data, founding.chain_id, keys_in_memory=config.tree_keys_in_memory)
            self._open.append(tree)
            self.executor = Executor(self.ledger, execute, tree=tree, versions=config.tree_versions)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release everything; nothing is signed or written afterwards."""
        if self.key:
            self.signer.close()
        while self._open:
            self._open.pop().close()
        self._lock.close()

    def sit(self, identity: Identity) -> int | None:
        """Take this node's seat in the epoch of the next block: open the record of the key that sits.

        Returns:
            Our index in the epoch's set; None for an observer. A node whose record is lost, and that holds a newer key
            which is to take over, is an observer until then.
        Raises:
            SignerRecordLostError: the record is lost, and there is no newer key.
        """
        members = self.executor.validators().validators.members
        me = next((index for index, member in enumerate(members) if member.key in identity.seeds), None)
        key = identity.newest_key if me is None else members[me].key
        try:
            self._open_signer(key, identity.seeds[key])
        except SignerRecordLostError as error:
            if key == identity.newest_key:
                raise
            logger.error("observing until the next key sits", extra=log_fields(error=str(error)))
            me, key = None, identity.newest_key
            self._open_signer(key, identity.seeds[key])
        return me

    def retire(self, key: bytes) -> None:
        """Have a validator key count as one whose record is lost, for ever: it signs nothing more from this folder."""
        self._retired.add(key)
        if key == self.key:
            self.signer.close()
        self.ledger.write([self._retired_row(key)])

    def _retired_row(self, key: bytes) -> Put:
        tip = self.executor.tip
        return signer_row(key, SignerRow(RETIRED, 0, 0, 0, tip.view, tip.epoch))

    def signer_put(self) -> Put:
        """What the next batch is to say about the signer's log."""
        if self.key in self._retired:
            return self._retired_row(self.key)
        tip = self.executor.tip
        return signer_row(self.key, self.log.row(tip.view, tip.epoch))

    def forget(self) -> None:
        """Drop records at or below the tip, which is durable."""
        tip = self.executor.tip
        self.log.prune(tip.view, tip.epoch)
        if self.signer.epoch == tip.epoch:
            self.signer.forget(tip.view)

    def _open_signer(self, key: bytes, seed: bytes) -> None:
        tip, chain_id = self.executor.tip, self._founding.chain_id
        if key != self.key:
            known = self.ledger.signer(key)
            log = SignerLog(self.folder_of(key), chain_id, key, known, tip.view, tip.epoch)
            if self.key:
                self.signer.close()
                self._open.remove(self.log)
                self.log.close()
            self.log, self.key = log, key
            self._open.append(log)
            if known is None:  # before the first signature: from now on a missing log is a lost one
                self.ledger.write([self.signer_put()])
        self.signer = Signer(seed, chain_id, tip.epoch, tip.view)
        for record in self.log.records:
            if isinstance(record, Vote):
                self.signer.remember_statement(record.statement)
            elif isinstance(record, HeaderRecord) and record.own and record.header.epoch == tip.epoch:
                self.signer.remember_proposal(record.header)

    def folder_of(self, key: bytes) -> Path:
        """A folder for the key that genesis names, one more for each that came later."""
        card = self._founding.card
        if card is not None and card.body.validator_key == key:
            return self._data / SIGNER_LOG
        return self._data / f"{SIGNER_LOG}-{key.hex()[:16]}"
