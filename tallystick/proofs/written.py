"""Bundles written out: their byte strings with everything in its place that they name and do not repeat.

In this order, so that what follows from one part is known to the next: of an anchor the sets of validators, then the
hash of each set and block; of a closure commitments, key hashes, peaks of histories.
Specification: docs/spec/proofs.md, section 1.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from tallystick.blocks import Header
from tallystick.encoding import encode
from tallystick.epochs import EpochProof
from tallystick.hashing import TAG_BLOCK, TAG_CLOSING, TAG_EVENT_PUBLIC, tagged
from tallystick.merkle import append_all, leaf_hash
from tallystick.proofs.bundle import AnchorShown, EpochShown, EventShown, HistoryShown, ItemBundle, Pieces, RecordShown
from tallystick.proofs.messages import read_message
from tallystick.proofs.pieces import Cutter, Known
from tallystick.transactions import commitment_of_slots
from tallystick.validators import ValidatorSet
from tallystick.votes import Certificate

SET_SIZE_MAX = 16_384  # bytes; 31 validators with keys for seals have some 9,000


class HistoryWritten(NamedTuple):
    """The encoded entries of a history, and the peaks of the tree over them."""

    entries: list[bytes]
    peaks: tuple[bytes, ...]


class WrittenOut(NamedTuple):
    """What a bundle shows, nothing left out.

    Attributes:
        known: every hash that can be named.
        commitments: of the events, in order.
        keys, key_hashes, publics: of the records, in order.
        histories: by the key of their owner.
    """

    known: Known
    commitments: list[bytes]
    keys: list[bytes]
    key_hashes: list[bytes]
    publics: list[bytes]
    histories: dict[bytes, HistoryWritten]


def written_out(bundle: ItemBundle) -> WrittenOut:
    """What an item's bundle shows, nothing left out.

    Raises:
        ProofError: ``unreadable``.
    """
    known = Known(bundle.anchor.chain_id, bundle.hashes)
    return write_out(known, bundle.records, bundle.histories, bundle.events)


def write_out(
    known: Known, records: Sequence[RecordShown], histories: Sequence[HistoryShown], events: Sequence[EventShown]
) -> WrittenOut:
    """Everything in pieces put together: events' commitments are known to keys of records, their hashes to histories,
    and the peaks of those to the public halves of records.

    Raises:
        ProofError: ``unreadable``.
    """
    commitments = [commitment_shown(event) for event in events]
    known.add(commitments)
    keys = [known.whole(record.key) for record in records]
    key_hashes = [sha256(key).digest() for key in keys]
    known.add(key_hashes)
    written = {}
    for history in histories:
        entries = [known.whole(entry) for entry in history.entries]
        written[known.whole(history.owner)] = HistoryWritten(entries, append_all((), 0, list(map(leaf_hash, entries))))
    for history_written in written.values():
        known.add(history_written.peaks)
    publics = [known.whole(record.public) for record in records]
    return WrittenOut(known, commitments, keys, key_hashes, publics, written)


def commitment_shown(shown: EventShown) -> bytes:
    """The commitment of an event."""
    slot = sha256(TAG_EVENT_PUBLIC + shown.public).digest()
    return commitment_of_slots(slot, shown.members, shown.sealed)


class EpochWritten(NamedTuple):
    """Byte strings of the end of an epoch, nothing left out."""

    boundary: bytes
    closing: bytes | None
    finalisation: bytes


class AnchorWritten(NamedTuple):
    """What an anchor shows, nothing left out.

    Attributes:
        sets: of the epoch of each of ``epochs``, then of the header's.
    """

    sets: list[ValidatorSet]
    header: bytes
    descendants: list[bytes]
    finalisation: bytes
    epochs: list[EpochWritten]


def write_out_anchor(shown: AnchorShown) -> AnchorWritten:
    """An anchor's sets, headers and certificates put together: members of a set are known to the sets after it, hashes
    of sets to everything else, that of a block or of a closing header to what comes after it.

    Raises:
        ProofError: ``unreadable``.
    """
    members, sets = Known(shown.chain_id), []
    for pieces in (shown.validators, *(end.next_validators for end in shown.epochs)):
        sets.append(read_message(members.whole(pieces), ValidatorSet, SET_SIZE_MAX))
        members.add(map(encode, sets[-1].members))
    known, epochs = Known(shown.chain_id, [validators.digest() for validators in sets]), []
    for end in shown.epochs:
        boundary = known.whole(end.boundary)
        known.add((tagged(TAG_BLOCK, boundary),))
        closing = None if end.closing is None else known.whole(end.closing)
        if closing is not None:
            known.add((tagged(TAG_CLOSING, closing),))
        epochs.append(EpochWritten(boundary, closing, known.whole(end.finalisation)))
    chain = []
    for pieces in (shown.header, *shown.descendants):
        chain.append(known.whole(pieces))
        known.add((tagged(TAG_BLOCK, chain[-1]),))
    return AnchorWritten(sets, chain[0], chain[1:], known.whole(shown.finalisation), epochs)


def cut_anchor(
    chain_id: bytes,
    chain: Sequence[Header],
    finalisation: Certificate,
    sets: Sequence[ValidatorSet],
    ends: Sequence[EpochProof],
) -> AnchorShown:
    """An anchor in pieces.

    Args:
        chain: the header and its descendants.
        sets: as those of ``AnchorWritten``.
        ends: of epochs.
    """
    members, sets_cut = Cutter(chain_id), []
    for validators in sets:
        encoded = list(map(encode, validators.members))
        sets_cut.append(members.ending(encode(validators), encoded))
        members.add(encoded)
    cutter, epochs = Cutter(chain_id, [validators.digest() for validators in sets]), []
    for end, following in zip(ends, sets_cut[1:], strict=True):
        boundary = cutter.message(encode(end.boundary))
        cutter.add((end.boundary.block_hash(),))
        closing = None if end.closing is None else cutter.message(encode(end.closing))
        if end.closing is not None:
            cutter.add((end.closing.block_hash(),))
        epochs.append(EpochShown(boundary, cutter.message(encode(end.finalisation)), following, closing))
    headers: list[Pieces] = []
    for block in chain:
        headers.append(cutter.message(encode(block)))
        cutter.add((block.block_hash(),))
    finalised = cutter.message(encode(finalisation))
    return AnchorShown(chain_id, headers[0], finalised, sets_cut[0], headers[1:], epochs)
