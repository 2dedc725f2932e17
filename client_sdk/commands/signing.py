"""sign, submit, transaction: drafts of several signers, signed bytes, and what became of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from client_sdk import secure_files
from client_sdk.commands.base import Command, Context, Parser, add_sending_options
from client_sdk.decoder import decode_for_people, to_json
from client_sdk.drafts import Draft, complete, load_draft, save_draft, sign_draft
from client_sdk.errors import ExitCode, words_of
from client_sdk.named_terms import Named, NamedTerms, amounts_of, names_objects
from client_sdk.output import outcome_fields, outcome_words
from client_sdk.values import read_id
from tallystick.api import TransactionState
from tallystick.encoding import Message
from tallystick.epcis import format_timestamp
from tallystick.errors import ConfigError, DecodeError, TallystickError, VerificationError
from tallystick.limits import TRANSACTION_SIZE_MAX
from tallystick.plain_text import one_line
from tallystick.transactions import SignedTransaction, decode_transaction

LOOK_UP_MAX_S = 5.0  # who signs away from every node is not kept waiting


def _add_sign(parser: Parser) -> None:
    parser.add_argument("draft", type=Path, help="draft file; signed in place")
    parser.add_argument("--check", action="store_true", help="only show what would be signed; sign nothing")
    parser.add_argument("--offline", action="store_true", help="ask no node for the terms of what the draft names")


def _sign(context: Context, arguments: argparse.Namespace) -> int:
    named: list[str] = arguments.key or []
    if not named and not arguments.check:
        raise ConfigError("who signs? give --key NAME, or --check to see only what there is to be signed")
    draft = load_draft(arguments.draft, context.chain_id)
    fields = _show_contents(context, draft)
    for name in () if arguments.check else named:
        draft = sign_draft(draft, context.open_key(name))
    if not arguments.check:
        save_draft(draft, arguments.draft)
    missing = [key.hex() for key in draft.missing()]
    words = (
        f"still to be signed by {', '.join(missing)}"
        if missing
        else f"complete; next: tallystick submit {arguments.draft}"
    )
    fields |= {"missing": missing, "draft": str(arguments.draft), "checked": arguments.check}
    done = "nothing was signed; " if arguments.check else f"signed {arguments.draft}: "
    context.output.result(fields, done + words)
    return ExitCode.OK


def _show_contents(context: Context, draft: Draft) -> dict[str, Any]:
    """Tell a person what is to be signed, before it is; the same as fields.

    Raises:
        VerificationError: a node shows terms that do not hold.
    """
    value, until = draft.value(), draft.read_head().valid_until_ms
    _, shown = decode_for_people(draft.payload, "payload")
    terms, why = _terms(context, value)
    amounts = amounts_of(value, terms)
    lines = [f"to be signed: {type(value).__name__}, valid until {format_timestamp(until)}"]
    lines += [f"  {line}" for one in terms for line in one.words]
    lines += [f"  {name}: {text if isinstance(text, str) else ', '.join(text)}" for name, text in amounts.items()]
    if why:
        lines.append(f"  what it names could not be looked up, so only ids and minor units are shown: {why}")
    context.output.note("\n".join([*map(one_line, lines), to_json(shown).decode()]))
    return {
        "transaction": draft.id.hex(),
        "payload": type(value).__name__,
        "valid_until_ms": until,
        "contents": shown,
        "amounts": amounts,
        "terms": [one.fields for one in terms],
        "not_looked_up": why,
    }


def _terms(context: Context, value: Message) -> tuple[tuple[Named, ...], str]:
    """What a payload names, or why that could not be looked up. What a node falsifies is no such reason: it raises."""
    arguments = context.arguments
    if not names_objects(value):
        return (), ""
    if arguments.offline:
        return (), "--offline was given"
    arguments.timeout = min(arguments.timeout, LOOK_UP_MAX_S)
    try:
        organisation: str = arguments.organisation or context.config.organisation
        return NamedTerms(context.reader(), organisation).of(value), ""
    except VerificationError:
        raise
    except TallystickError as error:
        return (), words_of(error).replace("\n  ", "; ")


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
        ("sign confirm.draft --check", "sign confirm.draft --key checker"),
        _add_sign,
        _sign,
        description=(
            "Shows what the draft's head binds before it signs, and what it names (obligation, escrow, account)\n"
            "with parties and amounts, proven. Without a node it says that these could not be looked up, and signs."
        ),
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
