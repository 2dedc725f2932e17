"""Condition trees: each leaf, each inner node, against a naive judge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.trade.conditions import evaluate
from tallystick.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    Condition,
    DocumentRecorded,
    DocumentType,
    InspectionPassed,
    Received,
    Shipped,
    SignedBy,
    TimeReached,
    depth_of,
    leaves_of,
)
from tallystick.payloads.trade import RecordDocument
from tallystick.records.goods import HistoryKind, Verdict
from tallystick.records.trade import DocumentReference
from tests.unit.finance.money_world import LOT, PALLET, PAYEE, PAYER, START, World, named

SERIAL = "01/09521234543213/21/A1"


@pytest.fixture
def world() -> World:
    return World()


def holds(world: World, condition: Condition) -> bool:
    return evaluate(world.workspace(), condition).holds


def test_received_needs_every_item_and_the_right_receiver(world: World) -> None:
    leaf = Received((PALLET, SERIAL), PAYER, 0)
    world.happens(HistoryKind.RECEIVE, PALLET, PAYER)
    assert not holds(world, leaf)
    world.happens(HistoryKind.RECEIVE, SERIAL, "org:carrier")
    assert not holds(world, leaf)
    world.happens(HistoryKind.RECEIVE, SERIAL, PAYER)
    assert holds(world, leaf)


@pytest.mark.parametrize(("offset", "expected"), [(-1, True), (0, False), (1, False)])
def test_received_before_is_half_open(world: World, offset: int, expected: bool) -> None:
    world.now = START + offset
    world.happens(HistoryKind.RECEIVE, PALLET, PAYER)
    assert holds(world, Received((PALLET,), PAYER, START)) is expected


def test_a_corrected_event_counts_as_absent(world: World) -> None:
    world.corrected(world.happens(HistoryKind.SHIP, PALLET, PAYEE))
    assert not holds(world, Shipped((PALLET,), PAYEE))
    world.happens(HistoryKind.SHIP, PALLET, PAYEE)
    assert holds(world, Shipped((PALLET,), PAYEE))


def test_what_another_declares_of_its_own_copy_is_not_about_the_event(world: World) -> None:
    shipped, passed = world.happens(HistoryKind.SHIP, PALLET, PAYEE), world.inspected(LOT)
    for commitment in (shipped, passed):
        world.corrected(commitment, by="org:carrier")
    assert holds(world, Shipped((PALLET,), PAYEE))
    assert holds(world, InspectionPassed((LOT,), ""))


def test_an_inspection_counts_when_it_passed_is_not_corrected_and_by_whom_was_agreed(world: World) -> None:
    leaf = InspectionPassed((LOT,), "")
    assert not holds(world, leaf)
    commitment = world.inspected(LOT)
    assert holds(world, leaf)
    assert holds(world, InspectionPassed((LOT,), "org:laboratory"))
    assert not holds(world, InspectionPassed((LOT,), PAYER))
    world.corrected(commitment)
    assert not holds(world, leaf)
    world.inspected(LOT, Verdict.FAIL)
    assert not holds(world, leaf)


def test_a_document_counts_by_type_issuer_and_what_it_refers_to(world: World) -> None:
    world.must(PAYER, RecordDocument(DocumentType.ORDER, named("order"), PAYEE, ()))
    leaf = DocumentRecorded(DocumentType.INVOICE, named("order"), PAYEE)
    assert not holds(world, leaf)
    references = (DocumentReference(PAYER, named("order")),)
    world.must(PAYEE, RecordDocument(DocumentType.INVOICE, named("invoice"), PAYER, references))
    assert holds(world, leaf)
    assert not holds(world, DocumentRecorded(DocumentType.INVOICE, named("order"), PAYER))
    assert not holds(world, DocumentRecorded(DocumentType.DESPATCH_ADVICE, named("order"), PAYEE))


@pytest.mark.parametrize(("offset", "expected"), [(-1, False), (0, True), (1, True)])
def test_time_is_reached_at_its_millisecond(world: World, offset: int, expected: bool) -> None:
    world.now = START + offset
    assert holds(world, TimeReached(START)) is expected


def test_evidence_names_leaf_item_and_event(world: World) -> None:
    first = world.happens(HistoryKind.RECEIVE, PALLET, PAYER)
    inspection = world.inspected(LOT)
    tree = AllOf((TimeReached(0), Received((PALLET,), PAYER, 0), InspectionPassed((LOT,), "")))
    outcome = evaluate(world.workspace(), tree)
    assert [(entry.leaf, entry.item, entry.commitment) for entry in outcome.evidence] == [
        (1, 0, first),
        (2, 0, inspection),
    ]
    assert outcome.open_leaves == ()


NO_STATE = World().workspace()


def trees() -> st.SearchStrategy[Condition]:
    leaves: st.SearchStrategy[Condition] = st.sampled_from([f"org:{name}" for name in "abcd"]).map(SignedBy)

    def grow(children: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        several = st.lists(children, min_size=1, max_size=4).map(tuple)
        counted = several.flatmap(lambda of: st.integers(1, len(of)).map(lambda count: AtLeast(count, of)))
        return st.one_of(several.map(AllOf), several.map(AnyOf), counted)

    return st.recursive(leaves, grow, max_leaves=16)


def judge(condition: Condition, approvals: frozenset[str]) -> bool:
    """A tree's meaning straight from its definition."""
    if isinstance(condition, SignedBy):
        return condition.organisation in approvals
    assert isinstance(condition, AllOf | AnyOf | AtLeast)
    values = [judge(child, approvals) for child in condition.of]
    if isinstance(condition, AllOf):
        return all(values)
    return any(values) if isinstance(condition, AnyOf) else sum(values) >= condition.count


@given(trees(), st.frozensets(st.sampled_from([f"org:{name}" for name in "abcd"])))
def test_every_tree_agrees_with_the_naive_judge(condition: Condition, approvals: frozenset[str]) -> None:
    outcome = evaluate(NO_STATE, condition, approvals=tuple(sorted(approvals)))
    assert outcome.holds is judge(condition, approvals)
    leaves = list(leaves_of(condition))
    expected = [number for number, leaf in enumerate(leaves) if not judge(leaf, approvals)]
    assert list(outcome.open_leaves) == expected
    assert depth_of(condition) >= 1
