"""``tallystick-node rotate``: another validator key, and transport certificate if wanted, beside those in use."""

from __future__ import annotations

import argparse

from node.commands import Subparsers, add_config_option, new_parser, print_json
from node.config import load_config
from node.identity import NEXT_VALIDATOR_KEY
from node.next_seat import make_next_seat
from node.toml_reader import peer_address
from tallystick.errors import ConfigError
from tallystick.settings import Complaint

EXAMPLES = """
tallystick-node rotate --config grower/node.toml --peer-address 10.0.0.1:7101 --api-address 10.0.0.1:8101
tallystick-node rotate --config grower/node.toml --peer-address … --api-address … --transport --seals
"""


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = new_parser(commands, "rotate", rotate, "make the keys that are to replace those of a validator", EXAMPLES)
    add_config_option(parser)
    parser.add_argument("--peer-address", required=True, metavar="HOST:PORT", help="where the other nodes reach it")
    parser.add_argument("--api-address", required=True, metavar="HOST:PORT", help="where members and readers reach it")
    parser.add_argument("--transport", action="store_true", help="a new transport certificate too")
    parser.add_argument("--seals", action="store_true", help="a BLS key too, for a node that signs no seals so far")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def rotate(options: argparse.Namespace) -> int:
    """Write the next keys and the seat that goes into the order.

    Raises:
        ConfigError: there are next keys already, or an address is none.
    """
    config = load_config(options.config)
    for option in ("peer_address", "api_address"):
        try:
            peer_address(getattr(options, option))
        except Complaint as complaint:
            raise ConfigError(f"--{option.replace('_', '-')}: {complaint}") from None
    made = make_next_seat(
        config, options.peer_address, options.api_address, transport=options.transport, seals=options.seals
    )
    path, key = made.file, made.seat.key
    if options.json:
        print_json({"seat": str(path), "key": key.hex(), "validator_key": str(config.keys / NEXT_VALIDATOR_KEY)})
        return 0
    print(f"Made {config.keys / NEXT_VALIDATOR_KEY} and {path}. The node signs with the new key from the switch on.")
    print(f"Order it: tallystick rotate-validator {path} --validator-key {config.keys / NEXT_VALIDATOR_KEY} --key root")
    return 0
