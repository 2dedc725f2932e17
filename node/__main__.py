"""The command ``tallystick-node``: found, run, check and watch a node.

Exit codes: 0 done; 1 a file, option or folder of the operator is wrong, or the node cannot be reached; 2 wrong usage;
3 the stored chain, the disk or a quorum disagrees with this node; 130 interrupted. Errors are one sentence on standard
error; with ``--json`` every outcome is one object on standard output, errors too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import NoReturn

from node.commands import EXIT_DAMAGED, EXIT_REFUSED, EXIT_USAGE, UsageError, say_error
from tallystick.errors import StorageError, TallystickError

# Modules of node.commands.
COMMANDS = ("init", "genesis", "run", "check", "status", "rotate", "recover", "evidence", "backup", "restore")


class _Parser(argparse.ArgumentParser):
    """Leaves it to ``main`` how a wrong option is told to a program."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(self.prog, message)


def build_parser(chosen: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The command line with these commands. One that is not asked for is not imported: a restart must be quick."""
    parser = _Parser(
        prog="tallystick-node",
        description="One node of one member of a Tallystick network.",
        epilog="First `init` at every founder, then `genesis` with all cards, then `run`. See docs/operating.md.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in chosen:
        import_module(f"node.commands.{name}").add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = any(len(word) > 3 and "--json".startswith(word) for word in words)
    complain = partial(say_error, as_json=as_json)
    if not __debug__:
        return complain("python -O removes the checks that guard the ledger; start without -O and PYTHONOPTIMIZE")
    try:
        options = build_parser(words[:1] if words and words[0] in COMMANDS else COMMANDS).parse_args(words)
        code: int = options.command(options)
    except UsageError as error:
        return complain(f"{error}; see: {error.program} --help", EXIT_USAGE)
    except ModuleNotFoundError as error:
        return complain(f"{error.name} is not installed; run: pip install 'tallystick[node]'")
    except StorageError as error:
        return complain(str(error), EXIT_DAMAGED)
    except TallystickError as error:
        return complain(str(error), getattr(error, "exit_code", EXIT_REFUSED))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; there is nobody to tell
        return EXIT_REFUSED
    except OSError as error:
        return complain(f"{error.filename or 'the operating system'}: {error.strerror or error}")
    except Exception as error:  # the outermost edge: an operator gets a sentence, never a traceback
        return complain(f"a fault in this software: {_where(error)}; please report it", EXIT_DAMAGED)
    return code


def _where(error: BaseException) -> str:
    """Type, text and innermost line of an unforeseen error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(error).__name__}: {error}{place}"


if __name__ == "__main__":
    sys.exit(main())
