#!/usr/bin/env python3
"""Write the page that verifies proofs from disk, as one file.

Usage: python scripts/make_offline_verifier.py [--trust FILE] [--out FILE] [--check]

Without --trust the reader chooses a trust file. --check compares docs/verifier.html with what would be written.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from explorer.offline_page import offline_page

DEFAULT = ROOT / "docs" / "verifier.html"


def main() -> int:
    """Write the page, or with --check compare it."""
    parser = argparse.ArgumentParser(description="Write the page that verifies proofs from disk.")
    parser.add_argument("--trust", type=Path, metavar="FILE", help="build this trust file in")
    parser.add_argument("--out", type=Path, default=DEFAULT, metavar="FILE", help="default: docs/verifier.html")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file is not current")
    arguments = parser.parse_args()
    trust = json.loads(arguments.trust.read_text()) if arguments.trust is not None else None
    page = offline_page(trust)
    if arguments.check:
        current = arguments.out.exists() and arguments.out.read_text() == page
        print(f"{arguments.out} is {'current' if current else 'not current; run scripts/make_offline_verifier.py'}")
        return 0 if current else 1
    arguments.out.write_text(page)
    print(f"{arguments.out}: {len(page.encode())} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
