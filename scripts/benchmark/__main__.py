"""Run the phases and print them. ``./scripts/bench`` is the command for people."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from scripts.benchmark.client import LoadError
from scripts.benchmark.four_nodes import Bench
from scripts.benchmark.plot import draw
from scripts.benchmark.proofs import KEYS as PROOF_KEYS
from scripts.benchmark.proofs import proofs_bench
from scripts.benchmark.snapshots import SNAPSHOT_KEYS, snapshot_bench
from scripts.benchmark.soak import SOAK_RATE, soak
from scripts.benchmark.state import SIZES, measure_state, print_state
from scripts.benchmark.state_network import RATE, SECONDS, WARM_UP_S, Load, state_network_bench
from scripts.story.cast import FOUNDERS
from scripts.story.network import Network, NetworkError
from tallystick.limits import CHECK_THREADS_MAX, TREE_KEYS_IN_MEMORY


def state_bench(sizes: list[int] | None, plot: Path | None, keys_in_memory: int) -> int:
    """Measure what the size of the state costs; a table, then one JSON line."""
    folder = Path(tempfile.mkdtemp(prefix="tallystick-state-"))
    try:
        figures = measure_state(folder, tuple(sizes or SIZES), keys_in_memory)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print_state(figures)
    if plot is not None:
        plot.write_text(draw(figures), encoding="utf-8")
    return 0


def main() -> int:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(prog="./scripts/bench", description="Measure four nodes on this machine.")
    parser.add_argument("--quick", action="store_true", help="5 s a phase instead of 30 s")
    parser.add_argument("--state", action="store_true", help="what 10,000 to 1,000,000 keys cost; about three minutes")
    parser.add_argument(
        "--state-network",
        action="store_true",
        help="what the size of the state does to block times, latency and memory of four nodes under one load; "
        "about six minutes",
    )
    parser.add_argument(
        "--keys",
        type=int,
        nargs="+",
        metavar="N",
        help="with --state, --state-network, --proofs or --snapshots: other sizes, ascending",
    )
    parser.add_argument("--proofs", action="store_true", help="what verifying costs, in Python and in Chromium")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="with --state or --state-network: also draw block time and memory (SVG)",
    )
    parser.add_argument(
        "--tree-keys-in-memory",
        type=int,
        default=TREE_KEYS_IN_MEMORY,
        metavar="N",
        help="with --state or --state-network: the nodes' setting of this name; 0: the tree's pages lie in a file",
    )
    parser.add_argument(
        "--check-threads",
        type=int,
        choices=range(CHECK_THREADS_MAX + 1),
        default=0,
        metavar="N",
        help=f"threads of each node that check signatures, at most {CHECK_THREADS_MAX}; 0: its event loop does",
    )
    parser.add_argument("--snapshots", action="store_true", help="what making and restoring a snapshot costs")
    parser.add_argument(
        "--soak", type=float, metavar="MINUTES", help="one rate of load for so long: memory, disk, latency"
    )
    parser.add_argument(
        "--rate",
        type=int,
        metavar="N",
        help=f"transactions a second: with --soak ({SOAK_RATE}), with --state-network ({RATE})",
    )
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, metavar="S", help=f"with --state-network: of load ({SECONDS:g})"
    )
    parser.add_argument(
        "--warm-up",
        type=float,
        default=WARM_UP_S,
        metavar="S",
        help=f"with --state-network: of the same load before it ({WARM_UP_S:g})",
    )
    options = parser.parse_args()
    if options.snapshots:
        return max(snapshot_bench(size) for size in options.keys or [SNAPSHOT_KEYS])
    if options.state:
        return state_bench(options.keys, options.plot, options.tree_keys_in_memory)
    if options.state_network:
        load = Load(options.rate or RATE, options.seconds, options.warm_up, options.tree_keys_in_memory)
        try:
            return state_network_bench(options.keys or SIZES, load, options.plot)
        except (LoadError, NetworkError) as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    if options.proofs:
        return max(proofs_bench(size) for size in options.keys or [PROOF_KEYS])
    folder = Path(tempfile.mkdtemp(prefix="tallystick-bench-"))
    bench = Bench(Network(folder, FOUNDERS), 5 if options.quick else 30, options.check_threads)
    try:
        if options.soak is not None:
            soak(bench, options.soak, options.rate or SOAK_RATE)
            return 0
        bench.run()
    except (LoadError, NetworkError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        bench.network.stop()
        shutil.rmtree(folder, ignore_errors=True)
    width = max(len(name) for name in bench.figures)
    for name, value in bench.figures.items():
        print(f"{name:<{width}}  {value:>12,}")
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "python": sys.version}
    print(json.dumps({**bench.figures, **machine}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
