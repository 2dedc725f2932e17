"""Recalls: named items at once, what was made from them by due work, a bounded number of items at a time.

A serial is recalled when its lot or class is, by look-up, so a recall marks the items that were named and the outputs
of transformations that used up a marked item (or, for a lot, one of its serials), and theirs in turn. While that is not
finished the recall says *spreading*. A recalled item cannot be used up, so nothing escapes behind the front.
"""

from __future__ import annotations

from msgspec.structs import replace

from contracts.authority import own_organisation, require_use
from contracts.goods.restrictions import in_force
from contracts.goods.transformation import descendant, descendant_count
from contracts.interface import Refusal
from contracts.workspace import Workspace
from tallystick.epcis import parse_key
from tallystick.payloads.goods import LiftRecall, RecallItems
from tallystick.reasons import Reason
from tallystick.records.base import key_hash
from tallystick.records.goods import (
    RECALLS_PER_ITEM_MAX,
    HistoryEntry,
    HistoryKind,
    ItemPublic,
    Recall,
    RecallProgress,
    RecallQueueEntry,
    RecallState,
    Transformation,
    item_key,
    recall_key,
    recall_progress_key,
    recall_queue_key,
    transformation_key,
)
from tallystick.records.members import KeyUse

SPREAD = "recall.spread"
STEP_ITEMS_MAX = 400  # items looked at by one item of due work: about 20 ms


def recall_items(work: Workspace, payload: RecallItems) -> None:
    """Recall items under the signers' prefixes (a regulator: any) and start spreading to what was made from them."""
    require_use(work, KeyUse.TRADE)
    key = recall_key(payload.recall_id)
    if work.record(key) is not None:
        raise Refusal(Reason.ALREADY_EXISTS, payload.recall_id)
    identifiers = tuple(sorted(set(payload.identifiers)))
    own = own_organisation(work)
    for identifier in identifiers:
        if work.record(item_key(identifier)) is None:
            raise Refusal(Reason.NOT_FOUND, identifier)
        if "regulator" not in own.roles:
            parsed = parse_key(identifier)
            if not any(parsed.gs1_company_prefix_matches(prefix) for prefix in own.prefixes):
                raise Refusal(Reason.NOT_PREFIX_HOLDER, identifier)
    progress = RecallProgress(0, 0, 0, 0, work.digest, work.transaction_index)
    recall = Recall(
        work.organisation, identifiers, payload.reason, payload.severity, RecallState.SPREADING, work.block.height, 0
    )
    spread = _Spread(work, payload.recall_id, recall, progress)
    for identifier in identifiers:
        spread.reach(identifier)
    spread.write()
    work.schedule(work.block.time_ms, SPREAD, key, work.organisation)


def lift_recall(work: Workspace, payload: LiftRecall) -> None:
    """End a recall. The items keep its id; that it is lifted says its own record."""
    require_use(work, KeyUse.TRADE)
    key = recall_key(payload.recall_id)
    recall = work.need(key, Recall, Reason.NOT_FOUND, payload.recall_id)
    if recall.issuer != work.organisation and "regulator" not in own_organisation(work).roles:
        raise Refusal(Reason.ROLE_MISSING, "regulator")
    if recall.state is RecallState.LIFTED:
        raise Refusal(Reason.WRONG_STATE, payload.recall_id)
    work.write(key, replace(recall, state=RecallState.LIFTED))


def spread_recall(work: Workspace, subject: bytes) -> None:
    """Due work: reach up to ``STEP_ITEMS_MAX`` items more, and come back for the rest."""
    recall_id = subject[1:].decode()
    recall = work.public(subject, Recall)
    progress = work.public(recall_progress_key(recall_id), RecallProgress)
    assert recall is not None and progress is not None
    spread = _Spread(work, recall_id, recall, progress)
    if recall.state is RecallState.LIFTED:
        finished = spread.forget()
    else:
        finished = spread.advance()
    if finished:
        work.delete(recall_progress_key(recall_id))
    else:
        work.schedule(work.block.time_ms, SPREAD, subject, recall.issuer)


class _Spread:
    """A recall on its way: breadth first, through a queue in the state."""

    def __init__(self, work: Workspace, recall_id: str, recall: Recall, progress: RecallProgress) -> None:
        self._work = work
        self._id = recall_id
        self._key = recall_key(recall_id)
        self._recall = recall
        self._progress = progress

    def write(self) -> None:
        """Stage recall and progress."""
        self._work.write(self._key, self._recall)
        self._work.write(recall_progress_key(self._id), self._progress)

    def reach(self, identifier: str) -> None:
        """Mark an item and queue it, unless it is marked already."""
        work = self._work
        key = item_key(identifier)
        item = work.public(key, ItemPublic)
        assert item is not None
        if self._id in item.recalls:
            return
        recalls = item.recalls
        if len(recalls) >= RECALLS_PER_ITEM_MAX:
            recalls = tuple(recall_id for recall_id in recalls if in_force(work, recall_id))
            if len(recalls) >= RECALLS_PER_ITEM_MAX:
                return  # so many in force on it, and on what was made from it, that one more says nothing new
        entry = HistoryEntry(
            self._progress.commitment,
            self._recall.height,
            self._progress.transaction_index,
            0,
            HistoryKind.RECALL,
            key_hash(self._key),
            self._recall.issuer,
        )
        history = work.append_history(key, item.history, entry)
        work.write_public(key, replace(item, history=history, recalls=(*recalls, self._id)))
        work.write(recall_queue_key(self._id, self._progress.tail), RecallQueueEntry(identifier))
        self._progress = replace(self._progress, tail=self._progress.tail + 1)
        self._recall = replace(self._recall, reached=self._recall.reached + 1)

    def advance(self) -> bool:
        """Work on the queue within the bound; returns whether it is empty."""
        budget = STEP_ITEMS_MAX
        while budget > 0 and self._progress.head < self._progress.tail:
            budget -= self._advance_head(budget)
        finished = self._progress.head == self._progress.tail
        if finished:
            self._recall = replace(self._recall, state=RecallState.IN_FORCE)
        self.write()
        return finished

    def _advance_head(self, budget: int) -> int:
        """One step on the item at the head: some outputs of one transformation, or its end. Returns the cost."""
        work, progress = self._work, self._progress
        queue_key = recall_queue_key(self._id, progress.head)
        head = work.public(queue_key, RecallQueueEntry)
        assert head is not None
        if progress.transformation == descendant_count(work, head.identifier):
            work.delete(queue_key)
            self._progress = replace(progress, head=progress.head + 1, transformation=0, output=0)
            return 1
        commitment = descendant(work, head.identifier, progress.transformation)
        transformation = work.public(transformation_key(commitment), Transformation)
        assert transformation is not None
        outputs = transformation.outputs[progress.output : progress.output + budget]
        for identifier in outputs:
            self.reach(identifier)
        done = progress.output + len(outputs)
        if done == len(transformation.outputs):
            self._progress = replace(self._progress, transformation=progress.transformation + 1, output=0)
        else:
            self._progress = replace(self._progress, output=done)
        return len(outputs) + 1

    def forget(self) -> bool:
        """Empty the queue of a recall that was lifted before it had spread; returns whether it is empty."""
        head = self._progress.head
        end = min(self._progress.tail, head + STEP_ITEMS_MAX)
        for number in range(head, end):
            self._work.delete(recall_queue_key(self._id, number))
        self._progress = replace(self._progress, head=end)
        self.write()
        return end == self._progress.tail
