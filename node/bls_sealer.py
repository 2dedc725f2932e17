"""Seals of this node: signed beside consensus, shared with the peers, put together when a quorum's shares are here.

Sealed are the first height of every heartbeat and the last of every epoch, which the blocks say, alike on every node;
and the newest height when a member asks. Nothing waits for this and nothing here can end the node. Specification:
docs/spec/compact.md.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from node.bls_process import BlsProcess
from node.bls_round import Round, Sealed
from node.bls_store import SealStore
from node.bls_worker import Checked, CheckKeys, Combined, CombineShares, Opened, OpenKey, Signed, SignSeal
from node.epochs import Epochs
from node.ledger import Ledger
from node.logs import log_fields
from node.network.messages import SealRequest, SealShareMessage
from node.network.peers import Peer, Peers
from node.state import State
from node.units import Units
from tallystick.blocks import Executed
from tallystick.compact import CompactProof, build_consignment
from tallystick.epcis import parse_key
from tallystick.errors import DecodeError, ProofError, UnavailableError
from tallystick.proofs.codes import ProofCode
from tallystick.records.base import read_public
from tallystick.records.goods import ItemPublic, item_key, session_key
from tallystick.seals import SealCertificate, SealShare
from tallystick.trie import Trie

SEAL_SPACING_MIN_MS = 10_000  # block time between seals where heartbeats are shorter: a seal may take seconds
REQUEST_SPACING_S = 10.0  # between two heights that are sealed on request, whoever asks
PEER_SPACING_S = 30.0  # between two requests of one peer that are heard, so that none takes every turn
REQUEST_DISTANCE_MAX = 16  # heights between the one that a peer asks for and our newest
RETRY_S = 60.0  # after the process failed

logger = logging.getLogger("tallystick.seals")


@dataclass(frozen=True, slots=True)
class Certified:
    """A sealed height; ``units`` is None where a restart lost the tree."""

    certificate: SealCertificate
    units: Trie | None


class Sealer:
    """Seals of one node; with every epoch they begin anew, while the last block of the one before is still sealed.

    Args:
        key_file: the BLS secret; a node without one neither signs seals nor puts any together.
        store: where seals are kept.
    """

    def __init__(
        self,
        *,
        chain_id: bytes,
        epochs: Epochs,
        heartbeat_ms: int,
        key_file: Path,
        store: SealStore,
        ledger: Ledger,
        state: State,
        peers: Peers,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._chain_id = chain_id
        self._epochs = epochs
        self._spacing_ms = max(heartbeat_ms, SEAL_SPACING_MIN_MS)
        self._ledger = ledger
        self._state = state
        self._peers = peers
        self._loop = loop
        self._process = BlsProcess(key_file) if key_file.exists() else None
        self._units = Units(ledger, state) if self._process is not None else None
        self._store = store
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._public_key: bytes | None = None
        self._checked_epoch = -1  # whose keys the process has checked
        self._wanted = 0  # a height that a peer asked for before we had it
        self._asked_at = -REQUEST_SPACING_S
        self._asked_by: dict[str, float] = {}
        self._done = self._restore()
        self._former: Round | None = None
        self._round = self._new_round()

    def _new_round(self) -> Round:
        epochs = self._epochs
        return Round(self._chain_id, epochs.number, epochs.validators, epochs.me)

    # --- what the node tells ------------------------------------------------------------------------------

    def turn(self) -> None:
        """An epoch begins: of what the one before has not sealed, only its last block still may be."""
        self._former = self._round if self._round.is_closing else None
        self._round = self._new_round()
        self._wanted = 0

    def stored(self, heights: list[Executed]) -> None:
        """Heights are executed and durable: of those that are to be sealed the newest is."""
        units = self._units
        if units is None or self._process is None:
            return
        self._round.me = self._epochs.me  # a record in question may have been answered
        newest = next((executed for executed in reversed(heights) if self._is_due(executed)), None)
        closing = heights[-1] if heights and self._epochs.has_ended else None
        for executed in heights:
            units.take(executed.height)
            if executed is closing:
                self._plan(executed, units.at(executed.height), closing=True)
            elif executed is newest and closing is None:
                self._plan(executed, units.at(executed.height))
        units.catch_up()

    def _is_due(self, executed: Executed) -> bool:
        if executed.height == self._wanted:
            return True
        before = self._ledger.block(executed.height - 1)
        return before is not None and before.executed.time_ms // self._spacing_ms < executed.time_ms // self._spacing_ms

    def _plan(self, executed: Executed, units: Trie | None, *, closing: bool = False) -> None:
        """This height is to be sealed, as soon as the process has time."""
        process = self._process
        if process is None or units is None or not self._round.plan(executed, units, closing=closing):
            return
        if self._task is None:
            self._task = self._loop.create_task(self._work(process))
        self._wake.set()

    def connected(self, peer: Peer) -> None:
        """A peer may have missed our newest share."""
        for round_ in self._rounds():
            if round_.me is not None and round_.me in round_.shares:
                peer.send(SealShareMessage(round_.shares[round_.me]))

    def take_share(self, peer: Peer, share: SealShare) -> None:
        """A peer's share: kept unchecked, one per peer, until there are enough for one check of them all."""
        for round_ in self._rounds():
            if share.seal.epoch != round_.epoch or share.validator >= round_.validators.count:
                continue
            ours = round_ is self._round
            organisation = round_.validators.members[share.validator].organisation
            # the seats of peers are those of the present epoch
            named = share.validator == peer.index if ours else organisation == peer.organisation
            if named and round_.take(share):
                self._wake.set()

    def take_request(self, peer: Peer, height: int) -> None:
        """A validator asks for shares over its newest height. What comes too often, or is too far off, is not heard."""
        if self._units is None or peer.index >= self._round.validators.count:
            return
        newest, now_s = self._units.newest, self._loop.time()
        too_early = now_s < self._asked_by.get(peer.organisation, -PEER_SPACING_S) + PEER_SPACING_S
        if abs(height - newest) > REQUEST_DISTANCE_MAX or too_early or not self._may_ask(now_s):
            return
        self._asked_at = self._asked_by[peer.organisation] = now_s
        if height > newest:
            self._wanted = height
        else:
            self._plan_request(height)

    def request(self) -> int:
        """Ask all validators for shares over the newest height, for a member that does not want to wait; which one.

        Raises:
            UnavailableError: this node signs no seals, or somebody asked less than ``REQUEST_SPACING_S`` ago.
        """
        if self._units is None or self._round.me is None:
            raise UnavailableError("this node signs no seals; ask another one")
        height = self._units.newest
        if self._done is not None and self._done.certificate.seal.executed.height == height:
            return height
        if not self._may_ask(self._loop.time()):
            raise UnavailableError(f"a seal was asked for a moment ago; again in {REQUEST_SPACING_S:.0f} s")
        if not self._plan_request(height):
            raise UnavailableError("the newest height cannot be sealed now; again in a moment")
        self._asked_at = self._loop.time()
        self._peers.broadcast(SealRequest(height))
        return height

    def _may_ask(self, now_s: float) -> bool:
        return now_s >= self._asked_at + REQUEST_SPACING_S

    def _plan_request(self, height: int) -> bool:
        """Have a height of this epoch that is executed sealed; whether it can be, or is going to be."""
        assert self._units is not None
        block = self._ledger.block(height)
        if block is None or (self._done is not None and self._done.certificate.seal.executed.height >= height):
            return False
        if block.header is None or block.header.epoch != self._round.epoch:
            return False
        self._plan(block.executed, self._units.of(height))
        return self._round.next is not None or self._round.pending is not None

    async def close(self) -> None:
        """End the work; nothing is lost but a seal."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        if self._process is not None:
            await self._process.close()

    # --- what readers ask ---------------------------------------------------------------------------------

    def certificate(self, closing_epoch: int | None = None) -> SealCertificate:
        """The newest seal, or that of the last block of an epoch. Raises: UnavailableError while there is none."""
        if closing_epoch is None:
            return self._sealed().certificate
        try:
            kept = self._store.closing(closing_epoch)
        except DecodeError as error:
            raise UnavailableError(f"{error}; ask another node") from error
        if kept is None:
            raise UnavailableError(f"no seal of the last block of epoch {closing_epoch} is here; ask another node")
        return kept

    def consignment(self, identifier: str) -> CompactProof:
        """The newest container session of a logistic unit under the newest seal, while both are unchanged.

        Raises:
            DecodeError: not a key text of a logistic unit.
            ProofError: ``unknown-item``: there is no such unit, or nothing was ever packed in it.
            UnavailableError: no seal yet, or the unit has changed since.
        """
        subject = parse_key(identifier).key
        if not subject.startswith("00/"):
            raise DecodeError("compact.subject", f"{subject} is no logistic unit (00/…)", "/query/id")
        sealed = self._sealed()
        item = self._state.get(item_key(subject))
        count = read_public(item, ItemPublic).session_count if item is not None else 0
        session = self._state.get(session_key(subject, count))
        if item is None or session is None:
            raise ProofError(ProofCode.UNKNOWN, f"nothing was ever packed in {subject}")
        wait = f"the next seal comes within about {self._spacing_ms // 1_000} s"
        if sealed.units is None:
            raise UnavailableError(f"this node started after the newest seal; {wait}")
        try:
            return build_consignment(subject, sealed.certificate, sealed.units, item, session)
        except ProofError as error:
            raise UnavailableError(f"{error.detail}; {wait}") from error

    def _sealed(self) -> Certified:
        if self._done is None:
            why = "this node has no key for seals" if self._process is None else "nothing is sealed yet"
            raise UnavailableError(f"{why}; ask another node, or again after a heartbeat")
        return self._done

    def _restore(self) -> Certified | None:
        """The newest seal that was kept, where it is of this ledger; with its tree, where that can be made again."""
        if self._units is None:
            return None
        try:
            kept = self._store.newest()
        except DecodeError as error:
            logger.warning("the seal that was kept is damaged", extra=log_fields(reason=str(error)))
            return None
        if kept is None:
            return None
        seal = kept.seal
        block = self._ledger.block(seal.executed.height)
        if seal.chain_id != self._chain_id or block is None or block.executed != seal.executed:
            logger.warning("the seal that was kept is of another ledger", extra=log_fields(height=seal.executed.height))
            return None
        units = self._units.before(seal.executed.height)
        return Certified(kept, units if units is not None and units.root == seal.units_root else None)

    # --- the work -----------------------------------------------------------------------------------------

    def _rounds(self) -> tuple[Round, ...]:
        return (self._round,) if self._former is None else (self._former, self._round)

    async def _work(self, process: BlsProcess) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                for round_ in self._rounds():
                    await self._sign_next(process, round_)
                for round_ in self._rounds():
                    await self._combine(process, round_)
            except UnavailableError as error:
                logger.warning("no seal was made", extra=log_fields(reason=str(error)))
                await asyncio.sleep(RETRY_S)
                self._wake.set()

    async def _sign_next(self, process: BlsProcess, round_: Round) -> None:
        """Sign the newest height that is to be sealed, and tell the peers; again later where the process fails."""
        sealed, round_.next = round_.next, None
        if sealed is None or round_.me is None:
            return
        try:
            await self._sign(process, round_, round_.me, sealed)
        except UnavailableError:
            if round_.next is None and round_.pending is not sealed:
                round_.next = sealed
            raise

    async def _sign(self, process: BlsProcess, round_: Round, me: int, sealed: Sealed) -> None:
        if self._public_key is None:
            opened = await process.ask(OpenKey())
            assert isinstance(opened, Opened)
            self._public_key = opened.key
            logger.info("seals are computed", extra=log_fields(library=opened.library, key=opened.key))
        if round_.validators.members[me].bls_key != self._public_key:
            await self._check_keys(process, round_)
            return
        signed = await process.ask(SignSeal(sealed.seal))
        assert isinstance(signed, Signed)
        if round_ not in self._rounds():
            return
        share = SealShare(sealed.seal, me, signed.signature)
        round_.signed(sealed, share)
        self._peers.broadcast(SealShareMessage(share))
        await self._check_keys(process, round_)

    async def _check_keys(self, process: BlsProcess, round_: Round) -> None:
        """Once in an epoch, after its first share is out: say whose BLS key does not count, above all if it is ours."""
        if round_.epoch <= self._checked_epoch:
            return
        checked = await process.ask(CheckKeys(self._chain_id, round_.epoch, round_.validators))
        assert isinstance(checked, Checked)
        self._checked_epoch = round_.epoch
        for index in checked.bad:
            who = round_.validators.members[index].organisation
            logger.error("a BLS key is not shown to be its owner's; it seals nothing", extra=log_fields(validator=who))
        if round_.me is not None and round_.validators.members[round_.me].bls_key != self._public_key:
            logger.warning("the set names another BLS key than this node's, or none: it signs no seals")

    async def _combine(self, process: BlsProcess, round_: Round) -> None:
        """Put a quorum's shares together; whoever sent a bad one is left out, and the others are tried again."""
        while (pending := round_.pending) is not None:
            chosen = round_.quorum()
            if not chosen:
                return
            combined = await process.ask(CombineShares(round_.epoch, round_.validators, chosen))
            assert isinstance(combined, Combined)
            if combined.certificate is not None:
                if round_.pending is pending:
                    round_.pending = None
                await self._keep(pending, combined.certificate)
                return
            if not combined.bad:
                return
            round_.drop(combined.bad)
            for index in combined.bad:
                logger.warning("a share of a seal is bad", extra=log_fields(validator=index))

    async def _keep(self, sealed: Sealed, certificate: SealCertificate) -> None:
        """On the disk first, so that what was shown once is there after a restart."""
        if sealed.closing:
            await asyncio.to_thread(self._store.keep_closing, certificate)
        if self._done is None or self._done.certificate.seal.executed.height < sealed.height:
            await asyncio.to_thread(self._store.keep, certificate)
            self._done = Certified(certificate, sealed.units)
        signers = len(certificate.signer_indices())
        logger.info(
            "a height is sealed", extra=log_fields(height=sealed.height, signers=signers, closing=sealed.closing)
        )
