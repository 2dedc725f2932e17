"""The commands of ``tallystick-node``, one module each, and what they share."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from tallystick.plain_text import one_line

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_DAMAGED = 3


class UsageError(Exception):
    """What argparse would print, and the program or command whose help says more."""

    def __init__(self, program: str, message: str) -> None:
        super().__init__(message)
        self.program = program


def say_error(
    sentence: str, code: int = EXIT_REFUSED, *, as_json: bool = False, more: Mapping[str, Any] | None = None
) -> int:
    """Print one sentence on standard error, or with ``--json`` one object on standard output; returns the exit code.

    Args:
        more: fields of the object beside ``ok``, ``error`` and ``exit``.
    """
    told = one_line(" ".join(sentence.split()))
    if as_json:
        print_json({"ok": False, **(more or {}), "error": told, "exit": code})
    else:
        print(f"tallystick-node: {told}", file=sys.stderr)
    return code


def say(line: str) -> None:
    """Print one line, in which other people's words cannot begin another."""
    print(one_line(line))


def print_json(value: Any) -> None:
    """One JSON document on standard output, for machines."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def new_parser(
    commands: Subparsers,
    name: str,
    command: Callable[[argparse.Namespace], int],
    summary: str,
    examples: str,
) -> argparse.ArgumentParser:
    """A command's parser, with its examples below its options."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog="examples:\n" + textwrap.indent(textwrap.dedent(examples).strip(), "  "),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=command)
    return parser


def add_config_option(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """``--config FILE``."""
    parser.add_argument("--config", type=Path, required=required, metavar="FILE", help="the node's configuration file")


def grouped(digest: bytes) -> str:
    """A hash for people to compare aloud: hex in groups of four, eight groups a line."""
    groups = textwrap.wrap(digest.hex(), 4)
    return "\n".join(" ".join(groups[start : start + 8]) for start in range(0, len(groups), 8))
