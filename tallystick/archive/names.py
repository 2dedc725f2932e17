"""Names of an archive's members: short, the same for the same thing, safe on every system."""

from __future__ import annotations

from hashlib import sha256

from tallystick.records.base import key_hash

GENESIS = "genesis.bin"
KEYS = "keys.json"
README_ENGLISH = "README.en.txt"
README_CHINESE = "README.zh.txt"
RECEIVABLE = "receivable.json"


def epoch_end(epoch: int) -> str:
    """How an epoch ended: an encoded ``EpochStep``."""
    return f"epochs/{epoch:08d}.bin"


def item(identifier: str) -> str:
    """Proof bundle of an identifier's closure; identifiers may hold any character, their hashes do not."""
    return f"items/{sha256(identifier.encode()).hexdigest()}.json"


def record(key: bytes) -> str:
    """Proof bundle of a record."""
    return f"records/{key_hash(key).hex()}.json"


def block(height: int) -> str:
    """Proof bundle of a height's block."""
    return f"blocks/{height:016d}.json"


def heads(height: int) -> str:
    """Heads of a block's transactions."""
    return f"heads/{height:016d}.bin"


def block_contents(height: int) -> str:
    """Everything in a block, for members."""
    return f"contents/{height:016d}.bin"


def receipt(transaction: bytes) -> str:
    """Proof bundle of a transaction's receipt."""
    return f"receipts/{transaction.hex()}.json"


def events(transaction: bytes) -> str:
    """Public parts of a transaction's events."""
    return f"transactions/{transaction.hex()}.bin"


def payload(transaction: bytes) -> str:
    """A transaction's payload, for members."""
    return f"payloads/{transaction.hex()}.bin"


def event_half(commitment: bytes) -> str:
    """Members' part of an event."""
    return f"event-halves/{commitment.hex()}.bin"


def record_half(key: bytes) -> str:
    """Members' half of a record."""
    return f"record-halves/{key_hash(key).hex()}.bin"
