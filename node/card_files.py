"""Public cards as files: ``card.bin`` is what founders exchange, its JSON twin is for reading only."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from node.founder import CARD_SIZE_MAX, CARD_VERSION
from node.key_files import read_file
from tallystick.bls import bls
from tallystick.encoding import decode, encode
from tallystick.errors import ConfigError, DecodeError, SignatureError
from tallystick.genesis import Card


def read_card(path: Path) -> Card:
    """Read one card and check its signatures, and that its owner has the secret of its BLS key, if it names one.

    Raises:
        ConfigError: not a card, of another version, a signature or a possession does not hold, or there is a BLS key
            and no library to check it with.
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
    except (SignatureError, DecodeError) as error:
        raise ConfigError(f"{path}: the card was changed after it was signed: {error}") from error
    check_possessions(path, (card,))
    return card


def check_possessions(path: Path, cards: tuple[Card, ...]) -> None:
    """Check that every BLS key on cards is its owner's; about a second for each in pure Python.

    Raises:
        ConfigError: naming the organisation, or that there is no library.
    """
    for card in cards:
        try:
            if card.body.bls_key:
                card.verify_possession(bls())
        except SignatureError as error:
            who = card.body.organisation
            raise ConfigError(f"{path}: {who} does not show that it has the secret of its BLS key: {error}") from error


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
        "bls_key": body.bls_key.hex() or None,
        "peer_address": body.peer_address,
        "api_address": body.api_address,
        "digest": sha256(encode(card)).hexdigest(),
    }
