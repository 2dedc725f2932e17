"""What peers say, message by message: checked, then handed to the engine, the door, or whoever asked.

A peer is authenticated and still a stranger: nothing it says is believed, kept without bound or worked on without
limit. What no honest peer sends raises, and its link is cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias, assert_never

from msgspec.structs import replace

from consensus.engine import Engine
from consensus.inputs import CertificateReceived, Input, PeerConnected, PeerHead, ProposalReceived, VoteReceived
from node.admission import Admission, gossip_frames
from node.allowance import Allowance
from node.ballots import Ballots
from node.bls_sealer import Sealer
from node.catchup import CatchUp
from node.checking import Check, Checker, Claim
from node.contents import Contents
from node.epochs import Epochs
from node.fetcher import Fetcher
from node.ledger import Ledger
from node.mempool import Mempool
from node.network.link import OUTBOUND_GOSSIP_MAX
from node.network.messages import (
    CERTIFICATE_VIEWS_MAX,
    BlockMessage,
    BlockRequest,
    CertificateMessage,
    CertificatesRequest,
    ChunkMessage,
    ChunkRequest,
    ClosingMessage,
    ClosingProposalMessage,
    EpochsMessage,
    EpochsRequest,
    HeadNotice,
    Hello,
    ManifestMessage,
    ManifestRequest,
    PeerMessage,
    ProposalMessage,
    PrunedMessage,
    RangeMessage,
    RangeRequest,
    RecordAnswer,
    RecordQuestion,
    SealRequest,
    SealShareMessage,
    SnapshotsMessage,
    SnapshotsRequest,
    TransactionFrame,
    TransactionsAnswer,
    TransactionsRequest,
    VoteMessage,
)
from node.network.peers import Peer, PeerFault, Peers
from node.own_record import OwnRecord
from node.range_server import answer_range
from node.runner import Runner
from node.snapshots.joining import Joining
from node.snapshots.service import SnapshotQuestion, SnapshotService
from tallystick.epochs import ClosingHeader
from tallystick.errors import VerificationError
from tallystick.limits import BLOCK_SIZE_MAX, FRAME_TRANSACTIONS_MAX
from tallystick.proposals import ClosingProposal, Proposal, verify_proposal_signature
from tallystick.votes import Certificate, Vote, verify_certificate, verify_vote

REQUESTS_PER_SECOND = 100  # of one peer, of every kind; a burst of two seconds
REMINDERS_PER_SECOND = 2  # of one peer that has not seen its epoch end
RANGES_PER_SECOND = 20  # range requests: each may cost a few milliseconds and megabytes


_Request: TypeAlias = (
    RecordQuestion | TransactionsRequest | BlockRequest | CertificatesRequest | RangeRequest | SnapshotQuestion
)


class Dialogue:
    """Works on the messages of all peers."""

    def __init__(
        self,
        *,
        chain_id: bytes,
        epochs: Epochs,
        own_record: OwnRecord,
        runner: Runner,
        checker: Checker,
        admission: Admission,
        contents: Contents,
        fetcher: Fetcher,
        catch_up: CatchUp,
        ledger: Ledger,
        mempool: Mempool,
        sealer: Sealer,
        penalise: Callable[[Peer, Exception], None],
        states_from: Callable[[], int],
        snapshots: SnapshotService,
        joining: Joining,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """``penalise`` cuts a peer off that broke the protocol with what it said earlier."""
        self._chain_id = chain_id
        self._epochs = epochs
        self._own_record = own_record
        self._runner = runner
        self._checker = checker
        self._admission = admission
        self._contents = contents
        self._fetcher = fetcher
        self._catch_up = catch_up
        self._ledger = ledger
        self._mempool = mempool
        self._sealer = sealer
        self._penalise = penalise
        self._states_from = states_from
        self._snapshots = snapshots
        self._joining = joining
        self._loop = loop
        self._requests: dict[int, Allowance] = {}
        self._ranges: dict[int, Allowance] = {}
        self._reminders: dict[int, Allowance] = {}
        self._ballots: Ballots[Peer] = Ballots()
        self._ballots_of: Engine | None = None
        runner.review = self._review

    def head(self) -> HeadNotice:
        """How far we are."""
        engine = self._runner.engine
        executed = self._catch_up.stored_height
        kept = self._ledger.floor.bodies_from, self._states_from()
        if engine is None:
            return HeadNotice(executed, 0, executed, self._epochs.number, *kept)
        status = engine.status()
        return HeadNotice(status.final_height, status.view, executed, self._epochs.number, *kept)

    def tell_heads(self, peers: Peers) -> None:
        """Say to everybody how far we are."""
        peers.broadcast(self.head(), droppable=True)

    # --- PeerHandler --------------------------------------------------------------------------------------

    def peer_connected(self, peer: Peer) -> None:
        """Say how far we are, and what waits here: it may have missed the gossip."""
        peer.send(self.head())
        self._own_record.ask(peer)
        waiting = [item.signed.raw for item in self._mempool.oldest(FRAME_TRANSACTIONS_MAX)]
        for frame in gossip_frames(waiting):
            peer.send(TransactionFrame(frame), droppable=True)
        self._sealer.connected(peer)
        self._runner.give(PeerConnected(peer.index))

    def peer_lost(self, peer: Peer) -> None:
        """Nothing it said before counts for what it may say after."""
        peer.head = None
        self._catch_up.lost(peer)
        self._joining.lost(peer)

    def peer_message(self, peer: Peer, message: PeerMessage) -> None:
        """See ``PeerHandler``."""
        match message:
            case RecordQuestion():
                self._request(peer, message)
            case RecordAnswer():
                self._own_record.take(peer, message)
            case VoteMessage(vote):
                self._remind(peer, vote.statement.epoch)
                self._own_record.saw(peer, vote)
                self._vote(peer, vote)
            case CertificateMessage(certificate):
                self._remind(peer, certificate.statement.epoch)
                self._certificate(peer, certificate)
            case ProposalMessage(proposal) | ClosingProposalMessage(proposal):
                self._remind(peer, proposal.header.epoch)
                self._proposal(peer, proposal)
            case TransactionFrame(transactions):
                self._admission.take_gossip(peer, transactions)
            case TransactionsAnswer():
                self._fetcher.take_transactions(peer, message)
            case BlockMessage():
                self._fetcher.take_block(peer, message)
            case ClosingMessage():
                self._fetcher.take_closing(peer, message)
            case RangeMessage():
                self._catch_up.take(peer, message)
            case HeadNotice():
                peer.head = message
                if message.epoch == self._epochs.number and peer.index < self._epochs.validators.count:
                    self._runner.give(PeerHead(peer.index, message.view))
                self._catch_up.consider()
            case SealRequest(height):
                self._sealer.take_request(peer, height)
            case SealShareMessage(share):
                self._sealer.take_share(peer, share)
            case SnapshotsMessage() | ManifestMessage() | ChunkMessage() | EpochsMessage():
                self._joining.take(peer, message)
            case PrunedMessage(bodies_from):
                self._pruned(peer, bodies_from)
            case TransactionsRequest() | BlockRequest() | CertificatesRequest() | RangeRequest():
                self._request(peer, message)
            case SnapshotsRequest() | ManifestRequest() | ChunkRequest() | EpochsRequest():
                self._request(peer, message)
            case Hello():
                raise PeerFault("a second hello")
            case _:
                assert_never(message)

    def _remind(self, peer: Peer, epoch: int) -> None:
        """Tell a peer that speaks of an epoch that has ended how far we are: it then asks for the blocks up to its end.

        Their range comes with the proof of the end, so nothing else of an old epoch needs an answer.
        """
        if epoch < self._epochs.number:
            allowance = self._reminders.setdefault(peer.index, Allowance(REMINDERS_PER_SECOND, REMINDERS_PER_SECOND))
            if allowance.take(self._loop.time()):
                peer.send(self.head())

    # --- agreement ----------------------------------------------------------------------------------------

    def _vote(self, peer: Peer, vote: Vote) -> None:
        engine = self._engine_of_ballots()
        if engine is not None:
            self._check(self._ballots.add(engine, vote, peer, own=vote.validator == peer.index))

    def _review(self) -> None:
        """At the end of a turn: our own vote may have made a quorum of those that wait, or a certificate ended it."""
        if self._ballots:
            engine = self._engine_of_ballots()
            if engine is not None:
                self._check(self._ballots.review(engine))

    def _check(self, due: list[tuple[Vote, Peer]]) -> None:
        """Check votes, hand over the good ones; a bad one costs the peer that sent it its link, and nobody else."""
        if due:
            validators, chain_id, engine = self._epochs.validators, self._chain_id, self._runner.engine
            claims = [Claim(peer, (partial(verify_vote, vote, validators, chain_id),)) for vote, peer in due]
            inputs = [(VoteReceived(vote),) for vote, _ in due]
            self._checker.statements(claims, lambda errors: self._checked(engine, claims, inputs, errors))

    def _checked(
        self,
        engine: Engine | None,
        claims: Sequence[Claim],
        inputs: Sequence[tuple[Input, ...]],
        errors: Sequence[VerificationError | None],
    ) -> None:
        """Hand over what holds to the engine that wanted it; another one has begun from what is stored since."""
        for claim, given, error in zip(claims, inputs, errors, strict=True):
            if error is not None:
                self._blame(claim.peer, error)
            elif engine is self._runner.engine:
                for one in given:
                    self._runner.give(one)

    def _blame(self, peer: Peer, error: VerificationError) -> None:
        """Cut a peer off, once for all that it had said by then."""
        if self._loop.time() >= peer.refused_until:
            self._penalise(peer, error)

    def _engine_of_ballots(self) -> Engine | None:
        """The present engine; what waited for another is forgotten."""
        engine = self._runner.engine
        if engine is not self._ballots_of:
            self._ballots_of = engine
            self._ballots.clear()
        return engine

    def _certificate(self, peer: Peer, certificate: Certificate) -> None:
        engine = self._runner.engine
        if engine is not None and engine.wants_certificate(certificate):
            self._claim(engine, peer, (self._of(certificate),), (CertificateReceived(certificate),))

    def _of(self, certificate: Certificate) -> Check:
        return partial(verify_certificate, certificate, self._epochs.validators, self._chain_id)

    def _proposal(self, peer: Peer, proposal: Proposal | ClosingProposal) -> None:
        """From its leader alone: the signature covers the header, not the leaves and certificates beside it."""
        engine, header = self._runner.engine, proposal.header
        if header.chain_id != self._chain_id:
            raise PeerFault("a proposal for another chain")
        if engine is None or header.proposer != peer.index:
            return
        block_hash = header.block_hash()
        if not engine.wants_proposal(header, block_hash):
            return
        beside = proposal.certificates
        if isinstance(proposal, Proposal) and proposal.finalisation is not None:
            beside = (proposal.finalisation, *beside)
        wanted = [certificate for certificate in beside if engine.wants_certificate(certificate)]
        checks = partial(verify_proposal_signature, proposal, self._epochs.validators), *map(self._of, wanted)
        inputs: list[Input] = [CertificateReceived(certificate) for certificate in wanted]
        inputs.append(ProposalReceived(proposal, block_hash))
        self._claim(engine, peer, checks, tuple(inputs))

    def _claim(self, engine: Engine, peer: Peer, checks: tuple[Check, ...], inputs: tuple[Input, ...]) -> None:
        claims = (Claim(peer, checks),)
        self._checker.statements(claims, lambda errors: self._checked(engine, claims, (inputs,), errors))

    # --- requests -----------------------------------------------------------------------------------------

    def _request(self, peer: Peer, message: _Request) -> None:
        if not self._may_ask(peer, message):
            return
        match message:
            case RecordQuestion():
                self._own_record.answer(peer, message)
            case TransactionsRequest(leaves):
                self._answer_transactions(peer, leaves)
            case BlockRequest(block_hash):
                answer = self._block(block_hash)
                if answer is not None:
                    peer.send(answer)
            case CertificatesRequest(first_view, last_view):
                engine = self._runner.engine
                if engine is not None:
                    last_view = min(last_view, first_view + CERTIFICATE_VIEWS_MAX - 1)
                    for certificate in engine.certificates(first_view, last_view):
                        peer.send(CertificateMessage(certificate))
            case RangeRequest(first_height, count):
                if first_height < self._ledger.floor.bodies_from:
                    peer.send(PrunedMessage(self._ledger.floor.bodies_from))
                else:
                    peer.send(answer_range(self._ledger, first_height, count, self._catch_up.stored_height))
            case SnapshotsRequest() | ManifestRequest() | ChunkRequest() | EpochsRequest():
                self._snapshots.answer(peer, message)

    def _may_ask(self, peer: Peer, message: PeerMessage) -> bool:
        """Whether a request is worked on; a peer that takes no answers, or asks too much, gets none."""
        if peer.link is None or peer.link.waiting() > OUTBOUND_GOSSIP_MAX:
            return False
        now = self._loop.time()
        requests = self._requests.setdefault(peer.index, Allowance(REQUESTS_PER_SECOND, 2 * REQUESTS_PER_SECOND))
        if not requests.take(now):
            return False
        ranges = self._ranges.setdefault(peer.index, Allowance(RANGES_PER_SECOND, 2 * RANGES_PER_SECOND))
        costly = isinstance(message, RangeRequest | SnapshotsRequest | ManifestRequest | EpochsRequest)
        return not costly or ranges.take(now)

    def _answer_transactions(self, peer: Peer, leaves: tuple[bytes, ...]) -> None:
        raws: list[bytes] = []
        size = 0
        for transaction in self._contents.by_leaves(leaves):
            size += transaction.signed.size
            if size > BLOCK_SIZE_MAX:
                break
            raws.append(transaction.signed.raw)
        if raws:
            peer.send(TransactionsAnswer(tuple(raws)))

    def _pruned(self, peer: Peer, bodies_from: int) -> None:
        """A peer lacks the body that it was asked for: it is not asked for one so old again."""
        if peer.head is not None:
            peer.head = replace(peer.head, bodies_from=max(bodies_from, peer.head.bodies_from))
        self._catch_up.lost(peer)

    def _block(self, block_hash: bytes) -> BlockMessage | ClosingMessage | PrunedMessage | None:
        known = self._contents.get(block_hash)
        if known is not None:
            return BlockMessage(known.header, tuple(item.signed.raw for item in known.transactions))
        engine = self._runner.engine
        header = None if engine is None else engine.header(block_hash)
        if isinstance(header, ClosingHeader):
            return ClosingMessage(header)
        if header is not None and header.transaction_count == 0:
            return BlockMessage(header, ())
        height = self._ledger.height_of(block_hash)
        row = None if height is None else self._ledger.block(height)
        if height is None or row is None or row.header is None:
            return None
        if height < self._ledger.floor.bodies_from:
            return PrunedMessage(self._ledger.floor.bodies_from)
        return BlockMessage(row.header, self._ledger.transactions(height))
