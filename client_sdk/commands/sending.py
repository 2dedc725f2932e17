"""From an intent to the ledger, or to a draft that travels between its signers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from client_sdk.commands.base import Command, Context, Parser, add_sending_options
from client_sdk.drafts import save_draft
from client_sdk.errors import ExitCode, InterruptionError, UnsettledError
from client_sdk.intents import Intent
from client_sdk.output import outcome_fields, outcome_words
from client_sdk.values import read_duration_ms, read_id
from tallystick.errors import ConfigError, UnavailableError

IntentMaker: TypeAlias = Callable[[Context, argparse.Namespace], Intent]


def add_draft_options(parser: Parser) -> None:
    """Options of commands whose payload several persons may sign in different places."""
    group = parser.add_argument_group("several signers")
    group.add_argument("--draft", type=Path, metavar="FILE", help="do not send: write a draft for others to sign")
    group.add_argument("--valid-for", default="3d", metavar="DURATION", help="how long its signers have (3d)")
    group.add_argument(
        "--signer", action="append", metavar="KEY", help="public key of a draft's signer, hex; in signing order"
    )


def payload_command(
    name: str,
    summary: str,
    add: Callable[[Parser], None],
    make: IntentMaker,
    *examples: str,
    description: str = "",
) -> Command:
    """A command that sends one payload."""

    def add_all(parser: Parser) -> None:
        add(parser)
        add_sending_options(parser)
        add_draft_options(parser)

    def run(context: Context, arguments: argparse.Namespace) -> int:
        return send(context, make(context, arguments), summary)

    return Command(name, summary, examples, add_all, run, description=description)


def send(context: Context, intent: Intent, what: str) -> int:
    """Send an intent, or write it as a draft where ``--draft`` says so.

    Raises:
        RefusedError and whatever ``Member.do`` raises.
    """
    arguments = context.arguments
    if arguments.draft is not None:
        return _write_draft(context, intent, arguments.draft)
    if arguments.signer:
        raise ConfigError("--signer names the signers of a draft: give --draft FILE too")
    member, co_signers = context.member(intent.uses)
    with repeated_by(_again(intent)):
        done = member.do(intent, co_signers=co_signers, wait=arguments.wait)
    context.output.result(outcome_fields(done.outcome, done.created), outcome_words(what, done.outcome, done.created))
    return ExitCode.OK


@contextmanager
def repeated_by(remedy: str) -> Iterator[None]:
    """Around what sends: where its end is not seen, ``remedy`` says how to go on without doing it twice.

    Raises:
        UnsettledError: no answer in time.
        InterruptionError: on Ctrl-C.
    """
    try:
        yield
    except UnavailableError as error:
        raise UnsettledError(str(error), remedy) from error
    except KeyboardInterrupt:
        raise InterruptionError(remedy) from None


def _again(intent: Intent) -> str:
    """A command typed again is signed anew. Only what it names itself is known to the ledger as the same."""
    payment_id = getattr(intent.payload, "payment_id", None)
    if payment_id is not None:
        return f"type the same with --payment-id {payment_id.hex()}: it pays once; without it, you may pay twice"
    return "look first whether it took effect (tallystick transaction, inbox, trace): the same again is another one"


def _write_draft(context: Context, intent: Intent, path: Path) -> int:
    signers = [read_id(text) for text in context.arguments.signer or []]
    if not signers:
        raise ConfigError("a draft names its signers: give --signer KEY, once for each, in signing order")
    if path.exists():
        raise ConfigError(f"{path} exists already; a draft is never overwritten by a new one")
    validity_ms = read_duration_ms(context.arguments.valid_for)
    draft = context.member_without_keys().draft(intent, signers, validity_ms=validity_ms)
    save_draft(draft, path)
    missing = [key.hex() for key in draft.missing()]
    context.output.result(
        {"transaction": draft.id.hex(), "draft": str(path), "missing": missing},
        f"draft {path} of transaction {draft.id.hex()}: to be signed by {', '.join(missing)}\n"
        f"  next: tallystick sign {path} --key NAME",
    )
    return ExitCode.OK
