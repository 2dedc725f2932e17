"""What is named twice is refused by its rule: signers, transactions of a block, validators, founders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from tallystick import keys
from tallystick.blocks import Executed, Header, check_contents, transaction_root
from tallystick.documents import normalise_invoice_number
from tallystick.encoding import encode
from tallystick.errors import DecodeError
from tallystick.genesis import Card, CardBody, merge_cards, sign_card
from tallystick.limits import BLOCK_EVENTS_MAX, EVENTS_PER_TRANSACTION_MAX, TEXT_MAX
from tallystick.money import parse_amount
from tallystick.transactions import Event, SignedTransaction, WireTransaction, decode_transaction, sign_transaction
from tallystick.validators import Validator, validator_set
from tests import proof_world as w

HASH = bytes(32)


def rule_of(call: Any) -> str:
    """The rule by which something is refused."""
    with pytest.raises(DecodeError) as caught:
        call()
    return caught.value.rule


def transaction(nonce: int = 0, names: tuple[str, ...] = ("maker",), events: int = 1) -> SignedTransaction:
    return sign_transaction(
        chain_id=w.CHAIN_ID,
        nonce=nonce.to_bytes(16, "big"),
        valid_until_ms=w.TIME_MS + 60_000,
        seeds=[w.seed(name) for name in names],
        events=tuple(Event(b'{"a":%d}' % number) for number in range(events)),
    )


def test_one_person_who_signs_twice_is_not_two_persons() -> None:
    both = transaction(names=("maker", "checker"))
    head = msgspec.structs.replace(both.head, signers=(both.head.signers[0],) * 2)
    wire = WireTransaction(encode(head), (both.signatures[0],) * 2, both.events, b"")
    assert rule_of(lambda: decode_transaction(encode(wire), w.CHAIN_ID)) == "transaction.signers"


# --- blocks -----------------------------------------------------------------------------------------------------


def header_of(*transactions: SignedTransaction, **changes: Any) -> Header:
    header = Header(
        1, w.CHAIN_ID, 0, 1, 1, HASH, 0, 0, w.TIME_MS, len(transactions), transaction_root(transactions), False, HASH,
        HASH, Executed(0, 0, HASH, HASH, HASH),
    )  # fmt: skip
    return msgspec.structs.replace(header, **changes)


def test_a_block_with_other_transactions_than_its_header_names_is_refused_by_the_rule() -> None:
    one, two = transaction(1), transaction(2)
    check_contents(header_of(one, two), (one, two))
    assert rule_of(lambda: check_contents(header_of(one, two), (one,))) == "block.count"
    assert rule_of(lambda: check_contents(header_of(one, one), (one, one))) == "block.repeated"
    assert rule_of(lambda: check_contents(header_of(one, two), (two, one))) == "block.root"


def test_a_block_of_more_events_than_allowed_is_refused_by_the_rule() -> None:
    count = BLOCK_EVENTS_MAX // EVENTS_PER_TRANSACTION_MAX
    full = tuple(transaction(number, events=EVENTS_PER_TRANSACTION_MAX) for number in range(count))
    check_contents(header_of(*full), full)
    more = (*full, transaction(count))
    assert rule_of(lambda: check_contents(header_of(*more), more)) == "block.too-large"


# --- validators and founders ------------------------------------------------------------------------------------


def test_a_set_in_which_somebody_stands_twice_is_refused_by_the_rule() -> None:
    first, second = (Validator(name, keys.public_key_of(w.seed(name))) for name in ("org:a", "org:b"))
    assert rule_of(lambda: validator_set(())) == "validators.count"
    same_key = msgspec.structs.replace(second, key=first.key)
    assert rule_of(lambda: validator_set((first, same_key))) == "validators.repeated-key"
    same_name = msgspec.structs.replace(second, organisation=first.organisation)
    assert rule_of(lambda: validator_set((first, same_name))) == "validators.repeated-organisation"


@dataclass
class Founder:
    """What stands on a card and may not stand on another one."""

    organisation: str
    root: str
    validator: str
    prefix: str

    def card(self) -> Card:
        root, validator = w.seed(self.root), w.seed(self.validator)
        body = CardBody(
            1, self.organisation, "Name", ("governor",), (self.prefix,), (), keys.public_key_of(root),
            keys.public_key_of(validator), b"der", "127.0.0.1:7101", "127.0.0.1:8101",
        )  # fmt: skip
        return sign_card(body, root, validator)


@pytest.mark.parametrize("name", ["organisation", "root", "validator", "prefix"])
def test_cards_that_share_what_must_be_ones_own_make_no_genesis(name: str) -> None:
    first, second = Founder("org:a", "root-a", "node-a", "9521234"), Founder("org:b", "root-b", "node-b", "9521111")
    merge_cards((first.card(), second.card()), network="test", time_ms=w.TIME_MS)
    setattr(second, name, getattr(first, name))
    cards = (first.card(), second.card())
    assert rule_of(lambda: merge_cards(cards, network="test", time_ms=w.TIME_MS)) == "genesis.repeated"


# --- numbers of invoices, amounts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("INV-００１", "document.number-not-ascii"),
        ("-/ .", "document.number-empty"),
        ("1" * (TEXT_MAX + 1), "document.number-too-long"),
    ],
)
def test_a_number_of_an_invoice_that_could_be_written_in_two_ways_is_refused(number: str, rule: str) -> None:
    assert rule_of(lambda: normalise_invoice_number(number)) == rule


@pytest.mark.parametrize(
    ("text", "currency", "rule"),
    [("1", "XXX", "money.currency"), ("0", "CNY", "money.range"), ("10000000000000.01", "CNY", "money.range")],
)
def test_an_amount_that_is_none_is_refused(text: str, currency: str, rule: str) -> None:
    assert rule_of(lambda: parse_amount(text, currency)) == rule
