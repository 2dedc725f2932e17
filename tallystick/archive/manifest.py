"""What an archive says of itself: which chain, as of which height, which scope, which members.

Nothing in it is believed: every statement is compared with what the members prove. Specification: docs/spec/export.md,
section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, TypeAlias

import msgspec

from tallystick.archive.errors import ArchiveError
from tallystick.encoding import Name, Natural, TimeMs
from tallystick.limits import ARCHIVE_DEPTH_MAX, ARCHIVE_HEIGHTS_MAX, ARCHIVE_MEMBER_SIZE_MAX
from tallystick.proofs.bundle import Shape

FORMAT = 1
MANIFEST = "manifest.json"
_IDENTIFIERS_MAX = 1_000

Hex32 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Depth = Annotated[int, msgspec.Meta(ge=0, le=ARCHIVE_DEPTH_MAX)]
Identifiers = Annotated[
    tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=512)], ...], msgspec.Meta(max_length=_IDENTIFIERS_MAX)
]


class Audience(StrEnum):
    """For whom the contents are: what anybody may see, or members' halves too."""

    PUBLIC = "public"
    MEMBERS = "members"


class ItemsScope(Shape, frozen=True, tag_field="kind", tag="items"):
    """Identifiers with their closures, and those of what these closures name, ``depth`` steps far.

    Attributes:
        identifiers: key texts, sorted.
    """

    identifiers: Annotated[Identifiers, msgspec.Meta(min_length=1)]
    depth: Depth


class ReceivableScope(Shape, frozen=True, tag_field="kind", tag="receivable"):
    """An obligation with its tag, slices and liens, and the goods behind it as an ``ItemsScope`` has them."""

    obligation: Hex32
    identifiers: Identifiers
    depth: Depth


class OrganisationScope(Shape, frozen=True, tag_field="kind", tag="organisation"):
    """Every transaction that a key of the organisation signed in these heights, both ends included."""

    organisation: Name
    from_height: Natural
    to_height: Natural


class HeightsScope(Shape, frozen=True, tag_field="kind", tag="heights"):
    """Every block of these heights, both ends included; for members with all that is in them."""

    from_height: Natural
    to_height: Natural


Scope: TypeAlias = ItemsScope | ReceivableScope | OrganisationScope | HeightsScope


class MemberListed(Shape, frozen=True):
    """One member.

    Attributes:
        about: what it is about: an identifier, a record's key, a height, a transaction's id; empty for the others.
    """

    name: str
    about: str
    size: Annotated[int, msgspec.Meta(ge=0, le=ARCHIVE_MEMBER_SIZE_MAX)]
    sha256: Hex32


class Manifest(Shape, frozen=True):
    """The manifest of an archive.

    Attributes:
        height, time_ms, state_root: of the state that the archive shows; nothing in it is of a later one.
        protocol_version: the rules' version in the header that certifies this state.
        members: all others, by name.
    """

    format: int
    network: str
    chain_id: Hex32
    height: Natural
    time_ms: TimeMs
    state_root: Hex32
    protocol_version: Natural
    audience: Audience
    scope: Scope
    members: tuple[MemberListed, ...]


_decoder = msgspec.json.Decoder(Manifest)


def write_manifest(manifest: Manifest) -> bytes:
    """The one spelling of a manifest."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def read_manifest(data: bytes) -> Manifest:
    """A manifest from its bytes.

    Raises:
        ArchiveError: ``archive.manifest`` or ``archive.format``.
    """
    try:
        manifest = _decoder.decode(data)
        canonical = write_manifest(manifest) == data
    except Exception as error:  # msgspec raises several types; hostile input may reach any of them
        raise ArchiveError("archive.manifest", f"not a manifest: {error}", MANIFEST) from error
    if manifest.format != FORMAT:
        raise ArchiveError(
            "archive.format", f"format {manifest.format}; this software reads {FORMAT}", MANIFEST,
            "verify it with the software of its day, or a newer one",
        )  # fmt: skip
    if not canonical:
        raise ArchiveError("archive.manifest", "not the one spelling of its values", MANIFEST)
    check_scope(manifest.scope)
    return manifest


def check_scope(scope: Scope) -> None:
    """Refuse a scope that has a second spelling, or is beyond the bounds.

    Raises:
        ArchiveError: ``archive.scope``.
    """
    if isinstance(scope, ItemsScope | ReceivableScope):
        if list(scope.identifiers) != sorted(set(scope.identifiers)):
            raise ArchiveError("archive.scope", "identifiers are not sorted, each once", MANIFEST)
        return
    count = scope.to_height - scope.from_height + 1
    if not 1 <= count <= ARCHIVE_HEIGHTS_MAX or scope.from_height == 0:
        raise ArchiveError(
            "archive.scope",
            f"heights {scope.from_height} to {scope.to_height}: 1 to {ARCHIVE_HEIGHTS_MAX} of them, from height 1 on",
            MANIFEST,
            "choose a shorter period; several archives cover a longer one",
        )


def list_members(members: Mapping[str, bytes], about: Mapping[str, str]) -> tuple[MemberListed, ...]:
    """What a manifest says of these members; ``about`` by name."""
    return tuple(
        MemberListed(name, about.get(name, ""), len(data), sha256(data).hexdigest())
        for name, data in sorted(members.items())
    )


def check_listed(manifest: Manifest, members: Mapping[str, bytes]) -> None:
    """Check that the members are exactly those listed, byte for byte.

    Raises:
        ArchiveError: ``archive.missing``, ``archive.extra``, ``archive.hash`` or ``archive.manifest``.
    """
    listed = {member.name: member for member in manifest.members}
    if [member.name for member in manifest.members] != sorted(listed):
        raise ArchiveError("archive.manifest", "members are not listed by name, each once", MANIFEST)
    for name in sorted(listed.keys() - members.keys()):
        raise ArchiveError("archive.missing", "the manifest lists a member that is not there", name)
    for name in sorted(members.keys() - listed.keys() - {MANIFEST}):
        raise ArchiveError("archive.extra", "a member that the manifest does not list", name)
    for name, member in listed.items():
        if name == MANIFEST or (len(members[name]), sha256(members[name]).hexdigest()) != (member.size, member.sha256):
            raise ArchiveError("archive.hash", "not the bytes that the manifest lists", name)
