"""Verifying an archive, and putting one together: nothing but bytes and what the reader pinned; no node, no clock.

The set of members is computed anew from what is proven, so an archive with a member more or less than its scope needs
is refused, and nothing in an accepted one is unproven. Specification: docs/spec/export.md, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass

from tallystick.archive import names
from tallystick.archive.container import read_container, write_container
from tallystick.archive.errors import ArchiveError
from tallystick.archive.founding import Founding, read_founding, show_founding
from tallystick.archive.key_list import list_keys
from tallystick.archive.manifest import (
    FORMAT,
    MANIFEST,
    Audience,
    Manifest,
    Scope,
    check_listed,
    list_members,
    read_manifest,
    write_manifest,
)
from tallystick.archive.result import Proven
from tallystick.archive.supply import ArchiveSupply
from tallystick.archive.walk import Walk
from tallystick.archive.words import readme
from tallystick.epochs import EpochStep
from tallystick.errors import DecodeError, ProofError
from tallystick.genesis import Genesis
from tallystick.proofs import Trust

_OTHER_ARCHIVE = "this is not the archive that was exported; ask who gave it to you"


@dataclass(frozen=True, slots=True)
class VerifiedArchive:
    """An archive that holds under a reader's trust."""

    manifest: Manifest
    founding: Founding
    proven: Proven


def verify_archive(data: bytes, trust: Trust) -> VerifiedArchive:
    """Verify an archive.

    Args:
        trust: the chain, and the validators of epochs that the reader pinned; with none pinned, the founders whose
            genesis the chain id names are trusted. ``height_min`` refuses what is older.
    Raises:
        ArchiveError: naming member, rule and remedy.
    """
    try:
        return _verify(read_container(data), trust)
    except (ProofError, DecodeError) as error:  # what is proven is genuine, so this is a ledger of other rules
        code = error.code if isinstance(error, ProofError) else error.rule
        raise ArchiveError(code, error.detail) from error


def _verify(members: dict[str, bytes], trust: Trust) -> VerifiedArchive:
    if MANIFEST not in members:
        raise ArchiveError("archive.missing", "an archive without a manifest", MANIFEST)
    manifest = read_manifest(members[MANIFEST])
    check_listed(manifest, members)
    founding = read_founding(members, trust)
    walk = Walk(ArchiveSupply(members), founding.trust, manifest.height, manifest.audience)
    proven = walk.scope(manifest.scope)
    stated = founding.genesis.network, trust.chain_id.hex(), proven.time_ms, proven.state_root.hex()
    if (manifest.network, manifest.chain_id, manifest.time_ms, manifest.state_root) != stated:
        raise ArchiveError("archive.manifest", "says another chain, time or state than is proven", MANIFEST)
    expected = _members(walk, founding, members, manifest)
    for name in sorted(members.keys() - expected.keys() - {MANIFEST}):
        raise ArchiveError("archive.extra", "a member that the scope does not need", name, _OTHER_ARCHIVE)
    for name, content in expected.items():
        if members.get(name) != content:
            raise ArchiveError("archive.contents", "not what follows from the proofs", name, _OTHER_ARCHIVE)
    if write_manifest(_manifest(walk, founding, manifest.audience, manifest.scope, expected)) != members[MANIFEST]:
        raise ArchiveError("archive.manifest", "says something else than is proven", MANIFEST, _OTHER_ARCHIVE)
    return VerifiedArchive(manifest, founding, proven)


def build_archive(
    walk: Walk, scope: Scope, audience: Audience, genesis: Genesis, steps: tuple[EpochStep, ...]
) -> bytes:
    """The archive of a finished walk.

    Args:
        steps: how each epoch ended, from epoch 0 on.
    Raises:
        ArchiveError: the founding does not hold, or the archive is too large.
    """
    shown = show_founding(genesis, steps)
    founding = read_founding(shown, Trust(genesis.chain_id()))
    draft = _manifest(walk, founding, audience, scope, {})
    members = _members(walk, founding, shown, draft)
    manifest = _manifest(walk, founding, audience, scope, members)
    return write_container({**members, MANIFEST: write_manifest(manifest)})


def _members(walk: Walk, founding: Founding, shown: dict[str, bytes], manifest: Manifest) -> dict[str, bytes]:
    """Every member but the manifest, as it follows from a walk."""
    ends = [names.epoch_end(epoch) for epoch in range(len(founding.epochs) - 1)]
    return {
        **walk.members,
        **{name: shown[name] for name in (names.GENESIS, *ends)},
        **readme(manifest),
        names.KEYS: list_keys(founding.epochs, walk.proven.public),
    }


def _manifest(walk: Walk, founding: Founding, audience: Audience, scope: Scope, members: dict[str, bytes]) -> Manifest:
    proven = walk.proven
    return Manifest(
        format=FORMAT,
        network=founding.genesis.network,
        chain_id=founding.trust.chain_id.hex(),
        height=proven.height,
        time_ms=proven.time_ms,
        state_root=proven.state_root.hex(),
        protocol_version=proven.protocol_version,
        audience=audience,
        scope=scope,
        members=list_members(members, walk.about),
    )
