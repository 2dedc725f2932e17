"""Executing one final block: due work, then transactions in order, then the system's own bookkeeping.

Every change of state stands in exactly one receipt, and applying the receipts in order gives the writes of the result;
a key changed by several receipts of a height ends with the last. A rule that refuses, or that has a fault, leaves
nothing behind but its receipt, and the chain goes on. Specification: docs/spec/receipts.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from contracts.authority import identify
from contracts.due import choose_due_work, next_due_ms
from contracts.goods.capture import identify_for_capture, record_capture
from contracts.interface import BlockContext, Refusal, StateView
from contracts.overlay import BlockOverlay
from contracts.registry import REGISTRY, Registry
from contracts.result import BlockResult, HistoryAppend
from contracts.switch import turn
from contracts.system import keep_ids
from contracts.workspace import BlockMemory, Workspace
from tallystick.admission import VerifiedTransaction
from tallystick.encoding import ZERO32, Message
from tallystick.errors import StorageError
from tallystick.reasons import Reason
from tallystick.receipts import Change, EventOutcome, Receipt, ReceiptKind
from tallystick.records.base import Record, key_hash, members_salt_after_due_work
from tallystick.records.chain import DueItem, parked_key
from tallystick.records.goods import EventStatus

DETAIL_SIZE_MAX = 256


def execute_block(
    view: StateView,
    block: BlockContext,
    transactions: Sequence[VerifiedTransaction],
    registry: Registry = REGISTRY,
) -> BlockResult:
    """The outcome of a final block on the state before it.

    Args:
        view: the state after the parent's execution; only read.
        block: height, time and whether due work runs.
        transactions: the block's, in order, as admission verified them.
        registry: rules by height; another one only in tests.
    Raises:
        StorageError, MemoryError, RecursionError: the node must stop; nothing else leaves this function.
    """
    return _BlockExecution(view, block, registry).run(transactions)


class _Outcome(msgspec.Struct, frozen=True, gc=False):
    """What a receipt will say. All receipts of a block are written after all rules: the hashing then stays in cache."""

    kind: ReceiptKind
    index: int
    subject: bytes
    reason: Reason
    detail: str
    events: tuple[EventOutcome, ...]
    staged: dict[bytes, Record | None]


class _BlockExecution:
    def __init__(self, view: StateView, block: BlockContext, registry: Registry) -> None:
        self._overlay = BlockOverlay(view)
        self._block = block
        self._registry = registry
        self._memory = BlockMemory()
        self._outcomes: list[_Outcome] = []
        self._histories: list[HistoryAppend] = []
        self._faults: list[str] = []

    def run(self, transactions: Sequence[VerifiedTransaction]) -> BlockResult:
        if self._block.due_work:
            for index, (key, item) in enumerate(choose_due_work(self._overlay, self._block)):
                self._work_off(index, key, item)
        for index, transaction in enumerate(transactions):
            self._transaction(index, transaction)
        ids = tuple(self._overlay.executed_ids())
        system = Workspace(self._overlay, self._block)
        keep_ids(system, ids)
        turn(system)
        self._finish(system, ReceiptKind.SYSTEM, 0, ZERO32)
        return BlockResult(
            tuple([receipt_of(self._block.height, outcome) for outcome in self._outcomes]),
            self._overlay.writes,
            self._overlay.replaced,
            tuple(self._histories),
            ids,
            next_due_ms(self._overlay),
            tuple(self._faults),
        )

    # --- due work -----------------------------------------------------------------------------------------

    def _work_off(self, index: int, key: bytes, item: DueItem) -> None:
        """Work one item off; when its rule refuses or fails, park it. Either way its key is deleted."""
        subject = self._overlay.get(item.subject)
        seed = b""
        if subject is not None and subject.members:
            seed = members_salt_after_due_work(subject.members_salt, self._block.height)
        rule = self._registry.due_rule_for(item.rule, self._block.height)
        work = Workspace(self._overlay, self._block, seed=seed, memory=self._memory)
        reason, detail = Reason.UNKNOWN_RULE, item.rule
        if rule is not None:
            reason, detail = self._attempt(rule, work, item.subject)
        if reason is not Reason.NONE:
            work = Workspace(self._overlay, self._block, memory=self._memory)
            work.write(parked_key(key), DueItem(item.rule, item.subject, item.organisation, True))
        work.delete(key)
        self._finish(work, ReceiptKind.DUE_WORK, index, key_hash(key), reason, detail)

    # --- transactions -------------------------------------------------------------------------------------

    def _transaction(self, index: int, transaction: VerifiedTransaction) -> None:
        signed = transaction.signed
        head = signed.head
        if self._overlay.executed(signed.id, head.valid_until_ms):
            self._refuse(index, signed.id, Reason.REPLAYED, "")
            return
        self._overlay.mark_executed(signed.id, head.valid_until_ms)
        work = Workspace(
            self._overlay,
            self._block,
            signers=head.signers,
            salt=signed.payload_salt,
            digest=head.digest if transaction.payload is not None else b"",
            transaction_index=index,
            memory=self._memory,
        )
        if transaction.payload is None:
            self._capture(index, transaction, work)
        else:
            self._payload(index, transaction, transaction.payload, work)

    def _payload(self, index: int, transaction: VerifiedTransaction, payload: Message, work: Workspace) -> None:
        rule = self._registry.rule_for(type(payload), self._block.height)
        if rule is None:
            self._refuse(index, transaction.id, Reason.UNKNOWN_RULE, type(payload).__name__)
            return

        def apply(work: Workspace, payload: Message) -> None:
            identify(work, rule.policy)
            rule.apply(work, payload)

        self._memory.identities.clear()
        reason, detail = self._attempt(apply, work, payload)
        if reason is not Reason.NONE:
            self._refuse(index, transaction.id, reason, detail)
            return
        self._finish(work, ReceiptKind.TRANSACTION, index, transaction.id)

    def _capture(self, index: int, transaction: VerifiedTransaction, work: Workspace) -> None:
        """One receipt for a capture: all of its events, or (``rollback``) none of them."""
        commitments = transaction.signed.commitments
        outcomes: list[EventOutcome] = []
        reason, detail = self._attempt(identify_for_capture, work)
        if reason is not Reason.NONE:
            events = tuple(EventOutcome(commitment, EventStatus.REFUSED, reason) for commitment in commitments)
            self._refuse(index, transaction.id, reason, detail, events)
            return
        reason, detail = self._attempt(record_capture, work, transaction, outcomes)
        if reason is Reason.NONE:
            if outcomes[0].reason is Reason.DUPLICATE and all(it.reason is Reason.DUPLICATE for it in outcomes):
                reason = Reason.DUPLICATE
            self._finish(work, ReceiptKind.TRANSACTION, index, transaction.id, reason, "", tuple(outcomes))
            return
        position = len(outcomes)
        events = tuple(
            _refused(commitment, outcomes[place] if place < position else None, place == position, reason)
            for place, commitment in enumerate(commitments)
        )
        self._refuse(index, transaction.id, reason, detail, events)

    # --- common -------------------------------------------------------------------------------------------

    def _attempt(self, rule: Callable[..., None], work: Workspace, *subject: object) -> tuple[Reason, str]:
        """Run a rule; what it raises becomes a reason."""
        try:
            rule(work, *subject)
        except Refusal as refusal:
            return refusal.reason, refusal.detail
        except (MemoryError, RecursionError, StorageError):
            raise
        except Exception as error:  # a bug of the rule must not stop the chain
            self._faults.append(f"height {self._block.height}, {work.transaction_index}: {_where(error)}")
            return Reason.RULE_FAULT, type(subject[0]).__name__ if subject and isinstance(subject[0], Message) else ""
        return Reason.NONE, ""

    def _refuse(
        self, index: int, subject: bytes, reason: Reason, detail: str, events: tuple[EventOutcome, ...] = ()
    ) -> None:
        self._outcomes.append(_Outcome(ReceiptKind.TRANSACTION, index, subject, reason, detail, events, {}))

    def _finish(
        self,
        work: Workspace,
        kind: ReceiptKind,
        index: int,
        subject: bytes,
        reason: Reason = Reason.NONE,
        detail: str = "",
        events: tuple[EventOutcome, ...] = (),
    ) -> None:
        """Keep what was staged and note what the receipt about it will say."""
        self._overlay.keep(work.staged)
        self._histories.extend(work.histories)
        self._outcomes.append(_Outcome(kind, index, subject, reason, detail, events, work.staged))


def _where(error: Exception) -> str:
    """A fault for the operator's log: what was raised and the calls that led there, outermost first."""
    calls = []
    trace = error.__traceback__
    while trace is not None:
        calls.append(f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__}: {error} ({' > '.join(calls)})"


def receipt_of(height: int, outcome: _Outcome) -> Receipt:
    """The receipt about one invocation."""
    return Receipt(
        outcome.kind,
        height,
        outcome.index,
        outcome.subject,
        outcome.reason,
        outcome.detail[:DETAIL_SIZE_MAX],
        outcome.events,
        changes_of(outcome.staged),
    )


def changes_of(staged: Mapping[bytes, Record | None]) -> tuple[Change, ...]:
    """Writes as a receipt lists them: by key, with the leaf hash of the new value, zeros for a deletion."""
    return tuple(
        [Change(key, ZERO32 if record is None else record.leaf_hash()) for key, record in sorted(staged.items())]
    )


def _refused(commitment: bytes, outcome: EventOutcome | None, culprit: bool, reason: Reason) -> EventOutcome:
    """The outcome of one event of a refused capture: a duplicate stays one, the culprit has the reason."""
    if outcome is not None and outcome.reason is Reason.DUPLICATE:
        return outcome
    return EventOutcome(commitment, EventStatus.REFUSED, reason if culprit else Reason.ROLLED_BACK)
