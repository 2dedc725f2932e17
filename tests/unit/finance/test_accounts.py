"""Accounts: only a bank makes money, only an owner spends it, no payment id works twice."""

from __future__ import annotations

import pytest

from tallystick.limits import AMOUNT_MAX
from tallystick.payloads.trade import IssueDeposit, OpenAccount, RedeemDeposit, Transfer
from tallystick.reasons import Reason
from tallystick.records.base import read_public
from tallystick.records.trade import AccountPublic, account_key
from tests.unit.finance.money_world import ARBITRATOR, BANK, PAYEE, PAYER, World, named


@pytest.fixture
def world() -> World:
    made = World()
    made.open_accounts(deposit=1_000)
    return made


def test_a_bank_opens_accounts_and_credits_them(world: World) -> None:
    assert world.balance(PAYER) == 1_000
    world.check()


def test_money_moves_and_is_neither_made_nor_lost(world: World) -> None:
    world.must(PAYER, Transfer(BANK, "CNY", PAYEE, 300, named("p")))
    world.must(PAYEE, RedeemDeposit(BANK, "CNY", 1_100, named("r")))
    assert (world.balance(PAYER), world.balance(PAYEE)) == (700, 200)
    world.check()


def test_a_payment_id_works_once(world: World) -> None:
    payment = Transfer(BANK, "CNY", PAYEE, 300, named("p"))
    world.must(PAYER, payment)
    assert world.do(PAYER, payment) is Reason.ALREADY_PAID
    assert world.balance(PAYER) == 700


def test_another_organisation_may_use_the_same_payment_id(world: World) -> None:
    world.must(PAYER, Transfer(BANK, "CNY", PAYEE, 300, named("p")))
    world.must(PAYEE, Transfer(BANK, "CNY", PAYER, 300, named("p")))


@pytest.mark.parametrize(
    ("who", "payload", "keys", "reason"),
    [
        (PAYER, OpenAccount(ARBITRATOR, "CNY"), (), Reason.ROLE_MISSING),
        (BANK, OpenAccount(PAYER, "USD"), (), Reason.CURRENCY_MISMATCH),
        (BANK, OpenAccount(PAYER, "CNY"), (), Reason.ALREADY_EXISTS),
        (BANK, OpenAccount("org:nobody", "CNY"), (), Reason.NOT_FOUND),
        (BANK, IssueDeposit(ARBITRATOR, "CNY", 1, named("x")), (), Reason.ACCOUNT_MISSING),
        (BANK, IssueDeposit(PAYER, "CNY", AMOUNT_MAX, named("x")), (), Reason.AMOUNT_MISMATCH),
        (PAYER, IssueDeposit(PAYER, "CNY", 1, named("x")), (), Reason.ROLE_MISSING),
        (PAYER, Transfer(BANK, "CNY", PAYEE, 1_001, named("x")), (), Reason.BALANCE_SHORT),
        (PAYER, Transfer(BANK, "EUR", PAYEE, 1, named("x")), (), Reason.ACCOUNT_MISSING),
        (PAYER, Transfer(BANK, "CNY", ARBITRATOR, 1, named("x")), (), Reason.ACCOUNT_MISSING),
        (PAYER, Transfer(BANK, "CNY", PAYER, 1, named("x")), (), Reason.SAME_ORGANISATION),
        (PAYER, Transfer(BANK, "CNY", PAYEE, 1, named("x")), ("capture",), Reason.KEY_NOT_FOR_THIS),
        (PAYER, RedeemDeposit(BANK, "CNY", 1_001, named("x")), (), Reason.BALANCE_SHORT),
        (ARBITRATOR, RedeemDeposit(BANK, "CNY", 1, named("x")), (), Reason.ACCOUNT_MISSING),
    ],
)
def test_each_refusal_has_its_reason_and_changes_nothing(
    world: World, who: str, payload: Transfer, keys: tuple[str, ...], reason: Reason
) -> None:
    before = dict(world.records)
    assert world.do(who, payload, *keys) is reason
    assert world.records == before


def test_the_public_half_of_an_account_says_no_amount(world: World) -> None:
    before = world.records[account_key(BANK, "CNY", PAYER)]
    world.must(PAYER, Transfer(BANK, "CNY", PAYEE, 300, named("p")))
    after = world.records[account_key(BANK, "CNY", PAYER)]
    assert read_public(before, AccountPublic) == read_public(after, AccountPublic)
    assert after.members_salt != before.members_salt and len(after.members_salt) == 32
