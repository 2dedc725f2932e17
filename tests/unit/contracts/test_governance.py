"""Membership: admission, suspension, keys, accreditation, the clock, genesis."""

from __future__ import annotations

import pytest

from contracts.genesis_state import VALIDATORS_KEY, genesis_writes
from contracts.invariants import violations
from contracts.workspace import PARAMETERS_KEY
from tallystick.errors import DecodeError
from tallystick.genesis import CardBody, merge_cards, sign_card
from tallystick.payloads.governance import (
    Accredit,
    AdmitOrganisation,
    AdvanceClock,
    RegisterKey,
    RevokeAccreditation,
    RevokeKey,
    RotateKey,
    SuspendOrganisation,
)
from tallystick.reasons import Reason
from tallystick.records.base import read_public
from tallystick.records.chain import ChainParameters, ValidatorsRecord
from tallystick.records.members import (
    Accreditation,
    Key,
    KeyStatus,
    KeyUse,
    Organisation,
    OrganisationStatus,
    accreditation_key,
    member_key,
    organisation_key,
    organisation_of_party_uri,
    party_uri,
)
from tallystick.transactions import SignedTransaction
from tests.world import FOUNDERS, START_MS, World, founding, public_key, seed

GOVERNORS = [(name, "ROOT") for name in list(FOUNDERS)[:3]]
SMALL_ORDER = bytes.fromhex("01" + "00" * 31)


def admission(world: World, *signers: tuple[str, str], **changes: object) -> SignedTransaction:
    fields = {
        "organisation": "org:bank",
        "name": "Bank",
        "roles": ("bank",),
        "prefixes": (),
        "currencies": ("CNY", "EUR"),
        "root_key": public_key("org:bank", "ROOT"),
    }
    return world.payload(AdmitOrganisation(**{**fields, **changes}), *(signers or GOVERNORS))  # type: ignore[arg-type]


def organisation(world: World, name: str) -> Organisation:
    return read_public(world.state.records[organisation_key(name)], Organisation)


def key_of(world: World, *names: str) -> Key:
    return read_public(world.state.records[member_key(public_key(*names))], Key)


# --- genesis ----------------------------------------------------------------------------------------------


def test_genesis_writes_the_founders_their_keys_and_the_validators() -> None:
    records = genesis_writes(founding())
    parameters = read_public(records[PARAMETERS_KEY], ChainParameters)
    assert (parameters.admission_quorum, parameters.clock_offset_ms, parameters.next_serial) == (3, 0, 0)
    validators = read_public(records[VALIDATORS_KEY], ValidatorsRecord)
    assert validators.validators == founding().validators()
    grower = read_public(records[organisation_key("org:grower")], Organisation)
    assert (grower.roles, grower.admitted_height, grower.key_count) == (("governor", "producer"), 0, 2)
    for use in (KeyUse.ROOT, KeyUse.VALIDATOR):
        assert read_public(records[member_key(public_key("org:grower", use.name))], Key).uses == (use,)
    assert violations(records) == []
    assert list(records) == sorted(records)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"organisation": "grower"}, "genesis.card"),
        ({"roles": ("king",)}, "genesis.card"),
        ({"prefixes": ("12",)}, "genesis.card"),
        ({"prefixes": ("9521", "95211110")}, "genesis.prefix"),
    ],
)
def test_genesis_refuses_a_card_that_is_not_well_formed(changes: dict[str, object], rule: str) -> None:
    fields = {"organisation": "org:a", "roles": ("governor",), "prefixes": ()}
    fields.update(changes)  # type: ignore[arg-type]
    body = CardBody(
        1, fields["organisation"], "A", fields["roles"], fields["prefixes"], (),  # type: ignore[arg-type]
        public_key("a"), public_key("b"), b"c", "a:1", "a:2",
    )  # fmt: skip
    genesis = merge_cards((sign_card(body, seed("a"), seed("b")),), network="x", time_ms=START_MS)
    with pytest.raises(DecodeError) as caught:
        genesis_writes(genesis)
    assert caught.value.rule == rule


# --- admission --------------------------------------------------------------------------------------------


def test_a_quorum_of_governors_admits_an_organisation() -> None:
    world = World()
    world.must(admission(world))
    bank = organisation(world, "org:bank")
    assert (bank.currencies, bank.admitted_height, bank.root_key_count) == (("CNY", "EUR"), len(world.results), 1)
    world.add_keys("org:bank")
    assert violations(world.state.records, world.state.histories) == []


def test_too_few_governors_admit_nobody_and_two_keys_of_one_count_once() -> None:
    world = World()
    assert world.reason(admission(world, *GOVERNORS[:2])) is Reason.QUORUM_SHORT
    second = ("org:grower", "second")
    world.must(world.payload(RegisterKey(public_key(*second), (KeyUse.ROOT,), ""), GOVERNORS[0], second))
    assert world.reason(admission(world, *GOVERNORS[:2], second)) is Reason.QUORUM_SHORT


def test_only_root_keys_of_active_governors_admit() -> None:
    world = World()
    assert world.reason(admission(world, *GOVERNORS[:2], ("org:carrier", "CAPTURE"))) is Reason.KEY_NOT_FOR_THIS
    assert world.reason(admission(world, *GOVERNORS[:2], ("stranger", "ROOT"))) is Reason.UNKNOWN_KEY
    world.admit("org:lender-a", "lender")
    assert world.reason(admission(world, *GOVERNORS[:2], ("org:lender-a", "ROOT"))) is Reason.ROLE_MISSING
    world.must(world.payload(SuspendOrganisation("org:retailer", True), *GOVERNORS))
    four = [*GOVERNORS, ("org:retailer", "ROOT")]
    assert world.reason(admission(world, *four)) is Reason.ORGANISATION_SUSPENDED


@pytest.mark.parametrize(
    "changes",
    [
        {"organisation": "bank"},
        {"organisation": "org:Bank"},
        {"organisation": "org:-"},
        {"organisation": "org:" + "a" * 64},
        {"roles": ("king",)},
        {"prefixes": ("123",)},
        {"prefixes": ("12345a",)},
        {"prefixes": ("1234567890123",)},
        {"currencies": ("eur",)},
    ],
)
def test_names_that_are_not_well_formed_are_refused(changes: dict[str, object]) -> None:
    world = World()
    assert world.reason(admission(world, **changes)) is Reason.BAD_NAME


def test_an_organisation_or_a_key_is_admitted_once() -> None:
    world = World()
    world.must(admission(world))
    assert world.reason(admission(world)) is Reason.ALREADY_EXISTS
    assert world.reason(admission(world, organisation="org:bank-b")) is Reason.ALREADY_EXISTS
    assert world.reason(admission(world, organisation="org:bank-c", root_key=SMALL_ORDER)) is Reason.BAD_KEY


@pytest.mark.parametrize("prefix", ["95211110", "9521111", "952111101"])
def test_no_identifier_ever_falls_under_two_prefixes(prefix: str) -> None:
    world = World()
    assert world.reason(admission(world, prefixes=(prefix,))) is Reason.PREFIX_TAKEN
    world.must(admission(world, prefixes=("95211111", "95211112")))
    assert violations(world.state.records) == []


def test_prefixes_of_one_organisation_do_not_overlap_either() -> None:
    world = World()
    assert world.reason(admission(world, prefixes=("7777", "77778"))) is Reason.PREFIX_TAKEN


# --- suspension -------------------------------------------------------------------------------------------


def test_suspending_and_reinstating() -> None:
    world = World()
    transaction = SuspendOrganisation("org:retailer", True)
    world.must(world.payload(transaction, *GOVERNORS))
    assert organisation(world, "org:retailer").status is OrganisationStatus.SUSPENDED
    assert world.reason(world.payload(transaction, *GOVERNORS)) is Reason.WRONG_STATE
    world.must(world.payload(SuspendOrganisation("org:retailer", False), *GOVERNORS))
    assert organisation(world, "org:retailer").status is OrganisationStatus.ACTIVE
    assert world.reason(world.payload(SuspendOrganisation("org:x", True), *GOVERNORS)) is Reason.NOT_FOUND


def test_a_suspension_leaves_a_quorum_of_others() -> None:
    world = World()
    assert world.reason(world.payload(SuspendOrganisation("org:carrier", True), *GOVERNORS)) is Reason.QUORUM_SHORT


# --- keys -------------------------------------------------------------------------------------------------


def test_a_key_is_registered_by_root_and_itself() -> None:
    world = World()
    key = key_of(world, "org:grower", "CAPTURE")
    assert (key.organisation, key.uses, key.status) == ("org:grower", (KeyUse.CAPTURE,), KeyStatus.ACTIVE)
    assert organisation(world, "org:grower").key_count == 4


def registration(world: World, uses: tuple[KeyUse, ...], *signers: tuple[str, str], person: str = "") -> Reason:
    new = signers[-1]
    return world.reason(world.payload(RegisterKey(public_key(*new), uses, person), *signers))


def test_a_key_without_its_own_signature_is_refused() -> None:
    world = World()
    new, root = ("org:grower", "new"), ("org:grower", "ROOT")
    payload = RegisterKey(public_key(*new), (KeyUse.READ,), "")
    assert world.reason(world.payload(payload, root)) is Reason.KEY_NOT_FOR_THIS
    assert world.reason(world.payload(payload, root, ("org:grower", "other"))) is Reason.KEY_NOT_FOR_THIS
    assert world.reason(world.payload(payload, new, root)) is Reason.UNKNOWN_KEY
    assert world.reason(world.payload(payload, ("org:grower", "TRADE"), new)) is Reason.KEY_NOT_FOR_THIS


def test_a_root_key_has_no_other_use_and_a_confirming_key_has_a_person() -> None:
    world = World()
    root, new = ("org:grower", "ROOT"), ("org:grower", "new")
    assert registration(world, (KeyUse.ROOT, KeyUse.TRADE), root, new) is Reason.KEY_NOT_FOR_THIS
    assert registration(world, (KeyUse.CONFIRM_MAKER,), root, new) is Reason.PROFILE_FIELD_MISSING
    assert registration(world, (KeyUse.CONFIRM_MAKER,), root, new, person="p1") is Reason.NONE
    assert registration(world, (KeyUse.READ,), root, new) is Reason.ALREADY_EXISTS


def test_a_revoked_key_signs_nothing_more() -> None:
    world = World()
    root, trade = ("org:grower", "ROOT"), public_key("org:grower", "TRADE")
    world.must(world.payload(RevokeKey(trade), root))
    key = key_of(world, "org:grower", "TRADE")
    assert (key.status, key.until_height) == (KeyStatus.REVOKED, len(world.results))
    assert world.reason(world.trade("org:grower", RevokeAccreditation("org:x"))) is Reason.KEY_REVOKED
    assert world.reason(world.payload(RevokeKey(trade), root)) is Reason.KEY_REVOKED
    assert world.reason(world.payload(RevokeKey(public_key("org:carrier", "TRADE")), root)) is Reason.NOT_FOUND
    assert world.reason(world.payload(RevokeKey(trade), ("org:grower", "CAPTURE"))) is Reason.KEY_NOT_FOR_THIS


def test_the_last_root_key_cannot_go_but_can_be_rotated() -> None:
    world = World()
    root, second = ("org:grower", "ROOT"), ("org:grower", "second")
    assert world.reason(world.payload(RevokeKey(public_key(*root)), root)) is Reason.LAST_ROOT_KEY
    world.must(world.payload(RotateKey(public_key(*root), public_key(*second)), root, second))
    assert key_of(world, *root).status is KeyStatus.REVOKED
    assert key_of(world, *second).uses == (KeyUse.ROOT,)
    assert world.reason(world.payload(RevokeKey(public_key(*second)), second)) is Reason.LAST_ROOT_KEY
    assert organisation(world, "org:grower").root_key_count == 1
    assert violations(world.state.records) == []


def test_signers_of_two_organisations_are_refused() -> None:
    world = World()
    payload = RevokeKey(public_key("org:grower", "TRADE"))
    transaction = world.payload(payload, ("org:grower", "ROOT"), ("org:carrier", "ROOT"))
    assert world.reason(transaction) is Reason.SIGNERS_OF_SEVERAL_ORGANISATIONS


# --- accreditation ----------------------------------------------------------------------------------------


def test_accrediting_and_revoking() -> None:
    world = World()
    world.admit_laboratory("01/0952")
    record = read_public(world.state.records[accreditation_key("org:laboratory")], Accreditation)
    assert (record.accreditor, record.scopes, record.revoked) == ("org:accreditor", ("01/0952",), False)
    world.must(world.trade("org:accreditor", RevokeAccreditation("org:laboratory")))
    again = world.trade("org:accreditor", RevokeAccreditation("org:laboratory"))
    assert world.reason(again) is Reason.WRONG_STATE


def test_only_accreditors_accredit_and_only_inspectors_are_accredited() -> None:
    world = World()
    world.admit_laboratory("01/0952")
    world.admit("org:rival", "accreditor")
    end = world.time_ms + 10**9
    cases = (
        ("org:grower", Accredit("org:laboratory", ("01",), 0, end), Reason.ROLE_MISSING),
        ("org:accreditor", Accredit("org:carrier", ("01",), 0, end), Reason.ROLE_MISSING),
        ("org:accreditor", Accredit("org:nobody", ("01",), 0, end), Reason.NOT_FOUND),
        ("org:accreditor", Accredit("org:laboratory", ("01",), end, end), Reason.TERMS_INVALID),
        ("org:accreditor", Accredit("org:laboratory", ("01",), 0, 1), Reason.TERMS_INVALID),
        ("org:rival", Accredit("org:laboratory", ("01",), 0, end), Reason.ALREADY_EXISTS),
        ("org:rival", RevokeAccreditation("org:laboratory"), Reason.ROLE_MISSING),
        ("org:rival", RevokeAccreditation("org:carrier"), Reason.NOT_FOUND),
        ("org:accreditor", Accredit("org:laboratory", ("00", "01"), 0, end), Reason.NONE),
    )
    for who, payload, reason in cases:
        assert world.reason(world.trade(who, payload)) is reason, payload
    world.must(world.trade("org:accreditor", RevokeAccreditation("org:laboratory")))
    world.must(world.trade("org:rival", Accredit("org:laboratory", ("01",), 0, end)))


# --- clock ------------------------------------------------------------------------------------------------


def test_a_quorum_advances_the_clock_where_genesis_allows_it() -> None:
    world = World()
    for by_ms in (86_400_000, 1):
        world.must(world.payload(AdvanceClock(by_ms), *GOVERNORS))
    assert read_public(world.state.records[PARAMETERS_KEY], ChainParameters).clock_offset_ms == 86_400_001
    for by_ms in (0, 2**50):
        assert world.reason(world.payload(AdvanceClock(by_ms), *GOVERNORS)) is Reason.TERMS_INVALID
    assert world.reason(world.payload(AdvanceClock(1), *GOVERNORS[:1])) is Reason.QUORUM_SHORT


def test_the_clock_stands_where_genesis_does_not_allow_it() -> None:
    world = World(genesis=founding(False))
    assert world.reason(world.payload(AdvanceClock(1), *GOVERNORS)) is Reason.NOT_ALLOWED_ON_THIS_CHAIN


def test_a_party_uri_carries_the_organisation_and_nothing_else_does() -> None:
    assert organisation_of_party_uri(party_uri("org:retailer")) == "org:retailer"
    for text in ("urn:tallystick:org:", "urn:tallystick:retailer", "urn:tallystick:org:a/b", "org:retailer"):
        assert organisation_of_party_uri(text) is None
