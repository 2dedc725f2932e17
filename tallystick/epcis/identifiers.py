"""Identifiers of things, places and parties: one compact key text for every spelling of the same GS1 key.

EPC URNs and GS1 Digital Links (any domain) of one key have one key text, the Digital Link path below
``https://id.gs1.org/`` cut to its finest level, for instance ``01/09521234543213/21/ABC123``. Any other URI is
its own key text. Reading is total: a text is a GS1 key, another URI, or an ``EventError``.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from tallystick.epcis.check_digit import check_digit, check_pair, has_check_digit
from tallystick.epcis.key_types import (
    CLASS_KINDS,
    KEY_TYPES,
    QUALIFIER_SHAPES,
    IdentifierKind,
    kind_of,
)
from tallystick.errors import EventError

CANONICAL_BASE: Final = "https://id.gs1.org/"

_PLAIN_VALUE: Final = re.compile(r"[A-Za-z0-9._-]+")
_RESERVED: Final = re.compile(r"[^A-Za-z0-9._~-]")
_PERCENT: Final = re.compile(r"%([0-9A-Fa-f]{2})")


class Identifier(msgspec.Struct, frozen=True, gc=False):
    """One identifier. Two spellings of one key have equal ``key``; compare by it.

    Attributes:
        key: compact canonical key text.
        kind: what it names.
        gtin: 14 digits, for items, lots, classes and pieces.
        serial: decoded serial number of an item or piece (also a TPX).
        lot: decoded lot, also where a serial makes the finer identity.
    """

    key: str
    kind: IdentifierKind
    gtin: str | None = None
    serial: str | None = None
    lot: str | None = None

    @property
    def uri(self) -> str:
        """The canonical URI: a Digital Link at id.gs1.org, or the URI itself."""
        return self.key if self.kind is IdentifierKind.OTHER else CANONICAL_BASE + self.key

    @property
    def stated_uri(self) -> str:
        """Like ``uri``, but a serial that states its lot keeps it: ``…/01/{gtin}/10/{lot}/21/{serial}``."""
        if self.lot_key is None or self.serial is None or self.kind is not IdentifierKind.ITEM:
            return self.uri
        return f"{CANONICAL_BASE}{self.lot_key}/21/{encode_value(self.serial)}"

    @property
    def is_gs1(self) -> bool:
        """Whether this is a GS1 key."""
        return self.kind is not IdentifierKind.OTHER

    @property
    def is_class(self) -> bool:
        """Whether it names a class or lot rather than one thing; False for other URIs, which may be either."""
        return self.kind in CLASS_KINDS

    @property
    def lot_key(self) -> str | None:
        """Key text of the lot this item states, if it states one."""
        if self.gtin is None or self.lot is None or not self.key.startswith("01/"):
            return None
        return f"01/{self.gtin}/10/{encode_value(self.lot)}"

    @property
    def class_key(self) -> str | None:
        """Key text of the GTIN, for items, lots and classes."""
        return f"01/{self.gtin}" if self.gtin is not None else None

    def gs1_company_prefix_matches(self, prefix: str) -> bool:
        """Say whether this key falls under a GS1 company prefix, whose holder alone may issue it.

        The indicator digit of a GTIN, the extension digit of an SSCC and the leading zero of a GRAI are skipped.

        Args:
            prefix: 4 to 12 ASCII digits.
        """
        if self.kind is IdentifierKind.OTHER:
            return False
        ai, _, rest = self.key.partition("/")
        return rest.startswith(prefix, KEY_TYPES[ai].prefix_at)


def build_identifier(ai: str, value: str, qualifiers: dict[str, str]) -> Identifier:
    """Check a decoded key and give its identifier; qualifiers that make no finer identity are dropped.

    Raises:
        EventError: ``gs1.value``, ``gs1.check-digit``, ``gs1.qualifier``.
    """
    key_type = KEY_TYPES[ai]
    if key_type.shape.fullmatch(value) is None:
        raise EventError("gs1.value", f"{value[:60]!r} is not a value of application identifier {ai}")
    if key_type.checked is not None:
        start, end = key_type.checked
        digits = value[start:end]
        if not has_check_digit(digits):
            raise EventError(
                "gs1.check-digit",
                f"the check digit of {digits} is wrong",
                remedy=f"the last digit would be {check_digit(digits[:-1])}; compare with the printed number",
            )
    elif ai == "8013" and check_pair(value[:-2]) != value[-2:]:
        raise EventError("gs1.check-digit", f"the check characters of {value} are wrong")
    for qualifier, qualifier_value in qualifiers.items():
        if QUALIFIER_SHAPES[qualifier].fullmatch(qualifier_value) is None:
            raise EventError("gs1.qualifier", f"{qualifier_value[:60]!r} is not a value of ({qualifier})")
    if ai == "8006" and not "00" < value[14:16] <= value[16:18]:
        raise EventError("gs1.value", f"piece {value[14:16]} of {value[16:18]} does not exist")
    return _compose(key_type.kept, ai, value, qualifiers)


def _compose(kept: tuple[str, ...], ai: str, value: str, qualifiers: dict[str, str]) -> Identifier:
    key = f"{ai}/{encode_value(value)}"
    for qualifier in kept:
        if qualifier in qualifiers and not (qualifier == "254" and qualifiers[qualifier] == "0"):
            key = f"{key}/{qualifier}/{encode_value(qualifiers[qualifier])}"
            break
    kind = kind_of(ai, value, qualifiers)
    if ai not in ("01", "8006"):
        return Identifier(key, kind)
    serial = qualifiers.get("21", qualifiers.get("235"))
    return Identifier(key, kind, value[:14], serial, qualifiers.get("10"))


def encode_value(value: str) -> str:
    """Percent-encode a key or qualifier value: everything but letters, digits and ``- . _ ~``."""
    if _PLAIN_VALUE.fullmatch(value) is not None:
        return value
    return _RESERVED.sub(lambda match: f"%{ord(match[0]):02X}", value)


def decode_value(text: str) -> str:
    """Undo percent-encoding; bytes become characters of the same number, which the shapes then judge."""
    if "%" not in text:
        return text
    return _PERCENT.sub(lambda match: chr(int(match[1], 16)), text)
