"""escrow: propose from a file of terms, fund, claim, approve, release, refund, dispute, settle, rule, cancel, show."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from client_sdk import secure_files
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
from client_sdk.escrow_terms import read_terms
from client_sdk.intents import Intent, trade
from client_sdk.values import read_id
from tallystick.errors import ConfigError
from tallystick.money import format_amount, parse_amount
from tallystick.records.trade import EscrowMembers, EscrowPublic, escrow_key

_NOTHING = re.compile(r"0(?:\.0+)?")
_STEPS = {
    "claim": ("have the condition evaluated", trade.claim_milestone),
    "approve": ("approve, where the condition asks for your signature", trade.approve_milestone),
    "release": ("pay the payee whatever the condition says (the payer signs)", trade.release_milestone),
    "refund": ("give the money back (the payee signs)", trade.refund_milestone),
    "dispute": ("stop the clock and call the arbitrator", trade.dispute_milestone),
}
_DIVISIONS = {
    "settle": ("offer a division; the other party's equal offer settles it", trade.settle_dispute),
    "rule": ("divide the amount (the arbitrator signs)", trade.rule_dispute),
}


def _add_escrow(parser: Parser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="propose an escrow from a file of terms (the payer signs)")
    create.add_argument("terms", type=Path, help="JSON; docs/guides/sdk.md has an example")
    fund = actions.add_parser("fund", help="lock the whole amount (the payer signs)")
    cancel = actions.add_parser("cancel", help="give up an escrow that is not funded")
    show = actions.add_parser("show", help="where it stands, with its proof")
    sending = [create, fund, cancel]
    for action in (fund, cancel, show):
        action.add_argument("escrow", help="its id, hex")
    for name, (words, _) in {**_STEPS, **_DIVISIONS}.items():
        step = actions.add_parser(name, help=words)
        step.add_argument("escrow", help="its id, hex")
        step.add_argument("milestone", type=int, nargs="?", default=0, help="which part, from 0 (default)")
        if name in _DIVISIONS:
            step.add_argument(
                "--to-payee", required=True, metavar="AMOUNT", help="for instance '12000.00 CNY', or '0 CNY'"
            )
            step.add_argument("--currency", help="when --to-payee names none")
        sending.append(step)
    for action in sending:
        add_sending_options(action)
        add_draft_options(action)
    for action in (*sending, show):
        add_common_options(action)
        add_online_options(action)


def _escrow(context: Context, arguments: argparse.Namespace) -> int:
    if arguments.action == "show":
        return _show(context, read_id(arguments.escrow))
    return send(context, _intent(context, arguments), f"escrow {arguments.action}")


def _intent(context: Context, arguments: argparse.Namespace) -> Intent:
    if arguments.action == "create":
        now_ms = context.client().chain_time_ms()
        return trade.create_escrow(read_terms(secure_files.read(arguments.terms, "terms", size_max=262_144), now_ms))
    escrow = read_id(arguments.escrow)
    if arguments.action == "fund":
        return trade.fund_escrow(escrow)
    if arguments.action == "cancel":
        return trade.cancel_escrow(escrow)
    if arguments.action in _STEPS:
        return _STEPS[arguments.action][1](escrow, arguments.milestone)
    return _DIVISIONS[arguments.action][1](escrow, arguments.milestone, _to_payee(context, escrow, arguments))


def _to_payee(context: Context, escrow: bytes, arguments: argparse.Namespace) -> int:
    """Minor units; the payload says no currency, so the one that is named is held against the escrow's own."""
    amount, _, currency = arguments.to_payee.strip().partition(" ")
    if currency and arguments.currency and currency != arguments.currency:
        raise ConfigError(f"--to-payee is in {currency[:8]}, --currency says {arguments.currency[:8]}")
    currency = currency or arguments.currency or ""
    if not currency:
        raise ConfigError(f"--to-payee {amount[:40]!r} names no currency; write for instance '12000.00 CNY' or '0 CNY'")
    money = 0 if _NOTHING.fullmatch(amount) else parse_amount(amount, currency)
    record = context.reader().record(escrow_key(escrow), members=True)
    if not record.exists:
        raise ConfigError(f"there is no escrow {escrow.hex()} (proven at {record.anchor.executed.height})")
    held = record.members_as(EscrowMembers).terms.currency
    if currency != held:
        raise ConfigError(f"escrow {escrow.hex()[:16]}… is in {held}, not in {currency}")
    return money


def _show(context: Context, escrow: bytes) -> int:
    record = context.reader().record(escrow_key(escrow), members=True)
    height = record.anchor.executed.height
    if not record.exists:
        context.output.result(
            {"escrow": escrow.hex(), "exists": False, "height": height},
            f"no such escrow as of height {height} (proven)",
        )
        return ExitCode.OK
    state, members = record.public_as(EscrowPublic).state, record.members_as(EscrowMembers)
    milestones = [
        {
            "amount": terms.amount,
            "state": progress.state.name.lower(),
            "deadline_ms": progress.deadline_ms,
            "approvals": list(progress.approvals),
            "to_payee": progress.to_payee,
            "to_payer": progress.to_payer,
        }
        for terms, progress in zip(members.terms.milestones, members.progress, strict=True)
    ]
    currency = members.terms.currency
    words = [f"escrow {escrow.hex()}: {state.name.lower()}, as of height {height} (proven)"]
    words.append(f"  {members.terms.payer} pays {members.terms.payee} through {members.terms.bank}")
    words += [
        f"  milestone {place}: {format_amount(terms.amount, currency)} {currency}, {progress.state.name.lower()}"
        for place, (terms, progress) in enumerate(zip(members.terms.milestones, members.progress, strict=True))
    ]
    fields = {"escrow": escrow.hex(), "exists": True, "state": state.name.lower(), "height": height}
    parties = {"payer": members.terms.payer, "payee": members.terms.payee, "currency": currency}
    context.output.result({**fields, **parties, "milestones": milestones}, "\n".join(words))
    return ExitCode.OK


COMMANDS: tuple[Command, ...] = (
    Command(
        "escrow",
        "conditional payment",
        (
            "escrow create terms.json",
            "escrow fund 5f…",
            "escrow claim 5f…",
            "escrow dispute 5f… 0",
            "escrow settle 5f… 0 --to-payee '12000.00 CNY'",
            "escrow show 5f…",
        ),
        _add_escrow,
        _escrow,
        nested=True,
        description="Money leaves the payer's account when it is funded and always ends with a party: see the terms.",
    ),
)
