"""Run a plan and judge what is left. ``./scripts/nemesis`` is the command for people."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from scripts.nemesis_run.plan import IN_WORDS, KILLS, KINDS
from scripts.nemesis_run.run import Nemesis, Options
from scripts.story.network import NetworkError

EXAMPLES = """examples:
  ./scripts/nemesis                                a minute of everything, plan drawn from seed 1
  ./scripts/nemesis --seconds 600 --plan 7         ten minutes of another plan
  ./scripts/nemesis --kills 50                     fifty kill -9, of one node, two or all
  ./scripts/nemesis --kills 240 --skip 260         go on with that plan behind its 260th step, with a new network
  ./scripts/nemesis --only split,pause-two         some kinds of faults alone
  ./scripts/nemesis --no-quorum-seconds 600        one partition that leaves nobody a quorum, then the first commit
  ./scripts/nemesis --dead-node-seconds 20         what a node that is away costs the others
  ./scripts/nemesis --delay-ms 50                  no faults; each message takes 50 ms: how many delays to final
  ./scripts/nemesis --list                         the kinds of faults

Ctrl-C begins no new fault and judges what was done. The last line on standard output is one JSON object.
Exit code 0: no promise was broken; 1: one was; 2: wrong usage; 130: ended by a second Ctrl-C.
"""


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="./scripts/nemesis",
        description="Four real nodes under load, and everything that goes wrong in earnest, drawn from a seed.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="begin no new fault after so long (default 60)")
    parser.add_argument(
        "--kills", type=int, metavar="N", help="stop after N kills; without --seconds kill and nothing else"
    )
    parser.add_argument(
        "--plan", default="1", metavar="SEED", help="any text; the same text is the same plan (default 1)"
    )
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="go on with a plan of which N steps were done")
    parser.add_argument("--only", metavar="KINDS", help="draw from these kinds, separated by commas")
    parser.add_argument("--rate", type=float, default=40.0, metavar="R", help="transactions per second (default 40)")
    parser.add_argument("--no-quorum-seconds", type=float, metavar="S", help="two against two nodes for so long")
    parser.add_argument(
        "--dead-node-seconds", type=float, metavar="S", help="kill one node, and start it after so long"
    )
    parser.add_argument("--delay-ms", type=float, metavar="D", help="each message between nodes takes so long, one way")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="a new folder for keys, logs and histories; it stays")
    parser.add_argument("--list", action="store_true", help="the kinds of faults, and end")
    return parser


def read_options(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Options:
    """What was asked for; ends the program when it makes no sense."""
    kinds = tuple(given.only.split(",")) if given.only else (KILLS if given.kills and not given.seconds else KINDS)
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        parser.error(f"no kind of fault is called {', '.join(unknown)}; see --list")
    runs = (given.no_quorum_seconds, given.dead_node_seconds, given.delay_ms)
    if sum(value is not None for value in runs) > 1:
        parser.error("--no-quorum-seconds, --dead-node-seconds and --delay-ms are runs of their own; give one of them")
    seconds = given.seconds
    if seconds is None:
        seconds = float("inf") if given.kills else 60.0
    no_quorum_s, dead_node_s, delay_ms = (value or 0.0 for value in runs)
    return Options(
        given.plan, kinds, seconds, given.kills, given.rate, no_quorum_s, dead_node_s, delay_ms, skip=given.skip
    )


def main() -> int:
    """Exit code 0 when nothing was broken that must hold."""
    parser = build_parser()
    given = parser.parse_args()
    if given.list:
        for kind in KINDS:
            print(f"{kind:14} {IN_WORDS[kind]}")
        return 0
    options = read_options(parser, given)
    if given.keep is not None and given.keep.exists():
        parser.error(f"{given.keep} exists already; name a new folder")
    folder = given.keep or Path(tempfile.mkdtemp(prefix="tallystick-nemesis-"))
    nemesis = Nemesis(folder / "network", options, say=lambda line: print(line, file=sys.stderr, flush=True))
    _end_early_first(nemesis)
    try:
        figures = nemesis.run()
    except NetworkError as error:
        print(f"nemesis: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        nemesis.close()
        if given.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(figures, ensure_ascii=False))
    return 0 if figures["ok"] else 1


def _end_early_first(nemesis: Nemesis) -> None:
    """The first Ctrl-C (or SIGTERM) ends the plan, and what was done is judged; the second ends everything at once."""

    def second(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def first(_number: int, _frame: FrameType | None) -> None:
        print("No new fault; judging. Once more to end at once.", file=sys.stderr)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, second)
        nemesis.end_early()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, first)


if __name__ == "__main__":
    sys.exit(main())
