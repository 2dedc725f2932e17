"""Rules of accounts: a settlement bank opens them and issues deposits, owners pay and redeem.

Invariant: for each bank and currency, all accounts and all escrow together hold what was issued and not redeemed.
"""

from __future__ import annotations

from contracts.authority import active_organisation, own_organisation, require_role, require_use
from contracts.interface import Refusal
from contracts.trade.ledger import credit, debit, move, need_account, use_payment_id
from contracts.workspace import Workspace
from tallystick.limits import AMOUNT_MAX
from tallystick.payloads.trade import IssueDeposit, OpenAccount, RedeemDeposit, Transfer
from tallystick.reasons import Reason
from tallystick.records.members import KeyUse
from tallystick.records.trade import AccountMembers, AccountPublic, BankBook, account_key, book_key


def open_account(work: Workspace, payload: OpenAccount) -> None:
    """Open an empty account; the first one in a currency also opens the bank's book."""
    bank = _need_bank(work, payload.currency)
    active_organisation(work, payload.owner)
    key = account_key(bank, payload.currency, payload.owner)
    if work.record(key) is not None:
        raise Refusal(Reason.ALREADY_EXISTS, f"{payload.owner} {payload.currency}")
    work.write(key, AccountPublic(work.block.height), AccountMembers(bank, payload.currency, payload.owner, 0))
    if work.record(book_key(bank, payload.currency)) is None:
        _write_book(work, BankBook(bank, payload.currency, 0, 0))


def issue_deposit(work: Workspace, payload: IssueDeposit) -> None:
    """Credit an account with money that came in; refused beyond ``AMOUNT_MAX`` in circulation."""
    bank = _need_bank(work, payload.currency)
    need_account(work, bank, payload.currency, payload.owner)
    use_payment_id(work, payload.payment_id)
    book = _need_book(work, bank, payload.currency)
    if book.issued - book.redeemed + payload.amount > AMOUNT_MAX:
        raise Refusal(Reason.AMOUNT_MISMATCH, "more than one bank may have in circulation")
    _write_book(work, BankBook(bank, payload.currency, book.issued + payload.amount, book.redeemed))
    credit(work, bank, payload.currency, payload.owner, payload.amount)


def redeem_deposit(work: Workspace, payload: RedeemDeposit) -> None:
    """Take money out of the owner's account and off the ledger."""
    require_use(work, KeyUse.TRADE)
    need_account(work, payload.bank, payload.currency, work.organisation)
    use_payment_id(work, payload.payment_id)
    debit(work, payload.bank, payload.currency, work.organisation, payload.amount)
    book = _need_book(work, payload.bank, payload.currency)
    _write_book(work, BankBook(book.bank, book.currency, book.issued, book.redeemed + payload.amount))


def transfer(work: Workspace, payload: Transfer) -> None:
    """Pay from the signer's account to another one."""
    require_use(work, KeyUse.TRADE)
    if payload.payee == work.organisation:
        raise Refusal(Reason.SAME_ORGANISATION, payload.payee)
    need_account(work, payload.bank, payload.currency, work.organisation)
    need_account(work, payload.bank, payload.currency, payload.payee)
    use_payment_id(work, payload.payment_id)
    move(
        work,
        payload.bank,
        payload.currency,
        payer=work.organisation,
        payee=payload.payee,
        amount=payload.amount,
    )


def _need_bank(work: Workspace, currency: str) -> str:
    """The signing organisation, which must be a bank that may issue the currency."""
    require_use(work, KeyUse.TRADE)
    require_role(work, "bank")
    if currency not in own_organisation(work).currencies:
        raise Refusal(Reason.CURRENCY_MISMATCH, currency)
    return work.organisation


def _need_book(work: Workspace, bank: str, currency: str) -> BankBook:
    book = work.members(book_key(bank, currency), BankBook)
    assert book is not None
    return book


def _write_book(work: Workspace, book: BankBook) -> None:
    key = book_key(book.bank, book.currency)
    public = work.public(key, AccountPublic) or AccountPublic(work.block.height)
    work.write(key, public, book)
