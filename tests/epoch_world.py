"""A chain of three epochs without a network: headers, certificates, ends of epochs, heads and proofs of blocks.

Every height is executed by the next one; validators of epoch 1 begin after height 100, those of epoch 2 after 200. One
validator leaves and one joins at each change. Whoever holds old keys can sign whatever it likes, and so can this world.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qs

import msgspec

from client_sdk.transport import Request, Response
from tallystick import api, keys
from tallystick.api import ExecutedAnswer, HeadAnswer, Problem, b64
from tallystick.blocks import PROTOCOL_VERSION, Executed, Header, HistoryLeaf
from tallystick.encoding import encode
from tallystick.epochs import EpochProof, EpochStep
from tallystick.errors import UnavailableError
from tallystick.merkle import EMPTY_ROOT, inclusion_path, root_of
from tallystick.proofs import BlockBundle, show_anchor, write_bundle
from tallystick.proofs.bundle import FORMAT, AnchorShown, HeightShown
from tallystick.validators import Validator, ValidatorSet, validator_set
from tallystick.votes import Certificate, Statement, VoteKind, certificate_of
from tests.world import FOUNDERS, founding, seed

GENESIS = founding()
CHAIN_ID = GENESIS.chain_id()
BOUNDARIES = (100, 200)  # last heights of epochs 0 and 1
START_MS = GENESIS.time_ms
MEMBERS = (
    tuple(FOUNDERS),
    ("org:processor", "org:carrier", "org:retailer", "org:fifth"),
    ("org:carrier", "org:retailer", "org:fifth", "org:sixth"),
)


_LEAVES: dict[int, dict[int, HistoryLeaf]] = {}  # by the height from which the chain is another one; made once


def validators(epoch: int) -> ValidatorSet:
    """The set of an epoch."""
    if epoch == 0:
        return GENESIS.validators()
    names = MEMBERS[epoch]
    return validator_set(tuple(Validator(name, keys.public_key_of(seed(name, "VALIDATOR"))) for name in names))


def epoch_of(height: int) -> int:
    """The epoch of a height."""
    return sum(height > boundary for boundary in BOUNDARIES)


@dataclass
class EpochWorld:
    """One chain, or another one of the same validators.

    Attributes:
        height: of the newest header; it certifies the height before.
        forked_at: from this executed height on the state is another one.
        epoch: whose validators sign the newest header; None: those whose turn it is.
    """

    height: int
    forked_at: int = 10**9
    epoch: int | None = None

    def leaf(self, height: int) -> HistoryLeaf:
        """What the history tree holds of a height."""
        leaves = _LEAVES.setdefault(self.forked_at, {})
        if height not in leaves:
            words = f"{'other ' if height >= self.forked_at else ''}state of {height}"
            roots = [sha256(f"{words} {name}".encode()).digest() for name in ("state", "receipts")]
            block_hash = self.header(height).block_hash() if height else CHAIN_ID
            leaves[height] = HistoryLeaf(height, block_hash, START_MS + 1_000 * height, roots[0], roots[1], 1)
        return leaves[height]

    def executed(self, height: int) -> Executed:
        """The tuple of an executed height."""
        leaf = self.leaf(height)
        history_root = root_of([self.leaf(one).leaf_hash() for one in range(height + 1)])
        return Executed(height, leaf.time_ms, leaf.state_root, leaf.receipts_root, history_root)

    def header(self, height: int, epoch: int | None = None) -> Header:
        """The header of a height."""
        epoch = epoch_of(height) if epoch is None else epoch
        ours = validators(epoch).digest()
        following = validators(epoch + 1).digest() if height in BOUNDARIES else ours
        return Header(
            PROTOCOL_VERSION, CHAIN_ID, epoch, height, height, bytes(32), height - 1, int(height >= self.forked_at),
            START_MS + 1_000 * height, 0, EMPTY_ROOT, False, ours, following, self.executed(height - 1),
        )  # fmt: skip

    def certificate(self, header: Header) -> Certificate:
        """A quorum of the header's epoch finalises it."""
        statement = Statement(header.epoch, VoteKind.FINALIZE, header.view, header.block_hash())
        by_key = {keys.public_key_of(seed(name, "VALIDATOR")): name for name in MEMBERS[header.epoch]}
        signatures = {
            index: keys.sign(
                seed(by_key[member.key], "VALIDATOR"), keys.Purpose.VOTE, CHAIN_ID, statement.signing_bytes()
            )
            for index, member in enumerate(validators(header.epoch).members[:3])
        }
        return certificate_of(statement, signatures)

    def step(self, epoch: int) -> EpochStep:
        """How an epoch ended."""
        boundary = self.header(BOUNDARIES[epoch])
        proof = EpochProof(boundary, None, self.certificate(boundary), validators(epoch + 1))
        return EpochStep(validators(epoch), proof)

    def newest(self) -> Header:
        """The newest header."""
        return self.header(self.height, self.epoch)

    def anchor(self, epochs_shown: int = 2) -> AnchorShown:
        """The newest header as bundles show it, with the newest ends of epochs."""
        header = self.newest()
        steps = [self.step(epoch) for epoch in range(max(0, header.epoch - epochs_shown), header.epoch)]
        return show_anchor(CHAIN_ID, header, (), self.certificate(header), validators(header.epoch), steps)

    def block(self, height: int, epochs_shown: int = 2) -> BlockBundle:
        """The proof of a height under the newest header."""
        leaves = [self.leaf(one).leaf_hash() for one in range(self.newest().executed.height + 1)]
        shown = HeightShown(encode(self.leaf(height)), list(inclusion_path(leaves, height)))
        return BlockBundle(FORMAT, self.anchor(epochs_shown), shown, encode(self.header(height)))


@dataclass
class EpochNode:
    """A node of such a chain as a ``Transport``; it knows ends of epochs, heads and blocks.

    Attributes:
        bare: its head shows neither validators nor ends of epochs, as those of earlier versions.
        silent: it does not answer.
        epochs_shown: ends of epochs in its bundles and heads.
    """

    world: EpochWorld
    url: str = "http://other"
    bare: bool = False
    silent: bool = False
    epochs_shown: int = 2

    @property
    def name(self) -> str:
        return self.url

    def close(self) -> None:
        pass

    def send(self, request: Request) -> Response:
        if self.silent:
            raise UnavailableError(f"{self.url}: no answer")
        world = self.world
        if request.path == api.HEAD:
            return Response(200, {}, msgspec.json.encode(self._head()))
        if request.path == api.BLOCK_PROOF:
            height = int(parse_qs(request.query)["height"][0])
            return Response(200, {}, write_bundle(world.block(height, self.epochs_shown)))
        if request.path == api.GENESIS:
            return Response(200, {}, encode(GENESIS))
        epoch = int(request.path.rpartition("/")[2])
        if epoch < min(world.newest().epoch, len(BOUNDARIES)):
            return Response(200, {}, encode(world.step(epoch)))
        return Response(404, {}, msgspec.json.encode(Problem("", "not found", 404, "not-found")))

    def _head(self) -> HeadAnswer:
        header, world = self.world.newest(), self.world
        tuple_ = header.executed
        first = max(0, header.epoch - self.epochs_shown)
        return HeadAnswer(
            CHAIN_ID.hex(), "test", "org:other", header.height, header.time_ms, b64(encode(header)),
            b64(encode(world.certificate(header))),
            ExecutedAnswer(
                tuple_.height, tuple_.time_ms, tuple_.state_root.hex(), tuple_.receipts_root.hex(),
                tuple_.history_root.hex(),
            ),
            validators="" if self.bare else b64(encode(validators(header.epoch))),
            epochs=[] if self.bare else [b64(encode(world.step(epoch))) for epoch in range(first, header.epoch)],
        )  # fmt: skip
