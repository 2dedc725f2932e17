"""Founding a network: cards that strangers exchange, and the genesis file that they merge into.

The chain id is the hash of the genesis bytes; the founders compare it, person to person.
Specification: docs/spec/genesis.md.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from tallystick import keys
from tallystick.bls import Bls
from tallystick.encoding import ZERO32, Currency, Message, Name, Natural, PublicKey, Signature, TimeMs, encode
from tallystick.errors import DecodeError
from tallystick.hashing import TAG_GENESIS, tagged
from tallystick.validators import (
    BlsKeyOrNone,
    BlsPossessionOrNone,
    Validator,
    ValidatorSet,
    check_bls_form,
    validator_set,
)

GENESIS_VERSION = 1


class CardBody(Message, frozen=True):
    """What an organisation says about itself before the network exists.

    Attributes:
        organisation: id, for instance ``org:grower``.
        prefixes: GS1 company prefixes, digits.
        currencies: for a settlement bank.
        root_key: signs key management and governance.
        validator_key: signs votes; ``vouch`` proves that its owner has it.
        certificate: DER bytes of the self-made transport certificate, pinned by the peers.
        peer_address, api_address: ``host:port`` of the two doors.
        bls_key, bls_possession: with which its validator signs seals; both empty where it signs none.
    """

    version: Natural
    organisation: Name
    name: Name
    roles: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)]
    prefixes: Annotated[tuple[Name, ...], msgspec.Meta(max_length=64)]
    currencies: Annotated[tuple[Currency, ...], msgspec.Meta(max_length=16)]
    root_key: PublicKey
    validator_key: PublicKey
    certificate: Annotated[bytes, msgspec.Meta(min_length=1, max_length=4_096)]
    peer_address: Name
    api_address: Name
    bls_key: BlsKeyOrNone = b""
    bls_possession: BlsPossessionOrNone = b""


class Card(Message, frozen=True):
    """A card, signed by its root key and its validator key (purpose CARD, chain id zeros)."""

    body: CardBody
    root_signature: Signature
    validator_signature: Signature

    def verify(self) -> None:
        """Check both signatures and both keys, and the form of a BLS key.

        Raises:
            SignatureError: when one does not hold.
            DecodeError: ``validators.bls-key``.
        """
        message = encode(self.body)
        for key, signature in (
            (self.body.root_key, self.root_signature),
            (self.body.validator_key, self.validator_signature),
        ):
            keys.check_public_key(key)
            keys.verify(key, signature, keys.Purpose.CARD, ZERO32, message)
        check_bls_form(self.body.bls_key, self.body.bls_possession)

    def verify_possession(self, bls: Bls) -> None:
        """Check, where it names a BLS key, that its owner has the secret; about a second in pure Python.

        Raises:
            SignatureError: the key may not be used, or its possession is not proven.
        """
        if self.body.bls_key:
            bls.check_possession(self.body.bls_key, self.body.bls_possession)


def sign_card(body: CardBody, root_seed: bytes, validator_seed: bytes) -> Card:
    """Sign a card with both of its keys."""
    message = encode(body)
    return Card(
        body,
        keys.sign(root_seed, keys.Purpose.CARD, ZERO32, message),
        keys.sign(validator_seed, keys.Purpose.CARD, ZERO32, message),
    )


class Genesis(Message, frozen=True):
    """The founding document. Cards are sorted by organisation id, so that any order of merging gives one chain id.

    Attributes:
        time_ms: block time of genesis.
        clock_advance_allowed: a quorum may sign ADVANCE_CLOCK; for demonstrations and tests only.
        heartbeat_ms: an idle chain makes a block at least this often.
        admission_quorum: governors that must sign an admission.
    """

    version: Natural
    network: Name
    time_ms: TimeMs
    clock_advance_allowed: bool
    heartbeat_ms: Natural
    admission_quorum: Natural
    cards: Annotated[tuple[Card, ...], msgspec.Meta(min_length=1, max_length=31)]

    def chain_id(self) -> bytes:
        """The 32-byte name of the chain."""
        return tagged(TAG_GENESIS, encode(self))

    def validators(self) -> ValidatorSet:
        """The first epoch's validators."""
        bodies = [card.body for card in self.cards]
        return validator_set(
            tuple(
                Validator(body.organisation, body.validator_key, body.bls_key, body.bls_possession) for body in bodies
            )
        )


def merge_cards(
    cards: tuple[Card, ...],
    *,
    network: str,
    time_ms: int,
    clock_advance_allowed: bool = False,
    heartbeat_ms: int = 60_000,
    admission_quorum: int | None = None,
) -> Genesis:
    """Check cards and merge them.

    Raises:
        SignatureError: a card's signature does not hold.
        DecodeError: ``genesis.repeated`` when an organisation or key stands on two cards; ``validators.bls-key``.
    """
    for card in cards:
        card.verify()
    ordered = tuple(sorted(cards, key=lambda card: card.body.organisation))
    organisations = {card.body.organisation for card in ordered}
    used_keys = {card.body.root_key for card in ordered} | {card.body.validator_key for card in ordered}
    bls_keys = [card.body.bls_key for card in ordered if card.body.bls_key]
    prefixes = [prefix for card in ordered for prefix in card.body.prefixes]
    if len(organisations) != len(ordered) or len(used_keys) != 2 * len(ordered) or len(set(bls_keys)) != len(bls_keys):
        raise DecodeError("genesis.repeated", "an organisation or a key stands on two cards")
    if len(set(prefixes)) != len(prefixes):
        raise DecodeError("genesis.repeated", "a GS1 company prefix stands on two cards")
    governors = sum("governor" in card.body.roles for card in ordered)
    quorum = admission_quorum if admission_quorum is not None else governors // 2 + 1
    return Genesis(GENESIS_VERSION, network, time_ms, clock_advance_allowed, heartbeat_ms, quorum, ordered)
