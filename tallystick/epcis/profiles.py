"""Profiles: which top-level fields of an event everybody may see. Data, so that a consortium can choose."""

from __future__ import annotations

from typing import Final

import msgspec

QUANTITY_LISTS: Final = frozenset({"quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"})

# Fields that every split shows: what the public history of a thing consists of. Of the quantity lists the classes.
ALWAYS_PUBLIC: Final = frozenset(
    {
        "@context",
        "type",
        "eventTime",
        "eventTimeZoneOffset",
        "action",
        "bizStep",
        "disposition",
        "errorDeclaration",
        "epcList",
        "parentID",
        "childEPCs",
        "inputEPCList",
        "outputEPCList",
        "transformationID",
    }
)


class Profile(msgspec.Struct, frozen=True, gc=False):
    """One way of splitting events between the public and the members.

    Attributes:
        name: how configurations name it.
        public_fields: top-level fields that are wholly public, beyond ``ALWAYS_PUBLIC``.
        public_quantities: whether amounts and units are public too; otherwise only the classes are.
    """

    name: str
    public_fields: tuple[str, ...]
    public_quantities: bool = False


GENERAL: Final = Profile(
    "general",
    ("eventID", "persistentDisposition", "readPoint", "certificationInfo", "sensorElementList"),
)
DISCREET: Final = Profile("discreet", ("eventID", "persistentDisposition", "certificationInfo"))
PROFILES: Final[dict[str, Profile]] = {profile.name: profile for profile in (GENERAL, DISCREET)}
