"""Heads that begin an epoch: what holds, and everything that must not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tallystick import keys
from tallystick.blocks import Executed
from tallystick.errors import VerificationError
from tallystick.payloads.membership import NewSeat
from tallystick.records.members import Key, KeyStatus, KeyUse
from tallystick.recovery import (
    Head,
    Recovery,
    RecoveryError,
    SignedHead,
    boundary_header,
    recovery_of,
    sign_head,
    verify_recovery,
)
from tallystick.validators import Validator, ValidatorSet, validator_set
from tallystick.votes import Certificate, Statement, VoteKind, certificate_of

CHAIN = b"\x05" * 32
EPOCH = 3
NAMES = ("org:a", "org:b", "org:c", "org:d")
GENESIS = Executed(0, 1_000, bytes(32), bytes(32), bytes(32))


def seed(name: str, what: str) -> bytes:
    return f"{name} {what}".encode().ljust(32, b".")


def public(name: str, what: str) -> bytes:
    return keys.public_key_of(seed(name, what))


def sitting() -> ValidatorSet:
    return validator_set(tuple(Validator(name, public(name, "old")) for name in NAMES))


def record_of(public_key: bytes) -> Key | None:
    for name in NAMES:
        if public_key == public(name, "root"):
            return Key(name, KeyStatus.ACTIVE, (KeyUse.ROOT,), "", 0, 0)
        if public_key == public(name, "trade"):
            return Key(name, KeyStatus.ACTIVE, (KeyUse.TRADE,), "", 0, 0)
    return None


def certificate(view: int, kind: VoteKind = VoteKind.NOTARIZE, epoch: int = EPOCH, votes: int = 3) -> Certificate:
    statement = Statement(epoch, kind, view, bytes((view,)) * 32)
    order = {one.key: index for index, one in enumerate(sitting().members)}
    signatures = {
        order[public(name, "old")]: keys.sign(seed(name, "old"), keys.Purpose.VOTE, CHAIN, statement.signing_bytes())
        for name in NAMES[:votes]
    }
    return certificate_of(statement, signatures)


def head(name: str, view: int = 7, **changes: object) -> Head:
    whole = Head(CHAIN, EPOCH, certificate(view), NewSeat(name, public(name, "new"), b"crt", "h:1", "h:2"))
    return replace(whole, **changes)


def signed(name: str, view: int = 7, **changes: object) -> SignedHead:
    return sign_head(head(name, view, **changes), seed(name, "root"), seed(name, "new"))


def judge(*heads: SignedHead) -> ValidatorSet:
    return verify_recovery(recovery_of(heads), sitting(), EPOCH, CHAIN, record_of)


def test_a_quorum_of_heads_gives_their_organisations_new_keys_and_the_others_keep_theirs() -> None:
    following = judge(*(signed(name) for name in NAMES[:3]))
    found = {one.organisation: one.key for one in following.members}
    assert found == {name: public(name, "new") for name in NAMES[:3]} | {"org:d": public("org:d", "old")}


def test_the_highest_certified_block_is_chosen_in_whatever_order_the_heads_come() -> None:
    heads = [signed("org:c", 9), signed("org:a", 4), signed("org:b", 12)]
    assert recovery_of(heads) == recovery_of(heads[::-1])
    chosen = recovery_of(heads).chosen
    assert chosen is not None and chosen.statement.view == 12


def test_a_head_brings_the_bls_key_of_its_seat_and_who_gives_none_keeps_its_entry() -> None:
    seat = replace(head("org:a").seat, **BLS_ENTRY)
    following = judge(signed("org:a", seat=seat), signed("org:b"), signed("org:c"))
    assert {one.organisation for one in following.members if one.bls_key} == {"org:a"}
    with pytest.raises(RecoveryError, match="one BLS key"):
        judge(
            signed("org:a", seat=seat), signed("org:b", seat=replace(head("org:b").seat, **BLS_ENTRY)), signed("org:c")
        )


BLS_ENTRY = {"bls_key": bytes((0x80,)) + bytes([5] * 47), "bls_possession": bytes((0x80,)) + bytes([5] * 95)}

FAULTS: dict[str, Callable[[], SignedHead]] = {
    "another organisation's root key": lambda: sign_head(head("org:c"), seed("org:a", "root"), seed("org:c", "new")),
    "a key that is no root key": lambda: sign_head(head("org:c"), seed("org:c", "trade"), seed("org:c", "new")),
    "a new key that nobody holds": lambda: sign_head(head("org:c"), seed("org:c", "root"), seed("org:c", "else")),
    "another epoch": lambda: signed("org:c", epoch=EPOCH + 1),
    "another chain": lambda: signed("org:c", chain_id=bytes(32)),
    "a nullification": lambda: signed("org:c", certificate=certificate(7, VoteKind.NULLIFY)),
    "a certificate of another epoch": lambda: signed("org:c", certificate=certificate(7, epoch=EPOCH - 1)),
    "a certificate one vote short": lambda: signed("org:c", certificate=certificate(7, votes=2)),
    "a seat changed after it was signed": lambda: replace(
        signed("org:c"), head=replace(head("org:c"), seat=replace(head("org:c").seat, peer_address="evil:1"))
    ),
    "the key that is given up": lambda: sign_head(
        head("org:c", seat=replace(head("org:c").seat, key=public("org:c", "old"))),
        seed("org:c", "root"),
        seed("org:c", "old"),
    ),
    "a key registered for something else": lambda: sign_head(
        head("org:c", seat=replace(head("org:c").seat, key=public("org:c", "trade"))),
        seed("org:c", "root"),
        seed("org:c", "trade"),
    ),
    "a BLS key without its possession": lambda: signed(
        "org:c", seat=replace(head("org:c").seat, bls_key=BLS_ENTRY["bls_key"])
    ),
    "a stranger": lambda: signed("org:e"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_head_that_does_not_hold_spoils_the_recovery(fault: str) -> None:
    with pytest.raises(VerificationError):
        judge(signed("org:a"), signed("org:b"), FAULTS[fault]())


def test_too_few_heads_and_two_of_one_organisation_make_none() -> None:
    with pytest.raises(RecoveryError, match="there is none of org:c, org:d"):
        judge(signed("org:a"), signed("org:b"))
    doubled = Recovery((signed("org:a"), signed("org:a"), signed("org:b")))
    with pytest.raises(RecoveryError, match="two heads of one organisation"):
        verify_recovery(doubled, sitting(), EPOCH, CHAIN, record_of)


def test_the_boundary_block_stands_on_the_chosen_block_and_on_no_other() -> None:
    recovery = recovery_of([signed(name, certificate=None) for name in NAMES[:3]])
    first = boundary_header(recovery, sitting(), None, GENESIS)
    assert (first.height, first.view, first.parent_hash, first.time_ms) == (1, 1, CHAIN, 1_001)
    assert first.next_validators_hash != first.validators_hash
    elsewhere = recovery_of([signed(name) for name in NAMES[:3]])
    with pytest.raises(RecoveryError, match="another block"):
        boundary_header(elsewhere, sitting(), first, GENESIS)
