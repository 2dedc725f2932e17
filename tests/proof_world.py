"""A small finished ledger for proofs: four validators, a serial with everything that hangs on it.

Nothing here runs a rule: records are written as the specification says they look, so that proofs are tested apart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256

from tallystick import keys
from tallystick.blocks import PROTOCOL_VERSION, Executed, Header, HistoryLeaf
from tallystick.encoding import ZERO32, Message, encode
from tallystick.epcis import GENERAL, read_json, split_event
from tallystick.evidence import PROPOSE, Evidence, EvidenceKind, Said, evidence_of
from tallystick.merkle import EMPTY_ROOT, inclusion_path, root_of
from tallystick.object_ids import slice_id
from tallystick.proofs.anchor import Trust, show_anchor
from tallystick.proofs.bundle import AnchorShown
from tallystick.proposals import proposal_signing_bytes
from tallystick.reasons import Reason
from tallystick.receipts import Change, EventOutcome, Receipt, ReceiptKind, receipts_root
from tallystick.records.base import Record, key_hash, record_of
from tallystick.records.finance import (
    LienMembers,
    LienPublic,
    LienState,
    ObligationMembers,
    ObligationPublic,
    ObligationState,
    ObligationTag,
    SliceMembers,
    SlicePublic,
    SliceState,
    lien_key,
    obligation_key,
    obligation_tag_key,
    slice_key,
)
from tallystick.records.goods import (
    Correction,
    EventRecord,
    EventStatus,
    History,
    HistoryEntry,
    HistoryKind,
    Inspection,
    ItemPublic,
    ItemStatus,
    Origin,
    Recall,
    RecallState,
    SessionPublic,
    Statements,
    Transformation,
    Verdict,
    correction_key,
    event_id_key,
    event_key,
    inspection_key,
    item_key,
    recall_key,
    session_key,
    statements_key,
    transformation_key,
)
from tallystick.records.members import (
    Key,
    KeyStatus,
    KeyUse,
    Organisation,
    OrganisationStatus,
    member_key,
    organisation_key,
)
from tallystick.records.membership import EvidenceRecord, evidence_key
from tallystick.transactions import Event, SignedTransaction, sign_transaction
from tallystick.trie import Trie
from tallystick.validators import Validator, ValidatorSet, validator_set
from tallystick.votes import Certificate, Statement, VoteKind, certificate_of

CHAIN_ID = sha256(b"proof world").digest()
GTIN = "01/09521234543213"
LOT = f"{GTIN}/10/LOT7"
SERIAL = f"{GTIN}/21/A1"
FIELD_LOT = "01/09521234000013/10/H1"
PALLET = "00/095212340000000013"
OBLIGATION = sha256(b"an obligation, 2").digest()  # confirmed: three slices, one pledged
PRESENTED = sha256(b"an obligation that nobody confirmed").digest()
TAG = sha256(b"tag of INV001").digest()
STATED = "01/09521111111115/21/X"

EXECUTED_HEIGHT = 20
TIME_MS = 1_800_000_000_000  # of the newest executed height


def time_of(height: int) -> int:
    """Time of an executed height."""
    return TIME_MS - 20 * (EXECUTED_HEIGHT - height)


def seed(name: str) -> bytes:
    """A fixed private seed for a name."""
    return sha256(b"seed of " + name.encode()).digest()


VALIDATOR_NAMES = ("org:grower", "org:processor", "org:carrier", "org:retailer")


def validators() -> ValidatorSet:
    """The four validators."""
    return validator_set(tuple(Validator(name, keys.public_key_of(seed(name))) for name in VALIDATOR_NAMES))


def certify(header: Header, signer_count: int = 3, kind: VoteKind = VoteKind.FINALIZE) -> Certificate:
    """A certificate over a header by the first ``signer_count`` validators of the set."""
    statement = Statement(header.epoch, kind, header.view, header.block_hash())
    members = validators().members
    by_key = {keys.public_key_of(seed(name)): seed(name) for name in VALIDATOR_NAMES}
    signatures = {
        index: keys.sign(by_key[members[index].key], keys.Purpose.VOTE, header.chain_id, statement.signing_bytes())
        for index in range(signer_count)
    }
    return certificate_of(statement, signatures)


@dataclass
class ProofWorld:
    """State, histories and captures of a finished ledger; a ``CertifiedState`` and a ``CertifiedHistory``.

    Attributes:
        state_height: the height whose state this is; the newest executed one, or one before.
        recorded_by: the organisation of each capture.
    """

    records: dict[bytes, Record] = field(default_factory=dict)
    histories: dict[bytes, list[HistoryEntry]] = field(default_factory=dict)
    transactions: dict[tuple[int, int], SignedTransaction] = field(default_factory=dict)
    state_height: int = 20
    recorded_by: dict[tuple[int, int], str] = field(default_factory=dict)

    def put(self, key: bytes, public: Message, members: Message | None = None) -> None:
        """Write a record; members' halves get a fixed salt."""
        self.records[key] = record_of(public, members, sha256(b"salt" + key).digest())

    def salt(self, height: int, place: int) -> bytes:
        """Salt of the members' part of an event: one for all."""
        return b"s" * 32

    def nonce(self, height: int) -> bytes:
        """Nonce of a capture."""
        return height.to_bytes(16, "big")

    def capture(self, organisation: str, height: int, *events: dict[str, object]) -> list[bytes]:
        """Sign events at (height, 0) and return their commitments."""
        parts = []
        for event in events:
            text = json.dumps({**event, "bizLocation": {"id": "https://id.gs1.org/414/9521234000013"}})
            split = split_event(read_json(text.encode(), size_max=10_000), GENERAL)
            parts.append(Event(split.public, self.salt(height, len(parts)), split.members))
        transaction = sign_transaction(
            chain_id=CHAIN_ID,
            nonce=self.nonce(height),
            valid_until_ms=10**12,
            seeds=[seed(organisation + " capture")],
            events=tuple(parts),
        )
        self.transactions[height, 0] = transaction
        self.recorded_by[height, 0] = organisation
        for index, (event, commitment) in enumerate(zip(events, transaction.commitments, strict=True)):
            key = event_key(organisation, commitment)
            if "eventID" in event and "errorDeclaration" not in event:
                key = event_id_key(organisation, str(event["eventID"]))
            self.put(key, EventRecord(EventStatus.EFFECTIVE, height, 0, index, commitment, ZERO32))
        return list(transaction.commitments)

    def append(
        self, owner: bytes, commitment: bytes, height: int, index: int, kind: HistoryKind, link: bytes = ZERO32
    ) -> None:
        """Append to the history of a record."""
        organisation = self.recorded_by[height, 0]
        entry = HistoryEntry(commitment, height, 0, index, kind, link, organisation)
        self.histories.setdefault(owner, []).append(entry)

    def history(self, owner: bytes) -> History:
        """The history of a record as it stands in the record."""
        history = History()
        for entry in self.histories.get(owner, []):
            history = history.append(entry)
        return history

    def trie(self) -> Trie:
        """The state tree over all records."""
        return Trie().update({key_hash(key): record.leaf_hash() for key, record in self.records.items()})

    def header(self, **changes: object) -> Header:
        """A header that certifies this state."""
        executed = changes.pop("executed", None) or self._executed()
        fields: dict[str, object] = {
            "protocol_version": PROTOCOL_VERSION,
            "chain_id": CHAIN_ID,
            "epoch": 0,
            "height": 22,
            "view": 25,
            "parent_hash": bytes(32),
            "parent_view": 24,
            "proposer": 1,
            "time_ms": TIME_MS + 40,
            "transaction_count": 0,
            "transaction_root": EMPTY_ROOT,
            "due_work": False,
            "validators_hash": validators().digest(),
            "next_validators_hash": validators().digest(),
            "executed": executed,
            **changes,
        }
        return Header(**fields)  # type: ignore[arg-type]

    def _executed(self) -> Executed:
        newest = self.history_leaf(EXECUTED_HEIGHT)
        history_root = root_of(self._history_leaves())
        return Executed(EXECUTED_HEIGHT, TIME_MS, newest.state_root, newest.receipts_root, history_root)

    # --- CertifiedHistory ---------------------------------------------------------------------------------

    def block_header(self, height: int) -> Header | None:
        """A header of an earlier height, as good as any; None for genesis."""
        if height == 0:
            return None
        unknown = Executed(0, 0, ZERO32, ZERO32, ZERO32)
        return self.header(
            height=height, view=height, parent_view=height - 1, time_ms=time_of(height), executed=unknown
        )

    def receipts_of(self, height: int) -> tuple[Receipt, ...]:
        """A height's receipts: one per capture in it, and the system's."""
        shown = []
        for index in sorted(i for h, i in self.transactions if h == height):
            transaction = self.transactions[height, index]
            outcomes = tuple(EventOutcome(c, EventStatus.EFFECTIVE, Reason.NONE) for c in transaction.commitments)
            changes = tuple(
                sorted((Change(item_key(SERIAL), ZERO32), Change(item_key(LOT), ZERO32)), key=lambda c: c.key)
            )
            shown.append(
                Receipt(ReceiptKind.TRANSACTION, height, index, transaction.id, Reason.NONE, "", outcomes, changes)
            )
        system = Receipt(ReceiptKind.SYSTEM, height, 0, ZERO32, Reason.NONE, "", (), ())
        return (*shown, system) if height else ()

    def receipts(self, height: int) -> tuple[bytes, ...]:
        """See ``CertifiedHistory``."""
        return tuple(encode(receipt) for receipt in self.receipts_of(height))

    def history_leaf(self, height: int) -> HistoryLeaf:
        """See ``CertifiedHistory``; only ``state_height`` has the state that the other proofs show."""
        header = self.block_header(height)
        block_hash = header.block_hash() if header is not None else CHAIN_ID
        state_root = self.trie().root if height == self.state_height else sha256(b"state %d" % height).digest()
        receipts = self.receipts_of(height)
        return HistoryLeaf(height, block_hash, time_of(height), state_root, receipts_root(receipts), len(receipts))

    def history_path(self, height: int) -> tuple[bytes, ...]:
        """See ``CertifiedHistory``."""
        return inclusion_path(self._history_leaves(), height)

    def _history_leaves(self) -> list[bytes]:
        return [self.history_leaf(height).leaf_hash() for height in range(EXECUTED_HEIGHT + 1)]

    def header_of_epoch(self, epoch: int) -> tuple[Header, ValidatorSet] | None:
        """See ``CertifiedSeats``; everything here is of epoch 0."""
        return None

    # --- CertifiedState -----------------------------------------------------------------------------------

    def anchor(self) -> AnchorShown:
        """See ``CertifiedState``."""
        header = self.header()
        return show_anchor(CHAIN_ID, header, (), certify(header), validators())

    def record(self, key: bytes) -> Record | None:
        """See ``CertifiedState``."""
        return self.records.get(key)

    def prove(self, key_hashes: list[bytes]) -> bytes:
        """See ``CertifiedState``."""
        return self.trie().prove(key_hashes)

    def entries(self, owner: bytes, count: int) -> list[HistoryEntry]:
        """See ``CertifiedState``."""
        return self.histories.get(owner, [])[:count]

    def transaction(self, height: int, index: int) -> SignedTransaction:
        """See ``CertifiedState``."""
        return self.transactions[height, index]


TRUST = Trust(CHAIN_ID, {0: validators().digest()})


def event(**fields: object) -> dict[str, object]:
    """A small EPCIS event with the fields that every event has."""
    return {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "ObjectEvent",
        **({} if fields.get("type") == "TransformationEvent" else {"action": "OBSERVE"}),
        "eventTime": "2026-11-22T08:00:00.000Z",
        "eventTimeZoneOffset": "+08:00",
        **fields,
    }


def uri(key: str) -> str:
    """Digital Link URI of a key text."""
    return "https://id.gs1.org/" + key


def finished_world(extra_records: int = 200, empty: ProofWorld | None = None) -> ProofWorld:
    """The world that the tests and the vectors share.

    Args:
        empty: what is filled.
    """
    world = empty if empty is not None else ProofWorld()
    for name in (*VALIDATOR_NAMES, "org:laboratory"):
        prefixes = ("952123454",) if name == "org:processor" else ()
        world.put(
            organisation_key(name),
            Organisation(name[4:].title(), OrganisationStatus.ACTIVE, ("producer",), prefixes, (), 0, 1, 1),
        )
        world.put(
            member_key(keys.public_key_of(seed(name + " capture"))),
            Key(name, KeyStatus.ACTIVE, (KeyUse.CAPTURE,), "", 0, 0),
        )
    (harvest,) = world.capture(
        "org:grower", 3, event(action="ADD", bizStep="commissioning", quantityList=[{"epcClass": uri(FIELD_LOT)}])
    )
    world.append(item_key(FIELD_LOT), harvest, 3, 0, HistoryKind.COMMISSION)
    (made,) = world.capture(
        "org:processor",
        5,
        {
            **event(bizStep="creating_class_instance", type="TransformationEvent"),
            "inputQuantityList": [{"epcClass": uri(FIELD_LOT)}],
            "outputEPCList": [uri(SERIAL)],
            "outputQuantityList": [{"epcClass": uri(LOT)}],
        },
    )
    making = key_hash(transformation_key(made))
    world.append(item_key(FIELD_LOT), made, 5, 0, HistoryKind.CONSUME, making)
    world.append(item_key(LOT), made, 5, 0, HistoryKind.PRODUCE, making)
    world.append(item_key(SERIAL), made, 5, 0, HistoryKind.PRODUCE, making)
    world.put(transformation_key(made), Transformation("org:processor", made, (FIELD_LOT,), (LOT, SERIAL)))
    (inspected,) = world.capture(
        "org:laboratory",
        7,
        event(bizStep="inspecting", disposition="conformant", quantityList=[{"epcClass": uri(LOT)}]),
    )
    world.append(item_key(LOT), inspected, 7, 0, HistoryKind.INSPECT, key_hash(inspection_key(LOT)))
    world.put(inspection_key(LOT), Inspection("org:laboratory", Verdict.PASS, inspected, sha256(b"pdf").digest(), 7))
    session = session_key(PALLET, 1)
    packed, shipped, warm = world.capture(
        "org:carrier",
        9,
        event(type="AggregationEvent", action="ADD", bizStep="packing", parentID=uri(PALLET), childEPCs=[uri(SERIAL)]),
        event(bizStep="shipping", epcList=[uri(PALLET)]),
        event(bizStep="transporting", epcList=[uri(PALLET)]),
    )
    (corrected,) = world.capture(
        "org:carrier",
        11,
        event(bizStep="transporting", epcList=[uri(PALLET)], eventID="urn:uuid:11111111-2222-4333-8444-555555555555"),
    )
    world.append(item_key(SERIAL), packed, 9, 0, HistoryKind.PACK, key_hash(session))
    world.append(session, packed, 9, 0, HistoryKind.PACK, ZERO32)
    world.append(session, shipped, 9, 1, HistoryKind.SHIP)
    world.append(session, warm, 9, 2, HistoryKind.OBSERVE)
    world.append(session, corrected, 11, 0, HistoryKind.CORRECT, key_hash(correction_key("org:carrier", warm)))
    world.histories[item_key(PALLET)] = list(world.histories[session])
    world.put(correction_key("org:carrier", warm), Correction(corrected, "incorrect_data", (), 11))
    world.put(
        session,
        SessionPublic(PALLET, 1, True, world.history(session), 1_700_000_000_000, 0),
        None,
    )
    (stated,) = world.capture("org:retailer", 13, event(bizStep="receiving", epcList=[uri(STATED)]))
    world.append(statements_key(STATED), stated, 13, 0, HistoryKind.STATE)
    world.put(statements_key(STATED), Statements(world.history(statements_key(STATED))))
    recall = ("recall-1",)
    world.put(
        recall_key("recall-1"),
        Recall("org:grower", (FIELD_LOT,), "salmonella", 1, RecallState.IN_FORCE, 15, 3),
    )
    for identifier, lot, made_by, recalls in (
        (FIELD_LOT, "", ZERO32, recall),
        (LOT, "", making, ()),
        (SERIAL, LOT, making, ()),
        (PALLET, "", ZERO32, ()),
    ):
        world.put(
            item_key(identifier),
            ItemPublic(
                ItemStatus.ACTIVE,
                Origin.COMMISSIONED,
                world.history(item_key(identifier)),
                lot,
                key_hash(session) if identifier == SERIAL else ZERO32,
                made_by,
                1 if identifier == PALLET else 0,
                recalls,
            ),
            None,
        )
    _owe(world)
    for number in range(extra_records):
        world.put(item_key(f"{GTIN}/21/other{number}"), Statements(History()))
    return world


def said(step: int, block_hash: bytes, *, name: str = "org:carrier", epoch: int = 0, view: int = 7) -> Said:
    """A validator's proposal (step 0) or vote."""
    if step == PROPOSE:
        purpose, message = keys.Purpose.PROPOSAL, proposal_signing_bytes(epoch, view, block_hash)
    else:
        statement = Statement(epoch, VoteKind(step), view, block_hash)
        purpose, message = keys.Purpose.VOTE, statement.signing_bytes()
    return Said(step, block_hash, keys.sign(seed(name), purpose, CHAIN_ID, message))


def contradiction(first: int = 1, second: int = 1, *, name: str = "org:carrier", epoch: int = 0) -> Evidence:
    """Two statements of a validator about different blocks, or a nullify about none."""
    hashes = (
        ZERO32 if step == VoteKind.NULLIFY else sha256(b"block %d" % i).digest()
        for i, step in enumerate((first, second))
    )
    one, other = (
        said(step, hash_, name=name, epoch=epoch) for step, hash_ in zip((first, second), hashes, strict=True)
    )
    return evidence_of(keys.public_key_of(seed(name)), epoch, 7, one, other)


def guilty_world() -> ProofWorld:
    """The finished world, with the carrier's two notarize votes on the ledger."""
    world, found = finished_world(), contradiction()
    kind = EvidenceKind.DOUBLE_NOTARIZE
    record = EvidenceRecord("org:carrier", kind, found, "org:grower", 12)
    world.put(evidence_key(found.key, found.epoch, found.view, kind), record)
    return world


def terms(confirmed: int, tag: bytes, slice_count: int) -> ObligationMembers:
    """What the retailer owes the processor."""
    day = 86_400_000
    return ObligationMembers(
        "org:processor", "org:retailer", "org:bank", "CNY", 1_500_000, confirmed, 0, TIME_MS + 30 * day, day, day,
        TIME_MS + day, ZERO32, ZERO32, ZERO32, sha256(b"invoice").digest(), tag, True, slice_count, 0,
    )  # fmt: skip


def _owe(world: ProofWorld) -> None:
    """A confirmed obligation whose first slice was split in two, one of them pledged; and one only presented."""
    world.put(obligation_key(OBLIGATION), ObligationPublic(ObligationState.CONFIRMED), terms(1_500_000, TAG, 3))
    world.put(obligation_tag_key("org:retailer", TAG), ObligationTag(OBLIGATION, 14))
    world.put(obligation_key(PRESENTED), ObligationPublic(ObligationState.PRESENTED), terms(0, ZERO32, 0))
    states = (SliceState.RETIRED, 0, 0), (SliceState.PLEDGED, 0, 1_000_000), (SliceState.FREE, 0, 500_000)
    for index, (state, parent, amount) in enumerate(states):
        members = SliceMembers(OBLIGATION, index, parent, "org:processor", amount, 0, ZERO32)
        world.put(slice_key(slice_id(OBLIGATION, index)), SlicePublic(state), members)
    for index, state, holder in ((0, LienState.RELEASED, "org:lender-b"), (1, LienState.HELD, "org:lender-a")):
        lien = LienMembers(holder, sha256(b"deal").digest())
        world.put(lien_key(slice_id(OBLIGATION, index)), LienPublic(state, 16 + index), lien)
