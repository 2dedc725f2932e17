"""Membership: admit, suspend, keys, accreditations, the clock; and goods' own administration: open-item, recall."""

from __future__ import annotations

import argparse

from client_sdk.commands.base import Command, Context, Parser
from client_sdk.commands.sending import payload_command
from client_sdk.intents import Intent, goods, governance
from client_sdk.member import USE_NAMES
from client_sdk.values import (
    read_duration_ms,
    read_goods,
    read_id,
    read_identifier,
    read_line,
    read_organisation,
    read_scope,
    read_time_ms,
)
from tallystick.errors import ConfigError
from tallystick.keys import public_key_of
from tallystick.limits import REASON_MAX, TEXT_MAX
from tallystick.records.members import ROLES

_GOVERNORS = "Root keys of a quorum of governors sign: give --key for each, or --draft FILE and a --signer for each."


def _add_admit(parser: Parser) -> None:
    parser.add_argument("organisation", help="id of the new member, for instance org:laboratory")
    parser.add_argument("name", help="its name for people")
    parser.add_argument("root_key", help="its root key's public half, hex (tallystick keygen prints it)")
    parser.add_argument("--role", action="append", default=[], choices=ROLES, metavar="ROLE", help=", ".join(ROLES))
    parser.add_argument("--prefix", action="append", default=[], metavar="DIGITS", help="GS1 company prefix")
    parser.add_argument("--currency", action="append", default=[], metavar="CODE", help="that a bank issues, ISO 4217")


def _admit(context: Context, arguments: argparse.Namespace) -> Intent:
    return governance.admit(
        read_organisation(arguments.organisation),
        read_line(arguments.name, "the name", TEXT_MAX),
        read_id(arguments.root_key),
        roles=arguments.role,
        prefixes=arguments.prefix,
        currencies=arguments.currency,
    )


def _add_organisation(parser: Parser) -> None:
    parser.add_argument("organisation", help="for instance org:carrier")


def _add_register_key(parser: Parser) -> None:
    parser.add_argument("public_key", nargs="?", help="hex; only with --draft, else the second --key is registered")
    parser.add_argument(
        "--use", action="append", required=True, choices=sorted(USE_NAMES), help="what it may sign; repeatable"
    )
    parser.add_argument("--person", default="", help="pseudonymous tag of its holder, for maker and checker keys")


def _register_key(context: Context, arguments: argparse.Namespace) -> Intent:
    uses = [USE_NAMES[name] for name in arguments.use]
    return governance.register_key(_new_key(context, arguments.public_key), uses, person=arguments.person)


def _new_key(context: Context, public_key: str | None) -> bytes:
    """The key that comes in: the second one that signs, or the one named in a draft."""
    if public_key:
        return read_id(public_key)
    named = context.arguments.key or []
    if len(named) != 2:
        raise ConfigError("the root key signs first and the new key second: give --key ROOT --key NEW")
    return public_key_of(context.open_key(named[1]))


def _add_key(parser: Parser) -> None:
    parser.add_argument("public_key", help="hex")


def _add_rotate(parser: Parser) -> None:
    parser.add_argument("old_key", help="public key to replace, hex")
    parser.add_argument("new_key", nargs="?", help="hex; only with --draft, else the second --key comes in")


def _rotate(context: Context, arguments: argparse.Namespace) -> Intent:
    return governance.rotate_key(read_id(arguments.old_key), _new_key(context, arguments.new_key))


def _add_accredit(parser: Parser) -> None:
    parser.add_argument("inspector", help="for instance org:laboratory")
    parser.add_argument(
        "scopes",
        nargs="+",
        metavar="SCOPE",
        help="key text, 01/09521234543213 or …/10/LOT7, or how its digits begin",
    )
    parser.add_argument("--from", dest="from_time", default="", metavar="TIME", help="default: now")
    parser.add_argument("--until", required=True, metavar="TIME", help="date-time with zone, or +365d")


def _accredit(context: Context, arguments: argparse.Namespace) -> Intent:
    now_ms = context.client().chain_time_ms()
    from_ms = read_time_ms(arguments.from_time, now_ms) if arguments.from_time else now_ms
    until_ms = read_time_ms(arguments.until, now_ms)
    return governance.accredit(
        read_organisation(arguments.inspector),
        [read_scope(text) for text in arguments.scopes],
        from_ms=from_ms,
        until_ms=until_ms,
    )


def _add_clock(parser: Parser) -> None:
    parser.add_argument("by", help="how far, for instance 30d or 12h")


def _add_open(parser: Parser) -> None:
    parser.add_argument("goods", metavar="ID", help="serial, lot with amount (…/10/LOT7=120.5KGM) or logistic unit")
    parser.add_argument("--holder", required=True, metavar="ORG", help="who has it now")
    parser.add_argument("--origin", required=True, help="words or a URI that say where it comes from; public")
    parser.add_argument("--lot", default="", metavar="ID", help="lot of a serial")


def _open(context: Context, arguments: argparse.Namespace) -> Intent:
    one = read_goods(arguments.goods)
    return goods.open_item(
        one.identifier.key,
        read_organisation(arguments.holder),
        read_line(arguments.origin, "--origin", REASON_MAX),
        lot=read_identifier(arguments.lot).key if arguments.lot else "",
        quantity=one.micro or 0,
        unit=one.unit,
    )


def _add_recall(parser: Parser) -> None:
    parser.add_argument("identifiers", nargs="+", metavar="ID", help="lots, serials or classes (01/09521234543213)")
    parser.add_argument("--id", required=True, help="your name for the recall, for instance 2026-007")
    parser.add_argument("--reason", required=True, help="a sentence that consumers read")
    parser.add_argument("--severity", type=int, choices=(1, 2, 3), default=2, help="1 danger, 2 health, 3 quality")


def _recall(context: Context, arguments: argparse.Namespace) -> Intent:
    keys = [read_identifier(text).key for text in arguments.identifiers]
    id_ = read_line(arguments.id, "--id", TEXT_MAX)
    reason = read_line(arguments.reason, "--reason", REASON_MAX)
    return goods.recall(id_, keys, reason, severity=arguments.severity)


def _add_recall_id(parser: Parser) -> None:
    parser.add_argument("id", help="of the recall")


COMMANDS: tuple[Command, ...] = (
    payload_command(
        "admit",
        "admit an organisation",
        _add_admit,
        _admit,
        "admit org:laboratory 'Field Laboratory' 5f… --role inspector --key root --key other-governor",
        "admit org:bank 'Harbour Bank' 5f… --role bank --currency CNY --draft admit.draft --signer a1… --signer b2…",
        description=_GOVERNORS,
    ),
    payload_command(
        "suspend",
        "suspend an organisation",
        _add_organisation,
        lambda c, a: governance.suspend(read_organisation(a.organisation)),
        "suspend org:carrier --key root --key other-governor",
        description=_GOVERNORS,
    ),
    payload_command(
        "resume",
        "lift a suspension",
        _add_organisation,
        lambda c, a: governance.resume(read_organisation(a.organisation)),
        "resume org:carrier --key root --key other-governor",
        description=_GOVERNORS,
    ),
    payload_command(
        "register-key",
        "register a key of your organisation",
        _add_register_key,
        _register_key,
        "register-key --key root --key scanner --use capture --use read",
        "register-key --key root --key checker --use checker --person p2",
        description="The root key signs first, then the new key, which proves that somebody has it.",
    ),
    payload_command(
        "revoke-key",
        "revoke a key of your organisation",
        _add_key,
        lambda c, a: governance.revoke_key(read_id(a.public_key)),
        "revoke-key 5f…",
    ),
    payload_command(
        "rotate-key",
        "replace a key by a new one with the same uses",
        _add_rotate,
        _rotate,
        "rotate-key 5f… --key root --key scanner-2027",
    ),
    payload_command(
        "accredit",
        "accredit an inspector",
        _add_accredit,
        _accredit,
        "accredit org:laboratory 01/09521234543213 01/09521234543220 --until +365d",
        description="The organisation needs the role accreditor.",
    ),
    payload_command(
        "revoke-accreditation",
        "end an accreditation",
        _add_organisation,
        lambda c, a: governance.revoke_accreditation(read_organisation(a.organisation)),
        "revoke-accreditation org:laboratory",
    ),
    payload_command(
        "advance-clock",
        "move the chain's clock on, where its genesis allows that",
        _add_clock,
        lambda c, a: governance.advance_clock(read_duration_ms(a.by)),
        "advance-clock 30d --key root --key other-governor",
        description="For demonstrations and tests only. " + _GOVERNORS,
    ),
    payload_command(
        "open-item",
        "bring goods under control that existed before the ledger knew them",
        _add_open,
        _open,
        "open-item 01/09521234543213/10/OLD=500KGM --holder org:grower --origin 'stock of 2025, counted on 1 March'",
    ),
    payload_command(
        "recall",
        "recall goods and everything made from them",
        _add_recall,
        _recall,
        "recall 01/09521234543213/10/LOT7 --id 2026-007 --reason 'may contain glass' --severity 1",
        description="Recalled goods can be returned, quarantined or destroyed, but not shipped on or sold.",
    ),
    payload_command(
        "lift-recall",
        "end a recall",
        _add_recall_id,
        lambda c, a: goods.lift_recall(a.id),
        "lift-recall 2026-007",
    ),
)
