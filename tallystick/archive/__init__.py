"""Archives: a chosen part of a ledger with everything that proves it, in one file that outlives the network."""

from __future__ import annotations

from tallystick.archive.container import SIGNATURE, read_container, write_container
from tallystick.archive.errors import ArchiveError
from tallystick.archive.manifest import (
    Audience,
    HeightsScope,
    ItemsScope,
    Manifest,
    OrganisationScope,
    ReceivableScope,
    Scope,
    check_scope,
)
from tallystick.archive.result import EventOfOrganisation, Outcome, Proven
from tallystick.archive.verify import VerifiedArchive, build_archive, verify_archive
from tallystick.archive.walk import Walk
from tallystick.archive.words import scope_words

__all__ = [
    "SIGNATURE",
    "ArchiveError",
    "Audience",
    "EventOfOrganisation",
    "HeightsScope",
    "ItemsScope",
    "Manifest",
    "OrganisationScope",
    "Outcome",
    "Proven",
    "ReceivableScope",
    "Scope",
    "VerifiedArchive",
    "Walk",
    "build_archive",
    "check_scope",
    "read_container",
    "scope_words",
    "verify_archive",
    "write_container",
]
