"""``tallystick``: the command line of a member. Never a traceback; exit codes that scripts may rely on."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from client_sdk.commands import GROUPS, Command
from client_sdk.commands.base import Context, Parser, TransportMaker, add_common_options, add_online_options
from client_sdk.config import Config, default_path, load_config
from client_sdk.environment import SYSTEM, Environment
from client_sdk.errors import ExitCode, InterruptionError, UnwrittenError, exit_code_of, words_of
from client_sdk.output import Output
from client_sdk.transport import HttpTransport
from tallystick.errors import ConfigError, TallystickError
from tallystick.plain_text import harmless

TRACEBACK_VARIABLE = "TALLYSTICK_TRACEBACK"  # set by who hunts a bug
_MAKERS = ("configure", "keygen", "pin")  # a configuration that they name may be yet to come
_OFFLINE = ("trust", "verify")  # all they need of it may be what ``pin`` put beside it
_EXIT_CODES = """exit status:
  0  done
  1  refused: a rule of the ledger, or a node's door, said no; the message names rule and remedy
  2  usage: options, files or configuration are wrong; nothing was sent
  3  unavailable: not enough nodes answered in time; the message says how to try again
  4  unproven: something was shown that does not prove what it claims
  70 a fault of this program; 74 the output cannot be written; 130 interrupted
"""


def main(
    argv: Sequence[str] | None = None,
    *,
    environment: Environment = SYSTEM,
    make_transport: TransportMaker = HttpTransport,
) -> int:
    """Run one command.

    Args:
        argv: without the program's name; None takes the process's own.
        environment, make_transport: replaced by tests and demonstrations.
    Returns:
        An ``ExitCode``.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode shows question marks, not a traceback
    words = list(sys.argv[1:] if argv is None else argv)
    parser, commands = build_parser(words[0] if words else None)
    try:
        _refuse_empty(parser, words)
        arguments = parser.parse_args(words)
    except SystemExit as end:  # --help
        return int(end.code or 0)
    except _UsageError as error:
        named = words[0] if words and words[0] in commands else ""
        if any("--json".startswith(word) and word.startswith("--js") for word in words):
            Output(True, named).error(error, ExitCode.USAGE)
        else:
            sys.stderr.write(harmless(f"{error.program}: {error}\n  see: {error.program} --help\n"))
        return ExitCode.USAGE
    command = commands[arguments.command]
    output = Output(arguments.json, command.name)
    try:
        return _run(command, arguments, output, environment, make_transport)
    except UnwrittenError as error:
        return _unwritten(command.name, error)
    except TallystickError as error:
        return _told(output, error, exit_code_of(error))
    except BrokenPipeError:  # whoever read our output has seen enough
        _discard_output()
        return ExitCode.OK
    except KeyboardInterrupt:
        output.note("")  # below the ^C
        return _told(output, InterruptionError(), ExitCode.INTERRUPTED)
    except Exception as error:  # the outermost edge: a bug of ours ends in a sentence, not in a traceback
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        fault = TallystickError(f"a fault of this program ({type(error).__name__}: {error}); please report it")
        output.note(f"  set {TRACEBACK_VARIABLE}=1 to see where")
        return _told(output, fault, ExitCode.FAULT)


def _told(output: Output, error: TallystickError, code: ExitCode) -> ExitCode:
    """Say what went wrong; the exit status stays the same where nobody listens."""
    try:
        output.error(error, code)
    except UnwrittenError as unwritten:
        return _unwritten(output.command, unwritten)
    except BrokenPipeError:
        _discard_output()
    return code


def _unwritten(command: str, error: UnwrittenError) -> ExitCode:
    """On standard error also with ``--json``: the other one takes nothing."""
    sys.stderr.write(harmless(f"tallystick {command}: {words_of(error)}\n"))
    _discard_output()
    return ExitCode.UNWRITTEN


def _discard_output() -> None:
    """What is left in the buffer would raise again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(
    command: Command,
    arguments: argparse.Namespace,
    output: Output,
    environment: Environment,
    make_transport: TransportMaker,
) -> int:
    config = _config(arguments)
    for name in ("key", "node", "passphrase_file", "organisation", "chain"):
        if not hasattr(arguments, name):
            setattr(arguments, name, None)
    context = Context(config, arguments, output, environment, make_transport)
    return int(command.run(context, arguments))


def _config(arguments: argparse.Namespace) -> Config:
    if arguments.config is None:
        return load_config(default_path())
    pinned = arguments.command in _OFFLINE and Config(arguments.config.expanduser().absolute()).trust_file.exists()
    return load_config(arguments.config, must_exist=not pinned and arguments.command not in _MAKERS)


def build_parser(only: str | None = None) -> tuple[_Parser, dict[str, Command]]:
    """The command line, and the commands by name.

    Args:
        only: when this is a command, no other gets its arguments: building all takes a fifth of a second.
    """
    parser = _Parser(
        prog="tallystick",
        description="Sign supply events and payments, follow them, and verify what others show.",
        epilog=_list() + "\n" + _EXIT_CODES + "\ntallystick COMMAND --help shows examples.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tallystick {_version()}")
    everything = {command.name: command for _, group in GROUPS for command in group}
    commands = {only: everything[only]} if only in everything else everything
    actions = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", help=argparse.SUPPRESS)
    for name, command in commands.items():
        added = actions.add_parser(
            name,
            description=_description(command),
            epilog="examples:\n" + "\n".join(f"  tallystick {example}" for example in command.examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add(added, command)
    return parser, commands


def _add(parser: Parser, command: Command) -> None:
    command.add(parser)
    if command.nested:
        return
    add_common_options(parser)
    if command.online:
        add_online_options(parser)


def _description(command: Command) -> str:
    summary = command.summary[0].upper() + command.summary[1:] + "."
    return summary + (f"\n{command.description}" if command.description else "")


def _version() -> str:
    try:
        return version("tallystick")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "(not installed)"


def _list() -> str:
    lines: list[str] = []
    for title, group in GROUPS:
        lines.append(f"{title}:")
        lines += [f"  {command.name:<22}{command.summary}" for command in group]
        lines.append("")
    return "\n".join(lines)


def _refuse_empty(parser: _Parser, words: Sequence[str]) -> None:
    """An empty word is a variable that was not set. Read as an option left out, it would pay twice or confirm all."""
    for place, word in enumerate(words):
        option, equals, value = word.partition("=")
        if not word:
            before = words[place - 1] if place else ""
            parser.error(
                f"an argument is empty{f', after {before}' if before else ''}: leave it out, or say what is meant"
            )
        if option.startswith("--") and equals and not value:
            parser.error(f"{option} is empty: leave it out, or say what is meant")


class _UsageError(ConfigError):
    """What argparse would print, and the program or command whose help says more."""

    def __init__(self, program: str, message: str) -> None:
        super().__init__(message)
        self.program = program


class _Parser(argparse.ArgumentParser):
    """Says where help is, and leaves the way of saying it to ``main``."""

    def error(self, message: str) -> NoReturn:
        raise _UsageError(self.prog, message)


if __name__ == "__main__":
    sys.exit(main())
