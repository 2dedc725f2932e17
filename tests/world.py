"""A consortium in memory for tests: founders, members, keys, signed captures and payloads, blocks.

Everything a transaction meets on its way is real (signing, admission, execution) but the network and the disk. Names
are organisation ids; seeds derive from names, so that every run is the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any

from contracts.execution import execute_block
from contracts.genesis_state import genesis_writes
from contracts.interface import BlockContext
from contracts.memory_state import MemoryState
from contracts.registry import REGISTRY, Registry
from contracts.result import BlockResult
from contracts.switch import decided_validators
from tallystick import keys
from tallystick.admission import VerifiedTransaction, verify_transaction
from tallystick.blocks import Executed
from tallystick.encoding import ZERO32, Message
from tallystick.epcis import GENERAL, JsonObject, format_timestamp, read_json, split_event
from tallystick.epcis.check_digit import check_digit
from tallystick.genesis import CardBody, Genesis, merge_cards, sign_card
from tallystick.payloads import encode_payload
from tallystick.payloads.governance import Accredit, AdmitOrganisation, RegisterKey
from tallystick.reasons import Reason
from tallystick.receipts import Receipt, ReceiptKind
from tallystick.records.base import read_members, read_public
from tallystick.records.goods import EventStatus, ItemMembers, ItemPublic, item_key
from tallystick.records.members import KeyUse, organisation_key, party_uri
from tallystick.transactions import Event, SignedTransaction, sign_transaction

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
FOUNDERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "org:grower": (("governor", "producer"), ("95211110",)),
    "org:processor": (("governor", "producer", "processor"), ("95212345",)),
    "org:carrier": (("governor", "carrier"), ("95213333",)),
    "org:retailer": (("governor", "retailer"), ("95214444",)),
}


def seed(*names: str) -> bytes:
    """A fixed private seed for names."""
    return sha256(b"seed of " + " ".join(names).encode()).digest()


@cache
def public_key(*names: str) -> bytes:
    """The public key of ``seed(*names)``."""
    return keys.public_key_of(seed(*names))


def gtin(digits: str) -> str:
    """Key text of a class: up to 13 digits (company prefix, item reference), padded to the right, check digit added."""
    body = "0" + digits.ljust(12, "0")
    return f"01/{body}{check_digit(body)}"


def sscc(digits: str) -> str:
    """Key text of a logistic unit: extension digit 0, then up to 16 digits padded to the right, check digit added."""
    body = "0" + digits.ljust(16, "0")
    return f"00/{body}{check_digit(body)}"


def uri(key: str) -> str:
    """An identifier's Digital Link."""
    return "https://id.gs1.org/" + key if key[0].isdigit() else key


@cache
def founding(
    clock_advance_allowed: bool = True, bls_entry: Callable[[str], tuple[bytes, bytes]] = lambda _: (b"", b"")
) -> Genesis:
    """The genesis of the four founders; ``bls_entry`` gives the BLS key and possession of each."""
    cards = []
    for name, (roles, prefixes) in FOUNDERS.items():
        body = CardBody(
            1, name, name[4:].title(), roles, prefixes, (), public_key(name, "ROOT"), public_key(name, "VALIDATOR"),
            b"certificate", "127.0.0.1:1", "127.0.0.1:2", *bls_entry(name),
        )  # fmt: skip
        cards.append(sign_card(body, seed(name, "ROOT"), seed(name, "VALIDATOR")))
    return merge_cards(tuple(cards), network="test", time_ms=START_MS, clock_advance_allowed=clock_advance_allowed)


@dataclass
class World:
    """A chain of blocks over a ``MemoryState``.

    Attributes:
        state: the state after the newest block.
        results: what each block gave, from height 1.
        blocks: what was executed: context and transactions of each height, for replaying.
    """

    genesis: Genesis = field(default_factory=founding)
    registry: Registry = REGISTRY
    time_ms: int = START_MS
    results: list[BlockResult] = field(default_factory=list)
    blocks: list[tuple[BlockContext, list[VerifiedTransaction]]] = field(default_factory=list)
    _counter: int = 0

    def __post_init__(self) -> None:
        self.chain_id = self.genesis.chain_id()
        self.state = MemoryState(genesis_writes(self.genesis))
        for name in FOUNDERS:
            self.add_keys(name)

    # --- members ------------------------------------------------------------------------------------------

    def add_keys(self, organisation: str, *uses: KeyUse) -> None:
        """Register the organisation's keys for captures and trade, or for the uses named; person is the use's name."""
        for use in uses or (KeyUse.CAPTURE, KeyUse.TRADE):
            payload = RegisterKey(public_key(organisation, use.name), (use,), use.name.lower())
            self.must(self.payload(payload, (organisation, "ROOT"), (organisation, use.name)))

    def admit(
        self,
        organisation: str,
        *roles: str,
        prefixes: tuple[str, ...] = (),
        currencies: tuple[str, ...] = (),
    ) -> None:
        """Admit an organisation by three founders, and register its keys."""
        payload = AdmitOrganisation(
            organisation, organisation[4:].title(), roles, prefixes, currencies, public_key(organisation, "ROOT")
        )
        self.must(self.payload(payload, *[(name, "ROOT") for name in list(FOUNDERS)[:3]]))
        self.add_keys(organisation)

    def admit_laboratory(self, scope: str, name: str = "org:laboratory") -> None:
        """Admit an accreditor (once) and an inspector accredited for a scope, for a year."""
        if self.public_record("org:accreditor") is None:
            self.admit("org:accreditor", "accreditor")
        self.admit(name, "inspector")
        term = Accredit(name, (scope,), 0, self.time_ms + 366 * 86_400_000)
        self.must(self.payload(term, ("org:accreditor", "TRADE")))

    def public_record(self, organisation: str) -> object:
        """The record of an organisation, or None."""
        return self.state.get(organisation_key(organisation))

    # --- transactions -------------------------------------------------------------------------------------

    def _next(self) -> bytes:
        self._counter += 1
        return sha256(f"nonce {self._counter}".encode()).digest()

    def payload(self, payload: Message, *signers: tuple[str, str]) -> SignedTransaction:
        """A signed payload; signers are (organisation, key name), the key name a ``KeyUse`` by its name."""
        nonce = self._next()
        return sign_transaction(
            chain_id=self.chain_id,
            nonce=nonce[:16],
            valid_until_ms=self.time_ms + 3_600_000,
            seeds=[seed(*signer) for signer in signers],
            payload=encode_payload(nonce, payload),
        )

    def trade(self, organisation: str, payload: Message) -> SignedTransaction:
        """A payload signed with an organisation's TRADE key."""
        return self.payload(payload, (organisation, "TRADE"))

    def capture(self, organisation: str, *events: Mapping[str, Any] | Event, key: str = "CAPTURE") -> SignedTransaction:
        """A signed capture of EPCIS events (as ``event`` makes them, or split already)."""
        parts = tuple(event if isinstance(event, Event) else self.split(organisation, event) for event in events)
        return sign_transaction(
            chain_id=self.chain_id,
            nonce=self._next()[:16],
            valid_until_ms=self.time_ms + 3_600_000,
            seeds=[seed(organisation, key)],
            events=parts,
        )

    def split(self, organisation: str, event: Mapping[str, Any]) -> Event:
        """An event in its parts; the members' salt follows from organisation and contents, as an SDK makes it."""
        text = json.dumps(event)
        value = read_json(text.encode(), size_max=1_000_000)
        assert isinstance(value, dict)
        document: JsonObject = value
        parts = split_event(document, GENERAL)
        salt = sha256(organisation.encode() + text.encode()).digest() if parts.members else b""
        return Event(parts.public, salt, parts.members)

    # --- blocks -------------------------------------------------------------------------------------------

    def block(self, *transactions: SignedTransaction, due_work: bool = False, after_ms: int = 1_000) -> BlockResult:
        """Execute a block with these transactions, ``after_ms`` later than the one before."""
        self.time_ms += after_ms
        verified = [verify_transaction(transaction.raw, self.chain_id) for transaction in transactions]
        height = len(self.results) + 1
        ends_epoch = decided_validators(self.state) is not None and not transactions
        context = BlockContext(
            height, self.time_ms, due_work, self.chain_id, self.executed(height - 1), ends_epoch=ends_epoch
        )
        result = execute_block(self.state, context, verified, self.registry)
        self.state.apply(result)
        self.results.append(result)
        self.blocks.append((context, verified))
        return result

    def executed(self, height: int) -> Executed:
        """What the block after a height certifies: its time, and roots that stand for those of a tree."""
        time_ms = self.blocks[height - 1][0].time_ms if height else START_MS
        return Executed(height, time_ms, sha256(f"root {height}".encode()).digest(), ZERO32, ZERO32)

    def send(self, transaction: SignedTransaction) -> Receipt:
        """Execute a block with one transaction and give its receipt."""
        (receipt,) = [one for one in self.block(transaction).receipts if one.kind is ReceiptKind.TRANSACTION]
        return receipt

    def must(self, transaction: SignedTransaction) -> Receipt:
        """As ``send``, for a transaction that takes effect."""
        receipt = self.send(transaction)
        assert receipt.reason is Reason.NONE, (receipt.reason, receipt.detail)
        return receipt

    def reason(self, transaction: SignedTransaction) -> Reason:
        """As ``send``; only why it had no effect. Asserts that a refused one changed nothing."""
        receipt = self.send(transaction)
        assert receipt.reason is Reason.NONE or not receipt.changes
        return receipt.reason

    def work_off(self, blocks: int = 100) -> None:
        """Run blocks with due work until none is due."""
        for _ in range(blocks):
            if self.block(due_work=True).next_due_ms is None:
                return
        raise AssertionError("due work does not end")

    # --- goods --------------------------------------------------------------------------------------------

    def event(self, type_: str = "ObjectEvent", *, time_ms: int | None = None, **fields: Any) -> dict[str, Any]:
        """An EPCIS event at the present time of the chain; fields with their names in EPCIS, identifiers as key texts.

        ``quantities`` of the form {key text: (quantity, unit)} or {key text: quantity} become a quantity list;
        ``receiver`` becomes the possessing party of the destination list.
        """
        at_ms = self.time_ms if time_ms is None else time_ms
        event: dict[str, Any] = {
            "@context": [CONTEXT],
            "type": type_,
            "eventTime": format_timestamp(at_ms),
            "eventTimeZoneOffset": "+00:00",
        }
        for name, value in fields.items():
            if name == "receiver":
                event["destinationList"] = [{"type": "possessing_party", "destination": party_uri(value)}]
            elif name in ("epcList", "childEPCs", "inputEPCList", "outputEPCList"):
                event[name] = [uri(key) for key in value]
            elif name in ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"):
                event[name] = quantity_list(value)
            elif name == "parentID":
                event[name] = uri(value)
            else:
                event[name] = value
        return event

    def commissioning(self, *identifiers: str, lots: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """An event that commissions serials, logistic units and lots; its business location makes a members' part."""
        return self.event(
            action="ADD",
            bizStep="commissioning",
            epcList=identifiers,
            bizLocation={"id": "https://id.gs1.org/414/9521234000013"},
            **({"quantityList": lots} if lots else {}),
            **fields,
        )

    def shipping(self, receiver: str, *identifiers: str, **fields: Any) -> dict[str, Any]:
        """A shipping of things to an organisation."""
        return self.event(
            **{"action": "OBSERVE", "bizStep": "shipping", "epcList": identifiers, "receiver": receiver, **fields}
        )

    def receiving(self, *identifiers: str, **fields: Any) -> dict[str, Any]:
        """A receiving of things."""
        return self.event(**{"action": "OBSERVE", "bizStep": "receiving", "epcList": identifiers, **fields})

    def packing(self, parent: str, *children: str, action: str = "ADD", **fields: Any) -> dict[str, Any]:
        """A packing (or with ``action="DELETE"`` an unpacking) of things."""
        members = {"bizLocation": {"id": "https://id.gs1.org/414/9521234000013"}}
        step = "packing" if action == "ADD" else "unpacking"
        listed = {"childEPCs": children} if children else {}
        return self.event(
            "AggregationEvent", **{"action": action, "bizStep": step, "parentID": parent, **listed, **members, **fields}
        )

    def make(self, organisation: str, *identifiers: str, lots: Mapping[str, Any] | None = None) -> None:
        """Commission identifiers; must take effect."""
        self.must(self.capture(organisation, self.commissioning(*identifiers, lots=lots)))

    def hand_over(self, giver: str, taker: str, *identifiers: str, **fields: Any) -> None:
        """Ship and receive; both must take effect."""
        self.must(self.capture(giver, self.shipping(taker, *identifiers, **fields)))
        self.must(self.capture(taker, self.receiving(*identifiers, **fields)))

    def item(self, identifier: str) -> ItemPublic:
        """Public half of an item that is under control."""
        return read_public(self.state.records[item_key(identifier)], ItemPublic)

    def custody(self, identifier: str) -> ItemMembers:
        """Members' half of an item that is under control."""
        return read_members(self.state.records[item_key(identifier)], ItemMembers)

    def status(self, transaction: SignedTransaction) -> EventStatus:
        """Send a capture of one event and give its status."""
        (outcome,) = self.send(transaction).events
        return outcome.status


def quantity_list(lines: Mapping[str, Any] | Sequence[Any]) -> list[dict[str, Any]]:
    """An EPCIS quantity list out of {key text: quantity or (quantity, unit) or None}."""
    if not isinstance(lines, Mapping):
        return list(lines)
    elements = []
    for key, value in lines.items():
        element: dict[str, Any] = {"epcClass": uri(key)}
        quantity, unit = value if isinstance(value, tuple) else (value, None)
        if quantity is not None:
            element["quantity"] = quantity
        if unit is not None:
            element["uom"] = unit
        elements.append(element)
    return elements
