"""The other members of genesis as peers: which index, certificate and address each has."""

from __future__ import annotations

from node.config import NodeConfig
from node.network.peers import Peer
from node.toml_reader import Complaint, peer_address
from tallystick.errors import ConfigError
from tallystick.genesis import Genesis


def other_peers(config: NodeConfig, genesis: Genesis, me: int) -> tuple[Peer, ...]:
    """Everybody but us, in the order of the validator set.

    Raises:
        ConfigError: a card's address is none, and the configuration names no other.
    """
    cards = {card.body.validator_key: card.body for card in genesis.cards}
    peers: list[Peer] = []
    for index, validator in enumerate(genesis.validators().members):
        if index == me:
            continue
        card = cards[validator.key]
        address = config.peers.get(card.organisation)
        if address is None:
            try:
                address = peer_address(card.peer_address)
            except Complaint as error:
                raise ConfigError(
                    f"{config.file}: the card of {card.organisation} says no usable address ({error}); name one "
                    "under [peers]"
                ) from error
        peers.append(Peer(index, card.organisation, card.certificate, address))
    return tuple(peers)
