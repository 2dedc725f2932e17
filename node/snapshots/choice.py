"""Which snapshot to join from: who offers what, and which of it a quorum has certified.

Peers are asked one after another; what one of them makes up costs that peer its connection and nobody else anything.
docs/spec/snapshots.md, sections 3, 6 and 8.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from node.epochs import Epochs
from node.network.messages import (
    EpochsMessage,
    EpochsRequest,
    ManifestMessage,
    ManifestRequest,
    SnapshotsMessage,
    SnapshotsRequest,
)
from node.network.peers import Peer, PeerFault, Peers
from node.snapshots.manifest import CertifiedSnapshot, Manifest, SnapshotProof, verify_manifest
from tallystick.epochs import EpochProof, verify_epoch_proof
from tallystick.errors import ProofError, VerificationError
from tallystick.validators import ValidatorSet

ANSWER_S = 5.0  # until a manifest or the ends of epochs are asked of another peer
OFFERS_S = 1.5  # how long offers are waited for

Pin: TypeAlias = tuple[int, bytes]  # epoch and hash of its validators
Answer: TypeAlias = ManifestMessage | EpochsMessage


class GivenUpError(Exception):
    """This attempt does not come to an end; another may."""


@dataclass(frozen=True, slots=True)
class Target:
    """A snapshot that is certified.

    Attributes:
        digest: of its manifest.
        epochs: number and proof of the end of each epoch between ours and its own.
    """

    digest: bytes
    snapshot: CertifiedSnapshot
    epochs: tuple[tuple[int, EpochProof], ...]


class Choice:
    """Offers of peers, and the questions that make one of them a target.

    Attributes:
        news: set when an offer came or a peer went away.
    """

    def __init__(
        self,
        *,
        chain_id: bytes,
        pin: Pin | None,
        epochs: Epochs,
        peers: Peers,
        stored_height: Callable[[], int],
        has_room: Callable[[Manifest], bool],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """``has_room`` answers whether this machine can take a snapshot."""
        self._chain_id = chain_id
        self._pin = pin
        self._epochs = epochs
        self._peers = peers
        self._stored_height = stored_height
        self._has_room = has_room
        self._loop = loop
        self.news = asyncio.Event()
        self._offers: dict[bytes, dict[bytes, int]] = {}  # certificate of a peer -> digest -> height
        self._expected: tuple[Peer, type[Answer], asyncio.Future[Answer | None]] | None = None
        self._refused: set[bytes] = set()  # manifests that proved to be lies
        self._liars: set[bytes] = set()  # certificates of peers that offered one

    # --- from peers ---------------------------------------------------------------------------------------

    def take(self, peer: Peer, message: SnapshotsMessage | Answer) -> None:
        """Offers, or an answer; what nobody asked for is dropped."""
        if isinstance(message, SnapshotsMessage):
            if peer.certificate in self._offers:
                self._offers[peer.certificate] = {offer.digest: offer.height for offer in message.offers}
                self.news.set()
        elif self._expected is not None and self._expected[0] is peer and isinstance(message, self._expected[1]):
            self._answer(message)

    def lost(self, peer: Peer) -> None:
        """A peer is gone."""
        self._offers.pop(peer.certificate, None)
        self.news.set()
        if self._expected is not None and self._expected[0] is peer:
            self._answer(None)

    def withdrawn(self, peer: Peer, digest: bytes) -> None:
        """A peer does not have a snapshot any more that it offered."""
        self._offers.get(peer.certificate, {}).pop(digest, None)

    def condemn(self, digest: bytes, error: Exception) -> None:
        """A manifest is a lie, and so was every offer of it."""
        self._refused.add(digest)
        for peer in self._peers:
            if digest in self._offers.get(peer.certificate, {}):
                self._liars.add(peer.certificate)
                self._peers.penalise(peer, error)

    # --- for who joins ------------------------------------------------------------------------------------

    def is_better(self, height: int) -> bool:
        """Whether a snapshot of this height gets us on."""
        return height > self._stored_height()

    def sources(self, digest: bytes) -> list[Peer]:
        """Connected peers that offer a snapshot."""
        return [peer for peer in self._peers.connected() if digest in self._offers.get(peer.certificate, {})]

    def ask_offers(self) -> None:
        """Ask everybody who did not lie what it has."""
        for peer in self._peers.connected():
            if peer.certificate not in self._liars:
                self._offers.setdefault(peer.certificate, {})
                peer.send(SnapshotsRequest())

    async def gather(self) -> None:
        """Forget all offers and ask anew; waits until everybody has offered something, or for a while."""
        self._offers.clear()
        self.ask_offers()
        end = self._loop.time() + OFFERS_S
        while self._loop.time() < end and not all(self._offers.get(p.certificate) for p in self._peers.connected()):
            await self.wait(end - self._loop.time())

    async def most_offered(self) -> Target | None:
        """The certified manifest that most peers offer, of those the newest."""
        for digest in self._ranked():
            for peer in self.sources(digest):
                answer = await self._ask(peer, ManifestRequest(digest), ManifestMessage)
                if not isinstance(answer, ManifestMessage):
                    continue
                if answer.manifest.digest() != digest:
                    self._peers.penalise(peer, PeerFault("a manifest that was not asked for"))
                    continue
                target = await self.certified(digest, answer.manifest, answer.proof, peer)
                if target is not None:
                    return target
        return None

    def is_refused(self, digest: bytes) -> bool:
        """Whether it proved to be a lie."""
        return digest in self._refused

    async def certified(
        self, digest: bytes, manifest: Manifest, proof: SnapshotProof, sender: Peer | None
    ) -> Target | None:
        """A manifest held against its epoch's validators.

        Returns:
            None when it does not get us on, is of an epoch before the pinned one, is too large for this machine, or is
            not certified; for the last its sender is cut off.
        Raises:
            GivenUpError: our own chain is another one than the pinned.
        """
        if not self.is_better(manifest.height) or (self._pin is not None and manifest.epoch < self._pin[0]):
            return None
        walked = await self._walk(manifest.epoch, [sender] if sender else self._peers.connected())
        if walked is None:
            return None
        validators, epochs = walked
        try:
            snapshot = verify_manifest(manifest, proof, validators, manifest.epoch, self._chain_id)
        except VerificationError as error:
            if sender is not None:
                self._peers.penalise(sender, error)
            return None
        return Target(digest, snapshot, epochs) if self._has_room(manifest) else None

    async def wait(self, seconds: float) -> None:
        """Wait for news, or so long."""
        self.news.clear()
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self.news.wait()
        except TimeoutError:
            return

    # --- asking -------------------------------------------------------------------------------------------

    def _ranked(self) -> list[bytes]:
        """Manifests that are offered: by how many peers, then the newest."""
        count: dict[bytes, int] = {}
        heights: dict[bytes, int] = {}
        for offers in self._offers.values():
            for digest, height in offers.items():
                if digest not in self._refused and self.is_better(height):
                    count[digest] = count.get(digest, 0) + 1
                    heights[digest] = height
        return sorted(count, key=lambda digest: (-count[digest], -heights[digest], digest))

    async def _walk(
        self, epoch: int, peers: Sequence[Peer]
    ) -> tuple[ValidatorSet, tuple[tuple[int, EpochProof], ...]] | None:
        """The validators of an epoch, and the proofs that lead to it from ours; None where no peer shows them."""
        at = min(epoch, self._epochs.number)
        validators = self._epochs.validators_of(at)
        if self._pin is not None and self._pin[0] == at and self._pin[1] != validators.digest():
            raise GivenUpError(f"epoch {at} has other validators than the ones that are pinned")
        proofs: list[tuple[int, EpochProof]] = []
        while at < epoch:
            before = at
            for peer in peers:
                answer = await self._ask(peer, EpochsRequest(at), EpochsMessage)
                if not isinstance(answer, EpochsMessage) or answer.first != at:
                    continue
                try:
                    for proof in answer.proofs[: epoch - at]:
                        validators = self._led_on(proof, at, validators)
                        proofs.append((at, proof))
                        at += 1
                except VerificationError as error:
                    self._peers.penalise(peer, error)
            if at == before:
                return None
        return validators, tuple(proofs)

    def _led_on(self, proof: EpochProof, epoch: int, validators: ValidatorSet) -> ValidatorSet:
        """The validators after an epoch.

        Raises:
            VerificationError: it is not that epoch's end, or leads past the pinned validators: keys of earlier ones
                may be anybody's by now.
        """
        if proof.boundary.epoch != epoch:
            raise ProofError("unknown-validators", f"not the end of epoch {epoch}")
        following = verify_epoch_proof(proof, validators, self._chain_id)
        if self._pin is not None and self._pin[0] == epoch + 1 and self._pin[1] != following.digest():
            raise ProofError("unknown-validators", f"other validators of epoch {epoch + 1} than those that are pinned")
        return following

    async def _ask(self, peer: Peer, request: ManifestRequest | EpochsRequest, kind: type[Answer]) -> Answer | None:
        future: asyncio.Future[Answer | None] = self._loop.create_future()
        self._expected = (peer, kind, future)
        peer.send(request)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await future
        except TimeoutError:
            return None
        finally:
            self._expected = None

    def _answer(self, message: Answer | None) -> None:
        if self._expected is not None and not self._expected[2].done():
            self._expected[2].set_result(message)
