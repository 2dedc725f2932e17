"""A block with all that is in it, for members."""

from __future__ import annotations

from typing import Annotated

import msgspec

from tallystick.archive.errors import ArchiveError
from tallystick.blocks import check_contents
from tallystick.encoding import Message, decode, encode
from tallystick.errors import DecodeError, SignatureError
from tallystick.limits import ARCHIVE_MEMBER_SIZE_MAX, BLOCK_TRANSACTIONS_MAX
from tallystick.merkle import leaf_hash, root_of
from tallystick.proofs import VerifiedBlock
from tallystick.transactions import decode_transaction


class BlockContents(Message, frozen=True):
    """Raw transactions and encoded receipts of a block, in order."""

    transactions: Annotated[tuple[bytes, ...], msgspec.Meta(max_length=BLOCK_TRANSACTIONS_MAX)]
    receipts: tuple[bytes, ...]


def show_block_contents(transactions: tuple[bytes, ...], receipts: tuple[bytes, ...]) -> bytes:
    """The bytes of a contents member."""
    return encode(BlockContents(transactions, receipts))


def check_block_contents(data: bytes, block: VerifiedBlock, path: str) -> None:
    """Check that these are the transactions and receipts of a proven block, every signature included.

    Raises:
        ArchiveError: ``archive.contents``, or the rule that the transactions break.
    """
    header, leaf = block.header, block.leaf
    assert header is not None  # the walk looks at that
    try:
        contents = decode(data, BlockContents, size_max=ARCHIVE_MEMBER_SIZE_MAX)
        transactions = [decode_transaction(raw, header.chain_id) for raw in contents.transactions]
        check_contents(header, transactions)
        for transaction in transactions:
            transaction.verify_signatures()
    except DecodeError as error:
        raise ArchiveError("archive.contents", str(error), path) from error
    except SignatureError as error:
        raise ArchiveError("archive.contents", f"a signature does not verify: {error}", path) from error
    root = root_of([leaf_hash(receipt) for receipt in contents.receipts])
    if len(contents.receipts) != leaf.receipt_count or root != leaf.receipts_root:
        raise ArchiveError("archive.contents", "not the receipts of this height", path)
