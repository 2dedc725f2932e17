"""Seals and compact proofs: every vector with its code, every single byte changed, shares that do not add up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.base41 import ALPHABET, decode41, encode41
from tallystick.bls import Bls, bls
from tallystick.compact import (
    TEXT_PREFIX,
    CompactTrust,
    build_consignment,
    compact_text,
    is_compact,
    open_contents,
    read_compact,
    verify_compact,
    write_compact,
)
from tallystick.encoding import decode
from tallystick.errors import CertificateError, ConfigError, DecodeError, ProofError
from tallystick.records.goods import item_key, session_key
from tallystick.seals import Seal, SealCertificate, SealShare, can_seal
from tallystick.validators import ValidatorSet, validator_set
from tests import compact_world as w
from tests.recorded_bls import recorded_bls

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors/compact.json").read_text())
CHAIN_ID = bytes.fromhex(VECTORS["chain_id"])
VALIDATORS = decode(bytes.fromhex(VECTORS["validators"]), ValidatorSet, size_max=65_536)
TRUST = CompactTrust(CHAIN_ID, {0: VALIDATORS})
CHECKED = CompactTrust(CHAIN_ID, {0: VALIDATORS}, possessions_checked=frozenset({0}))
GOOD = bytes.fromhex(VECTORS["proofs"][0]["data"])
FIRST = w.certificate()


class _Quick:
    """Knows the one signature that the vectors hold; every other one is wrong without arithmetic."""

    name = "quick"

    def is_key(self, key: bytes) -> bool:
        return True

    def is_signature(self, signature: bytes) -> bool:
        return True

    def verify(self, keys: Sequence[bytes], message: bytes, signature: bytes) -> bool:
        return (len(keys), message, signature) == (3, w.seal().signing_bytes(), FIRST.signature)


QUICK = Bls(_Quick())  # type: ignore[arg-type]


@pytest.mark.parametrize("row", VECTORS["proofs"], ids=lambda row: row["name"])
def test_every_vector_holds_or_is_refused_with_its_code(row: dict[str, Any]) -> None:
    data = bytes.fromhex(row["data"])
    assert is_compact(data)
    if row["code"] is None:
        shown = verify_compact(data, TRUST, recorded_bls(), subject=VECTORS["subject"])
        assert shown.session.number == shown.item.session_count == 2
        assert (shown.contents is not None) == (row["name"] == "good-with-contents")
        return
    with pytest.raises(ProofError) as refusal:
        verify_compact(data, TRUST, recorded_bls())
    assert refusal.value.code == row["code"]


def test_the_good_vector_is_what_the_code_makes_today() -> None:
    """Signatures are deterministic; the script's ``--check`` compares the rest."""
    seal = decode(bytes.fromhex(VECTORS["seal"]), Seal, size_max=1_024)
    assert seal == w.seal() and seal.signing_bytes().hex() == VECTORS["seal_signing_bytes"]
    assert len(seal.signing_bytes()) == 165
    assert w.world().chain_id == CHAIN_ID
    item, session = w.record(item_key(w.PALLET)), w.record(session_key(w.PALLET, 2))
    assert write_compact(build_consignment(w.PALLET, FIRST, w.units(), item, session)) == GOOD


def test_the_good_proof_holds_where_nothing_is_looked_up() -> None:
    assert verify_compact(GOOD, TRUST, bls()).signers == verify_compact(GOOD, TRUST, recorded_bls()).signers


def test_beside_a_thousand_units_it_is_below_700_bytes() -> None:
    assert len(GOOD) <= 700
    assert len(msgspec.msgpack.encode(FIRST)) <= 325


def test_a_record_that_changed_since_the_seal_is_not_shown_under_it() -> None:
    item, session = w.record(item_key(w.PALLET)), w.record(session_key(w.PALLET, 1))
    with pytest.raises(ProofError, match="has changed"):
        build_consignment(w.PALLET, FIRST, w.units(), item, session)


def test_a_unit_that_is_not_in_the_tree_has_no_proof() -> None:
    item, session = w.record(item_key(w.PALLET)), w.record(session_key(w.PALLET, 2))
    with pytest.raises(ProofError) as refusal:
        build_consignment("00/095211110001000999", FIRST, w.units(), item, session)
    assert refusal.value.code == "unknown-item"


def test_contents_that_the_session_does_not_commit_to_cannot_be_added() -> None:
    record = w.record(session_key(w.PALLET, 2))
    proof = read_compact(GOOD)
    assert open_contents(proof, record.members_salt, record.members).contents is not None
    with pytest.raises(ProofError, match="contents"):
        open_contents(proof, record.members_salt, w.record(session_key(w.PALLET, 1)).members)


def test_a_reader_may_ask_for_a_subject_and_for_freshness() -> None:
    with pytest.raises(ProofError) as refusal:
        verify_compact(GOOD, TRUST, recorded_bls(), subject="00/095211110001000999")
    assert refusal.value.code == "wrong-subject"
    height = FIRST.seal.executed.height
    with pytest.raises(ProofError) as refusal:
        verify_compact(GOOD, CompactTrust(CHAIN_ID, {0: VALIDATORS}, height + 1), recorded_bls())
    assert refusal.value.code == "rolled-back"


def test_no_byte_can_change_unnoticed() -> None:
    codes = set()
    for at in range(0, len(GOOD), 3):
        data = GOOD[:at] + bytes((GOOD[at] ^ 1,)) + GOOD[at + 1 :]
        with pytest.raises(ProofError) as refusal:
            verify_compact(data, CHECKED, QUICK)
        codes.add(refusal.value.code)
    assert codes >= {"unreadable", "wrong-chain", "bad-vote-signature"}


def test_every_level_and_recall_costs_what_is_written_and_no_more() -> None:
    proof = read_compact(GOOD)
    assert len(proof.siblings) == 32 * (bin(proof.shape).count("1") - 1)
    longer = msgspec.structs.replace(proof.item, recalls=("RC-1",))
    assert len(write_compact(msgspec.structs.replace(proof, item=longer))) == len(GOOD) + 5


def test_no_field_of_the_seal_can_change_under_the_signature() -> None:
    keys = w.keys_of(VALIDATORS, possessions_checked=True)
    executed = FIRST.seal.executed
    for name, value in (("height", 1), ("history_root", bytes(31) + b"\x01")):
        seal = msgspec.structs.replace(FIRST.seal, executed=msgspec.structs.replace(executed, **{name: value}))
        with pytest.raises(CertificateError) as refusal:
            keys.check(SealCertificate(seal, FIRST.signers, FIRST.signature))
        assert refusal.value.code == "bad-vote-signature", name


# --- keys of a set ------------------------------------------------------------------------------------------


def code_of(validators: ValidatorSet, index: int = 0) -> str:
    """The code with which a set's key is refused."""
    with pytest.raises(CertificateError) as refusal:
        w.keys_of(validators).key(index)
    return refusal.value.code


def test_a_key_counts_only_with_its_possession() -> None:
    keys = w.keys_of(VALIDATORS)
    assert keys.key(0) == VALIDATORS.members[0].bls_key and keys.bad_keys() == ()
    assert code_of(VALIDATORS, 4) == "unknown-validators"
    assert code_of(w.with_entry(0, bls_key=b"", bls_possession=b"")) == "unknown-validators"
    for possession in (b"", bytes(96), VALIDATORS.members[1].bls_possession):
        changed = w.with_entry(0, bls_possession=possession)
        assert code_of(changed) == "unknown-validators"
        assert w.keys_of(changed).bad_keys() == (0,)


def test_one_key_of_two_validators_is_nobodys_and_the_others_keep_theirs() -> None:
    other = VALIDATORS.members[1]
    twins = w.with_entry(0, bls_key=other.bls_key, bls_possession=other.bls_possession)
    assert w.keys_of(twins).bad_keys() == (0, 1)


def test_a_set_can_seal_when_a_quorum_names_keys() -> None:
    none = {"bls_key": b"", "bls_possession": b""}
    three = w.with_entry(0, **none)
    assert can_seal(VALIDATORS) and can_seal(three)
    two = ValidatorSet((msgspec.structs.replace(three.members[1], **none), *three.members[:1], *three.members[2:]))
    assert not can_seal(two)


@pytest.mark.parametrize(
    ("key", "possession"),
    [
        (VALIDATORS.members[0].bls_key, b""),
        (b"", VALIDATORS.members[0].bls_possession),
        (VALIDATORS.members[0].bls_key[:-1], VALIDATORS.members[0].bls_possession),
        (bytes((0xC0,)) + bytes(47), VALIDATORS.members[0].bls_possession),
        (VALIDATORS.members[0].bls_key, bytes((0xC0,)) + bytes(95)),
        (bytes((0x9F,)) + b"\xff" * 47, VALIDATORS.members[0].bls_possession),
        (bytes(48), VALIDATORS.members[0].bls_possession),
    ],
    ids=["no possession", "no key", "short", "infinity", "possession at infinity", "above the prime", "uncompressed"],
)
def test_no_set_is_made_with_a_key_that_has_not_the_form_of_one(key: bytes, possession: bytes) -> None:
    with pytest.raises(DecodeError, match=r"validators\.bls-key"):
        validator_set(w.with_entry(0, bls_key=key, bls_possession=possession).members)


def test_a_verifier_that_remembers_the_check_of_possessions_skips_it_and_no_other() -> None:
    assert verify_compact(GOOD, CHECKED, QUICK).epoch == 0
    forgetful = CompactTrust(CHAIN_ID, {0: VALIDATORS}, possessions_checked=frozenset({1}))
    with pytest.raises(AttributeError, match="verify_possession"):
        verify_compact(GOOD, forgetful, QUICK)


def test_shares_make_a_certificate_only_when_each_is_of_its_validator_over_the_same_seal() -> None:
    keys = w.keys_of(VALIDATORS, possessions_checked=True)
    shares = {index: w.share(index) for index in (0, 1, 3)}
    assert keys.combine(w.seal(), shares) == FIRST
    for wrong, code in (
        ({0: shares[0], 1: shares[1]}, "quorum-short"),
        ({0: shares[1], 1: shares[0], 2: shares[3]}, "bad-vote-signature"),
        ({0: shares[0], 1: shares[0], 3: shares[3]}, "bad-vote-signature"),
        ({0: shares[0], 1: shares[1], 3: bytes(96)}, "bad-vote-signature"),
    ):
        with pytest.raises(CertificateError) as refusal:
            keys.combine(w.seal(), wrong)
        assert refusal.value.code == code
    with pytest.raises(CertificateError) as refusal:
        keys.check_share(SealShare(w.seal(), 1, shares[0]))
    assert refusal.value.code == "bad-vote-signature"


# --- text ---------------------------------------------------------------------------------------------------


def test_base41_is_rfc_9285_without_what_a_path_segment_may_not_hold() -> None:
    assert len(ALPHABET) == 41 and not set(ALPHABET) & set(" %./?#")
    for data, text in ((b"", ""), (b"\x00", "00"), (b"\x01\x02", "C60"), (b"\xff\xff", "H:+"), (b"\xff", "96")):
        assert encode41(data) == text and decode41(text) == data
    for text in ("GG/", ":::", "A", "ABCD", "abc", "00~", ":0:"):
        with pytest.raises(DecodeError, match="base41"):
            decode41(text)


@given(st.binary(max_size=200))
def test_base41_gives_back_what_it_was_given(data: bytes) -> None:
    assert decode41(encode41(data)) == data


def test_the_text_form_has_one_spelling_and_may_end_in_a_line_break() -> None:
    assert read_compact(compact_text(GOOD).encode() + b"\n") == read_compact(GOOD)
    for wrong in (b"TSC1:", b"TSC2:" + compact_text(GOOD).encode()[5:], compact_text(GOOD).lower().encode(), b"\xff"):
        with pytest.raises(ProofError, match="unreadable"):
            read_compact(wrong)


@pytest.mark.parametrize(
    "data", [b"", b"TSC2:00", b"TSC\x02", (TEXT_PREFIX + encode41(b"TSC\x02" + GOOD[4:])).encode()]
)
def test_what_does_not_begin_as_a_proof_of_this_version_is_refused_by_its_beginning(data: bytes) -> None:
    with pytest.raises(ProofError, match=r"compact proof of version 1 \[magic\]") as refusal:
        read_compact(data)
    assert refusal.value.code == "unreadable"


def test_the_text_may_be_a_link_whose_scheme_and_host_are_spelt_in_any_case() -> None:
    link = compact_text(GOOD, "https://id.example.org")
    assert link.startswith("HTTPS://ID.EXAMPLE.ORG/TSC1/")
    for text in (link, link.replace("HTTPS://ID.EXAMPLE.ORG", "https://id.example.org")):
        assert is_compact(text.encode()) and read_compact(text.encode()) == read_compact(GOOD)
    for text in (link + "?a=b", link.replace("TSC1", "tsc1"), "ftp" + link[5:], link.replace("/TSC1/", "/x/TSC1/")):
        with pytest.raises(ProofError, match="unreadable"):
            read_compact(text.encode())
    for host in ("id.example.org", "https://id.example.org/path", "https://a b"):
        with pytest.raises(ConfigError, match="host"):
            compact_text(GOOD, host)
