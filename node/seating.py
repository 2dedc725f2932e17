"""Who we are in the present epoch, and whom we have for peers: keys, seat, certificate shown, links kept.

All of it changes with an epoch, and a planned change of validators alone brings new peers.
"""

from __future__ import annotations

import logging

from consensus.config import EngineConfig
from contracts.switch import PLAN_KEY
from node.config import NodeConfig
from node.disk import Disk
from node.epochs import Epochs
from node.founding import Founding
from node.identity import TransportFiles, read_identity, settle
from node.logs import log_fields
from node.network.peers import Peers
from node.network.seats import own_certificate, peer_seats
from node.network.transport import Transport
from tallystick.records.base import read_public
from tallystick.records.membership import Seat, seat_key

logger = logging.getLogger("tallystick.node")


class Seating:
    """The seats of one node and of its peers.

    Attributes:
        identity: keys and certificates of our folder.
        epochs: the present epoch and those before.
        shown: the transport certificate that we show on new connections.
        peers, transport: whose links follow the seats; set once, before the first block is stored.
    """

    peers: Peers
    transport: Transport

    def __init__(self, config: NodeConfig, founding: Founding, disk: Disk) -> None:
        """Take the seat of the newest stored state.

        Raises:
            ConfigError: the folder of keys cannot be written to, or the signer record is lost.
        """
        self._config = config
        self._founding = founding
        self._disk = disk
        self._state = disk.executor.state
        self.identity = founding.identity
        self._settle_keys()
        me = disk.sit(self.identity)
        self.epochs = Epochs(founding.genesis, disk.ledger, disk.executor)
        self.epochs.turn(me)
        self.shown = own_certificate(config, self._state) or next(iter(self.identity.transports))
        if self.shown not in self.identity.transports:
            self.shown = list(self.identity.transports)[-1]

    @property
    def files_shown(self) -> TransportFiles:
        """The files of the certificate that we show."""
        return self.identity.transport_for(self.shown)

    @property
    def seat_name(self) -> int | str:
        """Our index in the present set, for the log."""
        return "observer" if self.epochs.me is None else self.epochs.me

    def engine_config(self) -> EngineConfig:
        """The engine's parameters in the present epoch."""
        timing = self._config.timing
        return EngineConfig(
            chain_id=self._founding.chain_id,
            validators=self.epochs.validators,
            me=self.epochs.me,
            epoch=self.epochs.number,
            spacing_ms=timing.block_spacing_ms,
            idle_block_ms=timing.idle_block_ms or self._founding.genesis.heartbeat_ms,
            view_timeout_ms=timing.view_timeout_ms,
            view_timeout_cap_ms=timing.view_timeout_cap_ms,
        )

    def _settle_keys(self) -> None:
        """Next keys that the chain has given the seat take the names of those in use."""
        organisation = self._config.organisation
        members = self._disk.executor.validators().validators.members
        key = next((one.key for one in members if one.organisation == organisation), None)
        record = self._state.get(seat_key(organisation))
        certificate = None if record is None else read_public(record, Seat).certificate
        self.identity = settle(self._config, self.identity, key, certificate)

    # --- peers --------------------------------------------------------------------------------------------

    def seat_peers(self) -> None:
        """Have those for peers whom the newest state names."""
        self._plan = self._state.get(PLAN_KEY)
        self.peers.seat(peer_seats(self._config, self._state, self.epochs))

    def follow_plan(self) -> None:
        """Where the planned change of validators is another one: those who are to come are peers."""
        if self._state.get(PLAN_KEY) != self._plan:
            self.seat_peers()
            self.transport.dial()

    # --- the next epoch -----------------------------------------------------------------------------------

    def sit(self) -> None:
        """An epoch begins: read our keys again and take our seat in it."""
        self.identity = read_identity(self._config)
        self.epochs.turn(self._disk.sit(self.identity))

    def meet(self) -> None:
        """Have the peers of the epoch that has begun, and show them the certificate that they know."""
        self.seat_peers()
        self._show_certificate()
        self.transport.dial()
        logger.info(
            "an epoch begins",
            extra=log_fields(epoch=self.epochs.number, validators=self.epochs.validators.count, seat=self.seat_name),
        )

    def _show_certificate(self) -> None:
        """Where our seat came with another transport certificate, show that one from now on."""
        named = own_certificate(self._config, self._state)
        if named is None or named == self.shown or named not in self.identity.transports:
            return
        files = self.identity.transport_for(named)
        self.transport.show(files.certificate, files.key)
        self.shown = self.peers.own_certificate = named
