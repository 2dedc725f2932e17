"""Seals of this node: signed beside consensus, shared with the peers, put together when a quorum's shares are here.

Which heights are sealed, the blocks' times say, alike on every node: the first height of every heartbeat. Nothing waits
for this and nothing here can end the node. Specification: docs/spec/compact.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from node.bls_process import BlsProcess
from node.bls_store import SealStore
from node.bls_worker import Combined, CombineShares, Opened, OpenKey, Signed, SignSeal
from node.epochs import Epochs
from node.ledger import Ledger
from node.logs import log_fields
from node.network.messages import SealKeyMessage, SealShareMessage
from node.network.peers import Peer, PeerFault, Peers
from node.state import State
from node.units import Units
from tallystick.blocks import Executed
from tallystick.compact import CompactProof, build_consignment
from tallystick.epcis import parse_key
from tallystick.errors import DecodeError, ProofError, SignatureError, UnavailableError
from tallystick.proofs.codes import ProofCode
from tallystick.records.base import read_public
from tallystick.records.goods import ItemPublic, item_key, session_key
from tallystick.seals import Seal, SealCertificate, SealKey, SealKeySet, SealShare, sign_seal_key
from tallystick.trie import Trie

SEAL_SPACING_MIN_MS = 10_000  # block time between seals where heartbeats are shorter: a seal may take seconds
RETRY_S = 60.0  # after the process failed

logger = logging.getLogger("tallystick.seals")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A height that is to be sealed, or is, with its tree of units, which costs nothing to keep."""

    seal: Seal
    units: Trie


@dataclass(frozen=True, slots=True)
class Certified:
    """A sealed height, and the keys that the seal is checked with; ``units`` is None where a restart lost the tree."""

    certificate: SealCertificate
    units: Trie | None
    key_set: SealKeySet


class Sealer:
    """Seals of one node; with every epoch they begin anew.

    Args:
        key_file: the BLS secret; a node without one neither signs seals nor puts any together.
        store: where the newest seal is kept.
        seeds: the validator seeds in the node's folder by public key; the one that votes vouches for the BLS key.
    """

    def __init__(
        self,
        *,
        chain_id: bytes,
        epochs: Epochs,
        heartbeat_ms: int,
        key_file: Path,
        store: SealStore,
        seeds: Callable[[], Mapping[bytes, bytes]],
        ledger: Ledger,
        state: State,
        peers: Peers,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._chain_id = chain_id
        self._epochs = epochs
        self._spacing_ms = max(heartbeat_ms, SEAL_SPACING_MIN_MS)
        self._seeds = seeds
        self._ledger = ledger
        self._state = state
        self._peers = peers
        self._loop = loop
        self._process = BlsProcess(key_file) if key_file.exists() else None
        self._units = Units(ledger, state) if self._process is not None else None
        self._store = store
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._done = self._restore()
        self.turn()

    def turn(self) -> None:
        """An epoch begins: other validators, who vouch for their keys again; a seal that is not whole is given up."""
        self._epoch = self._epochs.number
        self._validators = self._epochs.validators
        self._me = self._epochs.me
        self._validators_hash = self._validators.digest()
        self._keys: dict[int, SealKey] = {}
        self._shares: dict[int, SealShare] = {}  # the newest of each validator
        self._bad: set[int] = set()  # who sent a bad share of the pending seal: no second try
        self._next: Sealed | None = None  # to be signed
        self._pending: Sealed | None = None  # signed, not yet certified

    # --- what the node tells ------------------------------------------------------------------------------

    def stored(self, heights: list[Executed]) -> None:
        """Heights are executed and durable; the newest of them that opens a new heartbeat is to be sealed."""
        if self._units is None or self._process is None:
            return
        newest = next((executed for executed in reversed(heights) if self._opens_heartbeat(executed)), None)
        for executed in heights:
            self._units.take(executed.height)
            if executed is newest and self._me is not None:
                units = self._units.at(executed.height)
                if units is not None:
                    self._plan(self._process, executed, units)
        self._units.catch_up()

    def _opens_heartbeat(self, executed: Executed) -> bool:
        before = self._ledger.block(executed.height - 1)
        return before is not None and before.executed.time_ms // self._spacing_ms < executed.time_ms // self._spacing_ms

    def _plan(self, process: BlsProcess, executed: Executed, units: Trie) -> None:
        """This height is to be sealed, as soon as the process has time."""
        self._next = Sealed(Seal(self._chain_id, self._validators_hash, self._epoch, executed, units.root), units)
        if self._task is None:
            self._task = self._loop.create_task(self._work(process))
        self._wake.set()

    def connected(self, peer: Peer) -> None:
        """A peer may have missed our key and our newest share."""
        if self._me is not None and self._me in self._keys:
            peer.send(SealKeyMessage(self._keys[self._me]))
        if self._me is not None and self._me in self._shares:
            peer.send(SealShareMessage(self._shares[self._me]))

    def take_key(self, peer: Peer, key: SealKey) -> None:
        """A peer vouches for its BLS key; a new one takes the place of the old.

        Raises:
            PeerFault: its validator did not sign it.
        """
        if peer.index >= self._validators.count or key.validator_key != self._validators.members[peer.index].key:
            return  # of another epoch
        if self._keys.get(peer.index) == key:
            return
        try:
            key.check_signature(self._chain_id)
        except SignatureError as error:
            raise PeerFault("a BLS key that its validator did not sign") from error
        self._keys[peer.index] = key
        self._wake.set()

    def take_share(self, peer: Peer, share: SealShare) -> None:
        """A peer's share: kept unchecked, one per peer, until there are enough for one check of them all."""
        if share.seal.epoch != self._epoch or share.validator != peer.index or peer.index >= self._validators.count:
            return  # of another epoch, or in the name of another validator
        if peer.index in self._bad and self._pending is not None and share.seal == self._pending.seal:
            return
        self._shares[peer.index] = share
        self._wake.set()

    async def close(self) -> None:
        """End the work; nothing is lost but a seal."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        if self._process is not None:
            await self._process.close()

    # --- what readers ask ---------------------------------------------------------------------------------

    def key_set(self) -> SealKeySet:
        """The validators with the BLS keys that they vouched for here: of the newest seal, or of the next one."""
        return self._done.key_set if self._done is not None else self._present_keys()

    def _present_keys(self) -> SealKeySet:
        return SealKeySet(self._epoch, self._validators, tuple(self._keys[index] for index in sorted(self._keys)))

    def certificate(self) -> SealCertificate:
        """The newest seal. Raises: UnavailableError while there is none."""
        return self._sealed().certificate

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
            kept = self._store.read()
        except DecodeError as error:
            logger.warning("the seal that was kept is damaged", extra=log_fields(reason=str(error)))
            return None
        if kept is None:
            return None
        seal = kept.certificate.seal
        block = self._ledger.block(seal.executed.height)
        if seal.chain_id != self._chain_id or block is None or block.executed != seal.executed:
            logger.warning("the seal that was kept is of another ledger", extra=log_fields(height=seal.executed.height))
            return None
        units = self._units.before(seal.executed.height)
        same = units is not None and units.root == seal.units_root
        return Certified(kept.certificate, units if same else None, kept.key_set)

    # --- the work -----------------------------------------------------------------------------------------

    async def _work(self, process: BlsProcess) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._sign(process)
                await self._combine(process)
            except UnavailableError as error:
                logger.warning("no seal was made", extra=log_fields(reason=str(error)))
                await asyncio.sleep(RETRY_S)

    async def _sign(self, process: BlsProcess) -> None:
        """Sign the newest height that is to be sealed, and tell the peers."""
        epoch, me = self._epoch, self._me
        if me is None:
            return
        if me not in self._keys:
            opened = await process.ask(OpenKey())
            seed = self._seeds().get(self._validators.members[me].key)
            assert isinstance(opened, Opened)
            if self._epoch != epoch or seed is None:
                return
            logger.info("seals are signed", extra=log_fields(library=opened.library, key=opened.key))
            self._keys[me] = sign_seal_key(seed, self._chain_id, opened.key, opened.possession)
        sealed, self._next = self._next, None
        if sealed is None:
            return
        signed = await process.ask(SignSeal(sealed.seal))
        assert isinstance(signed, Signed)
        if self._epoch != epoch:
            return
        self._pending = sealed
        self._bad.clear()
        self._shares[me] = SealShare(sealed.seal, me, signed.signature)
        self._peers.broadcast(SealKeyMessage(self._keys[me]))  # again each time: somebody may have been elsewhere
        self._peers.broadcast(SealShareMessage(self._shares[me]))

    async def _combine(self, process: BlsProcess) -> None:
        """Put a quorum's shares together; whoever sent a bad one is left out, and the others are tried again."""
        while (pending := self._pending) is not None:
            shares = {index: share for index, share in self._shares.items() if share.seal == pending.seal}
            chosen = tuple(shares[index] for index in sorted(shares) if index in self._keys)
            if len(chosen) < self._validators.quorum:
                return
            key_set = self._present_keys()
            combined = await process.ask(CombineShares(key_set, chosen))
            assert isinstance(combined, Combined)
            if combined.certificate is not None:
                self._done = Certified(combined.certificate, pending.units, key_set)
                self._store.keep(combined.certificate, key_set)
                if self._pending is pending:
                    self._pending = None
                height = pending.seal.executed.height
                logger.info("a height is sealed", extra=log_fields(height=height, signers=len(chosen)))
                return
            if not combined.bad:
                return
            self._bad.update(combined.bad)
            for index in combined.bad:
                logger.warning("a share of a seal is bad", extra=log_fields(validator=index))
                self._shares.pop(index, None)
