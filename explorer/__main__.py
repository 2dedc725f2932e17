"""The command ``tallystick-explorer``: run the site, or check its read model against the chain.

Exit codes: 0 done; 1 a file, option or folder of the operator is wrong, or the read model disagrees; 2 wrong usage; 3 a
fault of this program; 130 interrupted. Errors are one sentence on standard error; with ``--json`` every outcome is one
JSON object on standard output.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from explorer.config import ExplorerConfig, load_config
from tallystick.errors import ConfigError, StorageError, TallystickError
from tallystick.plain_text import one_line

JOIN_S = 10  # for the follower to finish the heights it is writing
EXIT_USAGE = 2
EXIT_FAULT = 3
BACKLOG = 2_048  # connections waiting to be accepted, as uvicorn's own default
EXAMPLES = """examples:
  tallystick-explorer run --config explorer.toml
  tallystick-explorer check --config explorer.toml --json

The configuration file is described in docs/operating.md.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. Trouble is one sentence on standard error, or a JSON object."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    try:
        options = _parser().parse_args(words)
    except _UsageError as error:
        return _complain(f"{error}; see: {error.program} --help", EXIT_USAGE, as_json=as_json)
    as_json = options.json
    if not __debug__:
        return _complain("python -O leaves out checks that this program relies on; run it without -O", as_json=as_json)
    try:
        config = load_config(options.config)
        return _run(config, as_json) if options.command == "run" else _check(config, as_json)
    except ModuleNotFoundError as error:
        told = f"{error.name} is not installed; run: pip install 'tallystick[explorer]'"
        return _complain(told, as_json=as_json)
    except TallystickError as error:
        return _complain(str(error), as_json=as_json)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        return _complain(f"{error.filename or 'the operating system'}: {error.strerror or error}", as_json=as_json)
    except Exception as error:  # the outermost edge: an operator gets a sentence, never a traceback
        fault = f"a fault in this software: {type(error).__name__}: {error}; please report it"
        return _complain(fault, EXIT_FAULT, as_json=as_json)


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog="tallystick-explorer",
        description="Run the site, or check its read model against the chain.",
        epilog=EXAMPLES,
        formatter_class=raw,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="run | check")
    for name, words in (
        ("run", "follow the chain and serve the pages"),
        ("check", "rebuild from the chain and compare"),
    ):
        command = commands.add_parser(name, help=words, description=words, epilog=EXAMPLES, formatter_class=raw)
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="configuration (TOML)")
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


class _UsageError(Exception):
    """What argparse would print, and the program or command whose help says more."""

    def __init__(self, program: str, message: str) -> None:
        super().__init__(message)
        self.program = program


class _Parser(argparse.ArgumentParser):
    """Leaves it to ``main`` how a wrong option is told."""

    def error(self, message: str) -> NoReturn:
        raise _UsageError(self.prog, message)


def _complain(words: str, code: int = 1, *, as_json: bool) -> int:
    sentence = one_line(" ".join(words.split()))
    if as_json:
        _print_json({"ok": False, "error": sentence, "exit": code})
    else:
        print(f"tallystick-explorer: {sentence}", file=sys.stderr)
    return code


def _print_json(value: object) -> None:
    print(json.dumps(value), flush=True)


def _run(config: ExplorerConfig, as_json: bool) -> int:
    import uvicorn

    from explorer.app import create_app
    from explorer.database import open_database, open_public
    from explorer.follower import Follower
    from explorer.founding import read_founding
    from explorer.node_client import NodeClient
    from explorer.protocol import BoundedHttpProtocol
    from explorer.site import Site

    founding = read_founding(config.genesis)
    listener = _listen(config)
    engine = open_database(config.database, founding.chain_id, founding.genesis.network)
    follower = Follower(founding, engine, NodeClient.at(config.node, config.read_token, config.other_nodes))
    # A client of its own: a slow page must not hold up the follower.
    site = Site(
        config,
        founding,
        open_public(config.public_database),
        NodeClient.at(config.node, "", config.other_nodes),
        follower,
    )
    following = threading.Thread(target=follower.run, args=(config.poll_ms,), name="follower", daemon=True)
    following.start()
    host, port = listener.getsockname()[:2]
    address, network = f"http://{host}:{port}", founding.genesis.network
    if as_json:
        _print_json({"ok": True, "serving": address, "network": network})
    else:
        print(f"tallystick-explorer: serving {address} for {network}", flush=True)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(site),
            http=BoundedHttpProtocol,
            ws="none",
            log_level="error",  # that a stranger sent no HTTP is no news, and would fill the log
            access_log=False,
            server_header=False,
            date_header=True,
        )
    )
    # uvicorn ends its connections on either signal and then raises it again, here.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        follower.stop()
        following.join(timeout=JOIN_S)
    return 0


def _listen(config: ExplorerConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot listen at {config.host}:{config.port}: {error.strerror or error}") from error
    return listener


def _check(config: ExplorerConfig, as_json: bool) -> int:
    from explorer.database import open_existing
    from explorer.founding import read_founding
    from explorer.rebuild import DIFFERENCES_MAX, check

    founding = read_founding(config.genesis)
    engine = open_existing(config.database, founding.chain_id, founding.genesis.network)
    result = check(engine, founding)
    found, shown = len(result.differences), result.differences[:DIFFERENCES_MAX]
    if as_json:
        fields = {"rows": result.rows, "height": result.height, "found": found, "differences": list(shown)}
        _print_json({"ok": not found, **fields, "exit": int(found > 0)})
        return int(found > 0)
    for difference in shown:
        print(difference, file=sys.stderr)
    if found:
        raise StorageError(
            f"{found} differences between the read model and the chain up to height {result.height}; "
            "name a new database to rebuild it"
        )
    print(f"the read model agrees with the chain: {result.rows} rows up to height {result.height}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
