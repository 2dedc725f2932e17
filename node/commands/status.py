"""``tallystick-node status``: what a running node does and what it waits for."""

from __future__ import annotations

import argparse
import http.client
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from node.commands import Subparsers, add_config_option, new_parser, print_json, say
from node.config import NodeConfig, load_config
from node.key_files import read_secret
from node.toml_reader import Address
from tallystick import api
from tallystick.errors import ConfigError, UnavailableError

TIMEOUT_S = 10.0
ANSWER_SIZE_MAX = 1_048_576  # bytes
EXAMPLES = """
tallystick-node status --config grower/node.toml
tallystick-node status --url http://10.0.0.1:8101 --token-file grower/read_tokens --json
tallystick-node status --url http://10.0.0.1:8101        # without a token: what the public may know
"""

T = TypeVar("T", bound=msgspec.Struct)


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = new_parser(commands, "status", status, "show what a running node does and what it waits for", EXAMPLES)
    add_config_option(parser, required=False)
    parser.add_argument("--url", help="address of the node's HTTP door, instead of --config")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="file of read tokens; the first is used")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def status(options: argparse.Namespace) -> int:
    """Ask and print.

    Raises:
        ConfigError: an option is wrong, or the node refuses the token.
        UnavailableError: nobody answers there.
    """
    if (options.config is None) == (options.url is None):
        raise ConfigError("name either --config FILE or --url URL")
    if options.config is not None:
        config = load_config(options.config)
        door = _Door(_reachable(config), secure=False)
        token = _first_token(options.token_file or config.read_tokens)
    else:
        door = _door_of(options.url)
        token = _first_token(options.token_file)
    if token is None:
        health = door.get(api.HEALTH, api.HealthAnswer)
        if options.json:
            print_json(msgspec.to_builtins(health))
        else:
            _show_health(health)
        return 0
    answer = door.get(api.STATUS, api.StatusAnswer, token)
    if options.json:
        print_json(msgspec.to_builtins(answer))
    else:
        _show(answer)
    return 0


class _Door:
    """A node's HTTP door."""

    def __init__(self, address: Address, *, secure: bool) -> None:
        self._address = address
        self._secure = secure

    def get(self, path: str, shape: type[T], token: str | None = None) -> T:
        """One answer.

        Raises:
            UnavailableError, ConfigError: see ``status``.
        """
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._address.host, self._address.port, timeout=TIMEOUT_S)
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            body = response.read(ANSWER_SIZE_MAX)
        except (TimeoutError, OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UnavailableError(f"no node answers at {self._address}: {reason}; is it running?") from error
        finally:
            connection.close()
        try:
            if response.status == 200:
                return msgspec.json.decode(body, type=shape)
            problem = msgspec.json.decode(body, type=api.Problem)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnavailableError(f"what answers at {self._address} is no Tallystick node") from error
        raise ConfigError(f"the node at {self._address} refuses: {problem.title}: {problem.detail}; {problem.remedy}")


def _door_of(url: str) -> _Door:
    try:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
    except ValueError as error:
        raise ConfigError(f"--url: {url!r} is no address; write http://host:port") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ConfigError(f"--url: {url!r} is no address of a node; write http://host:port")
    return _Door(Address(parts.hostname, port), secure=secure)


def _reachable(config: NodeConfig) -> Address:
    """Where to reach a node on this machine: an address that means "all" is replaced by the loopback."""
    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    return Address(loopback.get(config.api_listen.host, config.api_listen.host), config.api_listen.port)


def _first_token(file: Path | None) -> str | None:
    if file is None:
        return None
    for line in read_secret(file, "file of read tokens").decode("ascii", "replace").splitlines():
        words = line.split()
        if len(words) == 2 and not line.startswith("#"):
            return words[1]
    raise ConfigError(f'{file}: no read token in it; write a line "name token"')


def _show(answer: api.StatusAnswer) -> None:
    say(f"{answer.organisation} on chain {answer.chain_id[:16]}…")
    say(f"  waits for     {answer.waiting_for}")
    say(f"  view          {answer.view}, leader {answer.leader}")
    say(f"  votes missing {', '.join(answer.votes_missing) or 'none'}")
    say(f"  final         height {answer.height}, executed {answer.executed_height}")
    say(f"  waiting       {answer.mempool} transactions")
    say(f"  chain time    {answer.chain_minus_clock_ms:+} ms from this node's clock")
    print("  peers")
    width = max((len(peer.organisation) for peer in answer.peers), default=0)
    for peer in answer.peers:
        link = "connected" if peer.connected else "NOT CONNECTED"
        place = "" if peer.height is None else f"  height {peer.height}, view {peer.view}"
        say(f"    {peer.organisation:<{width}}  {link:<13}{place}")


def _show_health(health: api.HealthAnswer) -> None:
    well = "well" if health.ok else "alive, not well"
    print(f"{well}: height {health.height}, executed {health.executed_height}, {health.peers} peers connected")
    print("For more, give a read token: --token-file")
