"""Bundles written out: their byte strings with everything in its place that they name and do not repeat.

In this order, so that what follows from one part is known to the next: of an anchor the hashes of its sets of
validators, then of each block; of a closure commitments, key hashes, peaks of histories.
Specification: docs/spec/proofs.md, section 1.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import NamedTuple, TypeVar

from msgspec import structs

from tallystick.hashing import TAG_BLOCK, TAG_CLOSING, TAG_EVENT_PUBLIC, TAG_VALIDATORS, tagged
from tallystick.merkle import append_all, leaf_hash
from tallystick.proofs.bundle import AnchorShown, EventShown, HistoryShown, ItemBundle, Pieces, RecordShown
from tallystick.proofs.pieces import Cutter, Known
from tallystick.transactions import commitment_of_slots

K = TypeVar("K", Known, Cutter)


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
    """Byte strings of an anchor, nothing left out."""

    header: bytes
    descendants: list[bytes]
    finalisation: bytes
    epochs: list[EpochWritten]


def write_out_anchor(shown: AnchorShown) -> AnchorWritten:
    """An anchor's headers and certificates put together: the hash of a set of validators is known from the beginning,
    that of a block or of a closing header to what comes after it.

    Raises:
        ProofError: ``unreadable``.
    """
    known = _sets_of(Known, shown)
    epochs = []
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
    return AnchorWritten(chain[0], chain[1:], known.whole(shown.finalisation), epochs)


def cut_anchor(whole: AnchorShown) -> AnchorShown:
    """Makes pieces of an anchor that has none."""
    cutter = _sets_of(Cutter, whole)
    epochs = []
    for end in whole.epochs:
        boundary, closing = _whole(end.boundary), end.closing
        cut = structs.replace(end, boundary=cutter.message(boundary))
        cutter.add((tagged(TAG_BLOCK, boundary),))
        if closing is not None:
            cut = structs.replace(cut, closing=cutter.message(_whole(closing)))
            cutter.add((tagged(TAG_CLOSING, _whole(closing)),))
        epochs.append(structs.replace(cut, finalisation=cutter.message(_whole(end.finalisation))))
    chain: list[Pieces] = []
    for header in map(_whole, (whole.header, *whole.descendants)):
        chain.append(cutter.message(header))
        cutter.add((tagged(TAG_BLOCK, header),))
    finalisation = cutter.message(_whole(whole.finalisation))
    return structs.replace(whole, header=chain[0], descendants=chain[1:], finalisation=finalisation, epochs=epochs)


def _whole(pieces: Pieces) -> bytes:
    assert isinstance(pieces, bytes)
    return pieces


def _sets_of(make: Callable[[bytes, list[bytes]], K], shown: AnchorShown) -> K:
    sets = [shown.validators, *(end.validators for end in shown.epochs)]
    return make(shown.chain_id, [tagged(TAG_VALIDATORS, encoded) for encoded in sets])
