"""The end of an epoch in the state: roots kept for joiners, the decision at the switch height, the change itself.

Runs as the last thing of every block, and does nothing while no change is planned. The decision is made once, by the
state after ``switch_height``: whichever later state a boundary block names, it names the same next set.
"""

from __future__ import annotations

from msgspec.structs import replace

from contracts.interface import StateView
from contracts.workspace import Workspace
from tallystick.payloads.membership import NewSeat
from tallystick.records.base import read_stored
from tallystick.records.chain import ValidatorsRecord, chain_key
from tallystick.records.members import Key, KeyStatus, KeyUse, Organisation, member_key, organisation_key
from tallystick.records.membership import (
    ROOT_SPACING_MS,
    ROOTS_MAX,
    KnownRoot,
    KnownRoots,
    PlannedChange,
    Seat,
    planned_seat_key,
    ready_age_max_ms,
    seat_key,
)
from tallystick.validators import ValidatorSet, validator_set

VALIDATORS_KEY = chain_key("validators")
PLAN_KEY = chain_key("planned-change")
KNOWN_ROOTS_KEY = chain_key("known-roots")


def sitting_validators(view: StateView) -> ValidatorsRecord:
    """Number and validators of the epoch that the block after this state belongs to."""
    record = view.get(VALIDATORS_KEY)
    assert record is not None, "genesis writes the validators"
    return read_stored(record.public, ValidatorsRecord)


def planned_change(view: StateView) -> PlannedChange | None:
    """The change of validators that is planned, or None."""
    record = view.get(PLAN_KEY)
    return None if record is None else read_stored(record.public, PlannedChange)


def decided_validators(view: StateView) -> ValidatorSet | None:
    """The next epoch's validators, once this state has decided on them; None while the epoch goes on."""
    plan = planned_change(view)
    return None if plan is None else plan.next_validators


def oldest_ready_ms(work: Workspace) -> int:
    """Block time below which a joiner's word about its state no longer counts."""
    return work.block.time_ms - ready_age_max_ms(work.parameters().heartbeat_ms)


def turn(work: Workspace) -> None:
    """Carry out, decide, or remember a root for joiners, as the planned change has come to."""
    plan = work.public(PLAN_KEY, PlannedChange)
    if work.block.recovered:
        _recover(work, plan)
    elif plan is None:
        assert not work.block.ends_epoch, "an epoch ends only with a planned change"
    elif work.block.ends_epoch:
        _carry_out(work, plan)
    elif plan.next_validators is None and work.block.height >= plan.switch_height:
        _decide(work, plan)
    elif plan.next_validators is None and plan.joins:
        _remember_root(work)


def _remember_root(work: Workspace) -> None:
    executed = work.block.executed
    if executed is None:
        return
    roots = (work.public(KNOWN_ROOTS_KEY, KnownRoots) or KnownRoots(())).roots
    if roots and executed.time_ms < roots[-1].time_ms + ROOT_SPACING_MS:
        return
    oldest_ms = oldest_ready_ms(work)
    kept = [root for root in roots if root.time_ms >= oldest_ms][1 - ROOTS_MAX :]
    root = KnownRoot(executed.height, executed.time_ms, executed.state_root)
    work.write(KNOWN_ROOTS_KEY, KnownRoots((*kept, root)))


def _decide(work: Workspace, plan: PlannedChange) -> None:
    """Who votes next: without those who leave, with those joiners who are ready, with rotated entries."""
    sitting = work.public(VALIDATORS_KEY, ValidatorsRecord)
    assert sitting is not None
    oldest_ms = oldest_ready_ms(work)
    late = [join for join in plan.joins if join.ready_ms == 0 or join.ready_ms < oldest_ms]
    for join in late:
        _drop_planned(work, join.organisation, join.key)
    plan = replace(plan, joins=tuple(join for join in plan.joins if join not in late))
    rotated = {rotation.organisation: rotation.validator() for rotation in plan.rotations}
    members = [
        rotated.get(validator.organisation, validator)
        for validator in sitting.validators.members
        if validator.organisation not in plan.leaves
    ]
    members += [join.validator() for join in plan.joins]
    if work.record(KNOWN_ROOTS_KEY) is not None:
        work.delete(KNOWN_ROOTS_KEY)
    following = validator_set(tuple(members))
    if following == sitting.validators:
        work.delete(PLAN_KEY)
    else:
        work.write(PLAN_KEY, replace(plan, next_validators=following))


def _carry_out(work: Workspace, plan: PlannedChange) -> None:
    """The boundary block: the next epoch begins with the block after it."""
    sitting = work.public(VALIDATORS_KEY, ValidatorsRecord)
    assert sitting is not None and plan.next_validators is not None
    epoch = sitting.epoch + 1
    old_keys = {validator.organisation: validator.key for validator in sitting.validators.members}
    for organisation in plan.leaves:
        seat = work.public(seat_key(organisation), Seat)
        assert seat is not None
        work.write(seat_key(organisation), replace(seat, until_epoch=sitting.epoch))
        _revoke(work, old_keys[organisation])
    for rotation in plan.rotations:
        _take_seat(work, rotation.organisation, epoch)
        _revoke(work, old_keys[rotation.organisation])
    for join in plan.joins:
        _take_seat(work, join.organisation, epoch)
    work.write(VALIDATORS_KEY, ValidatorsRecord(epoch, plan.next_validators))
    work.delete(PLAN_KEY)


def _recover(work: Workspace, plan: PlannedChange | None) -> None:
    """A recovery ends the epoch: the seats of its heads are taken at once, and what was planned is dropped."""
    sitting = work.public(VALIDATORS_KEY, ValidatorsRecord)
    assert sitting is not None
    if plan is not None:
        for join in plan.joins:
            _drop_planned(work, join.organisation, join.key)
        for rotation in plan.rotations:
            _drop_planned(work, rotation.organisation, rotation.key)
        work.delete(PLAN_KEY)
        if work.record(KNOWN_ROOTS_KEY) is not None:
            work.delete(KNOWN_ROOTS_KEY)
    epoch = sitting.epoch + 1
    seats = {seat.organisation: seat for seat in work.block.recovered}
    members = []
    for validator in sitting.validators.members:
        seat = seats.get(validator.organisation)
        if seat is None:
            members.append(validator)
            continue
        _revoke(work, validator.key)
        register_validator_key(work, seat)
        taken = Seat(seat.key, seat.certificate, seat.peer_address, seat.api_address, epoch, 0)
        work.write(seat_key(seat.organisation), taken)
        members.append(seat.validator())
    work.write(VALIDATORS_KEY, ValidatorsRecord(epoch, validator_set(tuple(members))))


def register_validator_key(work: Workspace, seat: NewSeat) -> None:
    """Register a seat's key, which may sign from now on as its organisation's validator."""
    key = Key(seat.organisation, KeyStatus.ACTIVE, (KeyUse.VALIDATOR,), "", work.block.height, 0)
    work.write(member_key(seat.key), key)
    organisation = work.public(organisation_key(seat.organisation), Organisation)
    assert organisation is not None, "a seat is an organisation's"
    work.write(organisation_key(seat.organisation), replace(organisation, key_count=organisation.key_count + 1))


def _take_seat(work: Workspace, organisation: str, epoch: int) -> None:
    seat = work.public(planned_seat_key(organisation), Seat)
    assert seat is not None
    work.delete(planned_seat_key(organisation))
    work.write(seat_key(organisation), replace(seat, from_epoch=epoch))


def _drop_planned(work: Workspace, organisation: str, key: bytes) -> None:
    """A seat that is not taken: its key goes with it."""
    work.delete(planned_seat_key(organisation))
    _revoke(work, key)


def _revoke(work: Workspace, public_key: bytes) -> None:
    key = work.public(member_key(public_key), Key)
    if key is not None and key.status is KeyStatus.ACTIVE:
        work.write(member_key(public_key), replace(key, status=KeyStatus.REVOKED, until_height=work.block.height))
