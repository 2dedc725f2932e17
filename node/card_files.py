"""Public cards as files: ``card.bin`` is what founders exchange, its JSON twin is for reading only."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from node.founder import CARD_SIZE_MAX, CARD_VERSION
from node.key_files import read_file
from tallystick.encoding import decode, encode
from tallystick.errors import ConfigError, DecodeError, SignatureError
from tallystick.genesis import Card


def read_card(path: Path) -> Card:
    """Read one card and check its signatures.

    Raises:
        ConfigError: not a card, of another version, or a signature does not hold.
    """
    data = read_file(path, "card", size_max=CARD_SIZE_MAX)
    try:
        card = decode(data, Card, size_max=CARD_SIZE_MAX)
    except DecodeError as error:
        raise ConfigError(f"{path}: not a card (card.bin of `tallystick-node init`): {error}") from error
    if card.body.version != CARD_VERSION:
        raise ConfigError(f"{path}: card of version {card.body.version}; this software reads version {CARD_VERSION}")
    try:
        card.verify()
    except SignatureError as error:
        raise ConfigError(f"{path}: the card was changed after it was signed: {error}") from error
    return card


def card_json(card: Card) -> dict[str, object]:
    """A card for people and scripts; ``digest`` is the SHA-256 of ``card.bin``, which founders compare."""
    body = card.body
    return {
        "organisation": body.organisation,
        "name": body.name,
        "roles": list(body.roles),
        "prefixes": list(body.prefixes),
        "currencies": list(body.currencies),
        "root_key": body.root_key.hex(),
        "validator_key": body.validator_key.hex(),
        "certificate_sha256": sha256(body.certificate).hexdigest(),
        "peer_address": body.peer_address,
        "api_address": body.api_address,
        "digest": sha256(encode(card)).hexdigest(),
    }
