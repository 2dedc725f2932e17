"""The command line of every script that writes frozen files: it writes them, or with ``--check`` compares them."""

from __future__ import annotations

import argparse


def asked_to_check(about: str | None) -> bool:
    """Whether to compare and not to write; anything else that is asked for ends the program before it writes.

    Args:
        about: docstring of the script, whose first sentence says what is written.
    """
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a frozen file is not current")
    checking: bool = parser.parse_args().check
    return checking
