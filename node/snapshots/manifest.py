"""The manifest of a snapshot, and the proof that the state which it announces is certified.

Specification: docs/spec/snapshots.md, section 3. Nothing here says that the chunks are what they should be; only
rebuilding the state from them does (``node.snapshots.rebuild``).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import msgspec

from consensus.chain import is_boundary
from tallystick.blocks import PROTOCOL_VERSION, Executed, Header, HistoryLeaf
from tallystick.encoding import Hash, Message, Natural, encode
from tallystick.errors import CertificateError, ProofError
from tallystick.hashing import TAG_SNAPSHOT_MANIFEST, tagged
from tallystick.limits import SNAPSHOT_CHUNKS_MAX, SNAPSHOT_LEAVES_MAX, SNAPSHOT_TAIL_MAX
from tallystick.merkle import append_all, peaks_root
from tallystick.validators import ValidatorSet
from tallystick.votes import Certificate, VoteKind, verify_certificate

SNAPSHOT_VERSION = 1


class TailHeight(Message, frozen=True):
    """One of the newest heights: its header, and what executing it gave."""

    header: Header
    state_root: Hash
    receipts_root: Hash
    receipt_count: Natural

    def leaf(self) -> HistoryLeaf:
        """Its leaf in the history tree."""
        header = self.header
        return HistoryLeaf(
            header.height,
            header.block_hash(),
            header.time_ms,
            self.state_root,
            self.receipts_root,
            self.receipt_count,
        )


class Manifest(Message, frozen=True):
    """What a snapshot is of, and the hashes of its chunks.

    Attributes:
        peaks: compact range of the history tree over the heights below the tail, largest subtree first.
        tail: ascending heights; the last is the snapshot's, the first the one that its header names as executed.
        chunks: SHA-256(0x30 || chunk) of every chunk, in order.
    """

    version: Natural
    chain_id: Hash
    peaks: Annotated[tuple[Hash, ...], msgspec.Meta(max_length=64)]
    tail: Annotated[tuple[TailHeight, ...], msgspec.Meta(min_length=1, max_length=SNAPSHOT_TAIL_MAX)]
    chunks: Annotated[tuple[Hash, ...], msgspec.Meta(min_length=1, max_length=SNAPSHOT_CHUNKS_MAX)]

    @property
    def height(self) -> int:
        """The height whose state it is."""
        return self.tail[-1].header.height

    @property
    def epoch(self) -> int:
        """The epoch of that height and of the next block."""
        return self.tail[-1].header.epoch

    def digest(self) -> bytes:
        """The 32 bytes that name the snapshot."""
        return tagged(TAG_SNAPSHOT_MANIFEST, encode(self))


class SnapshotProof(Message, frozen=True):
    """A final header whose history root covers the snapshot's height.

    Attributes:
        leaves: history leaves of the heights behind the snapshot's up to ``header.executed.height``.
        finalisation: of ``header``.
    """

    leaves: Annotated[tuple[HistoryLeaf, ...], msgspec.Meta(max_length=SNAPSHOT_LEAVES_MAX)]
    header: Header
    finalisation: Certificate


@dataclass(frozen=True, slots=True)
class CertifiedSnapshot:
    """A manifest that ``verify_manifest`` has held against a quorum's certificate.

    Attributes:
        executed: the tuple of each height of the tail, in order; the last one has the state root to be met.
        peaks: compact range of the history tree over all heights up to the snapshot's.
    """

    manifest: Manifest
    proof: SnapshotProof
    executed: tuple[Executed, ...]
    peaks: tuple[bytes, ...]


def verify_manifest(
    manifest: Manifest, proof: SnapshotProof, validators: ValidatorSet, epoch: int, chain_id: bytes
) -> CertifiedSnapshot:
    """Hold a manifest against the validators of its epoch.

    Args:
        validators, epoch: who votes in the epoch that the manifest says.
    Raises:
        ProofError: ``wrong-chain``, ``unknown-validators``, ``not-in-chain`` or ``not-in-history``.
        CertificateError: the certificate does not hold.
    """
    _check_headers(manifest, proof, validators, epoch, chain_id)
    header, statement = proof.header, proof.finalisation.statement
    named = (VoteKind.FINALIZE, epoch, header.view, header.block_hash())
    if (statement.kind, statement.epoch, statement.view, statement.block_hash) != named:
        raise CertificateError("not-in-block", "the certificate is about another block than the header beside it")
    verify_certificate(proof.finalisation, validators, chain_id)
    executed, peaks = _executed(manifest)
    _check_history(proof, executed[-1], peaks)
    return CertifiedSnapshot(manifest, proof, executed, peaks)


def _check_headers(
    manifest: Manifest, proof: SnapshotProof, validators: ValidatorSet, epoch: int, chain_id: bytes
) -> None:
    headers = [one.header for one in manifest.tail]
    if manifest.version != SNAPSHOT_VERSION or manifest.chain_id != chain_id:
        raise ProofError("wrong-chain", "a snapshot of another chain or version")
    digest = validators.digest()
    for header in (*headers, proof.header):
        if header.chain_id != chain_id or header.protocol_version != PROTOCOL_VERSION:
            raise ProofError("wrong-chain", "a header of another chain or protocol version")
        if header.epoch != epoch or header.validators_hash != digest:
            raise ProofError("unknown-validators", f"a header of other validators than those of epoch {epoch}")
    if any(is_boundary(header) for header in headers):
        raise ProofError("not-in-chain", "a height of the tail ends an epoch")
    for parent, child in pairwise(headers):
        if child.height != parent.height + 1 or child.parent_hash != parent.block_hash():
            raise ProofError("not-in-chain", "the heights of the tail are not one chain")
    first = headers[-1].executed.height
    if first != headers[0].height or first < 1 or first >= headers[-1].height:
        raise ProofError("not-in-chain", "the tail does not begin with the height that its last header names")
    if first.bit_count() != len(manifest.peaks):
        raise ProofError("not-in-history", f"{len(manifest.peaks)} peaks for {first} heights")


def _executed(manifest: Manifest) -> tuple[tuple[Executed, ...], tuple[bytes, ...]]:
    """The executed tuple of each height of the tail, and the compact range after the last."""
    peaks = manifest.peaks
    executed = []
    for one in manifest.tail:
        header = one.header
        peaks = append_all(peaks, header.height, (one.leaf().leaf_hash(),))
        executed.append(Executed(header.height, header.time_ms, one.state_root, one.receipts_root, peaks_root(peaks)))
    return tuple(executed), peaks


def _check_history(proof: SnapshotProof, last: Executed, peaks: tuple[bytes, ...]) -> None:
    """The history that the certified header names begins with the manifest's."""
    certified, height = proof.header.executed, last.height
    if [leaf.height for leaf in proof.leaves] != list(range(height + 1, certified.height + 1)):
        raise ProofError("not-in-history", f"the leaves do not lead from height {height} to {certified.height}")
    if certified.height < height:
        raise ProofError("not-in-history", "the certified header names a height below the snapshot's")
    for leaf in proof.leaves:
        peaks = append_all(peaks, leaf.height, (leaf.leaf_hash(),))
        last = Executed(leaf.height, leaf.time_ms, leaf.state_root, leaf.receipts_root, peaks_root(peaks))
    if last != certified:
        raise ProofError("not-in-history", f"the snapshot is not of the history that was certified at {last.height}")
