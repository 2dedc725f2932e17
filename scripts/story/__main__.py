"""Play the story. ``./scripts/demo`` is the command for people."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from client_sdk.qr import digital_link, matrix_of, to_terminal
from scripts.story.acts import Story
from scripts.story.cast import FOUNDERS, RETAILER
from scripts.story.display import Display
from scripts.story.goods import PACKS_A, PACKS_B
from scripts.story.network import Network
from scripts.story.uninterrupted import ENDING

INTERRUPTED = 130  # exit code of a check that was cut short: it did not pass
EXAMPLES = """examples:
  ./scripts/demo                 watch the trade, then look around until Ctrl-C
  ./scripts/demo --check         assert every outcome, print one JSON line, clean up
  ./scripts/demo --keep DIR      leave keys, ledgers and logs in DIR afterwards
"""


def main() -> int:
    """Exit code 0 when every outcome was as told."""
    parser = argparse.ArgumentParser(
        prog="./scripts/demo",
        description="Four organisations' nodes on this machine, and one trade from field to shelf to loan.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="no terminal: assert, print one JSON line, clean up, exit")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="a new folder for everything; it is not removed")
    options = parser.parse_args()
    for number in ENDING:
        signal.signal(number, _stop)
    folder = options.keep or Path(tempfile.mkdtemp(prefix="tallystick-demo-"))
    if options.keep is not None and folder.exists():
        parser.error(f"{folder} exists already; name a new folder")
    display = Display(quiet=options.check)
    network = Network(folder / "network" if options.keep is None else folder, FOUNDERS, seals=True)
    try:
        return _play(network, display, check=options.check)
    except KeyboardInterrupt:
        print("\nEnding.", file=sys.stderr)
        return INTERRUPTED if options.check else 0
    finally:
        network.stop()
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _play(network: Network, display: Display, *, check: bool) -> int:
    started = time.monotonic()
    story = Story(network, display)
    story.play()
    figures = {"ok": True, **story.figures(), "seconds": round(time.monotonic() - started, 1)}
    if check:
        print(json.dumps(figures, ensure_ascii=False))
        return 0
    address = digital_link(PACKS_A[0], network.explorer_url)
    print(f"\n{to_terminal(matrix_of(address))}\n", file=sys.stderr)
    print(f"  A pack from the shelf:  {address}", file=sys.stderr)
    print(f"  A recalled pack:        {network.explorer_url}/{PACKS_B[0]}", file=sys.stderr)
    print(f"  The pallet on paper:    {story.paper.picture}", file=sys.stderr)
    print(f"  A node's own word:      {network.nodes[RETAILER].url}/.well-known/head", file=sys.stderr)
    print(f"  Keys, ledgers, logs:    {network.folder}", file=sys.stderr)
    print("\n  Ctrl-C ends everything.", file=sys.stderr)
    while True:
        time.sleep(3_600)


def _stop(_number: int, _frame: FrameType | None) -> None:
    """The first signal ends the play; a second one must not cut the cleaning up short."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
