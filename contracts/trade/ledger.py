"""Moving money between accounts of settlement banks, and into and out of escrow. Integers of minor units.

What a bank issued and nobody redeemed is at most ``AMOUNT_MAX``, so no credit can overflow an account: a payment that
time triggers cannot fail for want of room.
"""

from __future__ import annotations

from contracts.interface import Refusal
from contracts.workspace import Workspace
from tallystick.limits import AMOUNT_MAX
from tallystick.reasons import Reason
from tallystick.records.trade import AccountMembers, AccountPublic, Payment, account_key, payment_key


def need_account(work: Workspace, bank: str, currency: str, owner: str) -> AccountMembers:
    """The account of an organisation at a bank; refused as ACCOUNT_MISSING when there is none."""
    account = work.members(account_key(bank, currency, owner), AccountMembers)
    if account is None:
        raise Refusal(Reason.ACCOUNT_MISSING, f"{owner} {currency}")
    return account


def debit(work: Workspace, bank: str, currency: str, owner: str, amount: int) -> None:
    """Take ``amount`` from an account; refused as BALANCE_SHORT when it holds less."""
    account = need_account(work, bank, currency, owner)
    if account.balance < amount:
        raise Refusal(Reason.BALANCE_SHORT, f"{owner} {currency}")
    _set_balance(work, account, account.balance - amount)


def credit(work: Workspace, bank: str, currency: str, owner: str, amount: int) -> None:
    """Add ``amount`` to an account that exists."""
    account = need_account(work, bank, currency, owner)
    assert account.balance + amount <= AMOUNT_MAX
    _set_balance(work, account, account.balance + amount)


def move(work: Workspace, bank: str, currency: str, *, payer: str, payee: str, amount: int) -> None:
    """Pay from one account to another at the same bank; nothing happens for an amount of zero."""
    if amount:
        debit(work, bank, currency, payer, amount)
        credit(work, bank, currency, payee, amount)


def use_payment_id(work: Workspace, payment_id: bytes) -> None:
    """Use up a payment id of the signing organisation; refused as ALREADY_PAID the second time."""
    key = payment_key(work.organisation, payment_id)
    if work.record(key) is not None:
        raise Refusal(Reason.ALREADY_PAID, payment_id.hex()[:16])
    work.write(key, Payment(work.block.height))


def _set_balance(work: Workspace, account: AccountMembers, balance: int) -> None:
    key = account_key(account.bank, account.currency, account.owner)
    public = work.public(key, AccountPublic)
    assert public is not None
    work.write(key, public, AccountMembers(account.bank, account.currency, account.owner, balance))
