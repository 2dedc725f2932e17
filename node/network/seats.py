"""Whom this node has for peers: validators of the epoch, those that are to come, those that have just left."""

from __future__ import annotations

import logging

from contracts.interface import StateView
from contracts.switch import planned_change
from node.config import NodeConfig
from node.epochs import Epochs
from node.logs import log_fields
from node.network.peers import PeerSeat
from node.toml_reader import Address, peer_address
from tallystick.errors import ConfigError
from tallystick.records.base import read_public
from tallystick.records.membership import Seat, planned_seat_key, seat_key
from tallystick.settings import Complaint

logger = logging.getLogger("tallystick.peers")


def peer_seats(config: NodeConfig, state: StateView, epochs: Epochs) -> tuple[PeerSeat, ...]:
    """Everybody but us: the validators in their order, then observers.

    Observers are validators that are planned, which must be able to catch up, and those that left with the last change,
    which may still serve proofs and ask for the end of their epoch.

    Raises:
        ConfigError: in the first epoch, a card's address is none, and the configuration names no other.
    """
    seats: list[PeerSeat] = []
    organisations = [validator.organisation for validator in epochs.validators.members]
    for index, organisation in enumerate(organisations):
        _add(seats, config, state, index, organisation, seat_key(organisation), strict=epochs.number == 0)
    plan = planned_change(state)
    if plan is not None:
        planned = [join.organisation for join in plan.joins] + [one.organisation for one in plan.rotations]
        for organisation in planned:
            _add(seats, config, state, None, organisation, planned_seat_key(organisation))
    if epochs.number:
        for validator in epochs.validators_of(epochs.number - 1).members:
            if validator.organisation not in organisations:
                _add(seats, config, state, None, validator.organisation, seat_key(validator.organisation))
    return tuple(seats)


def own_certificate(config: NodeConfig, state: StateView) -> bytes | None:
    """The certificate that the chain names for us: that of our seat, else of one that is planned."""
    for key in (seat_key(config.organisation), planned_seat_key(config.organisation)):
        record = state.get(key)
        if record is not None:
            return read_public(record, Seat).certificate
    return None


def _add(
    seats: list[PeerSeat],
    config: NodeConfig,
    state: StateView,
    index: int | None,
    organisation: str,
    key: bytes,
    *,
    strict: bool = False,
) -> None:
    record = state.get(key)
    if organisation == config.organisation or record is None:
        return
    seat = read_public(record, Seat)
    if any(known.certificate == seat.certificate for known in seats):
        return
    address: Address | None = config.peers.get(organisation)
    if address is None:
        try:
            address = peer_address(seat.peer_address)
        except Complaint as error:
            if strict:
                raise ConfigError(
                    f"{config.file}: the card of {organisation} says no usable address ({error}); name one under "
                    "[peers]"
                ) from error
            logger.warning("no usable address", extra=log_fields(peer=organisation, address=seat.peer_address))
    seats.append(PeerSeat(index, organisation, seat.certificate, address))
