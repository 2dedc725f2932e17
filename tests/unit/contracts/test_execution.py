"""Executing blocks: receipts, replays, faults, due work, the system's own records."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contracts.execution import execute_block
from contracts.interface import BlockContext, Refusal
from contracts.memory_state import MemoryState
from contracts.registry import DUE_RULES, RULES, Registry, Rule, Versions, since_genesis
from contracts.workspace import PARAMETERS_KEY, Workspace
from tallystick.admission import verify_transaction
from tallystick.encoding import ZERO32
from tallystick.errors import StorageError
from tallystick.limits import DUE_WORK_PER_BLOCK_MAX, DUE_WORK_PER_ORGANISATION_MAX, TIME_MAX_MS
from tallystick.payloads.governance import AdvanceClock, SuspendOrganisation
from tallystick.reasons import Reason
from tallystick.receipts import ReceiptKind
from tallystick.records.base import Record, Space, key_hash, read_public, record_of
from tallystick.records.chain import (
    HOUR_MS,
    ChainParameters,
    DueItem,
    ExpiringHours,
    ExpiringIds,
    chain_key,
    due_key,
    expiring_ids_key,
    parked_key,
)
from tallystick.records.goods import EventStatus, ItemMembers, item_key
from tallystick.transactions import SignedTransaction
from tests.world import FOUNDERS, World, gtin

GRAIN = gtin("95211110")
PACK = gtin("95212345")
GOVERNORS = [(name, "ROOT") for name in list(FOUNDERS)[:3]]


def clock(world: World, by_ms: int = 1_000) -> SignedTransaction:
    return world.payload(AdvanceClock(by_ms), *GOVERNORS)


# --- receipts ---------------------------------------------------------------------------------------------


def test_every_change_of_a_height_is_in_its_receipts_and_the_last_one_wins() -> None:
    world = World()
    world.make("org:grower", f"{GRAIN}/21/A")
    result = world.block(
        world.capture("org:grower", world.shipping("org:carrier", f"{GRAIN}/21/A")),
        world.capture("org:carrier", world.receiving(f"{GRAIN}/21/A")),
    )
    expected = {key: ZERO32 if record is None else record.leaf_hash() for key, record in result.writes.items()}
    assert result.leaves() == expected
    assert sum(change.key == item_key(f"{GRAIN}/21/A") for one in result.receipts for change in one.changes) == 2
    for receipt in result.receipts:
        keys = [change.key for change in receipt.changes]
        assert keys == sorted(set(keys))


def test_receipts_stand_in_the_order_due_work_transactions_system() -> None:
    world = World(registry=with_due({"quick": lambda work, subject: None}))
    put_due(world, DueItem("quick", b"subject", ""))
    result = world.block(clock(world), clock(world), due_work=True)
    kinds = [(receipt.kind, receipt.index) for receipt in result.receipts]
    assert kinds == [
        (ReceiptKind.DUE_WORK, 0),
        (ReceiptKind.TRANSACTION, 0),
        (ReceiptKind.TRANSACTION, 1),
        (ReceiptKind.SYSTEM, 0),
    ]


def test_an_empty_block_has_a_system_receipt_and_nothing_else() -> None:
    result = World().block(after_ms=1)
    assert [receipt.kind for receipt in result.receipts] == [ReceiptKind.SYSTEM]
    assert result.writes == {}


def test_a_later_transaction_of_a_block_sees_what_an_earlier_one_did() -> None:
    world = World()
    result = world.block(
        world.capture("org:grower", world.commissioning(f"{GRAIN}/21/A")),
        world.capture("org:grower", world.shipping("org:carrier", f"{GRAIN}/21/A")),
    )
    assert [receipt.reason for receipt in result.receipts] == [Reason.NONE] * 3


# --- replay -----------------------------------------------------------------------------------------------


def test_a_replayed_transaction_changes_nothing_and_says_so() -> None:
    world = World()
    transaction = clock(world, 7)
    world.must(transaction)
    before = dict(world.state.records)
    receipt = world.send(transaction)
    assert (receipt.reason, receipt.changes, receipt.events) == (Reason.REPLAYED, (), ())
    assert world.state.records == before
    assert world.results[-1].executed_ids == ()


def test_a_refused_transaction_counts_as_executed() -> None:
    world = World()
    transaction = world.payload(AdvanceClock(0), *GOVERNORS)
    assert world.reason(transaction) is Reason.TERMS_INVALID
    assert world.reason(transaction) is Reason.REPLAYED


# --- faults -----------------------------------------------------------------------------------------------


def with_rule(fault: Callable[[Workspace, AdvanceClock], None]) -> Registry:
    return since_genesis({**RULES, AdvanceClock: Rule(fault, RULES[AdvanceClock].policy)}, DUE_RULES)


def with_due(rules: dict[str, Callable[[Workspace, bytes], None]]) -> Registry:
    return since_genesis(RULES, {**DUE_RULES, **rules})


def put_due(world: World, item: DueItem, *, due_ms: int | None = None, serial: int = 10**6) -> bytes:
    key = due_key(world.time_ms if due_ms is None else due_ms, serial)
    records = {**world.state.records, key: record_of(item, None, b"")}
    world.state = MemoryState(records)
    return key


def test_a_rule_that_raises_ends_its_transaction_and_not_the_chain() -> None:
    def fault(work: Workspace, payload: AdvanceClock) -> None:
        work.delete(PARAMETERS_KEY)
        raise KeyError(payload.by_ms)

    world = World(registry=with_rule(fault))
    result = world.block(clock(world), world.capture("org:grower", world.commissioning(f"{GRAIN}/21/A")))
    assert [receipt.reason for receipt in result.receipts] == [Reason.RULE_FAULT, Reason.NONE, Reason.NONE]
    assert result.receipts[0].changes == ()
    assert PARAMETERS_KEY in world.state.records
    assert len(result.faults) == 1
    assert "KeyError" in result.faults[0] and "fault:" in result.faults[0]


@pytest.mark.parametrize("error", [MemoryError, RecursionError, StorageError])
def test_errors_of_the_machine_stop_execution(error: type[Exception]) -> None:
    def fault(work: Workspace, payload: AdvanceClock) -> None:
        raise error

    world = World(registry=with_rule(fault))
    with pytest.raises(error):
        world.block(clock(world))


def test_a_payload_without_a_rule_at_this_height_is_refused() -> None:
    rules = {type_: Versions(((0, rule),)) for type_, rule in RULES.items()}
    later = {**rules, AdvanceClock: Versions(((1_000, RULES[AdvanceClock]),))}
    world = World(registry=Registry(later, {}))
    assert world.reason(clock(world)) is Reason.UNKNOWN_RULE


def test_a_rule_changes_from_its_height_on() -> None:
    seen: list[str] = []
    rule = RULES[AdvanceClock]
    old = Rule(lambda work, payload: seen.append("old"), rule.policy)
    new = Rule(lambda work, payload: seen.append("new"), rule.policy)
    versions = {type_: Versions(((0, one),)) for type_, one in RULES.items()}
    world = World(registry=Registry({**versions, AdvanceClock: Versions(((0, old), (10, new)))}, {}))
    while len(world.results) < 11:
        world.must(clock(world))
    assert seen == ["old", "new", "new"]  # heights 9, 10, 11: those before registered keys


# --- due work ---------------------------------------------------------------------------------------------


def test_due_work_is_deleted_when_worked_and_waits_for_its_time() -> None:
    done: list[bytes] = []
    world = World(registry=with_due({"note": lambda work, subject: done.append(subject)}))
    key = put_due(world, DueItem("note", b"subject", ""), due_ms=world.time_ms + 2_000)
    assert world.block(due_work=True).next_due_ms == world.time_ms + 1_000
    assert world.block(due_work=False).next_due_ms == world.time_ms
    assert done == []
    result = world.block(due_work=True)
    assert (done, result.next_due_ms, key in world.state.records) == ([b"subject"], None, False)
    assert result.receipts[0].subject == key_hash(key)


def test_failing_due_work_is_parked_and_never_tried_again() -> None:
    def fault(work: Workspace, subject: bytes) -> None:
        work.delete(subject)
        raise ValueError

    def refuse(work: Workspace, subject: bytes) -> None:
        raise Refusal(Reason.WRONG_STATE, "x")

    world = World(registry=with_due({"fault": fault, "refuse": refuse}))
    names = ("fault", "refuse", "unheard-of")
    parked = [parked_key(put_due(world, DueItem(name, PARAMETERS_KEY, ""), serial=i)) for i, name in enumerate(names)]
    result = world.block(due_work=True)
    reasons = [receipt.reason for receipt in result.receipts[:3]]
    assert reasons == [Reason.RULE_FAULT, Reason.WRONG_STATE, Reason.UNKNOWN_RULE]
    assert [read_public(world.state.records[key], DueItem).parked for key in parked] == [True] * 3
    assert PARAMETERS_KEY in world.state.records
    assert result.next_due_ms is None
    assert len(world.block(due_work=True).receipts) == 1
    assert list(world.state.due(TIME_MAX_MS - 1)) == []


def test_due_work_is_bounded_per_block_and_per_organisation() -> None:
    world = World(registry=with_due({"note": lambda work, subject: None}))
    records = dict(world.state.records)
    for serial in range(100):
        records[due_key(world.time_ms, serial)] = record_of(DueItem("note", b"x", "org:grower"), None, b"")
        records[due_key(world.time_ms, 1_000 + serial)] = record_of(DueItem("note", b"x", ""), None, b"")
    world.state = MemoryState(records)
    result = world.block(due_work=True)
    worked = [receipt for receipt in result.receipts if receipt.kind is ReceiptKind.DUE_WORK]
    assert len(worked) == DUE_WORK_PER_BLOCK_MAX
    left = [read_public(record, DueItem).organisation for _, record in world.state.due(TIME_MAX_MS)]
    assert left.count("org:grower") == 100 - DUE_WORK_PER_ORGANISATION_MAX


def test_due_work_that_schedules_itself_runs_once_per_block() -> None:
    runs: list[int] = []

    def again(work: Workspace, subject: bytes) -> None:
        runs.append(work.block.height)
        work.schedule(work.block.time_ms, "again", subject)

    world = World(registry=with_due({"again": again}))
    put_due(world, DueItem("again", b"x", ""))
    first = len(world.results) + 1
    assert world.block(due_work=True).next_due_ms == world.time_ms
    world.block(due_work=True)
    assert runs == [first, first + 1]


def test_a_new_members_half_by_due_work_needs_a_secret_of_its_subject() -> None:
    def write(work: Workspace, subject: bytes) -> None:
        members = ItemMembers("org:grower", "", "", 0, 0, "", b"")
        work.write(item_key(subject.hex()), DueItem("x", b"", ""), members)

    world = World(registry=with_due({"write": write}))
    world.make("org:grower", f"{GRAIN}/21/A")
    put_due(world, DueItem("write", item_key(f"{GRAIN}/21/A"), ""), serial=1)
    put_due(world, DueItem("write", PARAMETERS_KEY, ""), serial=2)
    result = world.block(due_work=True)
    assert [receipt.reason for receipt in result.receipts] == [Reason.NONE, Reason.RULE_FAULT, Reason.NONE]
    record = world.state.records[item_key(item_key(f"{GRAIN}/21/A").hex())]
    assert len(record.members_salt) == 32
    assert record.members_salt != world.state.records[item_key(f"{GRAIN}/21/A")].members_salt


# --- ids --------------------------------------------------------------------------------------------------


def expiring(world: World) -> dict[bytes, Record]:
    return {key: record for key, record in world.state.records.items() if key[0] == Space.EXPIRING_IDS}


def test_ids_are_counted_by_the_hour_of_their_expiry_and_go_when_it_has_passed() -> None:
    world = World()
    world.must(clock(world))
    key = expiring_ids_key(world.time_ms - 1_000 + HOUR_MS)
    count = read_public(world.state.records[key], ExpiringIds).count
    assert count == len(world.results)
    world.block(after_ms=2 * HOUR_MS)
    assert expiring(world) == {}
    hours = read_public(world.state.records[chain_key("expiring-hours")], ExpiringHours)
    assert hours.first == hours.last == world.time_ms // HOUR_MS


def test_ids_are_forgotten_after_a_leap_of_the_clock() -> None:
    world = World()
    world.must(clock(world))
    result = world.block(after_ms=30 * 24 * HOUR_MS)
    assert expiring(world) == {}
    assert sum(record is None for record in result.writes.values()) == 1


# --- captures ---------------------------------------------------------------------------------------------


def test_one_refused_event_rolls_the_whole_capture_back() -> None:
    world = World()
    receipt = world.send(
        world.capture(
            "org:grower",
            world.commissioning(f"{GRAIN}/21/A"),
            world.commissioning(f"{PACK}/21/B"),
            world.commissioning(f"{GRAIN}/21/C"),
        )
    )
    assert receipt.reason is Reason.NOT_PREFIX_HOLDER
    assert receipt.detail == f"/events/1 {PACK}/21/B"
    assert [outcome.reason for outcome in receipt.events] == [
        Reason.ROLLED_BACK,
        Reason.NOT_PREFIX_HOLDER,
        Reason.ROLLED_BACK,
    ]
    assert {outcome.status for outcome in receipt.events} == {EventStatus.REFUSED}
    assert receipt.changes == ()


def test_a_fault_in_an_event_rolls_the_capture_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError

    world = World()
    monkeypatch.setattr("contracts.goods.opening.commission", fault)
    receipt = world.send(world.capture("org:grower", world.commissioning(f"{GRAIN}/21/A")))
    assert [receipt.reason, receipt.events[0].reason] == [Reason.RULE_FAULT] * 2


def test_an_event_recorded_before_answers_duplicate_with_its_first_place() -> None:
    world = World()
    event = world.split("org:grower", world.commissioning(f"{GRAIN}/21/A"))
    first = world.must(world.capture("org:grower", event))
    receipt = world.send(world.capture("org:grower", event))
    (outcome,) = receipt.events
    assert (receipt.reason, outcome.reason, outcome.status) == (
        Reason.DUPLICATE,
        Reason.DUPLICATE,
        EventStatus.REFUSED,
    )
    assert (outcome.first_height, outcome.first_transaction_index) == (first.height, first.index)
    assert receipt.changes == ()


def test_duplicates_do_not_hold_back_the_new_events_of_a_capture() -> None:
    world = World()
    old = world.split("org:grower", world.commissioning(f"{GRAIN}/21/A"))
    world.must(world.capture("org:grower", old))
    receipt = world.must(world.capture("org:grower", old, world.commissioning(f"{GRAIN}/21/B")))
    assert [outcome.reason for outcome in receipt.events] == [Reason.DUPLICATE, Reason.NONE]
    refused = world.send(
        world.capture("org:grower", old, world.shipping("org:carrier", f"{GRAIN}/21/Z", f"{GRAIN}/21/A"))
    )
    assert [outcome.reason for outcome in refused.events] == [Reason.DUPLICATE, Reason.MIXED_CONTROL]


def test_a_refused_event_may_be_sent_again() -> None:
    world = World()
    world.make("org:grower", f"{GRAIN}/21/A")
    receiving = world.split("org:carrier", world.receiving(f"{GRAIN}/21/A"))
    assert world.reason(world.capture("org:carrier", receiving)) is Reason.NOT_IN_TRANSIT
    world.must(world.capture("org:grower", world.shipping("org:carrier", f"{GRAIN}/21/A")))
    world.must(world.capture("org:carrier", receiving))


def test_an_event_of_the_future_is_refused_and_a_clock_may_be_five_minutes_ahead() -> None:
    world = World()
    ahead = world.time_ms + 1_000 + 5 * 60_000
    late = world.commissioning(f"{GRAIN}/21/A")
    early = world.event(
        "ObjectEvent", time_ms=ahead + 1, **{k: late[k] for k in ("action", "bizStep")}, epcList=["01/x"]
    )
    early["epcList"], early["bizLocation"] = late["epcList"], late["bizLocation"]
    assert world.reason(world.capture("org:grower", early)) is Reason.EVENT_IN_FUTURE
    early["eventTime"] = world.event(time_ms=world.time_ms + 1_000 + 5 * 60_000)["eventTime"]
    world.must(world.capture("org:grower", early))


# --- who may act ------------------------------------------------------------------------------------------


def test_a_capture_by_a_key_that_may_not_is_refused_event_by_event() -> None:
    world = World()
    events = [world.commissioning(f"{GRAIN}/21/A"), world.commissioning(f"{GRAIN}/21/B")]
    for key, reason in (
        ("READ", Reason.UNKNOWN_KEY),
        ("TRADE", Reason.KEY_NOT_FOR_THIS),
        ("ROOT", Reason.KEY_NOT_FOR_THIS),
    ):
        receipt = world.send(world.capture("org:grower", *events, key=key))
        assert [receipt.reason, *(outcome.reason for outcome in receipt.events)] == [reason] * 3


def test_a_suspended_organisation_cannot_act() -> None:
    world = World()
    world.must(world.payload(SuspendOrganisation("org:retailer", True), *GOVERNORS))
    transaction = world.capture("org:retailer", world.commissioning(gtin("95214444") + "/21/A"))
    assert world.reason(transaction) is Reason.ORGANISATION_SUSPENDED


def test_executing_reads_the_view_and_never_writes_it() -> None:
    world = World()
    transaction = verify_transaction(clock(world).raw, world.chain_id)
    before = dict(world.state.records)
    context = BlockContext(len(world.results) + 1, world.time_ms + 1, True)
    first = execute_block(world.state, context, [transaction])
    assert world.state.records == before
    assert execute_block(world.state, context, [transaction]) == first
    assert read_public(world.state.records[PARAMETERS_KEY], ChainParameters).clock_offset_ms == 0
