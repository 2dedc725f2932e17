"""The GS1 identification keys: their application identifiers, shapes, qualifiers and kinds, as one table.

Source: GS1 Syntax Dictionary (primary keys ``dlpkey``), GS1 Digital Link 1.4, CBV 2.0 section 8.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

import msgspec


class IdentifierKind(IntEnum):
    """What an identifier names. Numbers are never reused."""

    OTHER = 0  # any URI that is no GS1 key
    ITEM = 1  # one trade item: GTIN with serial number (or third-party serial, TPX)
    LOT = 2  # GTIN with batch or lot
    CLASS = 3  # GTIN alone
    LOGISTIC_UNIT = 4  # SSCC
    LOCATION = 5  # GLN of a place, with or without extension
    PARTY = 6  # GLN of a party
    ASSET = 7  # GIAI, or GRAI with serial
    ASSET_TYPE = 8  # GRAI without serial
    DOCUMENT = 9  # GDTI with serial
    DOCUMENT_TYPE = 10  # GDTI without serial
    COUPON = 11  # GCN with serial
    COUPON_TYPE = 12  # GCN without serial
    SERVICE_RELATION = 13  # GSRN of a provider or a recipient
    CONSIGNMENT = 14  # GINC
    SHIPMENT = 15  # GSIN
    COMPONENT = 16  # CPID with serial
    COMPONENT_TYPE = 17  # CPID alone
    PIECE = 18  # ITIP with serial
    PIECE_LOT = 19  # ITIP with lot
    PIECE_CLASS = 20  # ITIP alone
    MODEL = 21  # GMN
    PAYMENT = 22  # invoicing party's GLN, with payment reference


CLASS_KINDS: Final = frozenset(
    {
        IdentifierKind.LOT,
        IdentifierKind.CLASS,
        IdentifierKind.ASSET_TYPE,
        IdentifierKind.DOCUMENT_TYPE,
        IdentifierKind.COUPON_TYPE,
        IdentifierKind.COMPONENT_TYPE,
        IdentifierKind.PIECE_LOT,
        IdentifierKind.PIECE_CLASS,
        IdentifierKind.MODEL,
    }
)


class KeyType(msgspec.Struct, frozen=True, gc=False):
    """One primary key.

    Attributes:
        ai: application identifier.
        shape: what the decoded value must match in full.
        checked: (start, end) of the digits that end in a check digit, or None.
        orders: allowed qualifier sequences; gaps are allowed, another order is not.
        kept: qualifiers that make a finer identity, finest first; others are dropped from the key text.
        prefix_at: where the GS1 company prefix begins in the value.
    """

    ai: str
    shape: re.Pattern[str]
    checked: tuple[int, int] | None
    orders: tuple[tuple[str, ...], ...]
    kept: tuple[str, ...]
    prefix_at: int


# Character set 82 and, for component/part identifiers, 39 (GS1 General Specifications, figures 7.11-1 and -2).
_X: Final = r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]"
_Y: Final = r"[#\-/0-9A-Z]"


def _key(
    ai: str,
    shape: str,
    checked: int = 0,
    orders: tuple[tuple[str, ...], ...] = (),
    kept: tuple[str, ...] = (),
    start: int = 0,
    prefix_at: int = 0,
) -> KeyType:
    span = (start, start + checked) if checked else None
    return KeyType(ai, re.compile(shape), span, orders, kept, prefix_at)


_TRADE: Final = ("22", "10", "21")

KEY_TYPES: Final[dict[str, KeyType]] = {
    key_type.ai: key_type
    for key_type in (
        _key("00", r"[0-9]{18}", 18, prefix_at=1),
        _key("01", r"[0-9]{14}", 14, (_TRADE, ("235",)), ("21", "235", "10"), prefix_at=1),
        _key("253", rf"[0-9]{{13}}{_X}{{0,17}}", 13),
        _key("255", r"[0-9]{13,25}", 13),
        _key("401", rf"[0-9]{{4}}{_X}{{0,26}}"),
        _key("402", r"[0-9]{17}", 17),
        _key("414", r"[0-9]{13}", 13, (("254",), ("7040",)), ("254",)),
        _key("415", r"[0-9]{13}", 13, (("8020",),), ("8020",)),
        _key("417", r"[0-9]{13}", 13, (("7040",),)),
        _key("8003", rf"0[0-9]{{13}}{_X}{{0,16}}", 13, start=1, prefix_at=1),
        _key("8004", rf"[0-9]{{4}}{_X}{{0,26}}", 0, (("7040",),)),
        _key("8006", r"[0-9]{18}", 14, (_TRADE,), ("21", "10"), prefix_at=1),
        _key("8010", rf"[0-9]{{4}}{_Y}{{0,26}}", 0, (("8011",),), ("8011",)),
        _key("8013", rf"[0-9]{{4}}{_X}{{2,21}}"),
        _key("8017", r"[0-9]{18}", 18, (("8019",),)),
        _key("8018", r"[0-9]{18}", 18, (("8019",),)),
    )
}

QUALIFIER_SHAPES: Final[dict[str, re.Pattern[str]]] = {
    "10": re.compile(rf"{_X}{{1,20}}"),
    "21": re.compile(rf"{_X}{{1,20}}"),
    "22": re.compile(rf"{_X}{{1,20}}"),
    "235": re.compile(rf"{_X}{{1,28}}"),
    "254": re.compile(rf"{_X}{{1,20}}"),
    "7040": re.compile(rf"[0-9]{_X}{{3}}"),
    "8011": re.compile(r"0|[1-9][0-9]{0,11}"),
    "8019": re.compile(r"[0-9]{1,10}"),
    "8020": re.compile(rf"{_X}{{1,25}}"),
}

# Names that Digital Link 1.2 allowed in place of application identifiers; read leniently, never written.
SHORT_NAMES: Final[dict[str, str]] = {
    "sscc": "00", "gtin": "01", "gdti": "253", "gcn": "255", "ginc": "401", "gsin": "402", "gln": "414",
    "payTo": "415", "party": "417", "grai": "8003", "giai": "8004", "itip": "8006", "cpid": "8010", "gmn": "8013",
    "gsrnp": "8017", "gsrn": "8018", "lot": "10", "ser": "21", "cpv": "22", "tpx": "235", "glnx": "254",
    "cpsn": "8011", "srin": "8019", "refNo": "8020",
}  # fmt: skip


def kind_of(ai: str, value: str, qualifiers: dict[str, str]) -> IdentifierKind:
    """Say what a key names; ``value`` and ``qualifiers`` are decoded and valid."""
    kind = IdentifierKind
    match ai:
        case "01":
            if "21" in qualifiers or "235" in qualifiers:
                return kind.ITEM
            return kind.LOT if "10" in qualifiers else kind.CLASS
        case "00":
            return kind.LOGISTIC_UNIT
        case "414":
            return kind.LOCATION
        case "417":
            return kind.PARTY
        case "8003":
            return kind.ASSET if len(value) > 14 else kind.ASSET_TYPE
        case "8004":
            return kind.ASSET
        case "253":
            return kind.DOCUMENT if len(value) > 13 else kind.DOCUMENT_TYPE
        case "255":
            return kind.COUPON if len(value) > 13 else kind.COUPON_TYPE
        case "8017" | "8018":
            return kind.SERVICE_RELATION
        case "401":
            return kind.CONSIGNMENT
        case "402":
            return kind.SHIPMENT
        case "8010":
            return kind.COMPONENT if "8011" in qualifiers else kind.COMPONENT_TYPE
        case "8006":
            if "21" in qualifiers:
                return kind.PIECE
            return kind.PIECE_LOT if "10" in qualifiers else kind.PIECE_CLASS
        case "8013":
            return kind.MODEL
    return kind.PAYMENT
