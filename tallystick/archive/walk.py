"""The walk over a scope: which members it has, each checked. Exporter and verifier both take it.

So what belongs to an archive is decided once, by what is proven, and never by what an archive says of itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from tallystick.archive import names
from tallystick.archive.contents import check_payload, read_events, read_half, read_heads
from tallystick.archive.errors import ArchiveError
from tallystick.archive.manifest import Audience, HeightsScope, ItemsScope, ReceivableScope, Scope
from tallystick.archive.result import EventOfOrganisation, Outcome, Proven
from tallystick.archive.scope import walk_scope
from tallystick.archive.supply import Supply
from tallystick.archive.whole_block import check_block_contents
from tallystick.encoding import ZERO32
from tallystick.errors import ProofError
from tallystick.hashing import TAG_EVENT_MEMBERS, TAG_RECORD_MEMBERS
from tallystick.proofs import (
    Anchor,
    BlockBundle,
    ItemBundle,
    ReceiptBundle,
    ReceivableBundle,
    RecordBundle,
    Trust,
    VerifiedBlock,
    VerifiedItem,
    VerifiedReceipt,
    read_bundle,
    verify_block,
    verify_item,
    verify_receipt,
    verify_receivable,
    verify_record,
)
from tallystick.proofs.bundle import EventShown
from tallystick.proofs.written import commitment_shown, written_out
from tallystick.records.goods import Correction, EventStatus, correction_key
from tallystick.records.members import Key, member_key, organisation_key
from tallystick.records.reading import public_of
from tallystick.transactions import ContentKind, Head

B = TypeVar("B")


class Walk:
    """One walk.

    Args:
        supply: where members come from; nothing of it is believed.
        trust: hashes of the validators of every epoch.
        height: whose state everything shows.
        audience: whether members' halves belong to it.
    Attributes:
        members: what was taken, by name; ``about`` says what each is about.
    """

    def __init__(self, supply: Supply, trust: Trust, height: int, audience: Audience) -> None:
        self._supply = supply
        self._trust = trust
        self._for_members = audience is Audience.MEMBERS
        self.proven = Proven(height)
        self.members: dict[str, bytes] = {}
        self.about: dict[str, str] = {}

    def scope(self, scope: Scope) -> Proven:
        """Walk a whole scope.

        Raises:
            ArchiveError: a member is missing, does not hold, or is not as of the height.
        """
        if isinstance(scope, ItemsScope):
            self._items(scope.identifiers, scope.depth)
        elif isinstance(scope, ReceivableScope):
            self._receivable(bytes.fromhex(scope.obligation))
            self._items(scope.identifiers, scope.depth)
        elif isinstance(scope, HeightsScope):
            self._heights(scope.from_height, scope.to_height)
        else:
            self._organisation(scope.organisation, scope.from_height, scope.to_height)
        return self.proven

    # --- goods --------------------------------------------------------------------------------------------

    def _items(self, identifiers: Iterable[str], depth: int) -> None:
        self.proven.items = walk_scope(identifiers, depth, self._item)

    def _item(self, identifier: str) -> VerifiedItem:
        name = names.item(identifier)
        bundle = self._bundle(name, self._supply.item(identifier), identifier, ItemBundle)
        try:
            item = verify_item(bundle, self._trust, subject=identifier, at=self.proven.height)
        except ProofError as error:
            raise ArchiveError(error.code, error.detail, name) from error
        assert item.as_of is not None  # of the height asked for, or ``wrong-height``
        self._moment(name, item.anchor, item.as_of.time_ms, item.as_of.state_root)
        written = written_out(bundle)
        members = [record.members_hash for record in bundle.records]
        self._shown(zip(written.keys, written.publics, members, strict=True))
        for organisation in sorted({signer.organisation for signer in item.signers.values()}):
            self._record(organisation_key(organisation))
        if self._for_members:
            self._halves_of(bundle.events)
        return item

    def _receivable(self, obligation: bytes) -> None:
        name = names.RECEIVABLE
        if not self._for_members:
            raise ArchiveError("archive.audience", "a receivable shows members' halves; say so", name)
        bundle = self._bundle(name, self._supply.receivable(obligation), obligation.hex(), ReceivableBundle)
        try:
            receivable = verify_receivable(bundle, self._trust, obligation=obligation)
        except ProofError as error:
            raise ArchiveError(error.code, error.detail, name) from error
        executed = receivable.anchor.executed
        if executed.height != self.proven.height:
            raise ArchiveError(
                "wrong-height", f"as of height {executed.height}, the archive of {self.proven.height}", name
            )
        self._moment(name, receivable.anchor, executed.time_ms, executed.state_root)
        self.proven.receivable = receivable

    # --- blocks -------------------------------------------------------------------------------------------

    def _heights(self, first: int, last: int) -> None:
        if last != self.proven.height:
            raise ArchiveError("wrong-height", f"heights up to {last} are shown as of height {self.proven.height}")
        for height in range(first, last + 1):
            block = self._block(height)
            if height == last:
                self._moment(names.block(height), block.anchor, block.leaf.time_ms, block.leaf.state_root)
            if self._for_members:
                name = names.block_contents(height)
                data = self._take(name, self._supply.block_contents(height), str(height))
                check_block_contents(data, block, name)

    def _block(self, height: int) -> VerifiedBlock:
        name = names.block(height)
        bundle = self._bundle(name, self._supply.block(height), str(height), BlockBundle)
        try:
            block = verify_block(bundle, self._trust, height=height)
        except ProofError as error:
            raise ArchiveError(error.code, error.detail, name) from error
        if block.header is None:
            raise ArchiveError("not-shown", "the block's header is not shown", name)
        self._certified(block.anchor)
        self.proven.blocks[height] = block
        return block

    # --- an organisation ----------------------------------------------------------------------------------

    def _organisation(self, organisation: str, first: int, last: int) -> None:
        if last > self.proven.height:
            raise ArchiveError("wrong-height", f"heights up to {last}, as of height {self.proven.height}")
        if self._record(organisation_key(organisation)) is None:
            raise ArchiveError("unknown-item", f"there is no organisation {organisation}", "", "check its spelling")
        for height in range(first, last + 1):
            header = self._block(height).header
            assert header is not None  # looked at there
            if header.transaction_count == 0:
                continue
            name = names.heads(height)
            data = self._take(name, self._supply.heads(height), str(height))
            for shown in read_heads(data, header.transaction_root, header.transaction_count, name):
                head = shown.read(name)
                if organisation in {self._owner(signer) for signer in head.signers}:
                    self._own(organisation, shown.id(), head, height)

    def _owner(self, signer: bytes) -> str:
        """Whose key it is; empty for one that was never registered, which is proven too."""
        public = self._record(member_key(signer))
        if public is None:
            return ""
        key = public_of({member_key(signer): public}.get, member_key(signer), Key)
        assert key is not None
        return key.organisation

    def _own(self, organisation: str, transaction: bytes, head: Head, height: int) -> None:
        receipt = self._receipt(transaction).receipt
        if receipt.height != height:
            raise ArchiveError(
                "receipt-altered", f"of height {receipt.height}, sent in at {height}", names.receipt(transaction)
            )
        outcomes = {one.commitment: one for one in receipt.events}
        name = names.events(transaction)
        data = self._take(name, self._supply.events(transaction, height), transaction.hex())
        events = []
        for slots in read_events(data, head, name):
            commitment = slots.commitment()
            outcome = outcomes.get(commitment)
            status = outcome.status if outcome is not None else EventStatus.REFUSED
            reason = outcome.reason if outcome is not None else receipt.reason
            correction = None if status is EventStatus.REFUSED else self._correction(organisation, commitment)
            events.append(EventOfOrganisation(commitment, slots.public, status, reason, correction))
            if self._for_members:
                self._event_half(commitment, slots.members)
        if self._for_members and head.kind is ContentKind.PAYLOAD:
            name = names.payload(transaction)
            check_payload(self._take(name, self._supply.payload(transaction, height), transaction.hex()), head, name)
        self.proven.outcomes.append(Outcome(transaction, height, receipt.reason, receipt.detail, tuple(events)))

    def _receipt(self, transaction: bytes) -> VerifiedReceipt:
        name = names.receipt(transaction)
        bundle = self._bundle(name, self._supply.receipt(transaction), transaction.hex(), ReceiptBundle)
        try:
            receipt = verify_receipt(bundle, self._trust, transaction=transaction)
        except ProofError as error:
            raise ArchiveError(error.code, error.detail, name) from error
        self._certified(receipt.anchor)
        return receipt

    def _correction(self, organisation: str, commitment: bytes) -> Correction | None:
        key = correction_key(organisation, commitment)
        return public_of(lambda _: self._record(key), key, Correction)

    # --- the state ----------------------------------------------------------------------------------------

    def _record(self, key: bytes) -> bytes | None:
        """Public half of a record as of the height, or None where there is proven to be none."""
        name = names.record(key)
        if name in self.members:
            return self.proven.public.get(key)
        bundle = self._bundle(name, self._supply.record(key), key.hex(), RecordBundle)
        try:
            if bundle.key != key:
                raise ProofError("wrong-subject", f"about {bundle.key.hex()}, asked for {key.hex()}")
            record = verify_record(bundle, self._trust, at=self.proven.height)
        except ProofError as error:
            raise ArchiveError(error.code, error.detail, name) from error
        assert record.as_of is not None
        self._moment(name, record.anchor, record.as_of.time_ms, record.as_of.state_root)
        if bundle.record is not None and record.public is not None:
            self._shown([(key, record.public, bundle.record.members_hash)])
        return record.public

    def _shown(self, records: Iterable[tuple[bytes, bytes, bytes]]) -> None:
        """Keep the public halves of records that a proof checked, and fetch their members' halves.

        Args:
            records: key, public half, hash of the members' half.
        """
        for key, public, members_hash in records:
            self.proven.public[key] = public
            name = names.record_half(key)
            if self._for_members and members_hash != ZERO32 and name not in self.members:
                data = self._take(name, self._supply.record_half(key), key.hex())
                read_half(data, TAG_RECORD_MEMBERS, members_hash, name)
                self.proven.halves += 1

    def _halves_of(self, events: list[EventShown]) -> None:
        for event in events:
            self._event_half(commitment_shown(event), event.members)

    def _event_half(self, commitment: bytes, expected: bytes) -> None:
        name = names.event_half(commitment)
        if expected != ZERO32 and name not in self.members:
            data = self._take(name, self._supply.event_half(commitment), commitment.hex())
            read_half(data, TAG_EVENT_MEMBERS, expected, name)
            self.proven.halves += 1

    # --- what all share -----------------------------------------------------------------------------------

    def _take(self, name: str, data: bytes, about: str) -> bytes:
        self.members[name], self.about[name] = data, about
        return data

    def _bundle(self, name: str, data: bytes, about: str, type_: type[B]) -> B:
        self._take(name, data, about)
        try:
            bundle = read_bundle(data)
        except ProofError as error:
            raise ArchiveError(error.code, error.detail, name) from error
        if not isinstance(bundle, type_):
            raise ArchiveError("wrong-subject", f"not a proof of kind {type_.__name__}", name)
        return bundle

    def _certified(self, anchor: Anchor) -> None:
        proven = self.proven
        proven.protocol_version = max(proven.protocol_version, anchor.header.protocol_version)
        proven.signers.update(anchor.signers)

    def _moment(self, name: str, anchor: Anchor, time_ms: int, state_root: bytes) -> None:
        """All proofs of states show one and the same."""
        self._certified(anchor)
        proven = self.proven
        if not proven.state_root:
            proven.time_ms, proven.state_root = time_ms, state_root
        if (proven.time_ms, proven.state_root) != (time_ms, state_root):
            raise ArchiveError(
                "fork-seen",
                f"a quorum signed two states of height {proven.height}",
                name,
                "stop and call the other members; keep this archive, it is evidence",
            )
