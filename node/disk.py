"""What a node has on disk, opened in the order in which each part is checked against the one before."""

from __future__ import annotations

from consensus.effects import HeaderRecord
from contracts.genesis_state import genesis_writes
from node.config import NodeConfig
from node.executor import ExecuteBlock, Executor, found
from node.folder import DATABASE, SIGNER_LOG, FolderLock
from node.founding import Founding
from node.ledger import Ledger, signer_row
from node.signer import Signer
from node.signer_log import SignerLog
from node.storage import LevelStore
from tallystick import keys
from tallystick.votes import Vote


class Disk:
    """Lock, database with the state rebuilt from it, signer's log and signer.

    Raises:
        ConfigError: the folder is in use, belongs to another chain or newer software, or the signer record is lost.
        StorageError: what is there is damaged.
    """

    def __init__(self, config: NodeConfig, founding: Founding, execute: ExecuteBlock, epoch: int) -> None:
        self._lock = FolderLock(config.data)
        self._open: list[Ledger | SignerLog] = []
        try:
            self.ledger = Ledger(LevelStore(config.data / DATABASE))
            self._open.append(self.ledger)
            if not self.ledger.check_format(founding.chain_id, str(config.data)):
                writes = genesis_writes(founding.genesis)
                found(self.ledger, founding.chain_id, founding.genesis.time_ms, writes)
            self.executor = Executor(self.ledger, execute)
            self._open_signer(config, founding, epoch)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release everything; nothing is signed or written afterwards."""
        if hasattr(self, "signer"):
            self.signer.close()
        while self._open:
            self._open.pop().close()
        self._lock.close()

    def _open_signer(self, config: NodeConfig, founding: Founding, epoch: int) -> None:
        tip, chain_id = self.executor.tip, founding.chain_id
        known = self.ledger.signer()
        key = keys.public_key_of(founding.validator_seed)
        self.log = SignerLog(config.data / SIGNER_LOG, chain_id, key, known, tip.view)
        self._open.append(self.log)
        if known is None:  # before the first signature: from now on a missing log is a lost one
            self.ledger.write([signer_row(self.log.row(tip.view))])
        self.signer = Signer(founding.validator_seed, chain_id, epoch, tip.view)
        for record in self.log.records:
            if isinstance(record, Vote):
                self.signer.remember_statement(record.statement)
            elif isinstance(record, HeaderRecord) and record.own:
                self.signer.remember_proposal(record.header)
