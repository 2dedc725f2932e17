"""Who votes: ``change-validators`` for governors, ``rotate-validator`` for the organisation itself."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from client_sdk import secure_files
from client_sdk.commands.base import Command, Context, Parser, add_sending_options
from client_sdk.commands.sending import payload_command
from client_sdk.errors import ExitCode
from client_sdk.intents import Intent, membership
from client_sdk.output import outcome_fields, outcome_words
from client_sdk.values import read_organisation
from tallystick.bls import bls
from tallystick.encoding import decode
from tallystick.errors import ConfigError, DecodeError, SignatureError
from tallystick.genesis import Card
from tallystick.limits import SWITCH_DISTANCE_MAX, SWITCH_DISTANCE_MIN
from tallystick.payloads.membership import NewSeat

CARD_SIZE_MAX = 16_384  # bytes; a card holds one certificate
SWITCH_MARGIN = 8  # heights that may pass until the order is in a block
JOIN_S = 120  # what a newcomer is given to take over the state and say that it is ready, unless `--at` says otherwise
MEASURED_S = 2.0  # for so long it is looked how fast blocks come


def read_seat(path: Path) -> NewSeat:
    """A validator's seat out of its card (``tallystick-node init``) or its seat file (``tallystick-node rotate``).

    Raises:
        ConfigError: neither, the card's signatures do not hold, or it names a BLS key without proving its possession.
    """
    data = secure_files.read(path, "card or seat file", size_max=CARD_SIZE_MAX)
    seat = _decode_seat(path, data)
    try:
        if seat.bls_key:
            bls().check_possession(seat.bls_key, seat.bls_possession)
    except SignatureError as error:
        who = seat.organisation
        raise ConfigError(f"{path}: {who} does not show that it has the secret of its BLS key: {error}") from error
    return seat


def _decode_seat(path: Path, data: bytes) -> NewSeat:
    try:
        return decode(data, NewSeat, size_max=CARD_SIZE_MAX)
    except DecodeError:
        pass
    try:
        card = decode(data, Card, size_max=CARD_SIZE_MAX)
        card.verify()
    except (DecodeError, SignatureError) as error:
        raise ConfigError(f"{path}: neither a node's card nor a seat file: {error}") from error
    body = card.body
    return NewSeat(
        body.organisation,
        body.validator_key,
        body.certificate,
        body.peer_address,
        body.api_address,
        body.bls_key,
        body.bls_possession,
    )


def read_switch(context: Context, text: str) -> int:
    """A height, or ``+N`` from the newest one.

    Raises:
        ConfigError: no number.
    """
    number = text.removeprefix("+")
    if not number.isascii() or not number.isdecimal() or len(number) > 15:
        raise ConfigError(f"{text!r} is no height; give for instance 1200, or +{SWITCH_DISTANCE_MIN + SWITCH_MARGIN}")
    if not text.startswith("+"):
        return int(number)
    return context.client().head().height + int(number)


def switch_for_joining(context: Context) -> int:
    """A height that is about two minutes away at the present rate; a chain at rest makes a block a second meanwhile."""
    client = context.client()
    first = client.head().height
    client.environment.sleep(MEASURED_S)
    height = client.head().height
    distance = max(JOIN_S, math.ceil((height - first) / MEASURED_S * JOIN_S))
    return height + min(SWITCH_DISTANCE_MAX - SWITCH_MARGIN, distance)


def _add_switch(parser: Parser) -> None:
    parser.add_argument(
        "--at",
        default=f"+{SWITCH_DISTANCE_MIN + SWITCH_MARGIN}",
        metavar="HEIGHT",
        help="switch height, or +N from now (default %(default)s; at least 16 above the order's block)",
    )


def _add_change(parser: Parser) -> None:
    parser.add_argument("--join", action="append", default=[], type=Path, metavar="CARD", help="card.bin of a new node")
    parser.add_argument("--leave", action="append", default=[], metavar="ORG", help="organisation that stops voting")
    parser.add_argument(
        "--at",
        metavar="HEIGHT",
        help="switch height, or +N from now, at least 16 above the order's block (default: with --join about two "
        f"minutes at the rate of the last seconds, else +{SWITCH_DISTANCE_MIN + SWITCH_MARGIN})",
    )


def _change(context: Context, arguments: argparse.Namespace) -> Intent:
    return membership.change_validators(
        [read_seat(path) for path in arguments.join],
        [read_organisation(name) for name in arguments.leave],
        switch_height=_switch_of(context, arguments),
    )


def _switch_of(context: Context, arguments: argparse.Namespace) -> int:
    if arguments.at is None and arguments.join:
        return switch_for_joining(context)
    return read_switch(context, arguments.at or f"+{SWITCH_DISTANCE_MIN + SWITCH_MARGIN}")


def _add_rotate(parser: Parser) -> None:
    parser.add_argument("seat", type=Path, help="seat.bin that `tallystick-node rotate` wrote")
    parser.add_argument(
        "--validator-key", type=Path, required=True, metavar="FILE", help="the new validator key's file (64 hex digits)"
    )
    _add_switch(parser)
    add_sending_options(parser)


def _rotate(context: Context, arguments: argparse.Namespace) -> int:
    intent = membership.rotate_validator(read_seat(arguments.seat), switch_height=read_switch(context, arguments.at))
    member, _ = context.member(intent.uses)
    done = member.do(intent, co_signers=[_read_seed(arguments.validator_key)], wait=arguments.wait)
    context.output.result(
        outcome_fields(done.outcome, done.created), outcome_words("rotate the validator", done.outcome, done.created)
    )
    return ExitCode.OK


def _read_seed(path: Path) -> bytes:
    data = secure_files.read(path, "validator key", size_max=256)
    try:
        seed = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        seed = b""
    if len(seed) != 32:
        raise ConfigError(f"{path}: not a validator key: 64 hex digits are expected")
    return seed


COMMANDS: tuple[Command, ...] = (
    payload_command(
        "change-validators",
        "have validators join and leave",
        _add_change,
        _change,
        "change-validators --join laboratory/card.bin --key root --key other-governor",
        "change-validators --leave org:carrier --at 5000 --draft change.draft --signer a1… --signer b2…",
        description="Root keys of a quorum of governors sign. A joiner takes its seat only if its node is ready then.",
    ),
    Command(
        "rotate-validator",
        "give your validator another key",
        ("rotate-validator node/seat.bin --validator-key node/keys/validator-next.key --key root",),
        _add_rotate,
        _rotate,
        description="A root key of the organisation signs first, then the new validator key.",
    ),
)
