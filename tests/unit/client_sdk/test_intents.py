"""Every payload type has its one intent, signed with the keys that the rules ask for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from client_sdk.intents import Intent, finance, goods, governance, membership, trade
from client_sdk.intents import intent as intent_module
from tallystick.conditions import DocumentType, TimeReached
from tallystick.evidence import Said, evidence_of
from tallystick.keys import public_key_of
from tallystick.money import DayCount
from tallystick.payloads import ALL_PAYLOADS
from tallystick.payloads.membership import NewSeat, RotateValidator
from tallystick.reasons import Reason
from tallystick.records.finance import DealTerms, GrantField, GrantPurpose, Pricing, RejectReason
from tallystick.records.members import KeyUse
from tallystick.records.trade import DefaultRuling, EscrowTerms, MilestoneTerms
from tests.unit.client_sdk.ledger import Ledger
from tests.unit.client_sdk.test_member_flow import LOT
from tests.world import FOUNDERS, public_key, seed

ID = b"\x05" * 32
NEW = b"\x06" * 32
TERMS = EscrowTerms(
    "org:grower", "org:carrier", "org:bank", "CNY", (MilestoneTerms(1, TimeReached(1), 0),), 1, 2, "org:retailer", 1,
    DefaultRuling.REFUND,
)  # fmt: skip
SEAT = NewSeat("org:grower", public_key_of(NEW), b"certificate", "127.0.0.1:1", "127.0.0.1:2")
DEAL = DealTerms(ID, "org:carrier", ID, Pricing.DISCOUNT, 0, 1, DayCount.ACT_360, False, 1)


def intents() -> Iterator[Intent]:
    """One of each."""
    yield governance.admit("org:new", "New", ID, roles=["carrier"], prefixes=["9529999"])
    yield governance.suspend("org:carrier")
    yield governance.register_key(public_key_of(NEW), [KeyUse.READ])
    yield governance.revoke_key(ID)
    yield governance.rotate_key(ID, public_key_of(NEW))
    yield governance.accredit("org:carrier", ["01/"], from_ms=0, until_ms=1)
    yield governance.revoke_accreditation("org:carrier")
    yield governance.advance_clock(1)
    yield membership.change_validators([], ["org:retailer"], switch_height=100)
    yield membership.rotate_validator(SEAT, switch_height=100)
    yield membership.ready(1, ID)
    yield membership.submit_evidence(evidence_of(ID, 0, 1, Said(1, ID, ID + ID), Said(1, NEW, NEW + NEW)))
    yield goods.open_item(LOT, "org:grower", "stock", quantity=1, unit="KGM")
    yield goods.recall("R", [LOT], "why", severity=1)
    yield goods.lift_recall("R")
    yield trade.open_account("org:grower", "CNY")
    yield trade.issue_deposit("org:grower", "CNY", 1, ID)
    yield trade.redeem_deposit("org:bank", "CNY", 1, ID)
    yield trade.transfer("org:bank", "CNY", "org:carrier", 1, ID)
    yield trade.record_document(DocumentType.ORDER, ID, "org:carrier")
    yield trade.create_escrow(TERMS)
    yield trade.fund_escrow(ID)
    yield trade.claim_milestone(ID, 0)
    yield trade.approve_milestone(ID, 0)
    yield trade.release_milestone(ID, 0)
    yield trade.refund_milestone(ID, 0)
    yield trade.dispute_milestone(ID, 0)
    yield trade.settle_dispute(ID, 0, 1)
    yield trade.rule_dispute(ID, 0, 1)
    yield trade.cancel_escrow(ID)
    yield finance.present(
        debtor="org:carrier", bank="org:bank", currency="CNY", face=1, due_ms=2, accept_deadline_ms=1, invoice=ID
    )
    yield finance.confirm(ID, ID, 1)
    yield finance.reject(ID, RejectReason.PRICE)
    yield finance.cancel(ID)
    yield finance.pay(ID, 1, ID)
    yield finance.split(ID, [1, 2])
    yield finance.offer(DEAL)
    yield finance.withdraw(ID)
    yield finance.finance(ID)
    yield finance.repurchase(ID)
    yield finance.grant(
        "org:carrier", [LOT], purpose=GrantPurpose.AUDIT, fields=list(GrantField), not_before_ms=0, until_ms=1
    )
    yield finance.revoke_grant(ID)


def test_there_is_an_intent_for_every_payload_type() -> None:
    made = [type(intent.payload) for intent in intents()]
    assert sorted(made, key=str) == sorted(ALL_PAYLOADS, key=str)


def test_no_function_that_makes_intents_is_left_out_here() -> None:
    folder = Path(intent_module.__file__).parent
    names = {
        node.name
        for path in folder.glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    assert len(names) == len(ALL_PAYLOADS) + 1  # suspend and resume share a payload


@pytest.mark.parametrize("intent", list(intents()), ids=lambda intent: type(intent.payload).__name__)
def test_the_rules_take_the_keys_that_an_intent_names(ledger: Ledger, member, intent: Intent) -> None:
    """With the named uses and nothing else the ledger has no objection to the keys."""
    grower = member("org:grower")
    if intent.uses == (KeyUse.VALIDATOR,):
        grower = replace(grower, seeds={KeyUse.VALIDATOR: seed("org:grower", "VALIDATOR")})
    ledger.world.add_keys("org:grower", KeyUse.CONFIRM_MAKER, KeyUse.CONFIRM_CHECKER)
    co_signers = [seed(name, "ROOT") for name in list(FOUNDERS)[1:]] if intent.governors else []
    if isinstance(intent.payload, governance.RegisterKey | governance.RotateKey | RotateValidator):
        co_signers = [NEW]
    outcome = grower.client.submit(grower.sign(intent, co_signers=co_signers))
    about_keys = {
        Reason.UNKNOWN_KEY, Reason.KEY_NOT_FOR_THIS, Reason.QUORUM_SHORT, Reason.TWO_PERSONS_NEEDED,
        Reason.SIGNERS_OF_SEVERAL_ORGANISATIONS, Reason.UNKNOWN_RULE, Reason.RULE_FAULT,
    }  # fmt: skip
    assert outcome.reason not in about_keys, (outcome.reason, outcome.receipt)


def test_an_object_is_known_by_its_id_before_it_is_sent(ledger: Ledger, member) -> None:
    grower = member("org:grower")
    intent = finance.grant(
        "org:carrier", [LOT], purpose=GrantPurpose.AUDIT, fields=list(GrantField), not_before_ms=0,
        until_ms=ledger.world.time_ms + 86_400_000,
    )  # fmt: skip
    transaction = grower.sign(intent)
    expected = grower.created_by(intent, transaction)
    grower.client.submit(transaction).require_effect()
    from tallystick.records.finance import grant_key

    assert expected is not None and ledger.record(grant_key(expected)) is not None
    assert public_key("org:grower", "TRADE") in transaction.head.signers
