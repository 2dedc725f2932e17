"""Running mutants: a chunk at a time, each chunk from its own seed, so that any of them can be run again alone."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from scripts.proof_mutation.corpus import Good, good_bundles
from scripts.proof_mutation.edits import mutate
from scripts.proof_mutation.judge import says_more
from tallystick.blocks import Header
from tallystick.errors import DecodeError, ProofError
from tallystick.proofs import Verified, verify_bundle

CHUNK = 1_000  # mutants of one seed
SLOW_MS = 20.0  # processor time that no mutant may take
AGAIN = 5  # a slow one is measured so often again: the machine may have been busy, the mutant is slow only if all are
FAULTS_MAX = 20  # kept of one chunk

Verify = Callable[[Good, bytes], Verified]


@dataclass(slots=True)
class Tally:
    """What came of mutants.

    Attributes:
        codes: how many ended how: a code of a refusal, or ``holds`` for those that say no more than the good one.
        slowest_ms, slowest: processor time of the slowest verification and its bundle's name.
        size_max: bytes of the largest mutant.
        faults: one sentence each, with what is needed to see it again.
    """

    count: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    slowest: str = ""
    size_max: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take in another tally."""
        self.count += other.count
        self.codes += other.codes
        self.size_max = max(self.size_max, other.size_max)
        if other.slowest_ms > self.slowest_ms:
            self.slowest_ms, self.slowest = other.slowest_ms, other.slowest
        self.faults += other.faults


def verify(good: Good, mutant: bytes) -> Verified:
    """Python's verifier, asked what the good bundle's reader asked."""
    return verify_bundle(mutant, good.trust, subject=good.subject, at=good.at)


@dataclass(frozen=True, slots=True)
class _Corpus:
    """The good bundles; the same as JSON values for others to take parts of; every header that was signed."""

    good: tuple[Good, ...]
    donors: tuple[Any, ...]
    headers: frozenset[Header]


@cache
def _corpus() -> _Corpus:
    found = good_bundles()
    headers = frozenset(good.verified.anchor.header for good in found)
    return _Corpus(found, tuple(msgspec.json.decode(good.text) for good in found), headers)


def run_chunk(seed: int, chunk: int, count: int = CHUNK, check: Verify = verify) -> Tally:
    """The mutants of one chunk.

    Args:
        check: the verifier.
    """
    corpus = _corpus()
    rng = random.Random(f"{seed}/{chunk}")
    tally = Tally()
    for index in range(count):
        good = rng.choice(corpus.good)
        mutant = mutate(good.text, rng, corpus.donors)
        place = f"{good.name}, seed {seed}, chunk {chunk}, mutant {index}"
        code, fault, milliseconds = _judged(good, mutant, check)
        if milliseconds > SLOW_MS:
            milliseconds = min(milliseconds, *(_judged(good, mutant, check)[2] for _ in range(AGAIN)))
        if milliseconds > SLOW_MS:
            fault = fault or f"took {milliseconds:.1f} ms"
        tally.count += 1
        tally.codes[code] += 1
        tally.size_max = max(tally.size_max, len(mutant))
        if milliseconds > tally.slowest_ms:
            tally.slowest_ms, tally.slowest = milliseconds, f"{place} ({len(mutant)} bytes, {code})"
        if fault and len(tally.faults) < FAULTS_MAX:
            tally.faults.append(f"{place}: {fault}")
    return tally


def _judged(good: Good, mutant: bytes, check: Verify) -> tuple[str, str, float]:
    """Code, fault (or empty) and milliseconds of processor time of one verification."""
    started = time.thread_time()
    try:
        found = check(good, mutant)
    except (ProofError, DecodeError) as error:
        spent = time.thread_time() - started
        return str(error.code if isinstance(error, ProofError) else error.rule), "", 1_000 * spent
    except Exception as error:  # whatever else it is, it is a fault
        return "FAULT", f"{type(error).__name__}: {error}"[:300], 1_000 * (time.thread_time() - started)
    spent = time.thread_time() - started
    more = says_more(found, good.verified, _corpus().headers)
    return (
        ("FAULT", f"proves what the good one did not: {more}", 1_000 * spent) if more else ("holds", "", 1_000 * spent)
    )
