"""SHA-256 with a one-byte purpose tag, so that no hash of one kind can be read as a hash of another.

Specification: docs/spec/encoding.md lists every tag; numbers are never reused.
"""

from __future__ import annotations

from hashlib import sha256

TAG_MERKLE_LEAF = b"\x00"  # RFC 6962 leaf, and trie bucket entries' values
TAG_MERKLE_NODE = b"\x01"  # RFC 6962 inner node
TAG_TRIE_BUCKET = b"\x02"
TAG_TRIE_NODE = b"\x03"
TAG_RECORD = b"\x04"
TAG_RECORD_PUBLIC = b"\x05"
TAG_RECORD_MEMBERS = b"\x06"
TAG_MEMBERS_SALT = b"\x07"
TAG_MEMBERS_SALT_DUE = b"\x08"
TAG_EVENT = b"\x10"
TAG_EVENT_PUBLIC = b"\x11"
TAG_EVENT_MEMBERS = b"\x12"
TAG_EVENT_SEALED = b"\x13"
TAG_TRANSACTION_ID = b"\x18"
TAG_WITNESS = b"\x19"
TAG_PAYLOAD = b"\x1a"
TAG_BLOCK = b"\x20"
TAG_VALIDATORS = b"\x21"
TAG_GENESIS = b"\x22"
TAG_CLOSING = b"\x23"
TAG_UNIT = b"\x24"
TAG_SEALED_ROOTS = b"\x25"
TAG_DOCUMENT = b"\x28"
TAG_OBJECT_ID = b"\x29"
TAG_INVOICE_TAG = b"\x2a"
TAG_SNAPSHOT_CHUNK = b"\x30"
TAG_SNAPSHOT_MANIFEST = b"\x31"


def tagged(tag: bytes, *parts: bytes) -> bytes:
    """SHA-256 of the tag followed by the parts, each of fixed length or the last one."""
    return sha256(tag + b"".join(parts)).digest()
