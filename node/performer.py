"""One method per effect of the engine: what stays inside the node, and what goes to peers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

from consensus.chain import is_boundary
from consensus.effects import (
    Accuse,
    Broadcast,
    Build,
    CheckContents,
    EpochEnded,
    FetchBlock,
    FetchCertificates,
    Finalised,
    Halt,
    HeaderRecord,
    Persist,
    RootMismatch,
    Send,
)
from consensus.inputs import Built, Input
from node.commit import Committer
from node.contents import Contents
from node.counters import Counters
from node.executor import Executor, FinalBlock
from node.fetcher import Fetcher
from node.logs import log_fields
from node.mempool import Mempool
from node.network.messages import (
    CertificateMessage,
    CertificatesRequest,
    ClosingProposalMessage,
    PeerMessage,
    ProposalMessage,
    VoteMessage,
)
from node.network.peers import Peers
from node.signer_log import SignerLog
from node.tracker import Tracker
from tallystick.blocks import Header
from tallystick.errors import TallystickError
from tallystick.merkle import root_of
from tallystick.proposals import ClosingProposal, Proposal
from tallystick.votes import Certificate, Vote, VoteKind

FILL_ABOVE = 50  # transactions that wait; below, a block is cut at once
FILL_BELOW = 500  # above, a block is well filled and is cut at once
ALARM_S = 10.0  # between two lines of the log about one validator's misbehaviour; metrics count every case
FILL_MS = 150  # in between, how long a block waits to become fuller: each costs every node milliseconds, full or not

logger = logging.getLogger("tallystick.consensus")


class HaltError(TallystickError):
    """A quorum contradicts this node, or a rule of agreement was broken by more than f validators: end the process."""

    exit_code = 3  # of the command, as for a damaged store: nobody is to restart it blindly


class Performer:
    """Performs effects; answers go back through ``give``."""

    def __init__(
        self,
        *,
        give: Callable[[Input], None],
        log: Callable[[], SignerLog],
        contents: Contents,
        mempool: Mempool,
        executor: Executor,
        committer: Committer,
        tracker: Tracker,
        fetcher: Fetcher,
        peers: Peers,
        counters: Counters,
        synced: Callable[[float], None],
        loop: asyncio.AbstractEventLoop,
        fatal: Callable[[BaseException], None],
        evidence: Callable[[Accuse], None],
    ) -> None:
        """``evidence`` is told of every contradiction; ``fatal`` ends the process; ``synced`` is told how many seconds
        each sync of the signer's log took."""
        self._evidence = evidence
        self._give = give
        self._log = log
        self._contents = contents
        self._mempool = mempool
        self._executor = executor
        self._committer = committer
        self._tracker = tracker
        self._fetcher = fetcher
        self._peers = peers
        self._counters = counters
        self._synced = synced
        self._loop = loop
        self._fatal = fatal
        self._alarms: dict[tuple[str, int], float] = {}  # what and who: when it may be logged again
        self.stored_height = executor.tip.executed.height
        self._boundary: FinalBlock | None = None  # final; waits for the header that its certificate names

    # --- durability and sending ---------------------------------------------------------------------------

    def persist(self, effect: Persist) -> None:
        """Append to the signer's log, the contents of a block before its header."""
        record = effect.record
        if isinstance(record, HeaderRecord) and isinstance(record.header, Header):
            header = record.header
            block_hash = header.block_hash()
            if record.own:
                self._contents.claim_built(header, block_hash)
            transactions = self._contents.transactions_of(header, block_hash)
            assert transactions is not None, "a header is persisted only when its contents are at hand"
            if transactions:
                self._log().append_body(block_hash, header.view, tuple(item.signed.raw for item in transactions))
        elif isinstance(record, Certificate) and record.statement.kind is VoteKind.NULLIFY:
            self._counters.views_nullified += 1
        self._log().append(record, lazy=effect.lazy)

    def sync(self) -> None:
        """One sync of the signer's log, if a promise waits for it."""
        started = perf_counter()
        if self._log().sync():
            self._counters.signer_log_syncs += 1
            self._synced(perf_counter() - started)

    def send(self, effect: Broadcast | Send) -> None:
        """Send to all peers, or to one."""
        message = _wrapped(effect.message)
        if isinstance(effect, Broadcast):
            self._peers.broadcast(message)
            return
        peer = self._peers.get(effect.validator)
        if peer is not None:
            peer.send(message)

    def flush(self) -> None:
        """Write to the sockets what was sent."""
        self._peers.flush()

    # --- contents -----------------------------------------------------------------------------------------

    def build(self, effect: Build) -> None:
        """Choose transactions; with a middling backlog a block waits a little to become fuller."""
        waiting = self._mempool.unplaced
        if effect.again is None and FILL_ABOVE <= waiting < FILL_BELOW:
            self._loop.call_later(FILL_MS / 1_000, self._build_now, effect)
        else:
            self._build_now(effect)

    def _build_now(self, effect: Build) -> None:
        if effect.again is not None:
            self._build_again(effect, effect.again)
            return
        chosen = []
        if self._mempool.unplaced:
            taken = self._contents.ids_above(effect.parent_hash, self.stored_height)
            chosen = self._mempool.take(effect.time_ms, taken)
        due_ms = self._executor.tip.next_due_ms
        due_work = due_ms is not None and due_ms <= effect.time_ms
        self._contents.keep_built(effect.view, effect.parent_hash, chosen)
        self._counters.blocks_built += 1
        leaves = tuple(transaction.signed.witness_leaf for transaction in chosen)
        self._give(Built(effect.view, effect.parent_hash, leaves, len(leaves), root_of(leaves), due_work))

    def _build_again(self, effect: Build, header: Header) -> None:
        """The contents of a block that was proposed before a restart, as the signer's log has them."""
        transactions = self._contents.transactions_of(header, header.block_hash())
        if transactions is not None:
            leaves = tuple(transaction.signed.witness_leaf for transaction in transactions)
            root = header.transaction_root
            self._give(Built(effect.view, effect.parent_hash, leaves, len(leaves), root, header.due_work))

    def check_contents(self, effect: CheckContents) -> None:
        """Collect a proposed block's transactions; ask peers for those that are missing."""
        at_once = self._contents.check(effect.header, effect.block_hash, effect.witness_leaves, effect.leader)
        if not at_once:
            self._fetcher.transactions(effect.block_hash)

    def fetch_block(self, effect: FetchBlock) -> None:
        """Ask for a block, one holder after the other."""
        self._fetcher.block(effect.block_hash, effect.holders)

    def fetch_certificates(self, effect: FetchCertificates) -> None:
        """Ask one holder, or everybody when none is connected."""
        request = CertificatesRequest(effect.first_view, effect.last_view)
        holders = [peer for peer in (self._peers.get(index) for index in effect.holders) if peer and peer.connected]
        for peer in holders[:1] or self._peers.connected():
            peer.send(request)

    # --- finality -----------------------------------------------------------------------------------------

    def finalised(self, effect: Finalised) -> None:
        """Hand final blocks over to be executed; those that were before are left out."""
        for header, block_hash in zip(effect.headers, effect.block_hashes, strict=True):
            if header.height <= self._committer.queued_height:
                continue
            transactions = self._contents.transactions_of(header, block_hash)
            assert transactions is not None, "a block is final only when its contents are at hand"
            block = FinalBlock(header, block_hash, transactions, effect.certificate)
            if is_boundary(header):
                self._boundary = block
                continue
            self._committer.push(block)
            self._tracker.final(block)

    def epoch_ended(self, effect: EpochEnded) -> None:
        """The validators of this epoch have handed over; its last block is stored together with the proof of that."""
        logger.info("the epoch ended", extra=log_fields(epoch=effect.boundary.epoch, height=effect.boundary.height))
        block, self._boundary = self._boundary, None
        if block is not None:
            self._committer.push(replace(block, proof=effect.finalisation, closing=effect.closing))

    # --- alarms -------------------------------------------------------------------------------------------

    def accuse(self, effect: Accuse) -> None:
        """A validator contradicted itself."""
        self._counters.evidence += 1
        self._evidence(effect)
        first = effect.first
        who = first.validator if isinstance(first, Vote) else first.header.proposer
        if not self._may_log("contradiction", who):
            return
        peer = self._peers.get(who)
        logger.error(
            "a validator signed two statements that exclude each other",
            extra=log_fields(organisation=peer.organisation if peer else who, kind=type(first).__name__),
        )

    def root_mismatch(self, effect: RootMismatch) -> None:
        """A proposal that no quorum stands behind names other roots than ours."""
        self._counters.uncertified_root_mismatches += 1
        if not self._may_log("roots", effect.header.proposer):
            return
        theirs, ours = effect.header.executed, effect.ours
        logger.error(
            "an uncertified proposal contradicts our own roots",
            extra=log_fields(
                height=ours.height,
                proposer=effect.header.proposer,
                theirs=theirs.state_root,
                ours=ours.state_root,
            ),
        )

    def _may_log(self, what: str, who: int) -> bool:
        """Nobody fills a log by misbehaving in every view."""
        now_s = self._loop.time()
        if now_s < self._alarms.get((what, who), 0.0):
            return False
        self._alarms[what, who] = now_s + ALARM_S
        return True

    def halt(self, effect: Halt) -> None:
        """End the process, naming height and both roots."""
        roots = ""
        if effect.theirs is not None and effect.ours is not None:
            roots = f"; certified {_roots(effect.theirs)}, ours {_roots(effect.ours)}"
        self._fatal(HaltError(f"{effect.reason} (height {effect.height}{roots})"))


def _roots(executed: object) -> str:
    state_root = getattr(executed, "state_root", b"")
    receipts_root = getattr(executed, "receipts_root", b"")
    return f"state {state_root.hex()[:16]}… receipts {receipts_root.hex()[:16]}…"


def _wrapped(message: Proposal | ClosingProposal | Vote | Certificate) -> PeerMessage:
    if isinstance(message, Proposal):
        return ProposalMessage(message)
    if isinstance(message, ClosingProposal):
        return ClosingProposalMessage(message)
    return VoteMessage(message) if isinstance(message, Vote) else CertificateMessage(message)
