"""The four founders, their keys, and names that are the same every time: seeds, identifiers, stand-ins for papers."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from client_sdk.values import Goods, read_goods
from tallystick import keys
from tallystick.epcis.check_digit import check_digit
from tallystick.genesis import CardBody, Genesis, merge_cards, sign_card

START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
HOUR = 3_600_000
DAY = 86_400_000
GOVERNORS = (("org:grower", "ROOT"), ("org:processor", "ROOT"), ("org:carrier", "ROOT"))
FOUNDERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "org:grower": (("governor", "producer"), ("95211110",)),
    "org:processor": (("governor", "processor", "producer"), ("95212345",)),
    "org:carrier": (("carrier", "governor"), ("95213333", "9521222", "952188", "95219")),
    "org:retailer": (("governor", "retailer"), ("95214444",)),
}


def seed(organisation: str, key: str) -> bytes:
    """The private seed of an organisation's key by the key's name."""
    return sha256(f"golden chain seed {organisation} {key}".encode()).digest()


@cache
def public_key(organisation: str, key: str) -> bytes:
    """The public key of ``seed(organisation, key)``."""
    return keys.public_key_of(seed(organisation, key))


def named(*parts: object) -> bytes:
    """32 bytes that stand for something made elsewhere: a payment id, a document, a report."""
    return sha256(b"golden chain " + " ".join(map(str, parts)).encode()).digest()


def gtin(prefix: str, reference: str) -> str:
    """Key text of a class of goods."""
    body = "0" + (prefix + reference).ljust(12, "0")
    return f"01/{body}{check_digit(body)}"


def sscc(prefix: str, reference: str) -> str:
    """Key text of a logistic unit."""
    body = "0" + (prefix + reference).ljust(16, "0")
    return f"00/{body}{check_digit(body)}"


def goods(*texts: str) -> list[Goods]:
    """Goods by their texts: ``ID`` or ``ID=QUANTITY[UNIT]``."""
    return [read_goods(text) for text in texts]


def found() -> Genesis:
    """The genesis of the four founders."""
    cards = []
    for name, (roles, prefixes) in FOUNDERS.items():
        body = CardBody(
            version=1,
            organisation=name,
            name=name[4:].title(),
            roles=roles,
            prefixes=prefixes,
            currencies=("EUR", "USD", "CNY") if "retailer" in roles else (),  # held without the role of a bank
            root_key=public_key(name, "ROOT"),
            validator_key=public_key(name, "VALIDATOR"),
            certificate=b"golden certificate of " + name.encode(),
            peer_address="127.0.0.1:1",
            api_address="127.0.0.1:2",
        )
        cards.append(sign_card(body, seed(name, "ROOT"), seed(name, "VALIDATOR")))
    return merge_cards(tuple(cards), network="golden", time_ms=START_MS, clock_advance_allowed=True)
