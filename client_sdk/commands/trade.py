"""Documents (order, despatch, receipt, invoice …) and accounts (account open, deposit, redeem, transfer, show)."""

from __future__ import annotations

import argparse
from pathlib import Path

from client_sdk import papers, secure_files
from client_sdk.commands.base import (
    Command,
    Context,
    Parser,
    add_common_options,
    add_online_options,
    add_sending_options,
)
from client_sdk.commands.sending import add_draft_options, send
from client_sdk.errors import ExitCode
from client_sdk.intents import Intent, trade
from client_sdk.output import outcome_fields, outcome_words
from client_sdk.values import read_id, read_money, read_organisation
from tallystick.conditions import DocumentType
from tallystick.errors import ConfigError, DecodeError
from tallystick.money import exponent_of, format_amount
from tallystick.records.members import KeyUse
from tallystick.records.trade import AccountMembers, DocumentReference, account_key

# --- documents --------------------------------------------------------------------------------------------


def _add_document(parser: Parser) -> None:
    parser.add_argument("file", type=Path, help="the document as JSON; it stays with you")
    parser.add_argument("--to", required=True, metavar="ORG", help="to whom it is addressed")
    parser.add_argument(
        "--refers", action="append", default=[], metavar="ORG=COMMITMENT", help="earlier document of one of you two"
    )
    parser.add_argument(
        "--sealed", type=Path, metavar="FILE", help="where to write what you hand over (default: FILE.sealed)"
    )
    add_sending_options(parser)


def _reference(text: str) -> DocumentReference:
    issuer, equals, commitment = text.partition("=")
    if not equals:
        raise ConfigError(f"{text[:80]!r} names no document; write for instance org:retailer=<its commitment>")
    return DocumentReference(read_organisation(issuer), read_id(commitment))


def _keep_sealed(path: Path, data: bytes) -> None:
    """Write what is handed over; the same document again is no matter, another one would be lost with its salt.

    Raises:
        ConfigError: the file holds something else.
    """
    if path.exists() and secure_files.read(path, "sealed document") != data:
        raise ConfigError(f"{path} holds another document, which its receiver may still need: name another by --sealed")
    secure_files.replace(path, data)


def _document_command(name: str, kind: DocumentType, words: str) -> Command:
    def run(context: Context, arguments: argparse.Namespace) -> int:
        member, _ = context.member((KeyUse.TRADE,))
        if not member.capture_secret:
            raise ConfigError("no capture secret: name its file as organisation.capture_secret in the configuration")
        paper = papers.seal(secure_files.read(arguments.file, "document"), member.capture_secret)
        intent = trade.record_document(
            kind, paper.commitment, read_organisation(arguments.to), [_reference(text) for text in arguments.refers]
        )
        sealed = arguments.sealed or arguments.file.with_name(arguments.file.name + ".sealed")
        _keep_sealed(sealed, papers.write_sealed(paper))
        done = member.do(intent, wait=arguments.wait)
        fields = outcome_fields(done.outcome) | {"commitment": paper.commitment.hex(), "sealed": str(sealed)}
        handed = f"\n  commitment  {paper.commitment.hex()}\n  hand {sealed} to {arguments.to}"
        context.output.result(fields, outcome_words(f"record {words}", done.outcome) + handed)
        return ExitCode.OK

    return Command(
        name,
        f"record {words}",
        (f"{name} {name}.json --to org:retailer", f"{name} {name}.json --to org:retailer --refers org:retailer=5f…"),
        _add_document,
        run,
        description="Only a salted commitment goes on the ledger. The sealed file lets the other firm check it.",
    )


def _add_open_paper(parser: Parser) -> None:
    parser.add_argument("file", type=Path, help="sealed document that the other firm handed over")
    parser.add_argument("commitment", help="what the ledger holds of it, hex")


def _open_paper(context: Context, arguments: argparse.Namespace) -> int:
    data = secure_files.read(arguments.file, "sealed document", size_max=2 * papers.PAPER_SIZE_MAX)
    try:
        contents = papers.open_sealed(data, read_id(arguments.commitment)).decode()
    except DecodeError as error:
        raise ConfigError(f"{arguments.file} is no sealed document: {error.detail}") from error
    context.output.result({"commitment": arguments.commitment, "document": contents}, contents)
    return ExitCode.OK


# --- accounts ---------------------------------------------------------------------------------------------


def _add_account(parser: Parser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    opening = actions.add_parser("open", help="open an account for an organisation (the bank signs)")
    opening.add_argument("owner")
    opening.add_argument("currency")
    deposit = actions.add_parser("deposit", help="credit an account with money received outside (the bank signs)")
    deposit.add_argument("owner")
    redeem = actions.add_parser("redeem", help="take money off the ledger (its owner signs)")
    redeem.add_argument("bank")
    transfer = actions.add_parser("transfer", help="pay to another account at the same bank (the payer signs)")
    transfer.add_argument("bank")
    transfer.add_argument("payee")
    for action in (deposit, redeem, transfer):
        action.add_argument("amount", help="for instance '15000.00 CNY'")
        action.add_argument("--payment-id", metavar="ID", help="64 hexadecimal digits; each works once (default: new)")
    show = actions.add_parser("show", help="balance, with its proof")
    show.add_argument("bank")
    show.add_argument("currency")
    show.add_argument("owner", nargs="?", help="default: your organisation")
    for action in (opening, deposit, redeem, transfer):
        add_sending_options(action)
        add_draft_options(action)
    for action in (opening, deposit, redeem, transfer, show):
        add_common_options(action)
        add_online_options(action)


def _account(context: Context, arguments: argparse.Namespace) -> int:
    if arguments.action == "show":
        return _show_account(context, arguments)
    return send(context, _account_intent(context, arguments), f"account {arguments.action}")


def _account_intent(context: Context, arguments: argparse.Namespace) -> Intent:
    if arguments.action == "open":
        exponent_of(arguments.currency)
        return trade.open_account(read_organisation(arguments.owner), arguments.currency)
    amount, currency = read_money(arguments.amount)
    payment_id = payment_id_of(context, arguments)
    if arguments.action == "deposit":
        return trade.issue_deposit(read_organisation(arguments.owner), currency, amount, payment_id)
    bank = read_organisation(arguments.bank)
    if arguments.action == "redeem":
        return trade.redeem_deposit(bank, currency, amount, payment_id)
    return trade.transfer(bank, currency, read_organisation(arguments.payee), amount, payment_id)


def payment_id_of(context: Context, arguments: argparse.Namespace) -> bytes:
    """The payment id of the command line, or a new one. Giving one makes a repeated command harmless."""
    return read_id(arguments.payment_id) if arguments.payment_id else context.environment.random_bytes(32)


def _show_account(context: Context, arguments: argparse.Namespace) -> int:
    owner = read_organisation(arguments.owner or context.organisation)
    bank = read_organisation(arguments.bank)  # of a bank or currency that cannot be, "no such account" is no answer
    exponent_of(arguments.currency)
    record = context.reader().record(account_key(bank, arguments.currency, owner), members=True)
    height = record.anchor.executed.height
    if not record.exists:
        fields = {"owner": owner, "exists": False, "balance": None, "height": height}
        context.output.result(fields, f"{owner} has no such account, as of height {height} (proven)")
        return ExitCode.OK
    account = record.members_as(AccountMembers)
    context.output.result(
        {
            "owner": owner,
            "exists": True,
            "balance": account.balance,
            "currency": account.currency,
            "amount": format_amount(account.balance, account.currency),
            "height": height,
        },
        f"{owner} at {account.bank}: {format_amount(account.balance, account.currency)} {account.currency}, "
        f"as of height {height} (proven)",
    )
    return ExitCode.OK


COMMANDS: tuple[Command, ...] = (
    _document_command("order", DocumentType.ORDER, "an order"),
    _document_command("order-response", DocumentType.ORDER_RESPONSE, "an order response"),
    _document_command("despatch", DocumentType.DESPATCH_ADVICE, "a despatch advice"),
    _document_command("receipt", DocumentType.RECEIPT_ADVICE, "a receipt advice"),
    _document_command("invoice", DocumentType.INVOICE, "an invoice"),
    _document_command("credit-note", DocumentType.CREDIT_NOTE, "a credit note"),
    Command(
        "open-document",
        "check and read a sealed document",
        ("open-document invoice.json.sealed 5f…",),
        _add_open_paper,
        _open_paper,
        online=False,
    ),
    Command(
        "account",
        "accounts at a settlement bank",
        (
            "account open org:retailer CNY",
            "account deposit org:retailer '150000.00 CNY'",
            "account show org:bank CNY",
            "account transfer org:bank org:carrier '800.00 CNY'",
        ),
        _add_account,
        _account,
        nested=True,
    ),
)
