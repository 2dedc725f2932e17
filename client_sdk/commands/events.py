"""Commands that build one event from options: commission, transform, pack, ship, receive, inspect, declare-error …"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from client_sdk import event_builder, secure_files
from client_sdk.commands.base import Command, Context, Parser, add_sending_options
from client_sdk.commands.sending import repeated_by
from client_sdk.errors import ExitCode
from client_sdk.event_builder import Circumstances, Reading, event_id_of
from client_sdk.output import outcome_fields, outcome_words
from client_sdk.values import Goods, read_goods, read_identifier, read_party, read_time_ms
from tallystick.epcis import JsonObject, canonical_json
from tallystick.epcis.documents import read_document
from tallystick.errors import ConfigError
from tallystick.records.members import KeyUse

_ID = "key text such as 01/09521234543213/21/A1, Digital Link or EPC URN"
_ZONE = re.compile(r"[+-][0-9]{2}:[0-9]{2}$")
_GOODS = f"{_ID}; of a lot with its amount: 01/09521234543213/10/LOT7=120.5KGM"


def _add_circumstances(parser: Parser) -> None:
    group = parser.add_argument_group("circumstances")
    group.add_argument("--time", metavar="TIME", help="when, for instance 2026-11-22T08:30:00+08:00 (default: now)")
    group.add_argument("--offset", metavar="±HH:MM", help="time zone of the place (default: as in --time, or +00:00)")
    group.add_argument("--event-id", metavar="URI", help="the event's id (default: a new UUID)")
    group.add_argument("--at", metavar="ID", help="read point: a global location number, 414/9521234543206")
    group.add_argument("--location", metavar="ID", help="business location (default: organisation.location)")
    group.add_argument(
        "--document",
        action="append",
        default=[],
        metavar="TYPE=URI",
        help="po, desadv, recadv, inv, cert … and its URI",
    )
    group.add_argument(
        "--temperature",
        action="append",
        default=[],
        metavar="VALUE[@TIME]",
        help="degrees Celsius, for instance -18.25",
    )
    group.add_argument("--save", type=Path, metavar="FILE", help="also write the event, to declare it erroneous later")
    add_sending_options(parser)


def _circumstances(context: Context, arguments: argparse.Namespace) -> Circumstances:
    now_ms = context.client().chain_time_ms() if not arguments.time else context.environment.now_ms()
    location = arguments.location or context.config.location
    return Circumstances(
        time_ms=read_time_ms(arguments.time, now_ms) if arguments.time else now_ms,
        event_id=arguments.event_id or event_id_of(context.environment.random_bytes(16)),
        offset=arguments.offset or _zone_of(arguments.time or ""),
        read_point=read_identifier(arguments.at).uri if arguments.at else "",
        location=read_identifier(location).uri if location else "",
        documents=[_document(text) for text in arguments.document],
        readings=[_reading(text, now_ms) for text in arguments.temperature],
    )


def _zone_of(time: str) -> str:
    """The zone that a time is written with; who gives none, or UTC, says nothing of the place."""
    zone = _ZONE.search(time)
    return zone[0] if zone is not None and zone[0] != "-00:00" else "+00:00"


def _document(text: str) -> tuple[str, str]:
    kind, equals, uri = text.partition("=")
    if not equals or not uri:
        raise ConfigError(f"{text!r} names no document; write for instance desadv=urn:uuid:…")
    return kind, uri


def _reading(text: str, now_ms: int) -> Reading:
    value, _, time = text.partition("@")
    return Reading(value, time_ms=read_time_ms(time, now_ms) if time else None)


def _container(text: str) -> Goods:
    """What is packed has amounts; what it is packed into has none."""
    return Goods(read_identifier(text))


def _goods(texts: list[str]) -> list[Goods]:
    return [read_goods(text) for text in texts]


def _capture_one(context: Context, event: JsonObject, what: str) -> int:
    secure_files.require_new(context.arguments.save)
    member, _ = context.member((KeyUse.CAPTURE,))
    prepared = member.prepare([event])
    opens = event.get("action") == "ADD" or event["type"] == "TransformationEvent"
    if opens and not prepared.events[0].members:
        raise ConfigError("what comes into being needs a place: give --location, or organisation.location in the file")
    if context.arguments.save is not None:
        secure_files.write_new(context.arguments.save, canonical_json(event) + b"\n")
    again = f"type the same with --event-id {event.get('eventID')}: the ledger takes it once; without it, twice"
    with repeated_by("type the same again: it is declared once" if "errorDeclaration" in event else again):
        done = member.capture_prepared(prepared.events, wait=context.arguments.wait)
    fields = outcome_fields(done.outcome) | {"event_id": event.get("eventID")}
    context.output.result(fields, outcome_words(what, done.outcome))
    return ExitCode.OK


Builder = Callable[[Context, argparse.Namespace, Circumstances], JsonObject]


def _event_command(
    name: str, summary: str, add: Callable[[Parser], None], build: Builder, *examples: str, description: str = ""
) -> Command:
    def add_all(parser: Parser) -> None:
        add(parser)
        _add_circumstances(parser)

    def run(context: Context, arguments: argparse.Namespace) -> int:
        context.member((KeyUse.CAPTURE,))  # before anything else, so that no passphrase is asked for in the middle
        return _capture_one(context, build(context, arguments, _circumstances(context, arguments)), summary)

    return Command(name, summary, examples, add_all, run, description=description)


def _add_goods(parser: Parser) -> None:
    parser.add_argument("goods", nargs="+", metavar="ID", help=_GOODS)


def _add_to(parser: Parser) -> None:
    _add_goods(parser)
    parser.add_argument(
        "--to", required=True, metavar="ORG", help="who gets the goods: org:carrier, or a GLN of theirs"
    )


def _add_from(parser: Parser) -> None:
    _add_goods(parser)
    parser.add_argument("--from", required=True, dest="sender", metavar="ORG", help="who shipped them")


def _add_inspect(parser: Parser) -> None:
    _add_goods(parser)
    verdict = parser.add_mutually_exclusive_group(required=True)
    verdict.add_argument("--pass", dest="passed", action="store_true", help="conformant")
    verdict.add_argument("--fail", dest="passed", action="store_false", help="not conformant")
    parser.add_argument("--certificate", action="append", default=[], metavar="URI", help="of a certificate; public")
    parser.add_argument("--report", type=Path, metavar="FILE", help="the report; only its SHA-256 goes on the ledger")


def _build_inspection(context: Context, arguments: argparse.Namespace, at: Circumstances) -> JsonObject:
    report = b""
    if arguments.report is not None:
        report = sha256(secure_files.read(arguments.report, "report")).digest()
    goods = _goods(arguments.goods)
    return event_builder.inspect(goods, at, passed=arguments.passed, certificates=arguments.certificate, report=report)


def _add_transform(parser: Parser) -> None:
    parser.add_argument("--input", action="append", required=True, metavar="ID", help=_GOODS)
    parser.add_argument("--output", action="append", required=True, metavar="ID", help=_GOODS)


def _add_pack(parser: Parser) -> None:
    parser.add_argument("container", metavar="CONTAINER", help="key text of the container, 00/095212345678901235")
    parser.add_argument("goods", nargs="*", metavar="ID", help=_GOODS)


def _add_observe(parser: Parser) -> None:
    _add_goods(parser)
    parser.add_argument("--step", default="sensor_reporting", help="CBV business step (default: sensor_reporting)")


def _add_declare(parser: Parser) -> None:
    parser.add_argument("file", type=Path, help="the event as it was captured (see --save), or a document holding it")
    parser.add_argument("--event", metavar="URI", help="eventID of the one that is meant, where the file holds several")
    parser.add_argument("--reason", default="incorrect_data", help="incorrect_data (default), did_not_occur, or a URI")
    parser.add_argument("--corrected-by", action="append", default=[], metavar="URI", help="eventID that says it right")
    parser.add_argument("--time", metavar="TIME", help="when it is declared (default: now)")
    parser.add_argument("--save", type=Path, metavar="FILE", help="also write the declaration")
    add_sending_options(parser)


def _declare(context: Context, arguments: argparse.Namespace) -> int:
    events = read_document(secure_files.read(arguments.file, "event")).events
    wanted = [event for event in events if arguments.event in (None, event.get("eventID"))]
    if len(wanted) != 1:
        raise ConfigError(f"{arguments.file} holds {len(wanted)} such events: name the one that is meant by --event")
    context.member((KeyUse.CAPTURE,))
    now_ms = context.client().chain_time_ms()
    declaration = event_builder.declare_error(
        wanted[0],
        time_ms=read_time_ms(arguments.time, now_ms) if arguments.time else now_ms,
        reason=arguments.reason,
        corrective_event_ids=arguments.corrected_by,
    )
    return _capture_one(context, declaration, "declare an event erroneous")


COMMANDS = (
    _event_command(
        "commission",
        "bring new serials, lots or containers into being",
        _add_goods,
        lambda c, a, at: event_builder.commission(_goods(a.goods), at),
        "commission 01/09521234543213/10/LOT7=1200KGM --at 414/9521234543206",
    ),
    _event_command(
        "transform",
        "turn inputs into outputs",
        _add_transform,
        lambda c, a, at: event_builder.transform(_goods(a.input), _goods(a.output), at),
        "transform --input 01/09521234543213/10/LOT7=100KGM --output 01/09521234543220/21/A1",
    ),
    _event_command(
        "pack",
        "put goods into a container",
        _add_pack,
        lambda c, a, at: event_builder.pack(_container(a.container), _goods(a.goods), at),
        "pack 00/095212345678901235 01/09521234543220/21/A1 01/09521234543220/21/A2",
    ),
    _event_command(
        "unpack",
        "take goods out of a container; without goods, all of them",
        _add_pack,
        lambda c, a, at: event_builder.unpack(_container(a.container), _goods(a.goods), at),
        "unpack 00/095212345678901235",
    ),
    _event_command(
        "ship",
        "send goods to another organisation",
        _add_to,
        lambda c, a, at: event_builder.ship(_goods(a.goods), at, sender=c.organisation, receiver=read_party(a.to)),
        "ship 00/095212345678901235 --to org:carrier --temperature 3.9",
        description="Custody passes when the receiver captures a receive; until then the goods are in transit.",
    ),
    _event_command(
        "receive",
        "take over goods that were shipped to you",
        _add_from,
        lambda c, a, at: event_builder.receive(
            _goods(a.goods), at, sender=read_party(a.sender), receiver=c.organisation
        ),
        "receive 00/095212345678901235 --from org:carrier --at 414/9521234543206",
    ),
    _event_command(
        "return",
        "send goods back to where they came from; recalled ones too",
        _add_to,
        lambda c, a, at: event_builder.send_back(_goods(a.goods), at, sender=c.organisation, receiver=read_party(a.to)),
        "return 01/09521234543220/21/A1 --to org:processor",
    ),
    _event_command(
        "void-shipment",
        "call a shipment back that was not received yet",
        _add_to,
        lambda c, a, at: event_builder.ship(
            _goods(a.goods), at, sender=c.organisation, receiver=read_party(a.to), step="void_shipping"
        ),
        "void-shipment 00/095212345678901235 --to org:carrier",
    ),
    _event_command(
        "observe",
        "record a sighting or a measurement",
        _add_observe,
        lambda c, a, at: event_builder.observe(_goods(a.goods), at, step=a.step),
        "observe 00/095212345678901235 --temperature 4.1@2026-11-22T09:00:00Z",
    ),
    _event_command(
        "inspect",
        "record an inspector's verdict",
        _add_inspect,
        _build_inspection,
        "inspect 01/09521234543213/10/LOT7 --pass --report report-7.pdf --certificate https://lab.example/7",
        description="The organisation needs the role inspector and an accreditation that covers the goods.",
    ),
    _event_command(
        "sell",
        "record a sale to a consumer",
        _add_goods,
        lambda c, a, at: event_builder.sell(_goods(a.goods), at),
        "sell 01/09521234543220/21/A1",
    ),
    _event_command(
        "destroy",
        "record that goods were destroyed",
        _add_goods,
        lambda c, a, at: event_builder.destroy(_goods(a.goods), at),
        "destroy 01/09521234543220/21/A1",
    ),
    Command(
        "declare-error",
        "declare an event of yours erroneous",
        (
            "declare-error shipped.json",
            "declare-error shipped.json --reason did_not_occur",
        ),
        _add_declare,
        _declare,
        description="Both versions stay visible; what rested on the event no longer does.",
    ),
)
