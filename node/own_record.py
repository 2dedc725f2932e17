"""The question at every start, before the first signature: what is the newest that you have seen signed by me?

A disk that was restored from an older copy looks whole to its own node, and would let it say the opposite of what it
said since. So a validator asks its peers, and votes only once a quorum has answered, itself included. An answer is a
signed statement, so nobody can invent one; a statement above the floor that the own record lacks means that the record
is lost. Against a restored disk *and* a hostile quorum of answers nothing helps; it then counts among the f.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from node.disk import Disk
from node.epochs import Epochs
from node.ledger import restored_row
from node.network.messages import RecordAnswer, RecordQuestion
from node.network.peers import Peer, PeerFault, Peers
from node.runner import Runner
from node.signer_log import SignerRecordLostError
from tallystick import keys
from tallystick.errors import SignatureError
from tallystick.votes import Statement, Vote, verify_vote, vote_in

HEIGHTS_LOOKED_AT = 64  # for a certificate in which a validator stands: a healthy one is in most of them


class OwnRecord:
    """Asks, judges answers, and answers the others."""

    def __init__(
        self,
        chain_id: bytes,
        epochs: Epochs,
        disk: Disk,
        runner: Runner,
        peers: Peers,
        *,
        done: Callable[[], None],
        fatal: Callable[[BaseException], None],
    ) -> None:
        """``done`` is called once a quorum has answered; ``fatal`` ends the node whose record is lost."""
        self._chain_id = chain_id
        self._epochs = epochs
        self._disk = disk
        self._runner = runner
        self._peers = peers
        self._done = done
        self._fatal = fatal
        self._nonce = secrets.token_bytes(16)
        self._answered: set[bytes] = set()  # certificates of peers
        self._seen: dict[bytes, Vote] = {}  # newest vote by the peer's certificate
        self._restored = disk.ledger.restored()

    def begin(self) -> None:
        """Vote at once where the own answer is a quorum, or where there is no seat; else ask."""
        self._epochs.asking = self._epochs.seat is not None and self._epochs.validators.quorum > 1

    def ask(self, peer: Peer) -> None:
        """Ask a validator that has not answered yet."""
        if self._epochs.asking and peer.certificate not in self._answered and self._votes(peer):
            peer.send(RecordQuestion(self._nonce, self._disk.key))

    def ask_again(self) -> None:
        """Ask whoever is connected and has not answered."""
        for peer in self._peers.connected():
            self.ask(peer)

    def answer(self, peer: Peer, question: RecordQuestion) -> None:
        """Tell a validator the newest vote of its key that we hold."""
        index = self._epochs.validators.index_of(question.key)
        peer.send(RecordAnswer(question.nonce, None if index is None else self._newest(index)))

    def saw(self, peer: Peer, vote: Vote) -> None:
        """Remember a vote that came on its signer's own link; checked only when somebody asks for it."""
        newest = self._seen.get(peer.certificate)
        if vote.validator == peer.index and (newest is None or _place(vote) > _place(newest)):
            self._seen[peer.certificate] = vote

    def _newest(self, index: int) -> Vote | None:
        """The newest vote of a validator that was seen by this process, or stands in a certificate of its disk."""
        found: list[Vote] = []
        peer = self._peers.get(index)
        seen = None if peer is None else self._seen.get(peer.certificate)
        if seen is not None and seen.validator == index and seen.statement.epoch == self._epochs.number:
            try:
                verify_vote(seen, self._epochs.validators, self._chain_id)
                found.append(seen)
            except SignatureError:
                self._seen = {key: vote for key, vote in self._seen.items() if vote is not seen}
        engine = self._runner.engine
        vote = None if engine is None else engine.newest_vote(index)
        found += [vote] if vote is not None else self._stored(index)
        return max(found, key=_place, default=None)

    def _stored(self, index: int) -> list[Vote]:
        """The newest vote of a validator among the finalisations of the newest heights of this epoch."""
        ledger, height = self._disk.ledger, self._disk.ledger.tip().executed.height
        for at in range(height, max(0, height - HEIGHTS_LOOKED_AT), -1):
            row = ledger.block(at)
            if row is None or row.header is None or row.header.epoch != self._epochs.number:
                break
            vote = None if row.finalisation is None else vote_in(row.finalisation, index)
            if vote is not None:
                return [vote]
        return []

    def take(self, peer: Peer, answer: RecordAnswer) -> None:
        """Judge an answer.

        Raises:
            PeerFault: its statement is not signed by our key.
        """
        if not self._epochs.asking or answer.nonce != self._nonce or not self._votes(peer):
            return
        if answer.vote is not None and self._is_unknown(answer.vote):
            self._found_lost(peer, answer.vote.statement)
            return
        self._answered.add(peer.certificate)
        validators = {one.certificate for one in self._peers if self._votes(one)}
        if len(self._answered & validators) + 1 >= self._epochs.validators.quorum:
            self._epochs.asking = False
            if self._restored is not None:  # nobody saw a vote above the backup: nothing was forgotten
                self._restored = None
                self._disk.ledger.write([restored_row(None)])
            self._done()

    def _found_lost(self, peer: Peer, statement: Statement) -> None:
        """From now on the key counts as lost whatever later answers say: who remembers today may forget tomorrow."""
        self._disk.retire(self._disk.key)
        self._fatal(
            SignerRecordLostError(
                f"the signer record is lost: {peer.organisation} has a vote of ours in view {statement.view} of "
                f"epoch {statement.epoch} that our record lacks; this validator must not sign with its key again: "
                "make another with `tallystick-node recover key` and have it take the seat"
            )
        )

    def _votes(self, peer: Peer) -> bool:
        return peer.index < self._epochs.validators.count

    def _is_unknown(self, vote: Vote) -> bool:
        """Whether we signed this above our floor, and do not know of it."""
        statement = vote.statement
        try:
            message = statement.signing_bytes()
            keys.verify(self._disk.key, vote.signature, keys.Purpose.VOTE, self._chain_id, message)
        except SignatureError as error:
            raise PeerFault("it shows a vote that we never signed") from error
        if self._restored is not None:  # catching up does not bring back what was said above the backup
            return (statement.epoch, statement.view) > (self._restored.epoch, self._restored.view)
        tip = self._disk.executor.tip
        if (statement.epoch, statement.view) <= (tip.epoch, tip.view):
            return False
        own = (record.statement for record in self._disk.log.records if isinstance(record, Vote))
        return all(statement != known for known in own)


def _place(vote: Vote) -> tuple[int, int, int]:
    return vote.statement.epoch, vote.statement.view, vote.statement.kind
