"""Attacks on seals and compact proofs, with every BLS library that is installed and nothing looked up.

Each is refused by our own checks with its code, before or after the arithmetic, alike whatever computes it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from scripts.make_compact_vectors import INFINITY_KEY, INFINITY_SIGNATURE, OUTSIDE_KEY, OUTSIDE_SIGNATURE
from tallystick import bls_libraries
from tallystick.bls import SECRET_SIZE, Bls
from tallystick.compact import CompactTrust, verify_compact, write_compact
from tallystick.errors import CertificateError, DecodeError, ProofError
from tallystick.seals import SealCertificate
from tallystick.validators import ValidatorSet, validator_set
from tests import compact_world as w

LIBRARIES = [library for library in (bls_libraries.reference(), bls_libraries.native()) if library is not None]
CHAIN_ID = w.world().chain_id
ROGUE = 2  # place of the validator that attacks
ATTACKER = (77).to_bytes(SECRET_SIZE, "big")

pytestmark = pytest.mark.parametrize("scheme", [Bls(library) for library in LIBRARIES], ids=lambda scheme: scheme.name)


def with_key(key: bytes, possession: bytes) -> ValidatorSet:
    """The founders' set, in which one validator's entry names another key."""
    return w.with_entry(ROGUE, bls_key=key, bls_possession=possession)


def rogue_key(of_attacker: bytes, others: Sequence[bytes]) -> bytes:
    """The attacker's key minus the others': in a sum with theirs, theirs cancel out."""
    from py_ecc.bls.g2_primitives import G1_to_pubkey, pubkey_to_G1
    from py_ecc.optimized_bls12_381 import add, neg

    point = pubkey_to_G1(of_attacker)
    for other in others:
        point = add(point, neg(pubkey_to_G1(other)))
    return bytes(G1_to_pubkey(point))


def code_of_keys(validators: ValidatorSet, scheme: Bls) -> str:
    """The code with which the attacker's key is refused."""
    with pytest.raises(CertificateError) as refusal:
        w.keys_of(validators, scheme).key(ROGUE)
    return refusal.value.code


def code_of(scheme: Bls, trust: CompactTrust | None = None, **changes: object) -> str:
    """The code with which the pallet's proof with other fields is refused."""
    data = write_compact(msgspec.structs.replace(w.proof(), **changes))
    with pytest.raises(ProofError) as refusal:
        verify_compact(data, trust or w.trust(), scheme)
    return refusal.value.code


def test_the_honest_proof_holds(scheme: Bls) -> None:
    assert verify_compact(write_compact(w.proof()), w.trust(), scheme).subject == w.PALLET


@pytest.mark.parametrize("key", [INFINITY_KEY, OUTSIDE_KEY], ids=["infinity", "outside the group"])
def test_a_key_that_is_no_key_counts_for_nobody(scheme: Bls, key: bytes) -> None:
    """At infinity it would sign whatever the others sign; outside of the group it may leak or cancel."""
    for possession in (INFINITY_SIGNATURE, OUTSIDE_SIGNATURE, w.validators().members[ROGUE].bls_possession):
        assert code_of_keys(with_key(key, possession), scheme) == "unknown-validators"


def test_a_rogue_key_would_sign_for_a_quorum_alone_and_is_refused_for_want_of_its_possession(scheme: Bls) -> None:
    own = scheme.public_key(ATTACKER)
    key = rogue_key(own, [w.validators().members[index].bls_key for index in (0, 1)])
    for possession in (scheme.prove_possession(ATTACKER), w.validators().members[0].bls_possession):
        assert code_of_keys(with_key(key, possession), scheme) == "unknown-validators"
    # That the attack is one: who does not ask for the possession takes one signature for three.
    attacked = with_key(key, scheme.prove_possession(ATTACKER))
    seal = w.seal(validators_hash=attacked.digest())
    forged = SealCertificate(seal, 0b0111, scheme.sign(ATTACKER, seal.signing_bytes()))
    w.keys_of(attacked, scheme, possessions_checked=True).check(forged)
    with pytest.raises(CertificateError) as refusal:
        w.keys_of(attacked, scheme).check(forged)
    assert refusal.value.code == "unknown-validators"


def test_anothers_key_with_its_genuine_possession_counts_for_neither(scheme: Bls) -> None:
    other = w.validators().members[0]
    copied = with_key(other.bls_key, other.bls_possession)
    assert code_of_keys(copied, scheme) == "unknown-validators"
    with pytest.raises(DecodeError, match="one BLS key"):  # and no set with both comes out of genesis or an order
        validator_set(copied.members)


@pytest.mark.parametrize("signature", [INFINITY_SIGNATURE, OUTSIDE_SIGNATURE], ids=["infinity", "outside the group"])
def test_a_signature_that_is_none_proves_nothing(scheme: Bls, signature: bytes) -> None:
    assert code_of(scheme, signature=signature) == "bad-vote-signature"


def test_the_same_signer_twice_is_no_second_signer(scheme: Bls) -> None:
    twice = scheme.aggregate([w.share(0), w.share(0), w.share(1)])
    assert code_of(scheme, signature=twice) == "bad-vote-signature"
    assert code_of(scheme, signature=twice, signers=0b0011) == "quorum-short"


def test_fewer_signers_than_a_quorum_are_too_few_however_they_are_named(scheme: Bls) -> None:
    two = scheme.aggregate([w.share(0), w.share(1)])
    assert code_of(scheme, signature=two, signers=0b0011) == "quorum-short"
    assert code_of(scheme, signature=two, signers=0b1011) == "bad-vote-signature"


def test_another_epochs_validators_say_nothing(scheme: Bls) -> None:
    """The same keys in another epoch sign another message; and keys that are not pinned are not looked at."""
    assert code_of(scheme, epoch=1) == "unknown-validators"
    trust = CompactTrust(CHAIN_ID, {0: w.validators(), 1: w.validators()})
    assert code_of(scheme, trust, epoch=1) == "bad-vote-signature"
    fewer = CompactTrust(CHAIN_ID, {0: ValidatorSet(w.validators().members[:3])})
    assert code_of(scheme, fewer) == "unknown-validators"
    assert code_of(scheme, fewer, signers=0b0111) == "bad-vote-signature"


def test_what_validators_seal_above_the_last_height_of_their_epoch_says_nothing(scheme: Bls) -> None:
    height = w.seal().executed.height
    ended = CompactTrust(CHAIN_ID, {0: w.validators()}, last_heights={0: height - 1})
    assert code_of(scheme, ended) == "unknown-validators"
    last = CompactTrust(CHAIN_ID, {0: w.validators()}, last_heights={0: height})
    assert verify_compact(write_compact(w.proof()), last, scheme).height == height


def test_another_chains_proof_is_refused_also_where_it_names_this_one(scheme: Bls) -> None:
    other = CompactTrust(bytes(32), {0: w.validators()})
    assert code_of(scheme, other) == "wrong-chain"
    assert code_of(scheme, other, chain=bytes(4)) == "bad-vote-signature"  # what was signed has the whole id
