"""Answers every question with a lie: another block, other contents, certificates of nothing, the tip of no chain."""

from __future__ import annotations

import msgspec

from consensus.effects import PeerMessage
from tallystick.blocks import Header
from tallystick.epochs import EpochProof
from tallystick.votes import Certificate, Statement, VoteKind
from tests.simulation.machine import Machine
from tests.simulation.traitors.traitor import Traitor


class SyncLiar(Traitor):
    """Votes like anybody else, and now and then claims that a made-up block far ahead is final."""

    def serve_block(self, asker: int, block_hash: bytes) -> None:
        random = self.world.random
        self.world.seen["lies in sync"] += 1
        known = [answer for answer in self.memory.values() if isinstance(answer[0], Header)]
        if not known:
            return
        header, leaves = self.memory.get(block_hash) or random.choice(known)
        way = random.choice(("another", "altered", "contents", "silence"))
        if way == "another":
            self.answer_block(asker, block_hash, random.choice(known))
        elif way == "altered" and isinstance(header, Header):
            executed = msgspec.structs.replace(header.executed, state_root=b"\xcc" * 32)
            self.answer_block(asker, block_hash, (msgspec.structs.replace(header, executed=executed), leaves))
        elif way == "contents":
            self.answer_block(asker, block_hash, (header, (*leaves, random.randbytes(32))))

    def serve_certificates(self, asker: int, epoch: int, first: int, last: int) -> None:
        self.world.seen["lies in sync"] += 1
        kind = self.world.random.choice(list(VoteKind))
        self.say_to(self.cluster.machines[asker], self.made_up(kind, self.world.random.randint(first, last)))

    def serve_proof(self, asker: int, epoch: int) -> None:
        """An end of an epoch that never was: an ordinary block's finalisation shown as a boundary's."""
        header = self.disk.database.floor.header
        certificate = self.disk.database.floor.certificate
        if header is None or certificate is None:
            return
        boundary = msgspec.structs.replace(header, epoch=epoch, next_validators_hash=b"\xab" * 32)
        if self.world.chance() < 0.5:  # or one that names it, which only we signed
            certificate = self.made_up(VoteKind.FINALIZE, boundary.view, boundary.block_hash())
        proof = EpochProof(boundary, None, certificate, self.config.validators)
        peer = self.cluster.machines[asker]
        self.world.send(self.index, asker, peer.asked, peer.take_proof, proof)

    def tell_head(self, peer: Machine, view: int) -> None:
        """A tip of no chain, or none at all."""
        view += self.world.random.choice((-3, 0, 1, 100, 10**9))
        self.world.send(
            self.index, peer.index, peer.asked, peer.take_head, self.index, self.config.epoch, self.seat, max(0, view)
        )

    def made_up(self, kind: VoteKind, view: int, block_hash: bytes = b"") -> Certificate:
        """A certificate with nobody's signatures but ours, for all the signers it needs."""
        statement = Statement(self.config.epoch, kind, view, block_hash or self.world.random.randbytes(32))
        quorum = self.config.validators.quorum
        return Certificate(statement, (1 << quorum) - 1, (self.sign_statement(statement),) * quorum)

    def broadcast(self, message: PeerMessage) -> None:
        super().broadcast(message)
        if self.up and self.world.chance() < 0.2:
            tip = self.made_up(VoteKind.FINALIZE, self.engine.status().view + self.world.random.choice((0, 5, 10**6)))
            for peer in self.others:
                self.say_to(peer, tip)
                self.serve_proof(peer.index, self.config.epoch)
