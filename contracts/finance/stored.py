"""Reading and writing obligations, slices, deals and liens as values that rules work on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from contracts.interface import Refusal
from contracts.workspace import Workspace
from tallystick.encoding import ZERO32
from tallystick.object_ids import slice_id
from tallystick.reasons import Reason
from tallystick.records.finance import (
    DealMembers,
    DealPublic,
    DealState,
    LienMembers,
    LienPublic,
    LienState,
    ObligationMembers,
    ObligationPublic,
    ObligationState,
    SliceMembers,
    SlicePublic,
    SliceState,
    deal_key,
    lien_key,
    obligation_key,
    slice_key,
)


@dataclass(slots=True)
class Obligation:
    """An obligation being worked on: 32-byte id, state, and its members' half as ``terms``."""

    identifier: bytes
    state: ObligationState
    terms: ObligationMembers

    def save(self, work: Workspace) -> None:
        """Stage the record."""
        work.write(obligation_key(self.identifier), ObligationPublic(self.state), self.terms)

    def slices(self, work: Workspace) -> Iterator[Slice]:
        """All slices in the order of their numbers, retired ones too."""
        for index in range(self.terms.slice_count):
            yield load_slice(work, slice_id(self.identifier, index))


@dataclass(slots=True)
class Slice:
    """A slice being worked on."""

    identifier: bytes
    state: SliceState
    terms: SliceMembers

    def save(self, work: Workspace) -> None:
        """Stage the record."""
        work.write(slice_key(self.identifier), SlicePublic(self.state), self.terms)

    def set_deal(self, deal: bytes) -> None:
        """Tie it to a deal (32 bytes)."""
        self.terms = replace(self.terms, deal=deal)


@dataclass(slots=True)
class Deal:
    """A deal being worked on: ``data`` is its members' half, whose ``terms`` never change."""

    identifier: bytes
    state: DealState
    data: DealMembers

    def save(self, work: Workspace) -> None:
        """Stage the record."""
        work.write(deal_key(self.identifier), DealPublic(self.state), self.data)


def load_obligation(work: Workspace, identifier: bytes) -> Obligation:
    """The obligation of a 32-byte id, or NOT_FOUND."""
    key = obligation_key(identifier)
    public, members = work.public(key, ObligationPublic), work.members(key, ObligationMembers)
    if public is None or members is None:
        raise Refusal(Reason.NOT_FOUND, identifier.hex()[:16])
    return Obligation(identifier, public.state, members)


def load_slice(work: Workspace, identifier: bytes) -> Slice:
    """The slice of a 32-byte id, or NOT_FOUND."""
    key = slice_key(identifier)
    public, members = work.public(key, SlicePublic), work.members(key, SliceMembers)
    if public is None or members is None:
        raise Refusal(Reason.NOT_FOUND, identifier.hex()[:16])
    return Slice(identifier, public.state, members)


def load_deal(work: Workspace, identifier: bytes) -> Deal:
    """The deal of a 32-byte id, or NOT_FOUND."""
    key = deal_key(identifier)
    public, members = work.public(key, DealPublic), work.members(key, DealMembers)
    if public is None or members is None:
        raise Refusal(Reason.NOT_FOUND, identifier.hex()[:16])
    return Deal(identifier, public.state, members)


def take_lien(work: Workspace, slice_: Slice, *, holder: str, deal: bytes) -> None:
    """Write the one exclusive lien of a slice; ALREADY_PLEDGED when somebody holds it."""
    key = lien_key(slice_.identifier)
    lien = work.public(key, LienPublic)
    if lien is not None and lien.state is LienState.HELD:
        raise Refusal(Reason.ALREADY_PLEDGED, slice_.identifier.hex()[:16])
    work.write(key, LienPublic(LienState.HELD, work.block.height), LienMembers(holder, deal))


def release_lien(work: Workspace, slice_: Slice) -> None:
    """Set a slice free; who held the lien stays in the members' half."""
    key = lien_key(slice_.identifier)
    members = work.members(key, LienMembers)
    assert members is not None
    work.write(key, LienPublic(LienState.RELEASED, work.block.height), members)
    slice_.set_deal(ZERO32)
