"""What a node that is away costs the others: time to finality before, at first, and once its turns are passed over."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from scripts.benchmark.client import percentile
from scripts.nemesis_run.cluster import Cluster
from scripts.nemesis_run.history import Answer, History

BEFORE_S = 5.0
AT_FIRST_S = 5.0  # in which it misses its turns; four leaders at half a second each are two seconds


def measure_dead_node(cluster: Cluster, history: History, seconds: float) -> dict[str, Any]:
    """Kill the last node for ``seconds``; figures in milliseconds, of transactions that a living node took at once."""
    time.sleep(2.0)
    started = time.monotonic()
    time.sleep(BEFORE_S)
    killed = time.monotonic()
    victim = list(cluster.nodes)[-1]
    cluster.kill(victim)
    time.sleep(AT_FIRST_S + seconds)
    ended = time.monotonic()
    cluster.start(victim)
    answers = [answer for answer in history.answers if answer.tries == 1]
    steady = killed + AT_FIRST_S
    return {
        "final_ms_before": _spread(answers, started, killed - 1.0),
        "final_ms_at_first": _spread(answers, killed, steady),
        "final_ms_later": _spread(answers, steady, ended),
    }


def _spread(answers: list[Answer], begin: float, end: float) -> dict[str, float]:
    """Of what was sent in this time."""
    values = [(answer.final_s - answer.sent_s) * 1_000 for answer in answers if begin <= answer.sent_s < end]
    if not values:
        return {}
    spread = {"p50": median(values), "p99": percentile(values, 0.99), "max": max(values)}
    return {name: round(value, 1) for name, value in spread.items()} | {"count": len(values)}
