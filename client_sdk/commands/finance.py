"""Receivables: present, confirm, reject, pay, split, offer, finance, repurchase; grant and revoke-grant."""

from __future__ import annotations

import argparse
from enum import IntEnum
from typing import TypeVar

from client_sdk.commands.base import Command, Context, Parser
from client_sdk.commands.sending import payload_command
from client_sdk.commands.trade import payment_id_of
from client_sdk.intents import Intent, finance
from client_sdk.reader import Reader
from client_sdk.values import (
    read_duration_ms,
    read_id,
    read_identifier,
    read_money,
    read_organisation,
    read_time_ms,
)
from tallystick.encoding import ZERO32
from tallystick.errors import ConfigError
from tallystick.limits import RATE_BPS_MAX, SPLIT_PARTS_MAX
from tallystick.money import DayCount
from tallystick.object_ids import slice_id
from tallystick.records.finance import (
    DealTerms,
    GrantField,
    GrantPurpose,
    ObligationMembers,
    Pricing,
    RejectReason,
    obligation_key,
    obligation_subject,
)

E = TypeVar("E", bound=IntEnum)


def _words(kind: type[E]) -> dict[str, E]:
    return {member.name.lower().replace("_", "-"): member for member in kind}


# --- obligations ------------------------------------------------------------------------------------------


def _add_present(parser: Parser) -> None:
    parser.add_argument("debtor", help="who owes, for instance org:retailer")
    parser.add_argument("amount", help="for instance '15000.00 CNY'")
    parser.add_argument("--bank", required=True, metavar="ORG", help="where it is paid")
    parser.add_argument("--due", required=True, metavar="TIME", help="maturity: date-time with zone, or +30d")
    parser.add_argument("--answer-by", default="+7d", metavar="TIME", help="the debtor confirms before it (+7d)")
    parser.add_argument("--invoice", required=True, metavar="COMMITMENT", help="of the recorded invoice")
    for name in ("order", "despatch", "receipt"):
        parser.add_argument(f"--{name}", metavar="COMMITMENT", help=f"of the recorded {name}")
    parser.add_argument("--grace", default="5d", metavar="DURATION", help="after maturity (5d)")
    parser.add_argument("--cure", default="30d", metavar="DURATION", help="after that, before default (30d)")


def _present(context: Context, arguments: argparse.Namespace) -> Intent:
    face, currency = read_money(arguments.amount)
    now_ms = context.client().chain_time_ms()
    return finance.present(
        debtor=read_organisation(arguments.debtor),
        bank=read_organisation(arguments.bank),
        currency=currency,
        face=face,
        due_ms=read_time_ms(arguments.due, now_ms),
        accept_deadline_ms=read_time_ms(arguments.answer_by, now_ms),
        invoice=read_id(arguments.invoice),
        order=_optional_id(arguments.order),
        despatch=_optional_id(arguments.despatch),
        receipt=_optional_id(arguments.receipt),
        grace_ms=read_duration_ms(arguments.grace),
        cure_ms=read_duration_ms(arguments.cure),
    )


def _optional_id(text: str | None) -> bytes:
    return read_id(text) if text else ZERO32


def _add_confirm(parser: Parser) -> None:
    parser.add_argument("obligation", help="its id, hex")
    parser.add_argument("--invoice-number", required=True, metavar="NUMBER", help="as printed on the invoice")
    parser.add_argument("--amount", metavar="AMOUNT", help="if less than presented, for instance '14000.00 CNY'")
    parser.add_argument("--auto-debit", action="store_true", help="let your account be debited at maturity")


def _confirm(context: Context, arguments: argparse.Namespace) -> Intent:
    obligation = read_id(arguments.obligation)
    terms = _terms(context.reader(), obligation)
    member = context.member_without_keys()
    tag = member.invoice_tag(terms.creditor, arguments.invoice_number)
    amount = _in_currency(obligation, terms.currency, arguments.amount) if arguments.amount else terms.face
    return finance.confirm(obligation, tag, amount, auto_debit=arguments.auto_debit)


def _terms(reader: Reader, obligation: bytes) -> ObligationMembers:
    """What was presented, proven: a checker should not sign what a single node claims."""
    record = reader.record(obligation_key(obligation), members=True)
    if not record.exists:
        raise ConfigError(f"there is no obligation {obligation.hex()} (proven at {record.anchor.executed.height})")
    return record.members_as(ObligationMembers)


def _minor(context: Context, obligation: bytes, *texts: str) -> list[int]:
    """Amounts of an obligation's money in minor units: payloads say no currency, so we must see that it is meant.

    Raises:
        ConfigError: one is of another currency, or there is no such obligation.
    """
    for text in texts:
        read_money(text)  # before anybody is asked
    due = _terms(context.reader(), obligation).currency
    return [_in_currency(obligation, due, text) for text in texts]


def _in_currency(obligation: bytes, due: str, text: str) -> int:
    amount, currency = read_money(text)
    if currency != due:
        raise ConfigError(f"obligation {obligation.hex()[:16]}… is in {due}, not in {currency}")
    return amount


def _add_reject(parser: Parser) -> None:
    parser.add_argument("obligation", help="its id, hex")
    parser.add_argument("--reason", required=True, choices=sorted(_words(RejectReason)), help="why")


def _add_obligation(parser: Parser) -> None:
    parser.add_argument("obligation", help="its id, hex")


def _add_pay(parser: Parser) -> None:
    parser.add_argument("obligation", help="its id, hex")
    parser.add_argument("amount", help="for instance '15000.00 CNY'")
    parser.add_argument("--payment-id", metavar="ID", help="64 hexadecimal digits; each works once (default: new)")


def _pay(context: Context, arguments: argparse.Namespace) -> Intent:
    obligation = read_id(arguments.obligation)
    (amount,) = _minor(context, obligation, arguments.amount)
    return finance.pay(obligation, amount, payment_id_of(context, arguments))


# --- slices and deals -------------------------------------------------------------------------------------


def _add_slice(parser: Parser) -> None:
    parser.add_argument("obligation", help="id of the obligation, hex")
    parser.add_argument("--slice", type=int, default=0, metavar="N", help="number of its slice (default 0)")


def _slice(arguments: argparse.Namespace) -> bytes:
    if arguments.slice < 0:
        raise ConfigError("slices are numbered from 0")
    return slice_id(read_id(arguments.obligation), arguments.slice)


def _add_split(parser: Parser) -> None:
    _add_slice(parser)
    parser.add_argument("--part", action="append", required=True, metavar="AMOUNT", help="'5000.00 CNY'; repeatable")


def _split(context: Context, arguments: argparse.Namespace) -> Intent:
    if not 2 <= len(arguments.part) <= SPLIT_PARTS_MAX:
        raise ConfigError(f"a slice is divided in 2 to {SPLIT_PARTS_MAX}: give --part twice or more")
    slice_ = _slice(arguments)
    return finance.split(slice_, _minor(context, read_id(arguments.obligation), *arguments.part))


def _add_offer(parser: Parser) -> None:
    _add_slice(parser)
    parser.add_argument("--lender", required=True, metavar="ORG")
    parser.add_argument("--grant", required=True, metavar="ID", help="your grant to this lender")
    parser.add_argument("--advance", metavar="AMOUNT", help="lend this much, for instance '12000.00 CNY'; …")
    parser.add_argument("--discount", action="store_true", help="… or sell at a straight discount")
    parser.add_argument("--rate-bps", type=int, required=True, metavar="N", help="basis points a year")
    parser.add_argument("--day-count", choices=sorted(_words(DayCount)), default="act-360")
    parser.add_argument("--recourse", action="store_true", help="in default you owe what the debtor did not pay")
    parser.add_argument("--until", default="+3d", metavar="TIME", help="the lender accepts before it (+3d)")


def _offer(context: Context, arguments: argparse.Namespace) -> Intent:
    if bool(arguments.advance) == arguments.discount:
        raise ConfigError("give either --advance AMOUNT or --discount")
    if not 0 <= arguments.rate_bps <= RATE_BPS_MAX:
        raise ConfigError(f"--rate-bps is 0 to {RATE_BPS_MAX}, in hundredths of a percent a year")
    advance = _minor(context, read_id(arguments.obligation), arguments.advance)[0] if arguments.advance else 0
    return finance.offer(
        DealTerms(
            slice=_slice(arguments),
            lender=read_organisation(arguments.lender),
            grant=read_id(arguments.grant),
            pricing=Pricing.DISCOUNT if arguments.discount else Pricing.ADVANCE,
            advance=advance,
            rate_bps=arguments.rate_bps,
            day_count=_words(DayCount)[arguments.day_count],
            recourse=arguments.recourse,
            deadline_ms=read_time_ms(arguments.until, context.client().chain_time_ms()),
        )
    )


def _add_deal(parser: Parser) -> None:
    parser.add_argument("deal", help="its id, hex")


# --- grants -----------------------------------------------------------------------------------------------


def _add_grant(parser: Parser) -> None:
    parser.add_argument("grantee", help="who may see, for instance org:lender-a")
    parser.add_argument("--obligation", action="append", default=[], metavar="ID", help="repeatable")
    parser.add_argument("--item", action="append", default=[], metavar="ID", help="key text of goods; repeatable")
    parser.add_argument("--purpose", choices=sorted(_words(GrantPurpose)), default="credit")
    parser.add_argument(
        "--field", action="append", choices=sorted(_words(GrantField)), help="what to open (default: all four)"
    )
    parser.add_argument("--until", required=True, metavar="TIME", help="date-time with zone, or +60d")
    parser.add_argument("--irrevocable", action="store_true", help="you cannot revoke it")


def _grant(context: Context, arguments: argparse.Namespace) -> Intent:
    subjects = [obligation_subject(read_id(text)) for text in arguments.obligation]
    subjects += [read_identifier(text).key for text in arguments.item]
    if not subjects:
        raise ConfigError("a grant is about something: give --obligation ID or --item ID")
    now_ms = context.client().chain_time_ms()
    fields = _words(GrantField)
    return finance.grant(
        read_organisation(arguments.grantee),
        subjects,
        purpose=_words(GrantPurpose)[arguments.purpose],
        fields=[fields[name] for name in arguments.field or fields],
        not_before_ms=0,
        until_ms=read_time_ms(arguments.until, now_ms),
        revocable=not arguments.irrevocable,
    )


def _add_grant_id(parser: Parser) -> None:
    parser.add_argument("grant", help="its id, hex")


COMMANDS: tuple[Command, ...] = (
    payload_command(
        "present",
        "ask a debtor to confirm what it owes",
        _add_present,
        _present,
        "present org:retailer '15000.00 CNY' --bank org:bank --due +30d --invoice 5f… --order 1a…",
    ),
    payload_command(
        "confirm",
        "promise to pay what a creditor presented",
        _add_confirm,
        _confirm,
        "confirm 5f… --invoice-number INV-001 --key maker --key checker",
        "confirm 5f… --invoice-number INV-001 --draft c.draft --signer a1… --signer b2…",
        description="Two persons sign, maker and checker. An invoice number works once, however it is written.",
    ),
    payload_command(
        "reject",
        "refuse to confirm",
        _add_reject,
        lambda c, a: finance.reject(read_id(a.obligation), _words(RejectReason)[a.reason]),
        "reject 5f… --reason quantity",
    ),
    payload_command(
        "cancel",
        "take a presentation back before it is confirmed",
        _add_obligation,
        lambda c, a: finance.cancel(read_id(a.obligation)),
        "cancel 5f…",
    ),
    payload_command("pay", "pay all or a part of an obligation", _add_pay, _pay, "pay 5f… '15000.00 CNY'"),
    payload_command(
        "split",
        "divide a free slice of an obligation",
        _add_split,
        _split,
        "split 5f… --part '5000.00 CNY' --part '10000.00 CNY'",
    ),
    payload_command(
        "offer",
        "offer a slice of a confirmed obligation to a lender",
        _add_offer,
        _offer,
        "offer 5f… --lender org:lender-a --grant 7c… --advance '12000.00 CNY' --rate-bps 600",
        "offer 5f… --lender org:lender-a --grant 7c… --discount --rate-bps 550 --day-count act-365f",
    ),
    payload_command(
        "withdraw",
        "end an offer that was not accepted",
        _add_deal,
        lambda c, a: finance.withdraw(read_id(a.deal)),
        "withdraw 7c…",
    ),
    payload_command(
        "finance",
        "accept an offer: pay the advance, hold the lien",
        _add_deal,
        lambda c, a: finance.finance(read_id(a.deal)),
        "finance 7c…",
        description="In one step the advance goes to the owner and the only lien on the slice to you.",
    ),
    payload_command(
        "repurchase",
        "pay the lender what the debtor did not, and have the slice back",
        _add_deal,
        lambda c, a: finance.repurchase(read_id(a.deal)),
        "repurchase 7c…",
    ),
    payload_command(
        "grant",
        "let another organisation see",
        _add_grant,
        _grant,
        "grant org:lender-a --obligation 5f… --item 01/09521234543213/10/LOT7 --until +60d",
    ),
    payload_command(
        "revoke-grant",
        "end a grant at once",
        _add_grant_id,
        lambda c, a: finance.revoke_grant(read_id(a.grant)),
        "revoke-grant 7c…",
    ),
)
