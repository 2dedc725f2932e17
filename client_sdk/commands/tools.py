"""status, qr, decode."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import msgspec

from client_sdk import qr, secure_files
from client_sdk.commands.base import Command, Context, Parser
from client_sdk.decoder import KINDS, SIZE_MAX, decode_for_people, to_json
from client_sdk.errors import ExitCode
from client_sdk.nodes import read_json
from tallystick import api
from tallystick.api import StatusAnswer
from tallystick.errors import ConfigError

# --- status -----------------------------------------------------------------------------------------------


def _add_nothing(parser: Parser) -> None:
    del parser


def _status(context: Context, arguments: argparse.Namespace) -> int:
    status = read_json(context.reading_nodes().get(api.STATUS, members=True), StatusAnswer)
    peers = [f"{peer.organisation}{'' if peer.connected else ' (away)'}" for peer in status.peers]
    words = [
        f"node of {status.organisation}: height {status.height}, executed {status.executed_height}, view {status.view}",
        f"  waits for   {status.waiting_for}",
        f"  leader      {status.leader}",
        f"  peers       {', '.join(peers) or 'none'}",
        f"  waiting     {status.mempool} transactions",
    ]
    context.output.result(msgspec.to_builtins(status), "\n".join(words))
    return ExitCode.OK


# --- qr ---------------------------------------------------------------------------------------------------


def _add_qr(parser: Parser) -> None:
    parser.add_argument("id", help="serial, lot or container as key text, Digital Link or EPC URN")
    parser.add_argument(
        "--host", required=True, metavar="URL", help="your resolver, for instance https://id.example.org"
    )
    parser.add_argument("--png", type=Path, metavar="FILE", help="write a PNG")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write an SVG")
    parser.add_argument("--scale", type=int, default=8, metavar="N", help="pixels of the PNG per module (8)")
    parser.add_argument(
        "--module-mm", default="0.5", metavar="MM", help="size of the SVG per module (0.5; 0.396 or more)"
    )
    parser.add_argument("--plain", action="store_true", help="draw in the terminal without colours")


def _qr(context: Context, arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.scale <= 64:
        raise ConfigError("--scale is 1 to 64 pixels")
    secure_files.require_new(arguments.png, arguments.svg)
    link = qr.digital_link(arguments.id, arguments.host)
    matrix = qr.matrix_of(link)
    written = []
    if arguments.png is not None:
        secure_files.write_new(arguments.png, qr.to_png(matrix, arguments.scale), mode=0o644)
        written.append(str(arguments.png))
    if arguments.svg is not None:
        secure_files.write_new(arguments.svg, qr.to_svg(matrix, arguments.module_mm), mode=0o644)
        written.append(str(arguments.svg))
    drawn = "" if written else qr.to_terminal(matrix, colour=_in_colour(arguments)) + "\n"
    fields = {"link": link, "modules": len(matrix) - 2 * qr.QUIET_ZONE, "files": written}
    context.output.result(fields, link + "".join(f"\n  {name}" for name in written), drawing=drawn)
    return ExitCode.OK


def _in_colour(arguments: argparse.Namespace) -> bool:
    """Only where a terminal shows them, and its user did not ask for none (no-color.org)."""
    return not arguments.plain and not os.environ.get("NO_COLOR") and sys.stdout.isatty()


# --- decode -----------------------------------------------------------------------------------------------


def _add_decode(parser: Parser) -> None:
    parser.add_argument("file", help="bytes as they travel or are stored; - reads standard input")
    parser.add_argument("--as", dest="kind", choices=sorted([*KINDS, "payload"]), help="what they are (default: guess)")
    parser.add_argument("--hex", action="store_true", help="the file holds hexadecimal digits")


def _decode(context: Context, arguments: argparse.Namespace) -> int:
    if arguments.file == "-":
        data = sys.stdin.buffer.read(2 * SIZE_MAX + 1)
    else:
        data = secure_files.read(Path(arguments.file), "file", size_max=2 * SIZE_MAX)
    if arguments.hex:
        try:
            data = bytes.fromhex(data.decode("ascii"))
        except (UnicodeDecodeError, ValueError) as error:
            raise ConfigError("the file does not hold hexadecimal digits") from error
    kind, shown = decode_for_people(data, arguments.kind)
    context.output.result({"kind": kind, "size": len(data), "value": shown}, f"{kind}\n{to_json(shown).decode()}")
    return ExitCode.OK


COMMANDS: tuple[Command, ...] = (
    Command("status", "what a node is doing and what it waits for", ("status",), _add_nothing, _status),
    Command(
        "qr",
        "make a GS1 Digital Link QR code",
        (
            "qr 01/09521234543220/21/A1 --host https://id.example.org",
            "qr 01/09521234543220/21/A1 --host https://id.example.org --png a1.png --svg a1.svg",
        ),
        _add_qr,
        _qr,
        online=False,
    ),
    Command(
        "decode",
        "show any bytes of the ledger",
        ("decode transaction.bin", "decode head.hex --hex --as head"),
        _add_decode,
        _decode,
        online=False,
        description="Read by an independent MessagePack reader, so that a signer need not trust this software alone.",
    ),
)
