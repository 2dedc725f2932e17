"""A chain as it is kept for replaying: genesis, and of each block what execution depends on.

The file is gzip over one ``StoredChain``. Only the bytes inside count: compressors differ between versions.
"""

from __future__ import annotations

import gzip
from hashlib import sha256
from pathlib import Path

from tallystick.encoding import Message, TimeMs, decode, encode
from tallystick.genesis import Genesis

ROOT = Path(__file__).resolve().parent.parent.parent
CHAIN_FILE = ROOT / "tests" / "vectors" / "golden_chain.bin"
FIGURES_FILE = ROOT / "tests" / "vectors" / "golden_chain.json"
CHAIN_SIZE_MAX = 16 * 1_048_576  # bytes of a stored chain


class StoredBlock(Message, frozen=True):
    """What one height was given: block time, whether due work ran, and the transactions' bytes in order."""

    time_ms: TimeMs
    due_work: bool
    transactions: tuple[bytes, ...]


class StoredChain(Message, frozen=True):
    """A genesis and the blocks of heights 1, 2, 3 …"""

    genesis: Genesis
    blocks: tuple[StoredBlock, ...]

    def digest(self) -> str:
        """SHA-256 over all transactions' bytes in order, in hex."""
        digest = sha256()
        for block in self.blocks:
            for raw in block.transactions:
                digest.update(raw)
        return digest.hexdigest()


def read_chain(path: Path = CHAIN_FILE) -> StoredChain:
    """The chain of a file."""
    return decode(gzip.decompress(path.read_bytes()), StoredChain, size_max=CHAIN_SIZE_MAX)


def pack_chain(chain: StoredChain) -> bytes:
    """A chain as the bytes of its file; the gzip header carries no time."""
    return gzip.compress(encode(chain), 9, mtime=0)
