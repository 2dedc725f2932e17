"""pin and trust: which chain is believed, from which validators on, and what was seen of it last."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from client_sdk import secure_files
from client_sdk.commands.base import Command, Context, Parser
from client_sdk.commands.keys import read_genesis
from client_sdk.errors import ExitCode
from client_sdk.freshness import duration_words, freshness_of
from client_sdk.trust import load_trust, pin
from tallystick.epcis import format_timestamp
from tallystick.errors import ConfigError
from tallystick.plain_text import one_line


def _add_pin(parser: Parser) -> None:
    parser.add_argument("file", type=Path, help="genesis file that the founders agreed on")
    parser.add_argument(
        "--epoch", metavar="N:HASH", help="start from this epoch's validators, whose hash a member read to you"
    )


def _pin(context: Context, arguments: argparse.Namespace) -> int:
    data = secure_files.read(arguments.file, "genesis file", size_max=1_048_576)
    genesis = read_genesis(data, str(arguments.file))
    epoch, hash_ = _read_epoch(arguments.epoch) if arguments.epoch is not None else (0, b"")
    chain_id = genesis.chain_id() if context.config.chain_id is None else context.chain_id
    store = pin(data, chain_id, epoch=epoch, validators_hash=hash_)
    store.keep_new(context.config.trust_file)
    fields = {"chain_id": store.chain_id.hex(), "network": store.network, "trust": str(context.config.trust_file)}
    since = f", from epoch {epoch} on" if epoch else ""
    words = f"pinned {one_line(store.network)}, chain {store.chain_id.hex()}{since}, in {context.config.trust_file}"
    context.output.result({**fields, "epoch": epoch}, words)
    return ExitCode.OK


def _read_epoch(text: str) -> tuple[int, bytes]:
    """An epoch and the hash of its validators, as ``trust`` prints them. Raises: ConfigError."""
    found = re.fullmatch(r"(0|[1-9][0-9]{0,14}):([0-9a-f]{64})", text)
    if found is None or found[1] == "0":
        raise ConfigError(
            f"{text[:90]!r} is no later epoch with its validators: write N:HASH as 'tallystick trust' of a member shows"
        )
    return int(found[1]), bytes.fromhex(found[2])


def _add_trust(parser: Parser) -> None:
    parser.add_argument("--file", type=Path, metavar="FILE", help="trust file (default: beside the configuration)")


def _trust(context: Context, arguments: argparse.Namespace) -> int:
    store = load_trust(arguments.file or context.config.trust_file)
    newest, validators = store.newest, store.validators
    fields: dict[str, Any] = {
        "network": store.network,
        "chain_id": store.chain_id.hex(),
        "pinned_epoch": store.pinned_epoch,
        "newest_epoch": store.newest_epoch,
        "validators": {str(epoch): validators[epoch] for epoch in sorted(validators)},
        "newest": None,
    }
    lines = [
        f"{one_line(store.network)}, chain {store.chain_id.hex()}",
        f"  pinned   epoch {store.pinned_epoch}:{validators[store.pinned_epoch]}",
        f"  learnt   epoch {store.newest_epoch}:{validators[store.newest_epoch]}",
        "  newest   nothing was verified yet",
    ]
    if newest is not None:
        fresh = freshness_of(newest.height, newest.time_ms, None, context.environment.now_ms())
        age = duration_words(fresh.age_ms)
        fields["newest"] = {"height": newest.height, "time_ms": newest.time_ms, "state_root": newest.state_root}
        fields["stale"] = fresh.stale
        lines[-1] = f"  newest   height {newest.height} of {format_timestamp(newest.time_ms)}, {age} old"
        lines[-1] += "; STALE, ask a node" if fresh.stale else ""
    context.output.result(fields, "\n".join(lines))
    return ExitCode.OK


COMMANDS = (
    Command(
        "pin",
        "pin a chain from its genesis file, for offline checks",
        ("pin genesis.bin --config pocket/config.toml", "pin genesis.bin --epoch 3:7f…"),
        _add_pin,
        _pin,
        description="With --epoch, validators of earlier epochs are not trusted at all: their keys may be\n"
        "anybody's by now. A member reads number and hash to you, as 'tallystick trust' shows them.",
    ),
    Command(
        "trust",
        "show what is trusted: chain, pinned epoch, validators learnt since, newest header seen",
        ("trust", "trust --file pocket/trust.json --json"),
        _add_trust,
        _trust,
        online=False,
        description="What this prints is what members read to each other to compare.",
    ),
)
