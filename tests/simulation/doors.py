"""A simulated node's peers: what it says, what it believes, and how it answers questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consensus.effects import CheckContents, EpochEnded, FetchBlock, FetchCertificates, PeerMessage
from consensus.inputs import (
    BlockReceived,
    CertificateReceived,
    ContentsChecked,
    Input,
    PeerHead,
    ProposalReceived,
    VoteReceived,
)
from tallystick.blocks import Header
from tallystick.epochs import ClosingHeader, EpochProof
from tallystick.merkle import root_of
from tallystick.proposals import ClosingProposal, Proposal, proposal_signing_bytes
from tallystick.votes import Certificate, Vote
from tests.simulation.disk import AnyHeader, Leaves

if TYPE_CHECKING:
    from tests.simulation.machine import Machine

CHECKS_MAX = 20  # rounds of asking for missing transactions
TWICE = 0.01
EPOCH_ANSWER_MS = 300  # between two answers about epochs to one peer


class Doors:
    """Part of ``Machine``: everything that goes to peers or comes from them."""

    up: bool
    index: int

    # --- speaking -------------------------------------------------------------------------------------------

    def judge(self: Any, message: PeerMessage) -> None:
        """Everything an honest machine says goes past the judges."""
        if isinstance(message, Vote):
            self.judges.vote_sent(self.index, message)
        elif isinstance(message, Certificate):
            self.judges.certificate_sent(message)
        else:
            self.judges.proposal_sent(self.index, message)

    def broadcast(self: Any, message: PeerMessage) -> None:
        """To everybody else."""
        self.judge(message)
        send, index = self.world.send, self.index
        for peer in self.cluster.machines:
            if peer is not self:
                send(index, peer.index, peer.hear, index, message)

    def send(self: Any, seat: int, message: PeerMessage) -> None:
        """To one."""
        self.judge(message)
        for peer in self.seated(seat):
            self.say_to(peer, message)

    def seated(self: Any, seat: int) -> list[Machine]:
        """The machine of a seat in our epoch; twins are two."""
        found: list[Machine] = self.cluster.seated(self.config.epoch, seat)
        return found

    def say_to(self: Any, peer: Machine, message: PeerMessage) -> None:
        """Put it on the wire, unjudged."""
        self.world.send(self.index, peer.index, peer.hear, self.index, message)

    def tell_head(self: Any, peer: Machine, view: int) -> None:
        """Say which epoch and view we are in, as all do on connecting and once a second, with a seat or without."""
        head = (self.config.epoch, self.config.me, view)
        self.world.send(self.index, peer.index, peer.asked, peer.take_head, self.index, *head)

    # --- listening ------------------------------------------------------------------------------------------

    def hear(self: Any, source: int, message: PeerMessage) -> None:
        """A message arrived; a paused machine reads it later."""
        if not self.up:
            return
        if self.held is not None:
            self.held.append((self.life, self.receive, (source, message)))
        else:
            self.receive(source, message)

    def receive(self: Any, source: int, message: PeerMessage) -> None:
        """Filter, check, hand over."""
        if isinstance(message, Vote):
            epoch = message.statement.epoch
            if epoch != self.config.epoch:
                self.other_epoch(source, epoch)
            else:
                own = self.cluster.machines[source].holder == self.judges.holder_of(epoch, message.validator)
                due = self.ballots.add(self.engine, message, source, own=own)
                if due:
                    self.check_votes(due)
        elif isinstance(message, Certificate):
            if message.statement.epoch != self.config.epoch:
                self.other_epoch(source, message.statement.epoch)
            else:
                self.take_certificate(message)
        elif message.header.epoch != self.config.epoch:
            self.other_epoch(source, message.header.epoch)
        else:
            self.take_proposal(source, message)

    def check_votes(self: Any, due: list[tuple[Vote, int]]) -> None:
        """The good ones are handed over; who sent a bad one on its own connection is to blame."""
        for vote, source in due:
            if not self.signatures.vote_is_good(vote):
                self.judges.blamed(source)
            elif self.up:
                self.give(VoteReceived(vote))
                self.again(VoteReceived(vote))

    def take_certificate(self: Any, certificate: Certificate) -> None:
        """Check and hand over."""
        if not self.up or not self.engine.wants_certificate(certificate):
            return
        if self.signatures.certificate_is_good(certificate, self.config.validators):
            self.give(CertificateReceived(certificate))
            self.again(CertificateReceived(certificate))
        else:
            self.world.seen["bad certificates refused"] += 1

    def take_proposal(self: Any, source: int, proposal: Proposal | ClosingProposal) -> None:
        """Its certificates first, then itself; from its leader alone, for the signature covers only the header."""
        header = proposal.header
        if self.cluster.machines[source].holder != self.cluster.holder_of(header.epoch, header.proposer):
            self.world.seen["proposals of others refused"] += 1
            return
        if isinstance(proposal, Proposal) and proposal.finalisation is not None:
            self.take_certificate(proposal.finalisation)
        for certificate in proposal.certificates:
            self.take_certificate(certificate)
        if not self.up:
            return
        block_hash = self.cluster.hash_of(header)
        if not self.engine.wants_proposal(header, block_hash):
            return
        signed = proposal_signing_bytes(header.epoch, header.view, block_hash)
        if self.signatures.proposal_is_good(header.proposer, signed, proposal.signature):
            self.give(ProposalReceived(proposal, block_hash))
            self.again(ProposalReceived(proposal, block_hash))

    def again(self: Any, input: Input) -> None:
        """Two copies may have been checked at once, and both be handed over."""
        if self.world.chance() < TWICE and self.up:
            self.give(input)

    def take_head(self: Any, source: int, epoch: int, seat: int | None, view: int) -> None:
        """A peer's word about itself; nobody else's counts."""
        if epoch != self.config.epoch:
            self.other_epoch(source, epoch)
            return
        holder = self.cluster.machines[source].holder
        if seat is not None and seat != self.config.me and self.cluster.holder_of(epoch, seat) == holder:
            self.give(PeerHead(seat, view))

    # --- epochs ---------------------------------------------------------------------------------------------

    def other_epoch(self: Any, source: int, epoch: int) -> None:
        """Who is in an epoch that we left gets the proof of its end; who is in a later one is asked for ours."""
        ours = self.config.epoch
        what = "proof" if epoch < ours else "question"
        last_ms = self.told_ms.get((source, what))
        if last_ms is not None and self.world.now_ms - last_ms < EPOCH_ANSWER_MS:
            return
        self.told_ms[source, what] = self.world.now_ms
        peer = self.cluster.machines[source]
        if epoch > ours:
            self.world.send(self.index, source, peer.asked, peer.serve_proof, self.index, ours)
        else:
            self.serve_proof(source, epoch)

    def serve_proof(self: Any, asker: int, epoch: int) -> None:
        """How an epoch ended."""
        proof = self.disk.proofs.get(epoch)
        if proof is not None:
            peer = self.cluster.machines[asker]
            self.world.send(self.index, asker, peer.asked, peer.take_proof, proof)

    def take_proof(self: Any, proof: EpochProof) -> None:
        """Our epoch is over: its last block is fetched like any other."""
        boundary, closing, certificate = proof.boundary, proof.closing, proof.finalisation
        if boundary.epoch != self.config.epoch or not self.engine.wants_certificate(certificate):
            return
        named = boundary if closing is None else closing
        genuine = closing is None or closing.boundary_hash == boundary.block_hash()
        genuine = genuine and certificate.statement.block_hash == named.block_hash()
        genuine = genuine and boundary.next_validators_hash != boundary.validators_hash
        if not genuine or not self.signatures.certificate_is_good(certificate, self.config.validators):
            self.world.seen["bad answers refused"] += 1
            return
        self.world.seen["epoch proofs taken"] += 1
        self.memory[boundary.block_hash()] = (boundary, ())
        if closing is not None:
            self.memory[closing.block_hash()] = (closing, ())
        self.give(CertificateReceived(certificate))

    def epoch_ended(self: Any, effect: EpochEnded) -> None:
        """Keep the proof's headers; the next epoch begins when the boundary block is executed."""
        self.judges.epoch_ended(effect)
        self.ended = effect
        self.world.seen["epochs that ended"] += 1
        if effect.closing is not None:
            self.world.seen["epochs proven by a closing header"] += 1
        header = effect.closing
        while isinstance(header, ClosingHeader):
            self.disk.voted[header.block_hash()] = self.memory[header.block_hash()] = (header, ())
            header = self.engine.header(header.parent_hash)

    # --- contents -------------------------------------------------------------------------------------------

    def check(self: Any, question: CheckContents, attempt: int) -> None:
        """Transactions arrive sooner or later; then their root is compared."""
        missing = any(leaf not in self.pool and not self.is_done(leaf) for leaf in question.witness_leaves)
        if missing and attempt < CHECKS_MAX and self.world.chance() < self.world.faults.loss + 0.1:
            self.world.seen["transactions awaited"] += 1
            self.later(30, self.check, question, attempt + 1)
            return
        valid = self.contents_are_good(question.header, question.witness_leaves)
        if valid:
            self.memory[question.block_hash] = (question.header, question.witness_leaves)
        else:
            self.judges.contents_refused(question.header.epoch, question.header.proposer)
        self.give(ContentsChecked(question.block_hash, valid))

    def contents_are_good(self: Any, header: Header, leaves: Leaves) -> bool:
        """The block's transactions, each once and valid by itself."""
        valid = (
            len(leaves) == header.transaction_count == len(set(leaves)) and root_of(leaves) == header.transaction_root
        )
        return valid and not any(leaf.startswith(b"bad") for leaf in leaves)

    def fetch_block(self: Any, question: FetchBlock) -> None:
        """Ask the first holder; the engine rotates them."""
        known = self.memory.get(question.block_hash)
        if known is not None:
            self.later(0, self.take_block, question.block_hash, known)
            return
        self.world.seen["block fetches"] += 1
        for seat in question.holders[:1]:
            for peer in self.seated(seat):
                self.world.send(self.index, peer.index, peer.asked, peer.serve_block, self.index, question.block_hash)

    def asked(self: Any, answer: Any, *arguments: Any) -> None:
        """A question arrived."""
        if not self.up:
            return
        if self.held is not None:
            self.held.append((self.life, answer, arguments))
        else:
            answer(*arguments)

    def serve_block(self: Any, asker: int, block_hash: bytes) -> None:
        """Answer a peer."""
        known = self.memory.get(block_hash)
        if known is None:
            header = self.engine.header(block_hash)
            if header is None or (isinstance(header, Header) and header.transaction_count):
                return
            known = (header, ())
        self.answer_block(asker, block_hash, known)

    def answer_block(self: Any, asker: int, block_hash: bytes, answer: tuple[AnyHeader, Leaves]) -> None:
        """Send a block to who asked for it."""
        peer = self.cluster.machines[asker]
        self.world.send(self.index, asker, peer.asked, peer.take_block, block_hash, answer)

    def take_block(self: Any, block_hash: bytes, answer: tuple[AnyHeader, Leaves]) -> None:
        """Check an answer against the hash that was asked for."""
        header, leaves = answer
        closing = isinstance(header, ClosingHeader)
        if self.cluster.hash_of(header) == block_hash and (closing or self.contents_are_good(header, leaves)):
            self.memory[block_hash] = answer
            self.give(BlockReceived(header, block_hash))
        else:
            self.world.seen["bad answers refused"] += 1

    def fetch_certificates(self: Any, question: FetchCertificates) -> None:
        """Ask the first holder."""
        self.world.seen["certificate fetches"] += 1
        views = (self.config.epoch, question.first_view, question.last_view)
        for seat in question.holders[:1]:
            for peer in self.seated(seat):
                self.world.send(self.index, peer.index, peer.asked, peer.serve_certificates, self.index, *views)

    def serve_certificates(self: Any, asker: int, epoch: int, first: int, last: int) -> None:
        """Answer a peer."""
        if epoch != self.config.epoch:
            self.other_epoch(asker, epoch)
            return
        for certificate in self.engine.certificates(first, last):
            self.judge(certificate)
            self.say_to(self.cluster.machines[asker], certificate)
