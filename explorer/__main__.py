"""The command ``tallystick-explorer``: run the site, or check its read model against the chain.

Exit codes: 0 done; 1 a file, option or folder of the operator is wrong, or the read model disagrees; 2 wrong usage; 3 a
fault of this program. Errors are one sentence on standard error.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from explorer.config import ExplorerConfig, load_config
from tallystick.errors import ConfigError, StorageError, TallystickError
from tallystick.plain_text import one_line

JOIN_S = 10  # for the follower to finish the heights it is writing
EXIT_FAULT = 3
BACKLOG = 2_048  # connections waiting to be accepted, as uvicorn's own default


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. Trouble is one sentence on standard error."""
    parser = argparse.ArgumentParser(
        prog="tallystick-explorer",
        description="Run the site, or check its read model against the chain.",
        epilog="The configuration file is described in docs/spec/explorer.md.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in (
        ("run", "follow the chain and serve the pages"),
        ("check", "rebuild from the chain and compare"),
    ):
        command = commands.add_parser(name, help=words, description=words)
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="configuration (TOML)")
    options = parser.parse_args(arguments)
    if not __debug__:
        return _complain("python -O leaves out checks that this program relies on; run it without -O")
    try:
        config = load_config(options.config)
        return _run(config) if options.command == "run" else _check(config)
    except ModuleNotFoundError as error:
        return _complain(f"{error.name} is not installed; run: pip install 'tallystick[explorer]'")
    except TallystickError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        return _complain(f"{error.filename or 'the operating system'}: {error.strerror or error}")
    except Exception as error:  # the outermost edge: an operator gets a sentence, never a traceback
        return _complain(f"a fault in this software: {type(error).__name__}: {error}; please report it", EXIT_FAULT)


def _complain(words: str, code: int = 1) -> int:
    print(f"tallystick-explorer: {one_line(' '.join(words.split()))}", file=sys.stderr)
    return code


def _run(config: ExplorerConfig) -> int:
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
    print(f"tallystick-explorer: serving http://{host}:{port} for {founding.genesis.network}", flush=True)
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


def _check(config: ExplorerConfig) -> int:
    from explorer.database import open_existing
    from explorer.founding import read_founding
    from explorer.rebuild import DIFFERENCES_MAX, check

    founding = read_founding(config.genesis)
    engine = open_existing(config.database, founding.chain_id, founding.genesis.network)
    result = check(engine, founding)
    for difference in result.differences[:DIFFERENCES_MAX]:
        print(difference, file=sys.stderr)
    if result.differences:
        raise StorageError(
            f"{len(result.differences)} differences between the read model and the chain up to height {result.height}; "
            "name a new database to rebuild it"
        )
    print(f"the read model agrees with the chain: {result.rows} rows up to height {result.height}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
