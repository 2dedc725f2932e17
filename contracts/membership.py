"""Rules of the validator set: who is to join, to leave, to change its key, and what a joiner must show.

An order plans; ``contracts.switch`` decides at the switch height and carries out with the boundary block of the epoch.
Specification: docs/spec/epochs.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from contracts.authority import SignerPolicy, active_organisation, require_use
from contracts.governance import require_co_signature, require_new_key, require_root
from contracts.interface import Refusal
from contracts.switch import KNOWN_ROOTS_KEY, PLAN_KEY, VALIDATORS_KEY, oldest_ready_ms, register_validator_key
from contracts.workspace import Workspace
from tallystick.errors import DecodeError, ProofError, SignatureError
from tallystick.evidence import verify_evidence
from tallystick.limits import SWITCH_DISTANCE_MAX, SWITCH_DISTANCE_MIN, VALIDATORS_MAX
from tallystick.payloads.membership import ChangeValidators, NewSeat, Ready, RotateValidator, SubmitEvidence
from tallystick.reasons import Reason
from tallystick.records.chain import ValidatorsRecord
from tallystick.records.members import Key, KeyUse, member_key
from tallystick.records.membership import (
    EvidenceRecord,
    KnownRoots,
    PlannedChange,
    PlannedJoin,
    PlannedRotation,
    Seat,
    evidence_key,
    planned_seat_key,
)
from tallystick.validators import ValidatorSet, check_bls_form, faults_max

ROTATION_DISTANCE_MAX = 256  # heights that one member alone may put a planned switch off


# --- orders -----------------------------------------------------------------------------------------------


def change_validators(work: Workspace, payload: ChangeValidators) -> None:
    """Plan joins and leaves, or add them to what is planned. Signed by a quorum of governors."""
    sitting = _sitting(work)
    if not payload.joins and not payload.leaves:
        raise Refusal(Reason.TERMS_INVALID, "nobody joins and nobody leaves")
    plan = _plan(work, payload.switch_height, SWITCH_DISTANCE_MAX)
    here = {validator.organisation for validator in sitting.members}
    planned = {join.organisation for join in plan.joins} | set(plan.leaves)
    planned |= {rotation.organisation for rotation in plan.rotations}
    named = [seat.organisation for seat in payload.joins] + list(payload.leaves)
    for organisation in named:
        if organisation in planned or named.count(organisation) > 1:
            raise Refusal(Reason.ALREADY_EXISTS, organisation)
    for organisation in payload.leaves:
        if organisation not in here:
            raise Refusal(Reason.NOT_FOUND, organisation)
    for seat in payload.joins:
        if seat.organisation in here:
            raise Refusal(Reason.ALREADY_EXISTS, seat.organisation)
        active_organisation(work, seat.organisation)
    joins = (*plan.joins, *(_planned_join(seat) for seat in payload.joins))
    leaves = (*plan.leaves, *payload.leaves)
    _require_few(sitting, len(joins), len(leaves))
    for seat in payload.joins:
        _require_bls_key(sitting, replace(plan, joins=joins), seat)
        _plan_seat(work, seat)
    joins = tuple(sorted(joins, key=lambda join: join.organisation))
    work.write(PLAN_KEY, replace(plan, joins=joins, leaves=tuple(sorted(leaves))))


def rotate_validator(work: Workspace, payload: RotateValidator) -> None:
    """Plan another key for one's own validator; the root key signs first, the new key second.

    Once per organisation and epoch, and at most ``ROTATION_DISTANCE_MAX`` heights ahead, so that no member alone puts
    off what the others planned.
    """
    require_root(work)
    require_co_signature(work, payload.seat.key)
    if payload.seat.organisation != work.organisation:
        raise Refusal(Reason.SIGNERS_OF_SEVERAL_ORGANISATIONS)
    if work.organisation not in {validator.organisation for validator in _sitting(work).members}:
        raise Refusal(Reason.NOT_FOUND, work.organisation)
    plan = _plan(work, payload.switch_height, ROTATION_DISTANCE_MAX)
    planned = {rotation.organisation for rotation in plan.rotations} | set(plan.leaves)
    if work.organisation in planned:
        raise Refusal(Reason.ALREADY_EXISTS, work.organisation)
    _require_bls_key(_sitting(work), plan, payload.seat)
    _plan_seat(work, payload.seat)
    rotations = (*plan.rotations, _planned_rotation(payload.seat))
    work.write(PLAN_KEY, replace(plan, rotations=tuple(sorted(rotations, key=lambda one: one.organisation))))


def ready(work: Workspace, payload: Ready) -> None:
    """A joining validator shows that it has the state: it names a height and root that the chain knows of."""
    require_use(work, KeyUse.VALIDATOR)
    plan = _open_plan(work)
    if plan is None or len(work.signers) != 1:
        raise Refusal(Reason.NOT_FOUND, work.organisation)
    index = next((i for i, join in enumerate(plan.joins) if join.key == work.signers[0]), None)
    if index is None:
        raise Refusal(Reason.NOT_FOUND, work.organisation)
    roots = work.public(KNOWN_ROOTS_KEY, KnownRoots) or KnownRoots(())
    known = next((root for root in roots.roots if root.height == payload.height), None)
    if known is None or known.state_root != payload.state_root or known.time_ms < oldest_ready_ms(work):
        raise Refusal(Reason.STATE_UNKNOWN, str(payload.height))
    join = plan.joins[index]
    if known.height <= join.ready_height:
        raise Refusal(Reason.WRONG_STATE, str(join.ready_height))
    join = replace(join, ready_height=known.height, ready_ms=known.time_ms)
    work.write(PLAN_KEY, replace(plan, joins=(*plan.joins[:index], join, *plan.joins[index + 1 :])))


def _sitting(work: Workspace) -> ValidatorSet:
    record = work.public(VALIDATORS_KEY, ValidatorsRecord)
    assert record is not None, "genesis writes the validators"
    return record.validators


def _open_plan(work: Workspace) -> PlannedChange | None:
    """The planned change; refused once the next set is decided (WRONG_STATE)."""
    plan = work.public(PLAN_KEY, PlannedChange)
    if plan is not None and plan.next_validators is not None:
        raise Refusal(Reason.WRONG_STATE, f"the switch at height {plan.switch_height} is decided")
    return plan


def _plan(work: Workspace, switch_height: int, distance_max: int) -> PlannedChange:
    """The plan that an order adds to; the later switch of both."""
    distance = switch_height - work.block.height
    if not SWITCH_DISTANCE_MIN <= distance <= distance_max:
        raise Refusal(Reason.SWITCH_HEIGHT_WRONG, str(switch_height))
    plan = _open_plan(work)
    if plan is None:
        return PlannedChange(switch_height, (), (), (), None)
    return replace(plan, switch_height=max(plan.switch_height, switch_height))


def _require_few(sitting: ValidatorSet, joins: int, leaves: int) -> None:
    """At most max(1, f) of each; somebody stays, and the set has room."""
    most = max(1, faults_max(sitting.count))
    stay = sitting.count - leaves
    if joins > most or leaves > most or stay < 1 or stay + joins > VALIDATORS_MAX:
        raise Refusal(Reason.TOO_MANY_CHANGES, f"at most {most} of {sitting.count}")


def _require_bls_key(sitting: ValidatorSet, plan: PlannedChange, seat: NewSeat) -> None:
    """Refuse a BLS key without the form of one (BAD_KEY), and one of another validator, also a planned one.

    Whether it is a point of the right group and its possession is proven, no rule asks: every checker of a seal does
    (docs/spec/compact.md, section 1).
    """
    try:
        check_bls_form(seat.bls_key, seat.bls_possession)
    except DecodeError as error:
        raise Refusal(Reason.BAD_KEY, seat.bls_key.hex()[:16]) from error
    planned = (*(join.validator() for join in plan.joins), *(one.validator() for one in plan.rotations))
    entries = (*sitting.members, *planned)
    others = {entry.bls_key for entry in entries if entry.organisation != seat.organisation}
    if seat.bls_key and seat.bls_key in others:
        raise Refusal(Reason.ALREADY_EXISTS, seat.bls_key.hex()[:16])


def _planned_join(seat: NewSeat) -> PlannedJoin:
    return PlannedJoin(seat.organisation, seat.key, 0, 0, seat.bls_key, seat.bls_possession)


def _planned_rotation(seat: NewSeat) -> PlannedRotation:
    return PlannedRotation(seat.organisation, seat.key, seat.bls_key, seat.bls_possession)


def _plan_seat(work: Workspace, seat: NewSeat) -> None:
    """Register the key, which may sign from now on that it is ready, and keep the addresses."""
    require_new_key(work, seat.key)
    active_organisation(work, seat.organisation)
    register_validator_key(work, seat)
    planned = Seat(seat.key, seat.certificate, seat.peer_address, seat.api_address, 0, 0)
    work.write(planned_seat_key(seat.organisation), planned)


# --- evidence ---------------------------------------------------------------------------------------------


def submit_evidence(work: Workspace, payload: SubmitEvidence) -> None:
    """Keep two messages that convict a validator: the first of a (validator, epoch, view, kind) stays."""
    require_use(work, KeyUse.VALIDATOR)
    evidence = payload.evidence
    guilty = work.public(member_key(evidence.key), Key)
    if guilty is None or KeyUse.VALIDATOR not in guilty.uses:
        raise Refusal(Reason.NOT_FOUND, evidence.key.hex()[:16])
    try:
        kind = verify_evidence(evidence, work.block.chain_id)
    except (ProofError, SignatureError) as error:
        raise Refusal(Reason.NO_CONTRADICTION) from error
    key = evidence_key(evidence.key, evidence.epoch, evidence.view, kind)
    if work.record(key) is not None:
        raise Refusal(Reason.ALREADY_EXISTS, kind.name)
    work.write(key, EvidenceRecord(guilty.organisation, kind, evidence, work.organisation, work.block.height))


RULES: dict[type[Any], tuple[Callable[[Workspace, Any], None], SignerPolicy]] = {
    ChangeValidators: (change_validators, SignerPolicy.GOVERNORS),
    RotateValidator: (rotate_validator, SignerPolicy.ROOT_AND_NEW_KEY),
    Ready: (ready, SignerPolicy.ONE_ORGANISATION),
    SubmitEvidence: (submit_evidence, SignerPolicy.ONE_ORGANISATION),
}
