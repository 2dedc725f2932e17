"""What every script has in common that writes frozen files: it writes them, or with ``--check`` compares them."""

from __future__ import annotations

import argparse
from pathlib import Path


def asked_to_check(about: str | None) -> bool:
    """Whether to compare and not to write; anything else that is asked for ends the program before it writes.

    Args:
        about: docstring of the script, whose first sentence says what is written.
    """
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a frozen file is not current")
    checking: bool = parser.parse_args().check
    return checking


def write_or_compare(file: Path, text: str, checking: bool) -> int:
    """Write a file of vectors, or compare it with the text; returns the exit status."""
    if not checking:
        file.write_text(text)
        print(f"{file}: {len(text)} bytes")
        return 0
    current = file.exists() and file.read_text() == text
    print(f"{file.name} is current" if current else f"{file.name} differs from what the code makes")
    return 0 if current else 1
