#!/usr/bin/env python3
"""Print what BLS costs with each library that is installed, which points each takes, and how large compact proofs are.

Usage: python scripts/measure_seals.py [--units N ...] [--only-sizes]

Libraries beyond ``py-ecc`` and ``blspy`` are measured where they are installed and used nowhere:
``pip install chia-rs milagro-bls-binding pyblst py-arkworks-bls12381``.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import msgspec

from scripts.make_compact_vectors import INFINITY_KEY, OUTSIDE_KEY
from tallystick import bls_libraries
from tallystick.bls import SECRET_SIZE, Bls
from tallystick.compact import QR_SIZE_MAX, compact_text, write_compact
from tallystick.records.base import key_hash
from tallystick.records.goods import item_key
from tallystick.units import empty_units, show_unit
from tests import compact_world as w

MESSAGE = b"a seal's message of about this length" * 5
SECRETS = [number.to_bytes(SECRET_SIZE, "big") for number in (3, 5, 7)]
SAMPLE = 200  # units whose proofs are sized


def cpu_ms(work: Callable[[], object], rounds: int) -> float:
    """Median processor time of a call, milliseconds."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return statistics.median(times) * 1_000


def import_ms(module: str) -> float:
    """Elapsed time of an import in a new process, milliseconds, less that of starting one."""

    def run(code: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        return time.perf_counter() - started

    return (min(run(f"import {module}") for _ in range(3)) - min(run("pass") for _ in range(3))) * 1_000


def ours() -> None:
    """The libraries that this product can use, through its own checks."""
    print("| | import (elapsed) | key | sign | prove possession | check possession | sum of 3 | check 3 |")
    print("|---|---|---|---|---|---|---|---|")
    for library, module, rounds in (
        (bls_libraries.reference(), "py_ecc.bls", 3),
        (bls_libraries.native(), "blspy", 50),
    ):
        if library is None:
            print(f"| {module}: not installed |")
            continue
        scheme = Bls(library)
        keys = [scheme.public_key(secret) for secret in SECRETS]
        possession = scheme.prove_possession(SECRETS[0])
        shares = [scheme.sign(secret, MESSAGE) for secret in SECRETS]
        total = scheme.aggregate(shares)
        works: tuple[Callable[[], object], ...] = (
            partial(scheme.public_key, SECRETS[0]),
            partial(scheme.sign, SECRETS[0], MESSAGE),
            partial(scheme.prove_possession, SECRETS[0]),
            partial(scheme.check_possession, keys[0], possession),
            partial(scheme.aggregate, shares),
            partial(scheme.check, keys, MESSAGE, total),
        )
        figures = " | ".join(f"{cpu_ms(work, rounds):,.2f}" for work in works)
        print(f"| {scheme.name} | {import_ms(module):,.0f} | {figures} |")


def candidates() -> None:
    """What other bindings do with a message of one signer, and with points that nobody should take."""
    print("\n| candidate | import, ms | verify, ms | key at infinity | key outside the group |")
    print("|---|---|---|---|---|")
    reference = bls_libraries.reference()
    assert reference is not None
    key, signature = reference.public_key(3), reference.sign(3, MESSAGE)
    for name, module, make_key, verify in (
        ("chia-rs (augmented scheme)", "chia_rs", _chia_key, _chia_verify),
        ("milagro-bls-binding", "milagro_bls_binding", None, _milagro_verify),
        ("pyblst (points alone)", "pyblst", lambda m, data: m.BlstP1Element().uncompress(data), None),
        ("py-arkworks-bls12381 (points alone)", "py_arkworks_bls12381", _arkworks_key, None),
    ):
        _candidate(name, module, make_key, None if verify is None else partial(verify, key=key, signature=signature))


def _candidate(
    name: str, module: str, make_key: Callable[..., object] | None, verify: Callable[..., object] | None
) -> None:
    try:
        found = importlib.import_module(module)
    except ImportError:
        print(f"| {name} | not installed | | | |")
        return
    checked = f"{cpu_ms(partial(verify, found), 50):.2f}" if verify is not None else "–"
    taken = [
        _taken(partial(make_key, found, point)) if make_key is not None else "–"
        for point in (INFINITY_KEY, OUTSIDE_KEY)
    ]
    print(f"| {name} | {import_ms(module):.0f} | {checked} | {taken[0]} | {taken[1]} |")


def _taken(make: Callable[[], object]) -> str:
    try:
        make()
    except Exception:
        return "refused"
    return "taken"


def _chia_key(module: Any, data: bytes) -> object:
    return module.G1Element.from_bytes(data)


def _chia_verify(module: Any, key: bytes, signature: bytes) -> None:
    secret = module.PrivateKey.from_bytes(SECRETS[0])
    own = _chia_signature.setdefault("own", module.AugSchemeMPL.sign(secret, MESSAGE))
    assert module.AugSchemeMPL.verify(module.G1Element.from_bytes(key), MESSAGE, own)


_chia_signature: dict[str, Any] = {}


def _milagro_verify(module: Any, key: bytes, signature: bytes) -> None:
    assert module.Verify(key, MESSAGE, signature)


def _arkworks_key(module: Any, data: bytes) -> object:
    return module.G1Point.from_compressed_bytes(data)


def sizes(counts: list[int]) -> None:
    """Compact proofs of a pallet beside so many other units, and how long their tree takes."""
    print("\n| logistic units | proof: median / largest, bytes | QR modules | tree built, s | one changed, µs |")
    print("|---|---|---|---|---|")
    proof, dice = w.proof(), random.Random(1)
    for count in counts:
        subjects = [f"00/{dice.randrange(10**18):018}" for _ in range(count)]
        places = [key_hash(item_key(subject)) for subject in subjects]
        started = time.process_time()
        units = empty_units().update({place: place for place in places})
        built = time.process_time() - started
        changed = cpu_ms(partial(units.update, {places[0]: bytes(32)}), 200) * 1_000
        lengths = []
        for subject in dice.sample(subjects, min(SAMPLE, count)):
            shape, siblings = show_unit(units, subject)
            lengths.append(len(write_compact(msgspec.structs.replace(proof, shape=shape, siblings=siblings))))
        middle, largest = int(statistics.median(lengths)), max(lengths)
        modules = _modules(largest)
        print(f"| {count:,} | {middle} / {largest} | {modules} | {built:.1f} | {changed:.0f} |")
    print(f"\nOne code holds {QR_SIZE_MAX:,} bytes, whatever is shown. A level costs 32 bytes; a recall its id.")


def _modules(size: int) -> int:
    from client_sdk import qr

    return len(qr.compact_matrix(compact_text(random.Random(2).randbytes(size)))) - 2 * qr.QUIET_ZONE


def main() -> int:
    """Print."""
    parser = argparse.ArgumentParser(description="What seals and compact proofs cost.")
    parser.add_argument("--units", type=int, nargs="*", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--only-sizes", action="store_true")
    options = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}; processor time in ms, median\n")
    if not options.only_sizes:
        ours()
        candidates()
    sizes(options.units)
    return 0


if __name__ == "__main__":
    sys.exit(main())
