"""Compact proofs: a seal and the few records of one consignment, small enough for one printed QR code.

Made by a node, checked offline with the validator set that the reader pinned. Specification: docs/spec/compact.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec

from tallystick.base45 import decode45, encode45
from tallystick.blocks import Executed
from tallystick.bls import Bls
from tallystick.encoding import ZERO32, Bytes32, Message, Name, decode, encode
from tallystick.errors import CertificateError, DecodeError, ProofError
from tallystick.hashing import TAG_RECORD_MEMBERS, tagged
from tallystick.partial_trie import PartialTrie
from tallystick.proofs.codes import ProofCode
from tallystick.records.base import Record, key_hash, leaf_of_halves
from tallystick.records.goods import ItemPublic, SessionMembers, SessionPublic, item_key, session_key
from tallystick.seals import SealCertificate, SealKeys, SealKeySet
from tallystick.trie import Trie
from tallystick.validators import ValidatorSet

T = TypeVar("T", bound=Message)

MAGIC = b"TSC\x01"  # first bytes of the binary form; the last one is the version
TEXT_PREFIX = "TSC1:"  # first signs of the form for QR codes
COMPACT_SIZE_MAX = 65_536  # bytes of a file; what fits one QR code is far below
QR_SIGNS_MAX = 4_296  # alphanumeric signs of the largest code, version 40, level L (ISO/IEC 18004, table 7)
QR_SIZE_MAX = (QR_SIGNS_MAX - len(TEXT_PREFIX)) // 3 * 2  # bytes of a binary form that still fit: 2,860

_Half = Annotated[bytes, msgspec.Meta(max_length=COMPACT_SIZE_MAX)]


class ShownHalf(Message, frozen=True):
    """A record's public half and the hash of its members' half; the latter is empty where there is none."""

    public: _Half
    members_hash: Annotated[bytes, msgspec.Meta(max_length=32)]

    def leaf(self) -> bytes:
        """What the state holds for it."""
        return leaf_of_halves(self.public, self.members_hash or ZERO32)


class OpenedContents(Message, frozen=True):
    """The members' half of a container session with its salt, which its owner chose to show on this paper."""

    salt: Bytes32
    members: _Half


class CompactProof(Message, frozen=True):
    """A consignment as of a sealed height.

    Attributes:
        subject: key text of a logistic unit, for instance ``00/095212345678901234``.
        state: the part of the state tree that shows the records, as ``partial_trie`` reads it.
        session: the container session (its members' hash is the digest of the contents).
        item: the unit's own record, which names recalls; None where it did not fit.
        contents: what lies inside, where it is shown.
    """

    certificate: SealCertificate
    subject: Name
    state: _Half
    session: ShownHalf
    item: ShownHalf | None
    contents: OpenedContents | None


@dataclass(frozen=True, slots=True)
class CompactTrust:
    """What a verifier knows beforehand: the chain, and by epoch the validators with their checked BLS keys."""

    chain_id: bytes
    key_sets: Mapping[int, SealKeySet]
    height_min: int = 0


@dataclass(frozen=True, slots=True)
class VerifiedConsignment:
    """What a compact proof shows.

    Attributes:
        executed: as of which height and time.
        signers: organisations of the quorum.
        contents_digest: salted hash of what lies in the session.
        item: None when it is not shown: then nothing is known of recalls, or of later sessions of a closed one.
        contents: None when they are not shown.
    """

    subject: str
    executed: Executed
    epoch: int
    signers: tuple[str, ...]
    session: SessionPublic
    contents_digest: bytes
    item: ItemPublic | None
    contents: SessionMembers | None

    @property
    def newest(self) -> bool:
        """Whether this is shown to be the newest session: an open one is, a closed one where the item says so."""
        return self.session.open or (self.item is not None and self.item.session_count == self.session.number)


def build_consignment(
    subject: str,
    certificate: SealCertificate,
    trie: Trie,
    item: Record,
    session: Record,
    *,
    size_max: int = QR_SIZE_MAX,
) -> CompactProof:
    """The proof of a consignment out of the sealed tree: with the unit's own record where that fits ``size_max``.

    Raises:
        ProofError: ``record-altered``: a record is not the one of the sealed height.
    """
    number = decode(session.public, SessionPublic, size_max=COMPACT_SIZE_MAX).number
    keys = {item_key(subject): item, session_key(subject, number): session}
    for key, record in keys.items():
        if trie.get(key_hash(key)) != record.leaf_hash():
            raise ProofError(ProofCode.RECORD_ALTERED, f"{subject} has changed since the sealed height")
    hashes = [key_hash(key) for key in keys]
    proof = CompactProof(certificate, subject, trie.prove(hashes), _shown(session), _shown(item), None)
    if len(write_compact(proof)) <= size_max:
        return proof
    return msgspec.structs.replace(proof, state=trie.prove(hashes[1:]), item=None)


def open_contents(proof: CompactProof, salt: bytes, members: bytes) -> CompactProof:
    """The proof with what lies inside.

    Raises:
        ProofError: ``record-altered`` when these are not the contents that the session commits to.
    """
    opened = OpenedContents(salt, members)
    _check_contents(proof.session, opened)
    return msgspec.structs.replace(proof, contents=opened)


def write_compact(proof: CompactProof) -> bytes:
    """The binary form."""
    return MAGIC + encode(proof)


def compact_text(data: bytes) -> str:
    """The binary form as the text of a QR code."""
    return TEXT_PREFIX + encode45(data)


def is_compact(data: bytes) -> bool:
    """Whether bytes begin like a compact proof in one of its two forms."""
    return data.startswith((MAGIC[:3], TEXT_PREFIX[:3].encode()))


def read_compact(data: bytes) -> CompactProof:
    """A compact proof from its binary form, or from the text of its QR code.

    Raises:
        ProofError: ``unreadable``.
    """
    try:
        if data.startswith(TEXT_PREFIX.encode()):
            data = decode45(data[len(TEXT_PREFIX) :].decode("ascii").rstrip("\r\n"))
        if not data.startswith(MAGIC):
            raise DecodeError("magic", "neither form of a compact proof of version 1")
        return decode(data[len(MAGIC) :], CompactProof, size_max=COMPACT_SIZE_MAX)
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
    seal, executed = proof.certificate.seal, proof.certificate.seal.executed
    if subject is not None and proof.subject != subject:
        raise ProofError(ProofCode.WRONG_SUBJECT, f"about {proof.subject}, asked for {subject}")
    if seal.chain_id != trust.chain_id:
        raise ProofError(ProofCode.WRONG_CHAIN, "the proof is from another chain")
    key_set = trust.key_sets.get(seal.epoch)
    if key_set is None or key_set.validators.digest() != seal.validators_hash:
        raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"validators of epoch {seal.epoch} are not the pinned ones")
    consignment = _read_records(proof, key_set.validators)
    if executed.height < trust.height_min:
        raise ProofError(ProofCode.ROLLED_BACK, f"proves height {executed.height}; {trust.height_min} was seen before")
    try:
        SealKeys(key_set, trust.chain_id, bls, possessions_checked=True).check(proof.certificate)
    except CertificateError as error:
        raise ProofError(error.code, error.detail) from error
    return consignment


def _read_records(proof: CompactProof, validators: ValidatorSet) -> VerifiedConsignment:
    """Everything but the signature, which costs most."""
    seal = proof.certificate.seal
    if proof.certificate.signers >> validators.count:
        raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"a signer beyond a set of {validators.count}")
    tree = PartialTrie(proof.state)
    if tree.root != seal.executed.state_root:
        raise ProofError(ProofCode.NOT_IN_STATE, "the tree shown has another root than the seal certifies")
    session = _half(proof.session, SessionPublic)
    if session.identifier != proof.subject:
        raise ProofError(ProofCode.RECORD_ALTERED, "the container session is another unit's")
    _check_place(tree, session_key(proof.subject, session.number), proof.session)
    item = None
    if proof.item is not None:
        item = _half(proof.item, ItemPublic)
        _check_place(tree, item_key(proof.subject), proof.item)
    contents = _check_contents(proof.session, proof.contents) if proof.contents is not None else None
    return VerifiedConsignment(
        subject=proof.subject,
        executed=seal.executed,
        epoch=seal.epoch,
        signers=tuple(validators.members[index].organisation for index in proof.certificate.signer_indices()),
        session=session,
        contents_digest=proof.session.members_hash or ZERO32,
        item=item,
        contents=contents,
    )


def _check_place(tree: PartialTrie, key: bytes, half: ShownHalf) -> None:
    if tree.leaf(key_hash(key)) != half.leaf():
        raise ProofError(ProofCode.RECORD_ALTERED, "a record is not the one in the state")


def _check_contents(session: ShownHalf, opened: OpenedContents) -> SessionMembers:
    if tagged(TAG_RECORD_MEMBERS, opened.salt, opened.members) != session.members_hash:
        raise ProofError(ProofCode.RECORD_ALTERED, "the contents shown are not those that the session commits to")
    return _read(opened.members, SessionMembers)


def _half(half: ShownHalf, type_: type[T]) -> T:
    if len(half.members_hash) not in (0, 32) or half.members_hash == ZERO32:
        raise ProofError(ProofCode.UNREADABLE, "a members' hash has 32 bytes, or none where there is no such half")
    return _read(half.public, type_)


def _read(data: bytes, type_: type[T]) -> T:
    try:
        return decode(data, type_, size_max=COMPACT_SIZE_MAX)
    except DecodeError as error:
        raise ProofError(ProofCode.RECORD_ALTERED, f"a record is not a {type_.__name__}") from error


def _shown(record: Record) -> ShownHalf:
    return ShownHalf(record.public, record.members_hash() if record.members else b"")
