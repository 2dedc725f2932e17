"""``tallystick-node genesis``: merge cards into the founding document, or show one."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from contracts.genesis_state import genesis_writes
from node.card_files import card_json, check_possessions, read_card
from node.commands import Subparsers, grouped, new_parser, print_json, say
from node.founding import GENESIS_SIZE_MAX, read_genesis
from node.key_files import write_new
from tallystick.encoding import decode, encode
from tallystick.errors import ConfigError, DecodeError, SignatureError
from tallystick.genesis import Genesis, merge_cards
from tallystick.limits import TIME_MAX_MS

HEARTBEAT_MS = 60_000
EXAMPLES = """
tallystick-node genesis grower/card.bin processor/card.bin carrier/card.bin --network orchard --out genesis.bin
tallystick-node genesis --show genesis.bin
"""


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = new_parser(
        commands, "genesis", genesis, "merge founders' cards into a genesis file, or show one", EXAMPLES
    )
    parser.add_argument("cards", type=Path, nargs="*", metavar="CARD", help="card.bin of every founder, in any order")
    parser.add_argument("--network", help="name of the network, for people")
    parser.add_argument("--out", type=Path, metavar="FILE", help="genesis file to write")
    parser.add_argument("--show", type=Path, metavar="FILE", help="only check and show this genesis file")
    parser.add_argument(
        "--allow-clock-advance",
        action="store_true",
        help="a quorum may move the chain's clock ahead: for demonstrations and tests, shown on every page",
    )
    parser.add_argument("--heartbeat-ms", type=int, default=HEARTBEAT_MS, help="an idle chain's longest silence")
    parser.add_argument("--time-ms", type=int, help="block time of genesis, milliseconds since 1970; default: now")
    parser.add_argument("--admission-quorum", type=int, help="governors that sign an admission; default: a majority")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def genesis(options: argparse.Namespace) -> int:
    """Merge and write, or show.

    Raises:
        ConfigError: an option, a card or their combination is wrong.
    """
    if options.show is not None:
        if options.cards or options.out or options.network:
            raise ConfigError("--show only shows a file; leave out cards, --network and --out")
        value, _ = read_genesis(options.show)
        check_possessions(options.show, value.cards)
        file = options.show
    else:
        value = _merge(options)
        write_new(options.out, encode(value))
        file = options.out
    if options.json:
        print_json(_described(file, value))
    else:
        _explain(file, value)
    return 0


def _merge(options: argparse.Namespace) -> Genesis:
    if not options.cards or not options.network or options.out is None:
        raise ConfigError("name every founder's card, --network and --out; or --show a genesis file")
    if options.heartbeat_ms < 1_000 or options.heartbeat_ms > 86_400_000:
        raise ConfigError("--heartbeat-ms: write 1000 to 86400000 milliseconds")
    time_ms = time.time_ns() // 1_000_000 if options.time_ms is None else options.time_ms
    if not 0 <= time_ms <= TIME_MAX_MS:
        raise ConfigError(f"--time-ms: write 0 to {TIME_MAX_MS} milliseconds since 1970")
    cards = tuple(read_card(path) for path in options.cards)
    quorum = options.admission_quorum
    governors = sum("governor" in card.body.roles for card in cards)
    if quorum is not None and not 1 <= quorum <= max(1, governors):
        raise ConfigError(f"--admission-quorum: {quorum} is not between 1 and the number of governors, {governors}")
    try:
        merged = merge_cards(
            cards,
            network=options.network,
            time_ms=time_ms,
            clock_advance_allowed=options.allow_clock_advance,
            heartbeat_ms=options.heartbeat_ms,
            admission_quorum=quorum,
        )
        merged.validators()
        genesis_writes(merged)
        return decode(encode(merged), Genesis, size_max=GENESIS_SIZE_MAX)
    except (DecodeError, SignatureError) as error:
        raise ConfigError(f"the cards do not make a network: {error}") from error


def _described(file: Path, value: Genesis) -> dict[str, object]:
    return {
        "file": str(file),
        "chain_id": value.chain_id().hex(),
        "network": value.network,
        "time_ms": value.time_ms,
        "clock_advance_allowed": value.clock_advance_allowed,
        "heartbeat_ms": value.heartbeat_ms,
        "admission_quorum": value.admission_quorum,
        "validators_quorum": value.validators().quorum,
        "cards": [card_json(card) for card in value.cards],
    }


def _explain(file: Path, value: Genesis) -> None:
    print(f"{file}: network {value.network!r}, {len(value.cards)} founders:")
    width = max(len(card.body.organisation) for card in value.cards)
    for card in value.cards:
        roles = ", ".join(card.body.roles) or "no role"
        say(f"  {card.body.organisation:<{width}}  {card.body.peer_address:<22}  {card.body.name} ({roles})")
    quorum = value.validators().quorum
    sealing = sum(bool(card.body.bls_key) for card in value.cards)
    if sealing:
        print(f"{sealing} of them sign seals, for proofs on paper; {quorum} make one.")
    print(f"{quorum} of {len(value.cards)} nodes settle a block; {value.admission_quorum} governors admit a member.")
    if value.clock_advance_allowed:
        print("A quorum may advance this chain's clock: use it for demonstrations and tests only.")
    print("\nChain id, to be compared by all founders, person to person:\n")
    print(grouped(value.chain_id()))
