"""The validator set: orders, readiness, the decision at the switch height, the boundary block, evidence."""

from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec.structs import replace

from contracts.invariants import violations
from contracts.switch import KNOWN_ROOTS_KEY, PLAN_KEY, decided_validators, sitting_validators
from tallystick import keys
from tallystick.encoding import ZERO32, Message
from tallystick.evidence import PROPOSE, Evidence, EvidenceKind, Said, evidence_of
from tallystick.limits import SWITCH_DISTANCE_MIN
from tallystick.payloads.governance import RevokeKey, RotateKey
from tallystick.payloads.membership import ChangeValidators, NewSeat, Ready, RotateValidator, SubmitEvidence
from tallystick.proposals import proposal_signing_bytes
from tallystick.reasons import Reason
from tallystick.records.base import read_public
from tallystick.records.members import Key, KeyStatus, member_key
from tallystick.records.membership import (
    ROOTS_MAX,
    EvidenceRecord,
    KnownRoots,
    PlannedChange,
    Seat,
    evidence_key,
    planned_seat_key,
    seat_key,
)
from tallystick.validators import faults_max
from tallystick.votes import Statement, VoteKind
from tests.world import FOUNDERS, World, founding, public_key, seed

GOVERNORS = [(name, "ROOT") for name in list(FOUNDERS)[:3]]
JOINERS = ("org:five", "org:six", "org:seven")


def seat(organisation: str, key: str = "VALIDATOR") -> NewSeat:
    return NewSeat(organisation, public_key(organisation, key), b"certificate", "127.0.0.1:5", "127.0.0.1:6")


def bls_entry(number: int) -> dict[str, bytes]:
    """What has the form of a BLS key with its possession; rules ask for no more."""
    return {"bls_key": bytes((0x80,)) + bytes([number] * 47), "bls_possession": bytes((0xA0,)) + bytes([number] * 95)}


def world_with_joiners() -> World:
    world = World()
    for organisation in JOINERS:
        world.admit(organisation)
    return world


def height(world: World) -> int:
    """The height of the next block."""
    return len(world.results) + 1


def change(
    world: World, joins: tuple[str, ...] = (), leaves: tuple[str, ...] = (), distance: int = SWITCH_DISTANCE_MIN
) -> ChangeValidators:
    return ChangeValidators(tuple(seat(name) for name in joins), leaves, height(world) + distance)


def governed(world: World, payload: Message) -> Reason:
    return world.reason(world.payload(payload, *GOVERNORS))


def plan_of(world: World) -> PlannedChange:
    return read_public(world.state.records[PLAN_KEY], PlannedChange)


def say_ready(world: World, organisation: str) -> Reason:
    """Name the newest root that the chain keeps."""
    root = read_public(world.state.records[KNOWN_ROOTS_KEY], KnownRoots).roots[-1]
    return world.reason(world.payload(Ready(root.height, root.state_root), (organisation, "VALIDATOR")))


def switch(world: World) -> None:
    """Go on to the switch height and, where the set changes, over the boundary block."""
    target = plan_of(world).switch_height
    while len(world.results) < target:
        world.block()
    if decided_validators(world.state) is not None:
        world.block()


def sitting(world: World) -> set[str]:
    return {validator.organisation for validator in sitting_validators(world.state).validators.members}


# --- joining and leaving ----------------------------------------------------------------------------------


def test_a_joiner_that_is_ready_votes_from_the_next_epoch_on() -> None:
    world = world_with_joiners()
    assert governed(world, change(world, ("org:five",))) is Reason.NONE
    world.block()
    assert say_ready(world, "org:five") is Reason.NONE
    target = plan_of(world).switch_height
    while len(world.results) < target:
        assert decided_validators(world.state) is None
        world.block()
    decided = decided_validators(world.state)
    assert decided is not None and decided.count == 5
    assert sitting_validators(world.state).epoch == 0
    world.block()
    now = sitting_validators(world.state)
    assert (now.epoch, now.validators) == (1, decided)
    taken = read_public(world.state.records[seat_key("org:five")], Seat)
    assert (taken.key, taken.from_epoch, taken.until_epoch) == (public_key("org:five", "VALIDATOR"), 1, 0)
    for gone in (PLAN_KEY, KNOWN_ROOTS_KEY, planned_seat_key("org:five")):
        assert gone not in world.state.records
    assert violations(world.state.records, world.state.histories) == []


def test_a_decision_stays_the_same_until_the_boundary_block_however_late_it_comes() -> None:
    world = world_with_joiners()
    governed(world, change(world, (), ("org:retailer",)))
    target = plan_of(world).switch_height
    while len(world.results) < target:
        world.block()
    decided = decided_validators(world.state)
    transaction = world.payload(change(world, ("org:five",)), *GOVERNORS)
    assert world.reason(transaction) is Reason.WRONG_STATE
    assert decided_validators(world.state) == decided
    world.block()
    assert sitting(world) == set(FOUNDERS) - {"org:retailer"}


def test_a_switch_is_made_without_a_joiner_that_is_not_ready() -> None:
    world = world_with_joiners()
    governed(world, change(world, ("org:five",), ("org:retailer",)))
    switch(world)
    assert sitting(world) == set(FOUNDERS) - {"org:retailer"}
    assert planned_seat_key("org:five") not in world.state.records
    dropped = read_public(world.state.records[member_key(public_key("org:five", "VALIDATOR"))], Key)
    assert dropped.status is KeyStatus.REVOKED
    left = read_public(world.state.records[seat_key("org:retailer")], Seat)
    assert (left.from_epoch, left.until_epoch) == (0, 0)
    old = read_public(world.state.records[member_key(public_key("org:retailer", "VALIDATOR"))], Key)
    assert old.status is KeyStatus.REVOKED


def test_a_word_older_than_two_heartbeats_counts_no_more() -> None:
    world = world_with_joiners()
    governed(world, change(world, ("org:five",)))
    world.block()
    assert say_ready(world, "org:five") is Reason.NONE
    world.block(after_ms=2 * founding().heartbeat_ms)
    switch(world)
    assert sitting_validators(world.state).epoch == 0 and sitting(world) == set(FOUNDERS)
    assert PLAN_KEY not in world.state.records


def test_readiness_is_said_again_and_only_for_newer_heights() -> None:
    world = world_with_joiners()
    governed(world, change(world, ("org:five",)))
    world.block()
    assert say_ready(world, "org:five") is Reason.NONE
    first = plan_of(world).joins[0].ready_height
    world.block()
    assert say_ready(world, "org:five") is Reason.NONE
    assert plan_of(world).joins[0].ready_height > first
    root = read_public(world.state.records[KNOWN_ROOTS_KEY], KnownRoots).roots[0]
    again = world.payload(Ready(root.height, root.state_root), ("org:five", "VALIDATOR"))
    assert world.reason(again) is Reason.WRONG_STATE


def test_a_wrong_root_an_unknown_height_and_another_key_make_nobody_ready() -> None:
    world = world_with_joiners()
    early = world.payload(Ready(1, ZERO32), ("org:grower", "VALIDATOR"))
    assert world.reason(early) is Reason.NOT_FOUND
    governed(world, change(world, ("org:five",)))
    world.block()
    root = read_public(world.state.records[KNOWN_ROOTS_KEY], KnownRoots).roots[-1]
    for payload, signer, reason in (
        (Ready(root.height, ZERO32), ("org:five", "VALIDATOR"), Reason.STATE_UNKNOWN),
        (Ready(root.height + 50, root.state_root), ("org:five", "VALIDATOR"), Reason.STATE_UNKNOWN),
        (Ready(root.height, root.state_root), ("org:grower", "VALIDATOR"), Reason.NOT_FOUND),
        (Ready(root.height, root.state_root), ("org:five", "TRADE"), Reason.KEY_NOT_FOR_THIS),
    ):
        assert world.reason(world.payload(payload, signer)) is reason


def test_roots_are_kept_only_while_somebody_joins_spaced_and_bounded() -> None:
    world = world_with_joiners()
    world.block()
    assert KNOWN_ROOTS_KEY not in world.state.records
    governed(world, change(world, ("org:five",), distance=400))
    for _ in range(300):
        world.block(after_ms=400)
    roots = read_public(world.state.records[KNOWN_ROOTS_KEY], KnownRoots).roots
    assert len(roots) <= ROOTS_MAX
    times = [root.time_ms for root in roots]
    assert all(later - earlier >= 1_000 for earlier, later in pairwise(times))
    assert times[0] >= world.time_ms - 2 * founding().heartbeat_ms - 1_000


def test_the_set_grows_to_seven_and_shrinks_to_one_a_step_at_a_time() -> None:
    world = world_with_joiners()
    for organisation in JOINERS:
        assert governed(world, change(world, (organisation,))) is Reason.NONE
        world.block()
        assert say_ready(world, organisation) is Reason.NONE
        switch(world)
    assert sitting_validators(world.state).validators.count == 7
    order = [*JOINERS, "org:retailer", "org:carrier", "org:processor"]
    while order:
        count = sitting_validators(world.state).validators.count
        most = max(1, faults_max(count))
        leaving, order = order[:most], order[most:]
        assert governed(world, change(world, (), tuple(leaving))) is Reason.NONE
        switch(world)
        assert sitting_validators(world.state).validators.count == count - len(leaving)
    assert sitting(world) == {"org:grower"}
    assert governed(world, change(world, (), ("org:grower",))) is Reason.TOO_MANY_CHANGES


def test_one_joins_and_one_leaves_and_one_rotates_in_one_epoch() -> None:
    world = world_with_joiners()
    governed(world, change(world, ("org:five",), ("org:retailer",)))
    rotation = RotateValidator(seat("org:carrier", "V2"), height(world) + SWITCH_DISTANCE_MIN)
    world.must(world.payload(rotation, ("org:carrier", "ROOT"), ("org:carrier", "V2")))
    say_ready(world, "org:five")
    switch(world)
    assert sitting(world) == {"org:grower", "org:processor", "org:carrier", "org:five"}
    members = {one.organisation: one.key for one in sitting_validators(world.state).validators.members}
    assert members["org:carrier"] == public_key("org:carrier", "V2")


def test_who_left_may_join_again_with_a_new_key() -> None:
    world = world_with_joiners()
    governed(world, change(world, (), ("org:retailer",)))
    switch(world)
    old = change(world, ("org:retailer",))
    assert governed(world, old) is Reason.ALREADY_EXISTS  # its old key is spent
    again = ChangeValidators((seat("org:retailer", "V2"),), (), height(world) + SWITCH_DISTANCE_MIN)
    assert governed(world, again) is Reason.NONE
    world.block()
    root = read_public(world.state.records[KNOWN_ROOTS_KEY], KnownRoots).roots[-1]
    world.must(world.payload(Ready(root.height, root.state_root), ("org:retailer", "V2")))
    switch(world)
    assert "org:retailer" in sitting(world)
    assert read_public(world.state.records[seat_key("org:retailer")], Seat).from_epoch == 2


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("joins", "leaves", "distance", "reason"),
    [
        ((), (), 16, Reason.TERMS_INVALID),
        (("org:five",), (), 15, Reason.SWITCH_HEIGHT_WRONG),
        (("org:five",), (), 100_001, Reason.SWITCH_HEIGHT_WRONG),
        (("org:five", "org:six"), (), 16, Reason.TOO_MANY_CHANGES),
        ((), ("org:grower", "org:carrier"), 16, Reason.TOO_MANY_CHANGES),
        (("org:grower",), (), 16, Reason.ALREADY_EXISTS),
        (("org:five", "org:five"), (), 16, Reason.ALREADY_EXISTS),
        (("org:nobody",), (), 16, Reason.NOT_FOUND),
        ((), ("org:five",), 16, Reason.NOT_FOUND),
    ],
)
def test_an_order_that_breaks_a_rule_changes_nothing(
    joins: tuple[str, ...], leaves: tuple[str, ...], distance: int, reason: Reason
) -> None:
    world = world_with_joiners()
    assert governed(world, change(world, joins, leaves, distance)) is reason
    assert PLAN_KEY not in world.state.records


def test_orders_add_up_and_their_bounds_count_together() -> None:
    world = world_with_joiners()
    governed(world, change(world, ("org:five",)))
    assert governed(world, change(world, ("org:six",))) is Reason.TOO_MANY_CHANGES
    assert governed(world, change(world, ("org:five",))) is Reason.ALREADY_EXISTS
    assert governed(world, change(world, (), ("org:retailer",), 30)) is Reason.NONE
    plan = plan_of(world)
    assert (len(plan.joins), plan.leaves, plan.switch_height) == (1, ("org:retailer",), height(world) - 1 + 30)


def test_too_few_governors_change_nothing() -> None:
    world = world_with_joiners()
    transaction = world.payload(change(world, ("org:five",)), *GOVERNORS[:2])
    assert world.reason(transaction) is Reason.QUORUM_SHORT


def test_a_member_rotates_its_own_seat_only_once_an_epoch_and_not_far_ahead() -> None:
    world = world_with_joiners()

    def rotate(owner: str, named: str, key: str = "V2", distance: int = 16) -> Reason:
        payload = RotateValidator(seat(named, key), height(world) + distance)
        return world.reason(world.payload(payload, (owner, "ROOT"), (named, key)))

    assert rotate("org:grower", "org:carrier") is Reason.SIGNERS_OF_SEVERAL_ORGANISATIONS
    assert rotate("org:five", "org:five") is Reason.NOT_FOUND
    assert rotate("org:carrier", "org:carrier", distance=257) is Reason.SWITCH_HEIGHT_WRONG
    assert rotate("org:carrier", "org:carrier", key="TRADE") is Reason.ALREADY_EXISTS
    assert rotate("org:carrier", "org:carrier") is Reason.NONE
    assert rotate("org:carrier", "org:carrier", key="V3") is Reason.ALREADY_EXISTS
    assert rotate("org:grower", "org:grower") is Reason.NONE  # any number of members: a rotated key is no join


def test_the_key_of_a_seat_goes_only_with_the_seat() -> None:
    world = world_with_joiners()
    key, other = public_key("org:grower", "VALIDATOR"), public_key("org:grower", "V2")
    assert world.reason(world.payload(RevokeKey(key), ("org:grower", "ROOT"))) is Reason.WRONG_STATE
    rotation = world.payload(RotateKey(key, other), ("org:grower", "ROOT"), ("org:grower", "V2"))
    assert world.reason(rotation) is Reason.WRONG_STATE


# --- evidence ---------------------------------------------------------------------------------------------


def said(world: World, step: int, block: int, who: str = "org:carrier", view: int = 7) -> Said:
    block_hash = ZERO32 if step == VoteKind.NULLIFY else bytes((block,)) * 32
    if step == PROPOSE:
        purpose, message = keys.Purpose.PROPOSAL, proposal_signing_bytes(2, view, block_hash)
    else:
        purpose, message = keys.Purpose.VOTE, Statement(2, VoteKind(step), view, block_hash).signing_bytes()
    return Said(step, block_hash, keys.sign(seed(who, "VALIDATOR"), purpose, world.chain_id, message))


def evidence(world: World, first: Said, second: Said, who: str = "org:carrier") -> Evidence:
    return evidence_of(public_key(who, "VALIDATOR"), 2, 7, first, second)


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (PROPOSE, PROPOSE, EvidenceKind.DOUBLE_PROPOSAL),
        (VoteKind.NOTARIZE, VoteKind.NOTARIZE, EvidenceKind.DOUBLE_NOTARIZE),
        (VoteKind.FINALIZE, VoteKind.FINALIZE, EvidenceKind.DOUBLE_FINALIZE),
        (VoteKind.FINALIZE, VoteKind.NULLIFY, EvidenceKind.NULLIFY_AND_FINALIZE),
    ],
)
def test_two_messages_that_exclude_each_other_are_kept_once(first: int, second: int, kind: EvidenceKind) -> None:
    world = World()
    shown = evidence(world, said(world, first, 1), said(world, second, 2))
    world.must(world.payload(SubmitEvidence(shown), ("org:grower", "VALIDATOR")))
    again = world.payload(SubmitEvidence(shown), ("org:retailer", "VALIDATOR"))
    assert world.reason(again) is Reason.ALREADY_EXISTS
    record = read_public(world.state.records[evidence_key(shown.key, 2, 7, kind)], EvidenceRecord)
    assert (record.organisation, record.kind, record.evidence) == ("org:carrier", kind, shown)
    assert violations(world.state.records) == []


def test_lawful_pairs_strangers_and_forged_signatures_convict_nobody() -> None:
    world = World()
    one, other = said(world, VoteKind.NOTARIZE, 1), said(world, VoteKind.NOTARIZE, 2)
    good = evidence(world, one, other)
    reporter = ("org:grower", "VALIDATOR")
    for shown, reason in (
        (evidence(world, one, said(world, VoteKind.NULLIFY, 0)), Reason.NO_CONTRADICTION),
        (evidence(world, one, said(world, VoteKind.FINALIZE, 2)), Reason.NO_CONTRADICTION),
        (evidence(world, one, one), Reason.NO_CONTRADICTION),
        (evidence(world, one, said(world, VoteKind.NOTARIZE, 2, view=8)), Reason.NO_CONTRADICTION),
        (evidence(world, one, other, "org:grower"), Reason.NO_CONTRADICTION),
        (Evidence(good.key, 2, 7, good.second, good.first), Reason.NO_CONTRADICTION),
        (evidence_of(public_key("org:carrier", "TRADE"), 2, 7, one, other), Reason.NOT_FOUND),
        (evidence_of(bytes(32), 2, 7, one, other), Reason.NOT_FOUND),
    ):
        assert world.reason(world.payload(SubmitEvidence(shown), reporter)) is reason, shown
    stranger = world.payload(SubmitEvidence(good), ("org:grower", "TRADE"))
    assert world.reason(stranger) is Reason.KEY_NOT_FOR_THIS


# --- BLS keys -----------------------------------------------------------------------------------------------


def bls_keys(world: World) -> dict[str, bytes]:
    members = sitting_validators(world.state).validators.members
    assert all(bool(one.bls_key) == bool(one.bls_possession) for one in members)
    return {one.organisation: one.bls_key for one in members if one.bls_key}


def join_with(world: World, organisation: str, entry: dict[str, bytes]) -> Reason:
    joiner = replace(seat(organisation), **entry)
    return governed(world, ChangeValidators((joiner,), (), height(world) + SWITCH_DISTANCE_MIN))


def test_joiners_and_rotated_validators_bring_their_bls_keys_into_the_set_and_the_others_have_none() -> None:
    world = world_with_joiners()
    assert bls_keys(world) == {}
    assert join_with(world, "org:five", bls_entry(5)) is Reason.NONE
    rotated = replace(seat("org:carrier", "V2"), **bls_entry(6))
    rotation = RotateValidator(rotated, height(world) + SWITCH_DISTANCE_MIN)
    world.must(world.payload(rotation, ("org:carrier", "ROOT"), ("org:carrier", "V2")))
    say_ready(world, "org:five")
    switch(world)
    assert bls_keys(world) == {"org:five": bls_entry(5)["bls_key"], "org:carrier": bls_entry(6)["bls_key"]}
    again = replace(seat("org:carrier", "V3"), **bls_entry(6))  # a new voting key, the BLS key as it was
    order = RotateValidator(again, height(world) + SWITCH_DISTANCE_MIN)
    world.must(world.payload(order, ("org:carrier", "ROOT"), ("org:carrier", "V3")))
    switch(world)
    assert bls_keys(world)["org:carrier"] == bls_entry(6)["bls_key"]
    order = RotateValidator(seat("org:carrier", "V4"), height(world) + SWITCH_DISTANCE_MIN)
    world.must(world.payload(order, ("org:carrier", "ROOT"), ("org:carrier", "V4")))
    switch(world)
    assert "org:carrier" not in bls_keys(world), "a seat says everything of its validator"


@pytest.mark.parametrize(
    "entry",
    [
        {"bls_key": bls_entry(5)["bls_key"]},
        {"bls_possession": bls_entry(5)["bls_possession"]},
        {**bls_entry(5), "bls_key": bytes((0xC0,)) + bytes(47)},
        {**bls_entry(5), "bls_possession": bytes((0xC0,)) + bytes(95)},
        {**bls_entry(5), "bls_key": bytes((0x9F,)) + b"\xff" * 47},
        {**bls_entry(5), "bls_key": bytes(48)},
        {**bls_entry(5), "bls_key": bls_entry(5)["bls_key"][:47]},
    ],
    ids=["no possession", "no key", "infinity", "possession at infinity", "above the prime", "uncompressed", "short"],
)
def test_a_bls_key_that_has_not_the_form_of_one_is_refused(entry: dict[str, bytes]) -> None:
    world = world_with_joiners()
    assert join_with(world, "org:five", entry) is Reason.BAD_KEY
    assert PLAN_KEY not in world.state.records
    rotated = replace(seat("org:carrier", "V2"), **entry)
    rotation = RotateValidator(rotated, height(world) + SWITCH_DISTANCE_MIN)
    order = world.payload(rotation, ("org:carrier", "ROOT"), ("org:carrier", "V2"))
    assert world.reason(order) is Reason.BAD_KEY


def test_nobody_takes_the_bls_key_of_another_validator_not_even_of_a_planned_one() -> None:
    world = world_with_joiners()
    assert join_with(world, "org:five", bls_entry(5)) is Reason.NONE

    def rotate(organisation: str, entry: dict[str, bytes]) -> Reason:
        rotation = RotateValidator(replace(seat(organisation, "V2"), **entry), height(world) + SWITCH_DISTANCE_MIN)
        return world.reason(world.payload(rotation, (organisation, "ROOT"), (organisation, "V2")))

    assert rotate("org:carrier", bls_entry(5)) is Reason.ALREADY_EXISTS
    assert rotate("org:carrier", bls_entry(6)) is Reason.NONE
    assert rotate("org:grower", bls_entry(6)) is Reason.ALREADY_EXISTS
    say_ready(world, "org:five")
    switch(world)
    assert rotate("org:grower", bls_entry(5)) is Reason.ALREADY_EXISTS
    assert rotate("org:grower", bls_entry(7)) is Reason.NONE


def test_two_joiners_of_one_order_cannot_share_a_bls_key() -> None:
    world = world_with_joiners()
    for name in ("org:five", "org:six", "org:seven"):
        governed(world, change(world, (name,)))
        say_ready(world, name)
        switch(world)
    for name in ("org:eight", "org:nine"):
        world.admit(name)
    joins = tuple(replace(seat(name), **bls_entry(8)) for name in ("org:eight", "org:nine"))
    order = ChangeValidators(joins, (), height(world) + SWITCH_DISTANCE_MIN)
    assert governed(world, order) is Reason.ALREADY_EXISTS
