"""How many message delays a transaction takes to become final, where a delay is long beside the work.

Single transactions on an otherwise quiet chain. The leader that proposed a transaction has it when the node that was
asked has it, or one delay later when that is another node; from then on three delays are the least that the protocol
takes: the proposal, the votes for it, the votes that it is final.
"""

from __future__ import annotations

import time
from random import Random
from statistics import median
from typing import Any

from scripts.benchmark.client import percentile
from scripts.benchmark.load import Batch, make_batch
from scripts.nemesis_run.cluster import Cluster
from scripts.nemesis_run.history import client_of
from scripts.nemesis_run.watch import Watch
from scripts.story.cast import PROCESSOR, Cast
from tallystick.api import HEADER, CertifiedHeader, TransactionState
from tallystick.blocks import Header
from tallystick.encoding import decode
from tallystick.genesis import Genesis
from tallystick.records.members import KeyUse
from tallystick.transactions import decode_transaction

SAMPLES = 60
FIRST_SERIAL = 900_000_000
SIZE_MAX = 1_048_576


def measure_delays(cluster: Cluster, cast: Cast, delay_ms: float) -> dict[str, Any]:
    """Submit one transaction at a time to the nodes in turn; figures in message delays and milliseconds."""
    member, chance, watch = cast[PROCESSOR], Random(1), Watch(cluster)
    seed, secret = member.seed_for(KeyUse.CAPTURE), member.capture_secret
    genesis = decode(cluster.genesis.read_bytes(), Genesis, size_max=SIZE_MAX)
    names = [validator.organisation for validator in genesis.validators().members]
    clients = [(name, client_of(cast, seed, name, 10.0)) for name in cluster.nodes]
    cluster.wires.delay(delay_ms)
    proposed, had, submitted = list[float](), list[float](), list[float]()
    for number in range(SAMPLES):
        time.sleep(chance.uniform(0.5, 1.5))
        batch = Batch(cast.chain_id, seed, secret, time.time_ns() // 1_000_000, FIRST_SERIAL + number, 1, 1)
        transaction = decode_transaction(make_batch(batch)[0], cast.chain_id)
        name, client = clients[number % len(clients)]
        sent_ms = time.time_ns() / 1e6
        outcome = client.submit(transaction, wait=TransactionState.FINAL)
        final_ms = time.time_ns() / 1e6
        header = _header(watch, name, outcome.height or 0)
        on_its_way_ms = 0.0 if names[header.proposer] == name else delay_ms
        proposed.append((final_ms - header.time_ms) / delay_ms)
        had.append((final_ms - sent_ms - on_its_way_ms) / delay_ms)
        submitted.append(final_ms - sent_ms)
    cluster.wires.delay(0.0)
    watch.close()
    return {
        "delay_ms": delay_ms,
        "samples": SAMPLES,
        "delays_from_proposal_to_final": _spread(proposed),
        "delays_from_leader_has_it_to_final": _spread(had),
        "submit_to_final_with_delay_ms": _spread(submitted),
    }


def _header(watch: Watch, organisation: str, height: int) -> Header:
    """The header of a final height; asked again while the node executes it."""
    while (body := watch.get(organisation, HEADER.format(height=height))) is None:
        time.sleep(0.02)
    return decode(decode(body, CertifiedHeader, size_max=SIZE_MAX).header, Header, size_max=SIZE_MAX)


def _spread(values: list[float]) -> dict[str, float]:
    return {"p50": round(median(values), 2), "p99": round(percentile(values, 0.99), 2), "max": round(max(values), 2)}
