"""From a checked height to rows: what happened, in the words that pages need.

Nothing is judged here. An event took effect because its receipt says so, a thing was touched because its record stands
among the receipt's changes; both were checked against certified roots. What the chain holds for members only goes to
members' tables and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, update

from explorer import schema
from explorer.chain_copy import CheckedHeight
from explorer.goods_rows import GoodsRows
from explorer.member_rows import MemberRows
from explorer.rows import RowWriter
from explorer.validator_book import ValidatorBook
from tallystick.admission import VerifiedTransaction
from tallystick.api import BlockAnswer
from tallystick.encoding import ZERO32, Message, encode
from tallystick.epochs import EpochProof
from tallystick.genesis import Genesis
from tallystick.payloads import goods, governance
from tallystick.reasons import Reason
from tallystick.receipts import Change, EventOutcome, Receipt, ReceiptKind
from tallystick.records.goods import EventStatus

_leaves = schema.members_leaves
# Run for every changed record, so it is built once.
_END_LEAF = (
    update(_leaves)
    .where(_leaves.c.record_key == bindparam("key"), _leaves.c.to_height.is_(None))
    .values(to_height=bindparam("height"))
)


class Projection:
    """Writes rows on one connection, inside a transaction that the caller commits.

    Args:
        connection: with rights on all tables.
        validators: by epoch, for proposers' names.
    """

    def __init__(self, connection: Connection, validators: ValidatorBook) -> None:
        self._writer = RowWriter(connection)
        self._members = MemberRows(self._writer)
        self._goods = GoodsRows(self._writer)
        self._validators = validators

    def genesis(self, genesis: Genesis, leaves: Iterable[Change]) -> None:
        """The rows of height 0: founders, their keys, and the leaves that genesis put into the state."""
        self._members.genesis(genesis)
        self._add_leaves(leaves)
        self._writer.flush()

    def height(self, checked: CheckedHeight) -> None:
        """The rows of one checked height."""
        self._writer.height = checked.header.height
        self._add_block(checked)
        for index, raw in enumerate(checked.receipt_bytes):
            self._writer.add(schema.members_receipts, receipt_index=index, raw=raw)
        self._add_leaves({change.key: change for receipt in checked.receipts for change in receipt.changes}.values())
        for receipt in checked.receipts:
            self._goods.sessions(receipt)
            if receipt.kind is ReceiptKind.DUE_WORK:
                self._goods.recall_spread(receipt)
        pairs = zip(checked.transactions, checked.transaction_receipts, strict=True)
        for index, (transaction, receipt) in enumerate(pairs):
            self._add_transaction(index, transaction, receipt)
        self._writer.flush()

    def epoch(self, proof: EpochProof) -> None:
        """The proof that an epoch has ended."""
        boundary = proof.boundary
        row = {"epoch": boundary.epoch, "height": boundary.height, "proof": encode(proof)}
        self._writer.connection.execute(schema.epochs.insert(), row)

    def tail(self, height: int, answers: Sequence[BlockAnswer]) -> None:
        """Keep the headers that certify the newest height, in place of those kept before."""
        self._writer.connection.execute(schema.tail.delete())
        for index, answer in enumerate(answers):
            certificate = None if answer.finalisation is None else encode(answer.finalisation)
            self._writer.add(schema.tail, height=height + 1 + index, header=answer.header, finalisation=certificate)
        self._writer.flush()

    def _add_block(self, checked: CheckedHeight) -> None:
        header = checked.header
        validators = self._validators.validators_of(header.epoch)
        assert validators is not None, "the header was checked against them"
        self._writer.add(
            schema.blocks,
            block_hash=checked.block_hash,
            parent_hash=header.parent_hash,
            epoch=header.epoch,
            view=header.view,
            proposer=validators.members[header.proposer].organisation,
            time_ms=header.time_ms,
            transaction_count=header.transaction_count,
            receipt_count=len(checked.receipts),
            state_root=checked.state_root,
            receipts_root=checked.receipts_root,
            header=checked.header_bytes,
            finalisation=None if checked.finalisation is None else encode(checked.finalisation),
        )

    def _add_leaves(self, changes: Iterable[Change]) -> None:
        """The last change of every record at this height."""
        rows = [{"key": change.key, "leaf": None if change.leaf == ZERO32 else change.leaf} for change in changes]
        if not rows:
            return
        height = self._writer.height
        if height:
            self._writer.connection.execute(_END_LEAF, [{"key": row["key"], "height": height} for row in rows])
        for row in rows:
            self._writer.add(schema.members_leaves, record_key=row["key"], leaf=row["leaf"])

    def _add_transaction(self, index: int, transaction: VerifiedTransaction, receipt: Receipt) -> None:
        signed, kind = transaction.signed, kind_of_contents(transaction.payload)
        organisation = self._members.organisation_of(signed.head.signers[0])
        self._writer.add(
            schema.transactions,
            transaction_index=index,
            transaction_id=signed.id,
            kind=kind,
            event_count=len(transaction.events),
            organisation="" if kind == "members" else organisation,
        )
        self._writer.add(schema.members_transactions, transaction_index=index, raw=signed.raw)
        if transaction.payload is None:
            self._add_events(index, transaction, receipt, organisation)
        elif receipt.reason is Reason.NONE and kind == "governance":
            self._members.payload(transaction.payload, organisation)
        elif receipt.reason is Reason.NONE and kind == "goods":
            self._goods.payload(transaction.payload, organisation, receipt)

    def _add_events(self, index: int, transaction: VerifiedTransaction, receipt: Receipt, organisation: str) -> None:
        signed = transaction.signed
        outcomes = receipt.events or tuple(
            EventOutcome(commitment, EventStatus.REFUSED, receipt.reason) for commitment in signed.commitments
        )
        triples = zip(signed.events, transaction.events, outcomes, strict=True)
        for at, (event, parsed, outcome) in enumerate(triples):
            self._writer.add(
                schema.events,
                transaction_index=index,
                event_index=at,
                commitment=outcome.commitment,
                status=int(outcome.status),
                reason=int(outcome.reason),
                event_time_ms=parsed.event_time_ms,
                event_type=parsed.type.name.lower(),
                biz_step=parsed.biz_step or "",
                event_id=parsed.event_id or "",
                public=event.public,
            )
            if event.members:
                self._writer.add(
                    schema.members_events,
                    transaction_index=index, event_index=at, organisation=organisation, members=event.members,
                )  # fmt: skip
            if outcome.status is EventStatus.EFFECTIVE:
                self._goods.effective((index, at), outcome.commitment, parsed, receipt, organisation)
            elif outcome.status is EventStatus.STATED:
                self._goods.stated((index, at), outcome.commitment, parsed, receipt, organisation)


def kind_of_contents(payload: Message | None) -> str:
    """What may be said in public about a transaction's contents."""
    if payload is None:
        return "events"
    if isinstance(payload, governance.PAYLOADS):
        return "governance"
    return "goods" if isinstance(payload, goods.PAYLOADS) else "members"
