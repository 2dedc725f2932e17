"""Reading what can be believed: every value comes with a proof that was checked against the pinned validators.

Nothing is returned that was not verified. A node that is merely behind is given a moment; one that shows something
false is an error that names why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from client_sdk.environment import SYSTEM, Environment
from client_sdk.errors import AnswerError, MissingError, said_of_epoch
from client_sdk.heads import EPOCH_STEP_SIZE_MAX
from client_sdk.nodes import MSGPACK, Nodes
from client_sdk.trust import TrustStore
from client_sdk.values import read_identifier
from tallystick import api
from tallystick.encoding import Message, decode
from tallystick.epochs import EpochStep
from tallystick.errors import DecodeError, ProofError
from tallystick.limits import RECORD_SIZE_MAX
from tallystick.proofs import (
    Anchor,
    BlockBundle,
    EventBundle,
    EvidenceBundle,
    ItemBundle,
    ProofCode,
    ReceiptBundle,
    ReceivableBundle,
    RecordBundle,
    VerifiedBlock,
    VerifiedEvent,
    VerifiedEvidence,
    VerifiedItem,
    VerifiedReceipt,
    VerifiedReceivable,
    read_bundle,
    verify_block,
    verify_event,
    verify_evidence_bundle,
    verify_item,
    verify_receipt,
    verify_receivable,
    verify_record,
)
from tallystick.records.base import MEMBERS_ONLY_SPACES, Record

P = TypeVar("P", bound=Message)
M = TypeVar("M", bound=Message)
T = TypeVar("T")

RETRY_S = 0.15  # pause before a node that was behind is asked again
TRIES = 20  # so about three seconds in all: an idle chain certifies within one or two


@dataclass(frozen=True, slots=True)
class ProvenRecord:
    """A record under a certified header.

    Attributes:
        public: encoded public half; None where the state has no such record (and that is proven).
        members_hash: 32 bytes; zeros where there is no members' half.
        members: encoded members' half when it was asked for and there is one; else empty.
    """

    anchor: Anchor
    key: bytes
    public: bytes | None
    members_hash: bytes = bytes(32)
    members: bytes = b""

    @property
    def exists(self) -> bool:
        """Whether there is such a record."""
        return self.public is not None

    def public_as(self, type_: type[P]) -> P:
        """The public half as its type; the record must exist. Raises: ProofError ``record-altered``."""
        assert self.public is not None
        return _decoded(self.public, type_)

    def members_as(self, type_: type[M]) -> M:
        """The members' half as its type; it must have been asked for. Raises: ProofError ``record-altered``."""
        return _decoded(self.members, type_)


class Reader:
    """Verified reads through any nodes.

    Args:
        nodes: members' halves need nodes that sign requests; public proofs do not.
        trust: the pinned chain; moved on by every verified proof.
    """

    def __init__(self, nodes: Nodes, trust: TrustStore, *, environment: Environment = SYSTEM) -> None:
        self._nodes = nodes
        self._trust = trust
        self._environment = environment
        self._said = ""  # by the node beyond whose newest epoch nothing leads

    @property
    def trust(self) -> TrustStore:
        """What is trusted."""
        return self._trust

    def item(self, identifier: str, at: int | None = None) -> VerifiedItem:
        """Everything about one identifier: its history, its lot, containers, inputs, recalls.

        Args:
            identifier: key text, EPC URN or Digital Link.
            at: a recent height whose state to show instead of the newest.
        Raises:
            EventError: not an identifier.
            ProofError: what a node showed does not hold.
            DoorError, UnavailableError: as ``Nodes.get``; code ``pruned`` when no state of that height is kept.
        """
        return self.item_with_bundle(identifier, at)[0]

    def item_with_bundle(self, identifier: str, at: int | None = None) -> tuple[VerifiedItem, bytes]:
        """As ``item``, with the bundle's bytes, which anybody can verify again offline."""
        subject = read_identifier(identifier).key

        def fetch() -> tuple[VerifiedItem, bytes]:
            data = self._nodes.get(api.ITEM_PROOF, {"id": subject} | _at(at)).body
            bundle = _expect(read_bundle(data), ItemBundle)
            return verify_item(bundle, self._trust.trust(), subject=subject, at=at), data

        item, data = self._verified(fetch)
        self._trust.advance(item.anchor)
        return item, data

    def event(self, commitment: bytes, identifier: str, at: int | None = None) -> VerifiedEvent:
        """One event in the history of one item, with its correction or the proof that there is none.

        Args:
            at: a recent height whose state to show instead of the newest.
        Raises:
            ProofError: ``refused`` when the event was captured but never took effect on the item; or as ``item``.
        """
        return self.event_with_bundle(commitment, identifier, at)[0]

    def event_with_bundle(
        self, commitment: bytes, identifier: str, at: int | None = None
    ) -> tuple[VerifiedEvent, bytes]:
        """As ``event``, with the bundle's bytes."""
        subject = read_identifier(identifier).key

        def fetch() -> tuple[VerifiedEvent, bytes]:
            data = self._nodes.get(api.EVENT_PROOF, {"commitment": commitment.hex(), "item": subject} | _at(at)).body
            bundle = _expect(read_bundle(data), EventBundle)
            if bundle.subject != subject:
                raise ProofError(ProofCode.WRONG_SUBJECT, f"about {bundle.subject}, asked for {subject}")
            event = verify_event(bundle, self._trust.trust(), at=at)
            if event.event.commitment != commitment:
                raise ProofError(ProofCode.WRONG_SUBJECT, "the proof is about another event")
            return event, data

        event, data = self._verified(fetch)
        self._trust.advance(event.anchor)
        return event, data

    def record(self, key: bytes, *, members: bool = False, at: int | None = None) -> ProvenRecord:
        """One record, or the proof that there is none.

        Args:
            members: fetch the members' half too (a signed request) and check it against the proof.
            at: a recent height whose state to show instead of the newest; public halves only.
        Raises:
            ProofError: what a node showed does not hold.
        """

        def fetch() -> ProvenRecord:
            private = key[0] in MEMBERS_ONLY_SPACES
            path = api.MEMBERS_RECORD_PROOF if private else api.RECORD_PROOF
            answer = self._nodes.get(path, {"key": key.hex()} | _at(at), members=private)
            bundle = _expect(read_bundle(answer.body), RecordBundle)
            if bundle.key != key:
                raise ProofError(ProofCode.WRONG_SUBJECT, "the proof is about another record")
            verified = verify_record(bundle, self._trust.trust(), at=at)
            if verified.public is None or bundle.record is None:
                return ProvenRecord(verified.anchor, key, None)
            members_hash = bundle.record.members_hash
            proven = ProvenRecord(verified.anchor, key, verified.public, members_hash)
            return self._with_members(proven) if members and at is None and any(members_hash) else proven

        record = self._verified(fetch)
        self._trust.advance(record.anchor)
        return record

    def block(self, height: int) -> tuple[VerifiedBlock, bytes]:
        """The block of an executed height, however old, with the bundle's bytes; 0 is genesis.

        Raises:
            MissingError: no header certifies that height yet.
            ProofError: what a node showed does not hold.
        """

        def fetch() -> tuple[VerifiedBlock, bytes]:
            data = self._nodes.get(api.BLOCK_PROOF, {"height": str(height)}).body
            return verify_block(_expect(read_bundle(data), BlockBundle), self._trust.trust(), height=height), data

        block, data = self._verified(fetch)
        self._trust.advance(block.anchor)
        return block, data

    def receipt(self, transaction_id: bytes) -> tuple[VerifiedReceipt, bytes]:
        """What became of an executed transaction (a signed request), with the bundle's bytes.

        Raises:
            MissingError: it was not executed.
            ProofError: what a node showed does not hold.
        """

        def fetch() -> tuple[VerifiedReceipt, bytes]:
            data = self._nodes.get(api.RECEIPT_PROOF.format(id=transaction_id.hex()), members=True).body
            bundle = _expect(read_bundle(data), ReceiptBundle)
            return verify_receipt(bundle, self._trust.trust(), transaction=transaction_id), data

        receipt, data = self._verified(fetch)
        self._trust.advance(receipt.anchor)
        return receipt, data

    def evidence(self, key: bytes, at: int | None = None) -> tuple[VerifiedEvidence, bytes]:
        """A validator's contradiction that the ledger recorded, with the bundle's bytes.

        Args:
            key: of the record (``tallystick.records.membership.evidence_key``).
            at: a recent height whose state to show instead of the newest.
        Raises:
            MissingError: nothing is recorded under this key.
            ProofError: what a node showed does not hold.
        """

        def fetch() -> tuple[VerifiedEvidence, bytes]:
            data = self._nodes.get(api.EVIDENCE_PROOF, {"key": key.hex()} | _at(at)).body
            bundle = _expect(read_bundle(data), EvidenceBundle)
            return verify_evidence_bundle(bundle, self._trust.trust(), key=key, at=at), data

        evidence, data = self._verified(fetch)
        self._trust.advance(evidence.anchor)
        return evidence, data

    def receivable(
        self, obligation: bytes, grant: bytes | None = None, at: int | None = None
    ) -> tuple[VerifiedReceivable, bytes]:
        """An obligation with its tag, slices and every lien (a signed request), with the bundle's bytes.

        Args:
            grant: id of the grant that lets this organisation see it; parties to it need none.
            at: a recent height whose state to show instead of the newest.
        Raises:
            MissingError: there is no such obligation.
            DoorError: this organisation may not see it.
            ProofError: what a node showed does not hold.
        """

        def fetch() -> tuple[VerifiedReceivable, bytes]:
            query = {"obligation": obligation.hex()} | ({"grant": grant.hex()} if grant is not None else {}) | _at(at)
            data = self._nodes.get(api.RECEIVABLE_PROOF, query, members=True).body
            bundle = _expect(read_bundle(data), ReceivableBundle)
            return verify_receivable(bundle, self._trust.trust(), obligation=obligation, at=at), data

        receivable, data = self._verified(fetch)
        self._trust.advance(receivable.anchor)
        return receivable, data

    def _with_members(self, proven: ProvenRecord) -> ProvenRecord:
        """Add the members' half, if it is the one that the proof's hash stands for."""
        response = self._nodes.get(api.RECORD, {"key": proven.key.hex()}, members=True, accept=MSGPACK)
        try:
            record = decode(response.body, Record, size_max=3 * RECORD_SIZE_MAX)
        except DecodeError as error:
            raise AnswerError(f"a node answered something that is no record: {error}") from error
        if record.public != proven.public or record.members_hash() != proven.members_hash:
            raise _MovedError("the record changed between its proof and its contents")
        return ProvenRecord(proven.anchor, proven.key, proven.public, proven.members_hash, record.members)

    def walk(self) -> int:
        """Walk from the newest epoch known to the present one, a proof at a time; says how many epochs were crossed.

        Raises:
            ProofError, CertificateError: what a node showed does not lead on.
            DoorError, UnavailableError: as ``Nodes.get``.
        """
        crossed = 0
        while True:
            path = api.EPOCH.format(epoch=self._trust.newest_epoch)
            try:
                data = self._nodes.get(path, accept=MSGPACK).body
            except MissingError as error:
                self._said = said_of_epoch(error)
                return crossed
            try:
                step = decode(data, EpochStep, size_max=EPOCH_STEP_SIZE_MAX)
            except DecodeError as error:
                raise ProofError(ProofCode.UNREADABLE, f"not the end of an epoch: {error}") from error
            self._trust.learn(step)
            crossed += 1

    def _verified(self, fetch: Callable[[], T]) -> T:
        """Try again while a node is only behind, or the ledger moved between two questions."""
        for attempt in range(1, TRIES + 1):
            try:
                return fetch()
            except _MovedError as error:
                if attempt == TRIES:
                    raise AnswerError(f"after {TRIES} tries, {error}") from error
            except ProofError as error:
                if error.code == ProofCode.UNKNOWN_VALIDATORS:
                    if self.walk():
                        continue
                    raise ProofError(error.code, error.detail + self._said) from error
                if error.code != ProofCode.ROLLED_BACK or attempt == TRIES:
                    raise
            self._environment.sleep(RETRY_S)
        raise AssertionError("unreachable")


class _MovedError(Exception):
    """Two answers are of different heights."""


def _at(height: int | None) -> dict[str, str]:
    return {} if height is None else {"at": str(height)}


def _expect(bundle: object, type_: type[T]) -> T:
    if not isinstance(bundle, type_):
        raise ProofError(ProofCode.WRONG_SUBJECT, f"a node answered with another kind of proof than {type_.__name__}")
    return bundle


def _decoded(data: bytes, type_: type[P]) -> P:
    try:
        return decode(data, type_, size_max=RECORD_SIZE_MAX)
    except DecodeError as error:
        raise ProofError(ProofCode.RECORD_ALTERED, f"a record is not a {type_.__name__}") from error
