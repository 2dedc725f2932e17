"""``tallystick-node init``: keys, transport certificate, configuration and public card of one organisation's node."""

from __future__ import annotations

import argparse
import getpass
import json
import secrets
import sys
from pathlib import Path

from node.api.tokens import new_token_file
from node.card_files import card_json
from node.certificates import make_transport_identity
from node.commands import Subparsers, grouped, new_parser, print_json
from node.config import CARD, ROOT_KEY, SEAL_KEY, TRANSPORT_CERTIFICATE, TRANSPORT_KEY, VALIDATOR_KEY
from node.config_template import render_config
from node.founder import FounderOptions, card_body
from node.key_files import read_secret, write_new
from node.seal_secret import bls_entry, make_seal_secret
from node.toml_reader import Address, listen_address, peer_address
from tallystick import keyfile, keys
from tallystick.encoding import encode
from tallystick.errors import ConfigError
from tallystick.genesis import sign_card
from tallystick.records.members import ROLES
from tallystick.settings import Complaint

EXAMPLES = """
tallystick-node init --org org:grower --name "Grower Ltd" --role producer --role governor --prefix 9521234 \\
    --dir grower --peer-address 10.0.0.1:7101 --api-address 10.0.0.1:8101 --passphrase-file secret.txt
tallystick-node init --org org:bank --name "Bank AG" --role bank --currency EUR --currency CNY --dir bank \\
    --peer-address bank.example:7101 --api-address bank.example:8101 --peer-listen 0.0.0.0:7101
"""


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = new_parser(commands, "init", init, "make keys, configuration and public card of a new node", EXAMPLES)
    parser.add_argument("--org", required=True, metavar="ID", help="organisation id, for instance org:grower")
    parser.add_argument("--name", required=True, help="the organisation's name, for people")
    parser.add_argument(
        "--role", action="append", default=[], metavar="ROLE", help=f"may be given again; one of {', '.join(ROLES)}"
    )
    parser.add_argument("--prefix", action="append", default=[], help="GS1 company prefix, digits; may be given again")
    parser.add_argument("--currency", action="append", default=[], help="ISO 4217 code that a bank issues; may repeat")
    parser.add_argument("--dir", type=Path, required=True, help="new folder for everything of this node")
    parser.add_argument("--peer-address", required=True, metavar="HOST:PORT", help="where the other nodes reach it")
    parser.add_argument("--api-address", required=True, metavar="HOST:PORT", help="where members and readers reach it")
    parser.add_argument("--peer-listen", metavar="HOST:PORT", help="where it listens, if not at its peer address")
    parser.add_argument("--api-listen", metavar="HOST:PORT", help="where it listens, if not at its api address")
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="first line seals the root key; else it is asked for"
    )
    parser.add_argument(
        "--seals",
        action="store_true",
        help="also make a BLS key, which the card names: the node then seals the state, for proofs that fit a QR code; "
        "without a native library (extra compact-native) each seal takes seconds of a process beside the node",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def init(options: argparse.Namespace) -> int:
    """Make everything; nothing that exists is touched.

    Raises:
        ConfigError: an option is wrong, or something is there already.
    """
    founder = FounderOptions(
        organisation=options.org,
        name=options.name,
        roles=tuple(options.role),
        prefixes=tuple(options.prefix),
        currencies=tuple(options.currency),
        peer_address=_advertised("--peer-address", options.peer_address),
        api_address=_advertised("--api-address", options.api_address),
    )
    founder.check()
    peer_listen = _listen("--peer-listen", options.peer_listen or options.peer_address)
    api_listen = _listen("--api-listen", options.api_listen or options.api_address)
    if peer_listen == api_listen:
        raise ConfigError(f"--api-address: both doors would listen at {api_listen}; give them two ports")
    passphrase = _passphrase(options.passphrase_file)
    _make_folders(options.dir)
    if options.seals:
        make_seal_secret(options.dir / "keys" / SEAL_KEY)
    card = _make_node(options.dir, founder, passphrase, render_config(founder.organisation, peer_listen, api_listen))
    if options.json:
        print_json({"card": str(options.dir / CARD), "config": str(options.dir / "node.toml"), **card})
    else:
        _explain(options.dir, card["digest"])
    return 0


def _make_node(folder: Path, founder: FounderOptions, passphrase: str, config: str) -> dict[str, object]:
    root_seed, validator_seed = keys.generate(), keys.generate()
    transport = make_transport_identity(founder.organisation)
    entry = bls_entry(folder / "keys" / SEAL_KEY)
    body = card_body(founder, keys.public_key_of(root_seed), keys.public_key_of(validator_seed), transport, entry)
    card = sign_card(body, root_seed, validator_seed)
    sealed = keyfile.seal_keyfile(
        root_seed,
        passphrase,
        salt=secrets.token_bytes(keyfile.SALT_SIZE),
        nonce=secrets.token_bytes(keyfile.NONCE_SIZE),
        label=f"{founder.organisation} root"[: keyfile.LABEL_MAX],
    )
    private = folder / "keys"
    write_new(private / ROOT_KEY, sealed, secret=True)
    write_new(private / VALIDATOR_KEY, validator_seed.hex().encode() + b"\n", secret=True)
    write_new(private / TRANSPORT_KEY, transport.key_pem, secret=True)
    write_new(private / TRANSPORT_CERTIFICATE, transport.certificate_pem)
    write_new(folder / "read_tokens", new_token_file("explorer"), secret=True)
    write_new(folder / "node.toml", config.encode())
    described = card_json(card)
    write_new(folder / "card.json", json.dumps(described, ensure_ascii=False, indent=2).encode() + b"\n")
    write_new(folder / CARD, encode(card))
    return described


def _make_folders(folder: Path) -> None:
    """The node's folder with its empty folder of keys, closed to others.

    Raises:
        ConfigError: keys, card or configuration are there already, or the folder cannot be made.
    """
    secret_files = (f"keys/{name}" for name in (ROOT_KEY, VALIDATOR_KEY, SEAL_KEY, TRANSPORT_KEY))
    for name in (*secret_files, CARD, "node.toml"):
        if (folder / name).exists():
            raise ConfigError(f"{folder / name}: exists already and is never overwritten; choose another --dir")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "keys").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot make the folder: {error.strerror}") from error


def _passphrase(file: Path | None) -> str:
    if file is not None:
        lines = read_secret(file, "passphrase file").decode("utf-8", "surrogateescape").splitlines()
        if not lines or not lines[0]:
            raise ConfigError(f"{file}: the first line is empty; write the passphrase there")
        return lines[0]
    if not sys.stdin.isatty():
        raise ConfigError("there is no terminal to ask for the passphrase of the root key; use --passphrase-file")
    first = getpass.getpass("Passphrase for the root key: ")
    if not first or first != getpass.getpass("Again: "):
        raise ConfigError("the passphrases are empty or differ; nothing was written")
    return first


def _advertised(option: str, value: str) -> str:
    try:
        address = peer_address(value)
    except Complaint as complaint:
        raise ConfigError(f"{option}: {complaint}") from None
    if address.host in ("0.0.0.0", "::"):
        raise ConfigError(f"{option}: {address.host} is no address that others can reach; use --peer-listen for it")
    return str(address)


def _listen(option: str, value: str) -> Address:
    try:
        return listen_address(value)
    except Complaint as complaint:
        raise ConfigError(f"{option}: {complaint}") from None


def _explain(folder: Path, digest: object) -> None:
    print(f"Made {folder}/ with keys, node.toml and the public card.")
    print(f"Send {folder / CARD} to the other founders, and read them its digest by telephone:")
    print()
    print(grouped(bytes.fromhex(str(digest))))
    print()
    print(f"Keep {folder / 'keys' / ROOT_KEY} and its passphrase in a safe: a running node does not need them.")
    print(f"With all cards: tallystick-node genesis CARD… --network NAME --out {folder / 'genesis.bin'}")
