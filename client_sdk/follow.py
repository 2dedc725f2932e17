"""Finding what concerns an organisation: escrows, obligations, offers and grants that name it, from the blocks.

Objects have ids that only their maker knows beforehand; the blocks, which every member may read, say which were made
and for whom. What is found here is only a list of ids: everything about them is then read with its proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from client_sdk import secure_files
from client_sdk.errors import AnswerError
from client_sdk.nodes import MSGPACK, Nodes
from client_sdk.reader import Reader
from tallystick import api
from tallystick.api import BlockAnswer
from tallystick.blocks import Header
from tallystick.encoding import Message, decode
from tallystick.errors import ConfigError, DecodeError
from tallystick.limits import FRAME_SIZE_MAX
from tallystick.object_ids import object_id
from tallystick.payloads import decode_payload
from tallystick.payloads.finance import GrantAccess, OfferSlice, PresentObligation
from tallystick.payloads.trade import CreateEscrow
from tallystick.reasons import Reason
from tallystick.receipts import Receipt, ReceiptKind
from tallystick.records.base import Space
from tallystick.records.members import Key, member_key
from tallystick.transactions import ContentKind, SignedTransaction, decode_transaction

FORMAT = 1
PAGE = 32  # blocks asked for at once
_RECEIPT_SIZE_MAX = 4 * 1_048_576


class Found(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object that names an organisation.

    Attributes:
        space: name of its record space, for instance ``GRANT``.
        id: hex.
        maker: organisation that created it.
        parties: organisations that it names, sorted.
    """

    space: str
    id: str
    maker: str
    parties: list[str]
    height: int


class FollowFile(msgspec.Struct, forbid_unknown_fields=True):
    """What was found so far, kept between runs so that each block is read once.

    Attributes:
        next_height: first height that was not looked at.
    """

    format: int
    chain_id: str
    organisation: str
    next_height: int
    found: list[Found]


@dataclass(frozen=True, slots=True)
class Follower:
    """Looks through the blocks for one organisation.

    Attributes:
        path: where to keep what was found; None keeps nothing.
    """

    nodes: Nodes
    reader: Reader
    organisation: str
    path: Path | None = None

    def find(self, on_height: Callable[[int], None] = lambda height: None) -> tuple[Found, ...]:
        """Everything that names the organisation, oldest first, up to the newest executed height.

        Raises:
            AnswerError: a node shows something that is no block.
            UnavailableError, DoorError: as ``Nodes.get``.
        """
        file = self._load()
        for block in self._blocks(file.next_height):
            header, transactions, receipts = self._read(block, file.next_height)
            for transaction, receipt in zip(transactions, receipts, strict=True):
                found = self._created(transaction, receipt)
                if found is not None and self.organisation in (found.maker, *found.parties):
                    file.found.append(found)
            file.next_height = header.height + 1
            on_height(header.height)
        if self.path is not None:
            secure_files.replace(self.path, msgspec.json.encode(file))
        return tuple(file.found)

    def _blocks(self, height: int) -> Iterator[BlockAnswer]:
        while True:
            query = {"from": str(height), "limit": str(PAGE)}
            response = self.nodes.get(api.BLOCKS, query, members=True, accept=MSGPACK)
            try:
                page = decode(response.body, tuple[BlockAnswer, ...], size_max=PAGE * FRAME_SIZE_MAX)
            except DecodeError as error:
                raise AnswerError(f"a node answered something that is no list of blocks: {error}") from error
            if not page:
                return
            yield from page
            height += len(page)

    def _read(self, block: BlockAnswer, height: int) -> tuple[Header, list[SignedTransaction], list[Receipt]]:
        chain_id = self.reader.trust.chain_id
        try:
            header = decode(block.header, Header, size_max=1_024)
            transactions = [decode_transaction(raw, chain_id) for raw in block.transactions]
            all_receipts = [decode(raw, Receipt, size_max=_RECEIPT_SIZE_MAX) for raw in block.receipts]
        except DecodeError as error:
            raise AnswerError(f"a node shows a block that cannot be read: {error}") from error
        receipts = [receipt for receipt in all_receipts if receipt.kind is ReceiptKind.TRANSACTION]
        if header.height != height or [r.subject for r in receipts] != [t.id for t in transactions]:
            raise AnswerError(f"a node's block {height} does not fit its own receipts")
        return header, transactions, receipts

    def _created(self, transaction: SignedTransaction, receipt: Receipt) -> Found | None:
        if transaction.head.kind is not ContentKind.PAYLOAD or receipt.reason is not Reason.NONE:
            return None
        payload = decode_payload(transaction.payload)
        named = _parties_of(payload)
        if named is None:
            return None
        space, parties = named
        signer = self.reader.record(member_key(transaction.head.signers[0]))
        if not signer.exists:
            return None
        maker = signer.public_as(Key).organisation
        id_ = object_id(space, transaction.payload_salt, maker)
        return Found(space.name, id_.hex(), maker, sorted(parties), receipt.height)

    def _load(self) -> FollowFile:
        chain_id = self.reader.trust.chain_id.hex()
        if self.path is None or not self.path.exists():
            return FollowFile(FORMAT, chain_id, self.organisation, 1, [])
        data = secure_files.read(self.path, "list of found objects")
        try:
            file = msgspec.json.decode(data, type=FollowFile)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.path} is damaged: {error}; remove it, and it is made anew") from error
        if (file.format, file.chain_id, file.organisation) != (FORMAT, chain_id, self.organisation):
            return FollowFile(FORMAT, chain_id, self.organisation, 1, [])
        return file


def _parties_of(payload: Message) -> tuple[Space, set[str]] | None:
    """Which object a payload creates, and whom it names; None when it creates none."""
    match payload:
        case CreateEscrow(terms):
            return Space.ESCROW, {terms.payer, terms.payee, terms.bank, terms.arbitrator}
        case PresentObligation():
            return Space.OBLIGATION, {payload.debtor, payload.bank}
        case OfferSlice(terms):
            return Space.DEAL, {terms.lender}
        case GrantAccess():
            return Space.GRANT, {payload.grantee}
        case _:
            return None
