"""Compact proofs: a seal and the two records of one consignment, small enough for one printed QR code.

Made by a node, checked offline with the validator set that the reader pinned. What the reader knows or can compute is
not on the paper: the chain's id, the set, the records' hashes. Specification: docs/spec/compact.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from tallystick.base41 import decode41, encode41
from tallystick.bls import Bls
from tallystick.compact_records import ShownItem, ShownSession, show_item, show_session
from tallystick.encoding import Bytes32, Hash, Message, Name, Natural, Text, TimeMs, decode, encode
from tallystick.errors import CertificateError, ConfigError, DecodeError, ProofError
from tallystick.hashing import TAG_RECORD_MEMBERS, tagged
from tallystick.limits import RECORD_SIZE_MAX, VALIDATORS_MAX
from tallystick.proofs.codes import ProofCode
from tallystick.records.base import Record, key_hash, leaf_of_halves
from tallystick.records.goods import CONTENTS_MAX, ItemPublic, SessionMembers, SessionPublic, item_key
from tallystick.seals import BlsSignature, SealCertificate, SealKeys, indices_of, roots_hash, seal_message
from tallystick.trie import Trie
from tallystick.units import root_of_unit, show_unit, unit_leaf
from tallystick.validators import ValidatorSet

MAGIC = b"TSC\x01"  # first bytes of the binary form; the last one is the version
TEXT_PREFIX = "TSC1:"  # first signs of the form for QR codes
LINK_PATH = "/TSC1/"  # what stands before it where it is part of a URL
COMPACT_SIZE_MAX = 65_536  # bytes of a file; what fits one QR code is far below
QR_SIGNS_MAX = 4_296  # alphanumeric signs of the largest code, version 40, level L (ISO/IEC 18004, table 7)
QR_SIZE_MAX = (QR_SIGNS_MAX - len(TEXT_PREFIX)) // 3 * 2  # bytes of a binary form that still fit: 2,860
CHAIN_SIGN = 4  # bytes of the chain's id on the paper: to tell chains apart; what is signed has all 32
_HOST = re.compile(r"https?://[A-Za-z0-9.:-]{1,255}")
_TEXT = re.compile(rf"(?:{TEXT_PREFIX}|[Hh][Tt][Tt][Pp][Ss]?://[A-Za-z0-9.:-]{{1,255}}{LINK_PATH})")


def _common_beginning(texts: Sequence[str]) -> str:
    if not texts:
        return ""
    first, last = min(texts), max(texts)
    end = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:end]


class OpenedContents(Message, frozen=True):
    """The members' half of a container session with its salt, which its owner chose to show on this paper.

    Attributes:
        common: what all key texts of the contents begin with.
        rests: what follows it, in the order of the contents.
        total, depth: as in ``SessionMembers``.
    """

    salt: Bytes32
    common: Text
    rests: Annotated[tuple[Text, ...], msgspec.Meta(max_length=CONTENTS_MAX)]
    total: Natural
    depth: Natural

    def members(self) -> SessionMembers:
        """The half that the session commits to."""
        return SessionMembers(tuple(self.common + rest for rest in self.rests), self.total, self.depth)

    def is_shortest(self) -> bool:
        """Whether nothing more of the rests could be said once."""
        return not _common_beginning(self.rests) and bool(self.rests or not self.common)


class CompactProof(Message, frozen=True):
    """A consignment as of a sealed height: a unit with its newest filling.

    Attributes:
        chain: first bytes of the chain's id.
        epoch, height, time_ms: of the seal.
        roots: hash of the other roots that the seal certifies.
        signers, signature: as in ``SealCertificate``.
        shape, siblings: the unit's place in the tree of units.
        contents: what lies inside, where it is shown.
    """

    chain: Annotated[bytes, msgspec.Meta(min_length=CHAIN_SIGN, max_length=CHAIN_SIGN)]
    epoch: Natural
    height: Natural
    time_ms: TimeMs
    roots: Hash
    signers: Annotated[int, msgspec.Meta(ge=1, lt=2**VALIDATORS_MAX)]
    signature: BlsSignature
    shape: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    siblings: Annotated[bytes, msgspec.Meta(max_length=32 * 62)]
    item: ShownItem
    session: ShownSession
    contents: OpenedContents | None

    @property
    def subject(self) -> Name:
        """Key text of the unit, for instance ``00/095212345678901234``."""
        return self.session.subject()


@dataclass(frozen=True, slots=True)
class CompactTrust:
    """What a verifier knows beforehand: the chain, and its validators by epoch, whose entries hold their BLS keys.

    Attributes:
        validators: of genesis, or of an epoch that was pinned or learnt from one.
        last_heights: last block of each epoch that is known to have ended; what its validators seal above it is
            worth nothing, for their keys may be in anybody's hands.
        possessions_checked: epochs whose keys were all checked before and remembered by this verifier.
    """

    chain_id: bytes
    validators: Mapping[int, ValidatorSet]
    height_min: int = 0
    last_heights: Mapping[int, int] = field(default_factory=dict)
    possessions_checked: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class VerifiedConsignment:
    """What a compact proof shows.

    Attributes:
        height, time_ms: as of when.
        signers: organisations of the quorum.
        session: the newest one of that height.
        contents_digest: salted hash of what lies in the session.
        contents: None when they are not shown.
    """

    subject: str
    height: int
    time_ms: int
    epoch: int
    signers: tuple[str, ...]
    item: ItemPublic
    session: SessionPublic
    contents_digest: bytes
    contents: SessionMembers | None


def build_consignment(
    subject: str, certificate: SealCertificate, units: Trie, item: Record, session: Record
) -> CompactProof:
    """The proof of a consignment out of the sealed tree of units.

    Raises:
        ProofError: ``unknown-item``; ``record-altered``: a record is not the one of the sealed height.
    """
    shape, siblings = show_unit(units, subject)
    if units.get(key_hash(item_key(subject))) != unit_leaf(item.leaf_hash(), session.leaf_hash()):
        raise ProofError(ProofCode.RECORD_ALTERED, f"{subject} has changed since the sealed height")
    seal = certificate.seal
    return CompactProof(
        seal.chain_id[:CHAIN_SIGN],
        seal.epoch,
        seal.executed.height,
        seal.executed.time_ms,
        roots_hash(seal.executed),
        certificate.signers,
        certificate.signature,
        shape,
        siblings,
        show_item(item),
        show_session(session),
        None,
    )


def open_contents(proof: CompactProof, salt: bytes, members: bytes) -> CompactProof:
    """The proof with what lies inside.

    Raises:
        ProofError: ``record-altered`` when these are not the contents that the session commits to.
    """
    try:
        half = decode(members, SessionMembers, size_max=RECORD_SIZE_MAX)
    except DecodeError as error:
        raise ProofError(ProofCode.RECORD_ALTERED, "these are no contents of a session") from error
    common = _common_beginning(half.contents)
    rests = tuple(text[len(common) :] for text in half.contents)
    opened = OpenedContents(salt, common, rests, half.total, half.depth)
    _check_contents(proof.session, opened)
    return msgspec.structs.replace(proof, contents=opened)


def write_compact(proof: CompactProof) -> bytes:
    """The binary form."""
    return MAGIC + encode(proof)


def compact_text(data: bytes, host: str = "") -> str:
    """The binary form as the text of a QR code: on its own, or as a URL of an explorer that shows what it says.

    Raises:
        ConfigError: the host is not like ``https://id.example.org``.
    """
    if host and not _HOST.fullmatch(host):
        raise ConfigError(f"{host!r} is not a host; write for instance https://id.example.org")
    return (host.upper() + LINK_PATH if host else TEXT_PREFIX) + encode41(data)


def is_compact(data: bytes) -> bool:
    """Whether bytes begin like a compact proof in one of its forms."""
    return (
        data.startswith(MAGIC[:3]) or re.match(rb"TSC[0-9]:|[Hh][Tt][Tt][Pp][Ss]?://[^/]*/TSC[0-9]/", data) is not None
    )


def read_compact(data: bytes) -> CompactProof:
    """A compact proof from its binary form, or from the text of its QR code.

    Raises:
        ProofError: ``unreadable``.
    """
    try:
        if not data.startswith(MAGIC):
            text = data.decode("ascii").rstrip("\r\n")
            before = _TEXT.match(text)
            if before is None:
                raise DecodeError("magic", "neither form of a compact proof of version 1")
            data = decode41(text[before.end() :])
            if not data.startswith(MAGIC):
                raise DecodeError("magic", "the text is no compact proof of version 1")
        proof = decode(data[len(MAGIC) :], CompactProof, size_max=COMPACT_SIZE_MAX)
        if proof.contents is not None and not proof.contents.is_shortest():
            raise DecodeError("non-canonical", "contents are not in their shortest form")
        return proof
    except (DecodeError, UnicodeDecodeError) as error:
        raise ProofError(ProofCode.UNREADABLE, str(error)) from error


def verify_compact(data: bytes, trust: CompactTrust, bls: Bls, *, subject: str | None = None) -> VerifiedConsignment:
    """Check a compact proof.

    Args:
        subject: the unit that the reader holds; when given, a proof about another is refused.
    Raises:
        ProofError: with the code that says why it does not hold.
    """
    proof = read_compact(data)
    if subject is not None and proof.subject != subject:
        raise ProofError(ProofCode.WRONG_SUBJECT, f"about {proof.subject}, asked for {subject}")
    if proof.chain != trust.chain_id[:CHAIN_SIGN]:
        raise ProofError(ProofCode.WRONG_CHAIN, "the proof is from another chain")
    validators = trust.validators.get(proof.epoch)
    if validators is None:
        raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"no validators of epoch {proof.epoch} are pinned")
    if proof.signers >> validators.count:
        raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"a signer beyond a set of {validators.count}")
    last_height = trust.last_heights.get(proof.epoch, proof.height)
    if proof.height > last_height:
        raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"epoch {proof.epoch} ended with height {last_height}")
    contents = _check_contents(proof.session, proof.contents) if proof.contents is not None else None
    if proof.height < trust.height_min:
        raise ProofError(ProofCode.ROLLED_BACK, f"proves height {proof.height}; {trust.height_min} was seen before")
    item, session = _check_seal(proof, trust, validators, bls)
    members = validators.members
    return VerifiedConsignment(
        subject=proof.subject,
        height=proof.height,
        time_ms=proof.time_ms,
        epoch=proof.epoch,
        signers=tuple(members[index].organisation for index in indices_of(proof.signers)),
        item=item,
        session=session,
        contents_digest=proof.session.members_hash,
        contents=contents,
    )


def _check_seal(
    proof: CompactProof, trust: CompactTrust, validators: ValidatorSet, bls: Bls
) -> tuple[ItemPublic, SessionPublic]:
    """Both records, after a quorum was shown to have signed the tree that they stand in."""
    item, session = proof.item.public(proof.session.number), proof.session.public()
    item_leaf = leaf_of_halves(encode(item), proof.item.members_hash)
    leaf = unit_leaf(item_leaf, leaf_of_halves(encode(session), proof.session.members_hash))
    units_root = root_of_unit(proof.subject, leaf, proof.shape, proof.siblings)
    numbers = (proof.epoch, proof.height, proof.time_ms)
    message = seal_message(trust.chain_id, validators.digest(), numbers, proof.roots, units_root)
    checked = proof.epoch in trust.possessions_checked
    try:
        keys = SealKeys(validators, proof.epoch, trust.chain_id, bls, possessions_checked=checked)
        keys.check_message(message, proof.signers, proof.signature)
    except CertificateError as error:
        raise ProofError(error.code, error.detail) from error
    return item, session


def _check_contents(session: ShownSession, opened: OpenedContents) -> SessionMembers:
    members = opened.members()
    if tagged(TAG_RECORD_MEMBERS, opened.salt, encode(members)) != session.members_hash:
        raise ProofError(ProofCode.RECORD_ALTERED, "the contents shown are not those that the session commits to")
    return members
