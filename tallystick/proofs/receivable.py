"""Receivables: an obligation, that it is the only one under its invoice number, its slices, and every lien on them.

There is exactly one tag key per debtor and invoice number and one lien key per slice (docs/spec/finance.md), so what is
or is not under these keys answers *is there another obligation, does anybody else hold this?* For members who were
granted to see it: a bundle shows members' halves. Specification: docs/spec/proofs.md, section 9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tallystick.blocks import HistoryLeaf
from tallystick.encoding import ZERO32, Message, decode
from tallystick.errors import DecodeError, ProofError
from tallystick.hashing import TAG_RECORD_MEMBERS, tagged
from tallystick.limits import RECORD_SIZE_MAX, SALT_SIZE
from tallystick.object_ids import slice_id
from tallystick.proofs.anchor import Anchor, Trust, verify_anchor
from tallystick.proofs.build import CertifiedState
from tallystick.proofs.bundle import FORMAT, HalvesShown, HeightShown, ReceivableBundle, RecordShown
from tallystick.proofs.closure import NotShown
from tallystick.proofs.codes import ProofCode
from tallystick.proofs.heights import state_root_of, verify_as_of
from tallystick.proofs.shown import ShownState
from tallystick.records.base import Record, key_hash
from tallystick.records.finance import (
    LienMembers,
    LienPublic,
    LienState,
    ObligationMembers,
    ObligationPublic,
    ObligationState,
    ObligationTag,
    SliceMembers,
    SlicePublic,
    SliceState,
    lien_key,
    obligation_key,
    obligation_tag_key,
    slice_key,
)

T = TypeVar("T", bound=Message)


@dataclass(frozen=True, slots=True)
class ShownLien:
    """The one lien that a slice ever had.

    Attributes:
        height: of its newest change.
        holder: who holds it, or held it.
    """

    state: LienState
    height: int
    holder: str
    deal: bytes


@dataclass(frozen=True, slots=True)
class ShownSlice:
    """One slice of an obligation. ``lien`` None: it is proven that nobody ever held one."""

    id: bytes
    state: SliceState
    members: SliceMembers
    lien: ShownLien | None

    @property
    def holder(self) -> str:
        """Who holds a lien on it now; empty when nobody does."""
        return self.lien.holder if self.lien is not None and self.lien.state is LienState.HELD else ""


@dataclass(frozen=True, slots=True)
class VerifiedReceivable:
    """An obligation under a certified header, with all its slices and liens.

    Attributes:
        tag_height: height at which the debtor confirmed it as the one obligation of its invoice number; None before.
        as_of: the earlier height that is shown; None: the one that the anchor certifies.
    """

    anchor: Anchor
    obligation: bytes
    state: ObligationState
    terms: ObligationMembers
    tag_height: int | None
    slices: tuple[ShownSlice, ...]
    as_of: HistoryLeaf | None = None

    @property
    def lien_holders(self) -> tuple[str, ...]:
        """Organisations that hold a lien on any slice now, sorted; empty: nobody does, and that is proven."""
        return tuple(sorted({one.holder for one in self.slices if one.holder}))


class _Halves:
    """The records of a bundle, each checked against the state root, both halves."""

    def __init__(self, anchor: Anchor, bundle: ReceivableBundle, leaf: HistoryLeaf | None) -> None:
        shown, self._members = [], {}
        for record in bundle.records:
            salt, members = record.salt, record.members
            if len(salt) != (SALT_SIZE if members else 0):
                raise ProofError(ProofCode.UNREADABLE, "a members' half without its salt of 32 bytes, or a salt alone")
            members_hash = tagged(TAG_RECORD_MEMBERS, salt, members) if members else ZERO32
            shown.append(RecordShown(record.key, record.public, members_hash))
            self._members[record.key] = members
        self._state = ShownState(anchor, bundle.state, shown, state_root=state_root_of(leaf))

    def public(self, key: bytes, type_: type[T], hidden: ProofCode = ProofCode.NOT_SHOWN) -> T | None:
        """The public half, or None where it is proven that there is no such record."""
        try:
            data = self._state.public(key)
        except NotShown as error:
            raise ProofError(hidden, f"neither record {key.hex()[:24]}… nor its absence is shown") from error
        return None if data is None else _decoded(data, type_)

    def members(self, key: bytes, type_: type[T]) -> T:
        """The members' half of a record that is there."""
        return _decoded(self._members[key], type_)


def verify_receivable(
    bundle: ReceivableBundle, trust: Trust, *, obligation: bytes | None = None, at: int | None = None
) -> VerifiedReceivable:
    """Verify an obligation, its tag, its slices and the liens on them.

    Args:
        obligation: id that the reader asked for; when given, a bundle about another is refused.
        at: height of the state that the reader asked for; None: the newest. Another one is refused.
    Raises:
        ProofError: ``no-obligation``, ``other-claim``, ``lien-hidden``, ``not-shown``, ``record-altered``, or as
            ``verify_record``.
    """
    id_ = bundle.obligation
    if obligation is not None and id_ != obligation:
        raise ProofError(ProofCode.WRONG_SUBJECT, f"about {id_.hex()}, asked for {obligation.hex()}")
    anchor = verify_anchor(bundle.anchor, trust)
    leaf = verify_as_of(bundle.as_of, anchor, at)
    halves = _Halves(anchor, bundle, leaf)
    public = halves.public(obligation_key(id_), ObligationPublic)
    if public is None:
        raise ProofError(ProofCode.NO_OBLIGATION, f"there is no obligation {id_.hex()}")
    terms = halves.members(obligation_key(id_), ObligationMembers)
    tag_height = _only_claim(halves, id_, terms)
    slices = tuple(_slice(halves, id_, index) for index in range(terms.slice_count))
    return VerifiedReceivable(anchor, id_, public.state, terms, tag_height, slices, leaf)


def _only_claim(halves: _Halves, obligation: bytes, terms: ObligationMembers) -> int | None:
    """Check that the debtor's tag of the invoice number names this obligation; height at which it was set."""
    if terms.tag == ZERO32:
        return None
    tag = halves.public(obligation_tag_key(terms.debtor, terms.tag), ObligationTag)
    if tag is None or tag.obligation != obligation:
        raise ProofError(ProofCode.OTHER_CLAIM, "the tag of the invoice number names another obligation")
    return tag.height


def _slice(halves: _Halves, obligation: bytes, index: int) -> ShownSlice:
    id_ = slice_id(obligation, index)
    public = halves.public(slice_key(id_), SlicePublic)
    if public is None:
        raise ProofError(ProofCode.RECORD_ALTERED, f"slice {index} of the obligation is not there")
    members = halves.members(slice_key(id_), SliceMembers)
    if (members.obligation, members.index) != (obligation, index):
        raise ProofError(ProofCode.RECORD_ALTERED, f"slice {index} is of another obligation")
    lien = halves.public(lien_key(id_), LienPublic, ProofCode.LIEN_HIDDEN)
    if lien is None:
        return ShownSlice(id_, public.state, members, None)
    holder = halves.members(lien_key(id_), LienMembers)
    return ShownSlice(id_, public.state, members, ShownLien(lien.state, lien.height, holder.holder, holder.deal))


def _decoded(data: bytes, type_: type[T]) -> T:
    try:
        return decode(data, type_, size_max=RECORD_SIZE_MAX)
    except DecodeError as error:
        raise ProofError(ProofCode.RECORD_ALTERED, f"a record is not a {type_.__name__}") from error


# --- making -----------------------------------------------------------------------------------------------


def build_receivable(obligation: bytes, state: CertifiedState, as_of: HeightShown | None = None) -> ReceivableBundle:
    """The bundle of an obligation.

    Args:
        as_of: the height of ``state``, where that is earlier than the one which its anchor certifies.
    Raises:
        ProofError: ``no-obligation``.
    """
    records: dict[bytes, Record | None] = {}

    def touch(key: bytes) -> Record | None:
        records[key] = state.record(key)
        return records[key]

    record = touch(obligation_key(obligation))
    if record is None:
        raise ProofError(ProofCode.NO_OBLIGATION, f"there is no obligation {obligation.hex()}")
    terms = _decoded(record.members, ObligationMembers)
    for key in _keys_of(obligation, terms):
        touch(key)
    return ReceivableBundle(
        format=FORMAT,
        obligation=obligation,
        anchor=state.anchor(),
        state=state.prove([key_hash(key) for key in records]),
        records=[_show(key, record) for key, record in sorted(records.items()) if record is not None],
        as_of=as_of,
    )


def _keys_of(obligation: bytes, terms: ObligationMembers) -> list[bytes]:
    """Keys beside the obligation's own that its proof shows, present or absent."""
    keys = [] if terms.tag == ZERO32 else [obligation_tag_key(terms.debtor, terms.tag)]
    key_of: Callable[[bytes], bytes]
    for key_of in (slice_key, lien_key):
        keys += [key_of(slice_id(obligation, index)) for index in range(terms.slice_count)]
    return keys


def _show(key: bytes, record: Record) -> HalvesShown:
    return HalvesShown(key, record.public, record.members_salt, record.members)
