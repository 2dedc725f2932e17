"""sign, submit, transaction: drafts of several signers, signed bytes, and what became of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from client_sdk import secure_files
from client_sdk.commands.base import Command, Context, Parser, add_sending_options
from client_sdk.decoder import decode_for_people, to_json
from client_sdk.drafts import complete, load_draft, save_draft, sign_draft
from client_sdk.errors import ExitCode
from client_sdk.output import outcome_fields, outcome_words
from client_sdk.values import read_id
from tallystick.api import TransactionState
from tallystick.epcis import format_timestamp
from tallystick.errors import ConfigError, DecodeError
from tallystick.limits import TRANSACTION_SIZE_MAX
from tallystick.plain_text import one_line
from tallystick.transactions import SignedTransaction, decode_transaction


def _add_sign(parser: Parser) -> None:
    parser.add_argument("draft", type=Path, help="draft file; signed in place")


def _sign(context: Context, arguments: argparse.Namespace) -> int:
    named: list[str] = arguments.key or []
    if not named:
        raise ConfigError("who signs? give --key NAME")
    draft = load_draft(arguments.draft, context.chain_id)
    kind = type(draft.value()).__name__
    _, shown = decode_for_people(draft.payload, "payload")
    until = format_timestamp(draft.read_head().valid_until_ms)
    context.output.note(f"you are signing, valid until {until}:\n{to_json(shown).decode()}")
    for name in named:
        draft = sign_draft(draft, context.open_key(name))
    save_draft(draft, arguments.draft)
    missing = [key.hex() for key in draft.missing()]
    words = (
        f"still to be signed by {', '.join(missing)}"
        if missing
        else f"complete; next: tallystick submit {arguments.draft}"
    )
    fields = {"transaction": draft.id.hex(), "payload": kind, "missing": missing, "draft": str(arguments.draft)}
    context.output.result(fields, f"signed {arguments.draft}: {words}")
    return ExitCode.OK


def _add_submit(parser: Parser) -> None:
    parser.add_argument("file", type=Path, help="a complete draft, or the bytes of a signed transaction")
    add_sending_options(parser)


def _submit(context: Context, arguments: argparse.Namespace) -> int:
    transaction = _read(arguments.file, context.chain_id)
    outcome = context.client().submit(transaction, wait=arguments.wait).require_effect()
    context.output.result(outcome_fields(outcome), outcome_words("submit", outcome))
    return ExitCode.OK


def _read(path: Path, chain_id: bytes) -> SignedTransaction:
    data = secure_files.read(path, "transaction", size_max=TRANSACTION_SIZE_MAX)
    try:
        transaction = decode_transaction(data, chain_id)
    except DecodeError as not_a_transaction:
        try:
            return complete(load_draft(path, chain_id))
        except DecodeError as not_a_draft:
            first = not_a_transaction if not_a_draft.rule == "malformed" else not_a_draft
            raise first from not_a_draft
    transaction.verify_signatures()
    return transaction


def _add_transaction(parser: Parser) -> None:
    parser.add_argument("id", help="64 hexadecimal digits")


def _transaction(context: Context, arguments: argparse.Namespace) -> int:
    outcome = context.client().status(read_id(arguments.id))
    if outcome.state is TransactionState.UNKNOWN:
        context.output.result(outcome_fields(outcome), "unknown: this node has never seen it")
        return ExitCode.OK
    fields = outcome_fields(outcome) | {"detail": outcome.receipt.detail if outcome.receipt is not None else None}
    reason = "" if outcome.receipt is None else f" ({outcome.reason.name} {outcome.receipt.detail})".replace(" )", ")")
    context.output.result(
        fields, outcome_words("transaction", outcome) + "\n  reason      " + (one_line(reason.strip(" ()")) or "-")
    )
    return ExitCode.OK


COMMANDS: tuple[Command, ...] = (
    Command(
        "sign",
        "sign a draft, one of several signers",
        ("sign confirm.draft --key checker",),
        _add_sign,
        _sign,
        description="Shows what the draft's head binds before it signs. Works offline.",
    ),
    Command(
        "submit",
        "submit a complete draft or a signed transaction",
        ("submit confirm.draft", "submit transaction.bin --wait final"),
        _add_submit,
        _submit,
        description="Submitting the same file again is harmless: it is the same transaction.",
    ),
    Command(
        "transaction",
        "what became of a transaction",
        ("transaction 5f…",),
        _add_transaction,
        _transaction,
    ),
)
