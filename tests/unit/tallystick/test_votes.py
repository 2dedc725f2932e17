"""Certificates: exactly a quorum or more of distinct validators of this set, each under its own key, or refused."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tallystick import keys
from tallystick.encoding import ZERO32, decode, encode
from tallystick.errors import CertificateError, DecodeError, SignatureError
from tallystick.limits import VALIDATORS_MAX
from tallystick.validators import Validator, ValidatorSet, validator_set
from tallystick.votes import (
    Certificate,
    Statement,
    Vote,
    VoteKind,
    certificate_of,
    nullify_statement,
    verify_certificate,
    verify_vote,
)

CHAIN_ID = b"\x21" * 32
STATEMENT = Statement(3, VoteKind.NOTARIZE, 17, b"\x33" * 32)


def members(count: int, first: int = 1) -> tuple[ValidatorSet, list[bytes]]:
    """A set, and the seeds in its order."""
    seeds = {keys.public_key_of(bytes([number]) * 32): bytes([number]) * 32 for number in range(first, first + count)}
    validators = validator_set(tuple(Validator(f"org:{key.hex()[:8]}", key) for key in seeds))
    return validators, [seeds[validator.key] for validator in validators.members]


VALIDATORS, SEEDS = members(7)


def sign(seed: bytes, statement: Statement = STATEMENT, chain_id: bytes = CHAIN_ID) -> bytes:
    """A vote's signature."""
    return keys.sign(seed, keys.Purpose.VOTE, chain_id, statement.signing_bytes())


def genuine(*signers: int, statement: Statement = STATEMENT) -> Certificate:
    """A certificate by these validators."""
    return certificate_of(statement, {index: sign(SEEDS[index], statement) for index in signers})


GOOD = genuine(0, 2, 3, 5, 6)


def test_a_quorum_in_any_composition_is_accepted() -> None:
    for signers in ((0, 1, 2, 3, 4), (2, 3, 4, 5, 6), (0, 1, 2, 3, 4, 5, 6)):
        verify_certificate(genuine(*signers), VALIDATORS, CHAIN_ID)
    verify_certificate(genuine(0, 1, 2, 3, 4, statement=nullify_statement(3, 17)), VALIDATORS, CHAIN_ID)


def test_signatures_in_another_order_are_refused() -> None:
    for at in range(4):
        swapped = list(GOOD.signatures)
        swapped[at], swapped[at + 1] = swapped[at + 1], swapped[at]
        with pytest.raises(CertificateError, match="does not verify"):
            verify_certificate(replace(GOOD, signatures=tuple(swapped)), VALIDATORS, CHAIN_ID)


def test_one_validator_counts_once_however_often_its_signature_is_repeated() -> None:
    once = genuine(0, 2, 3, 5)
    repeated = replace(GOOD, signatures=(*once.signatures, once.signatures[-1]))
    with pytest.raises(CertificateError, match="does not verify"):
        verify_certificate(repeated, VALIDATORS, CHAIN_ID)
    with pytest.raises(CertificateError, match="4 signers but 5 signatures"):
        verify_certificate(replace(once, signatures=(*once.signatures, once.signatures[-1])), VALIDATORS, CHAIN_ID)


def test_unknown_signers_are_refused() -> None:
    stranger = bytes([99]) * 32
    for index in (7, 8, VALIDATORS_MAX - 1):
        signatures = {i: sign(SEEDS[i]) for i in (0, 1, 2, 3, 4)} | {index: sign(stranger)}
        with pytest.raises(CertificateError, match=f"signer {index} of a set of 7"):
            verify_certificate(certificate_of(STATEMENT, signatures), VALIDATORS, CHAIN_ID)
    in_place_of_another = certificate_of(STATEMENT, {i: sign(stranger if i == 4 else SEEDS[i]) for i in range(5)})
    with pytest.raises(CertificateError, match="signature of validator 4"):
        verify_certificate(in_place_of_another, VALIDATORS, CHAIN_ID)


def test_one_short_of_a_quorum_is_refused_for_every_size() -> None:
    for count in range(1, VALIDATORS_MAX + 1):
        validators, seeds = members(count)
        signatures = {index: sign(seeds[index]) for index in range(validators.quorum)}
        verify_certificate(certificate_of(STATEMENT, signatures), validators, CHAIN_ID)
        if validators.quorum > 1:
            del signatures[0]
            with pytest.raises(CertificateError, match="needed"):
                verify_certificate(certificate_of(STATEMENT, signatures), validators, CHAIN_ID)


@pytest.mark.parametrize(
    "statement",
    [
        replace(STATEMENT, epoch=4),
        replace(STATEMENT, kind=VoteKind.FINALIZE),
        replace(STATEMENT, view=18),
        replace(STATEMENT, block_hash=b"\x34" * 32),
        replace(STATEMENT, kind=VoteKind.NULLIFY, block_hash=ZERO32),
    ],
)
def test_signatures_of_one_statement_do_not_carry_another(statement: Statement) -> None:
    with pytest.raises(CertificateError, match="does not verify"):
        verify_certificate(replace(GOOD, statement=statement), VALIDATORS, CHAIN_ID)


def test_another_chain_or_another_set_refuses_it() -> None:
    with pytest.raises(CertificateError):
        verify_certificate(GOOD, VALIDATORS, b"\x22" * 32)
    with pytest.raises(CertificateError):
        verify_certificate(GOOD, members(7, first=2)[0], CHAIN_ID)


def test_every_shifted_bitmap_is_refused() -> None:
    for signers in range(1, 128):
        changed = replace(GOOD, signers=signers)
        if signers != GOOD.signers:
            with pytest.raises(CertificateError):
                verify_certificate(changed, VALIDATORS, CHAIN_ID)


@pytest.mark.parametrize(
    "fields",
    [{"signers": 0}, {"signers": 2**VALIDATORS_MAX}, {"signers": -1}, {"signatures": ()}, {"signatures": (b"",)}],
)
def test_what_no_set_can_have_signed_is_not_even_read(fields: dict[str, object]) -> None:
    with pytest.raises(DecodeError):
        decode(encode(replace(GOOD, **fields)), Certificate, size_max=10_000)


def test_a_vote_is_its_validators_own() -> None:
    verify_vote(Vote(STATEMENT, 3, sign(SEEDS[3])), VALIDATORS, CHAIN_ID)
    for index in (2, 7, 30):
        with pytest.raises(SignatureError):
            verify_vote(Vote(STATEMENT, index, sign(SEEDS[3])), VALIDATORS, CHAIN_ID)
