"""keygen, keys, configure: before anything is sent."""

from __future__ import annotations

import argparse
from pathlib import Path

from client_sdk.commands.base import Command, Context, Parser
from client_sdk.config import KEY_USES, Config, write_config
from client_sdk.errors import AnswerError, ExitCode
from client_sdk.keystore import create_secret, read_passphrase
from client_sdk.trust import GENESIS_SIZE_MAX, pin
from client_sdk.values import read_organisation
from tallystick import api
from tallystick.encoding import decode
from tallystick.errors import ConfigError, DecodeError
from tallystick.genesis import Genesis
from tallystick.plain_text import one_line


def _add_keygen(parser: Parser) -> None:
    parser.add_argument("name", help="of the new key, or with --secret of the file")
    parser.add_argument("--secret", action="store_true", help="make a capture or invoice secret instead of a key")
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="its first line seals the key; mode 0600")


def _keygen(context: Context, arguments: argparse.Namespace) -> int:
    if arguments.secret:
        path = context.config.path.parent / arguments.name
        create_secret(path, context.environment)
        context.output.result({"secret": str(path)}, f"new secret in {path}; keep a copy in a safe place")
        return ExitCode.OK
    path = context.keystore.path_of(arguments.name)
    if path.exists():
        raise ConfigError(f"{path} exists already; a key is never overwritten: choose another name")
    passphrase = read_passphrase(f"new key {arguments.name}", arguments.passphrase_file, confirm=True)
    info = context.keystore.create(arguments.name, passphrase)
    context.output.result(
        {"name": info.name, "path": str(info.path), "public_key": info.public_key.hex()},
        f"new key {info.name}\n  public key {info.public_key.hex()}\n  file       {info.path}",
    )
    return ExitCode.OK


def _add_nothing(parser: Parser) -> None:
    del parser


def _keys(context: Context, arguments: argparse.Namespace) -> int:
    infos = context.keystore.list()
    uses: dict[str, list[str]] = {}
    for use, name in context.config.keys.items():
        uses.setdefault(name, []).append(use)
    rows = [
        {
            "name": info.name,
            "public_key": info.public_key.hex(),
            "use": ", ".join(uses.get(info.name, ())),
            "path": str(info.path),
        }
        for info in infos
    ]
    words = "\n".join(f"{row['public_key']}  {row['name']}  {row['use']}".rstrip() for row in rows)
    context.output.result({"keys": rows}, words or f"no keys in {context.config.keystore}; make one: tallystick keygen")
    return ExitCode.OK


def _add_configure(parser: Parser) -> None:
    parser.add_argument("organisation", help="who acts, for instance org:grower")
    parser.add_argument("--capture-secret", default="capture.secret", metavar="FILE", help="made when it is missing")
    parser.add_argument("--invoice-secret", default="invoice.secret", metavar="FILE", help="made when it is missing")
    parser.add_argument(
        "--use", action="append", default=[], metavar="USE=NAME", help=f"key for a use: {', '.join(KEY_USES)}"
    )


def _configure(context: Context, arguments: argparse.Namespace) -> int:
    config = context.config
    if config.path.exists():
        raise ConfigError(f"{config.path} exists already; edit it, or choose another one with --config")
    keys = dict(_use(text) for text in arguments.use)
    genesis_bytes = context.nodes().get(api.GENESIS, accept="application/msgpack").body
    genesis = read_genesis(genesis_bytes, "what the node answered")
    chain_id = genesis.chain_id()
    if arguments.chain and chain_id.hex() != arguments.chain:
        raise AnswerError(f"the node is of chain {chain_id.hex()}, not of {arguments.chain}")
    pin(genesis_bytes, chain_id, config.trust_file)
    folder = config.path.parent
    for name in (arguments.capture_secret, arguments.invoice_secret):
        if not (folder / name).exists():
            create_secret(folder / name, context.environment)
    write_config(
        Config(
            config.path,
            chain_id,
            tuple(arguments.node),
            config.ca_file,
            read_organisation(arguments.organisation),
            capture_secret=Path(arguments.capture_secret),
            invoice_secret=Path(arguments.invoice_secret),
            keys=keys,
        )
    )
    fields = {"config": str(config.path), "chain_id": chain_id.hex(), "network": genesis.network}
    compare = (
        "" if arguments.chain else "\n  Compare this chain id with another member, person to person, before you sign."
    )
    words = f"wrote {config.path}\n  {one_line(genesis.network)}, chain {chain_id.hex()}{compare}"
    context.output.result(fields, words)
    return ExitCode.OK


def _use(text: str) -> tuple[str, str]:
    use, equals, name = text.partition("=")
    if not equals or use not in KEY_USES or not name:
        raise ConfigError(
            f"{text!r} names no key for a use; write for instance capture=scanner, of {', '.join(KEY_USES)}"
        )
    return use, name


def read_genesis(data: bytes, source: str) -> Genesis:
    """A genesis from its bytes; ``source`` says where they come from. Raises: AnswerError."""
    try:
        return decode(data, Genesis, size_max=GENESIS_SIZE_MAX)
    except DecodeError as error:
        raise AnswerError(f"{source} is no genesis: {error}") from error


COMMANDS = (
    Command(
        "keygen",
        "make a private key in an encrypted file",
        ("keygen capture", "keygen checker --passphrase-file pass.txt --json", "keygen --secret capture.secret"),
        _add_keygen,
        _keygen,
        online=False,
        description="The file is sealed with Argon2id and never overwritten. Only its public key ever leaves it.",
    ),
    Command("keys", "list the key files", ("keys", "keys --json"), _add_nothing, _keys, online=False),
    Command(
        "configure",
        "write a configuration for a network",
        ("configure org:grower --node http://127.0.0.1:8101 --chain 9f… --use capture=scanner --use trade=desk",),
        _add_configure,
        _configure,
        description="Fetches the genesis, pins the chain and its validators, and makes the secrets.",
    ),
)
