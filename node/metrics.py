"""Metrics in Prometheus' words, in a registry of their own: nothing of one node shows up in another's.

Gauges and counters of the node are read at every scrape; histograms are fed where the time passes. docs/operating.md
says which of them deserve an alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tallystick.api import StatusAnswer

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
WAITS = (*SECONDS, 0.03, 0.075, 0.15, 0.3, 0.75)  # finer where a tail of latencies is looked for

# What ``node.counters.Counters`` counts, in words; a test keeps the two together.
COUNTERS: dict[str, str] = {
    "transactions_admitted": "Transactions admitted to the mempool",
    "transactions_refused": "Transactions refused at the door or from peers",
    "transactions_duplicate": "Transactions that were known already",
    "transactions_evicted": "Transactions that expired in the mempool",
    "transactions_fetched": "Transactions of proposals that had to be fetched from peers",
    "signature_checks": "Signatures of transactions checked",
    "signature_check_seconds": "Processor time spent on checking signatures of transactions",
    "gossip_dropped": "Transactions from peers that had sent too much in vain; not looked at",
    "transactions_executed": "Transactions executed",
    "events_executed": "Events executed",
    "blocks_executed": "Blocks executed",
    "blocks_built": "Blocks that this node proposed",
    "blocks_caught_up": "Blocks taken from peers while catching up",
    "batches_written": "Batches written and synced",
    "signer_log_syncs": "Syncs of the signer's record",
    "views_nullified": "Views that ended without a block",
    "uncertified_root_mismatches": "Uncertified headers that contradict our own roots; any is an alarm",
    "rule_faults": "Transactions ended by a fault of a rule; any is an alarm",
    "evidence": "Proofs that a validator signed two things in one view; any is an alarm",
    "peer_messages_in": "Messages from peers",
    "peer_bytes_in": "Bytes from peers",
    "peer_messages_refused": "Messages of peers that broke a rule",
    "engine_steps": "Inputs that the consensus engine took",
}


class Metrics:
    """Everything that one node measures.

    Attributes:
        block_execution, block_storage, submit_to_final: histograms in seconds, fed by the node.
        signer_sync, loop_pause: the same, of what everything else on the loop waits for.
        requests, request_seconds: the HTTP doors', by route and status.
        faults: requests that ended in a fault of this software; any is an alarm.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.block_execution = self._histogram("block_execution_seconds", "Executing one block")
        self.block_storage = self._histogram("block_storage_seconds", "Writing and syncing one batch", WAITS)
        self.signer_sync = self._histogram(
            "signer_sync_seconds", "Syncing the signer's record, before what it holds is sent", WAITS
        )
        self.loop_pause = self._histogram(
            "loop_pause_seconds", "How late the event loop came back, asked fifty times a second", WAITS
        )
        self.submit_to_final = self._histogram(
            "submit_to_final_seconds", "From admission here to finality, once for all admitted in one turn"
        )
        self.requests = Counter(
            "tallystick_http_requests", "HTTP requests", ("route", "status"), registry=self.registry
        )
        self.request_seconds = Histogram(
            "tallystick_http_request_seconds", "HTTP requests", ("route",), buckets=SECONDS, registry=self.registry
        )
        self.requests_open = Gauge("tallystick_http_requests_open", "HTTP requests in progress", registry=self.registry)
        self.faults = Counter("tallystick_http_faults", "Requests ended by a fault", registry=self.registry)

    def watch(self, status: Callable[[], StatusAnswer], counters: Callable[[], Mapping[str, float]]) -> None:
        """Show a node's status and counters at every scrape."""
        self.registry.register(_NodeCollector(status, counters))

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)

    def _histogram(self, name: str, help_: str, buckets: Sequence[float] = SECONDS) -> Histogram:
        return Histogram(f"tallystick_{name}", help_, buckets=sorted(buckets), registry=self.registry)


class _NodeCollector(Collector):
    def __init__(self, status: Callable[[], StatusAnswer], counters: Callable[[], Mapping[str, float]]) -> None:
        self._status = status
        self._counters = counters

    def collect(self) -> Iterable[Metric]:
        status = self._status()
        gauges = (
            ("height", "Newest final height", status.height),
            ("executed_height", "Newest executed height", status.executed_height),
            ("view", "Current view", status.view),
            ("mempool_transactions", "Transactions waiting", status.mempool),
            ("votes_missing", "Validators whose vote is missing in the current view", len(status.votes_missing)),
            ("peers_connected", "Peers connected", sum(peer.connected for peer in status.peers)),
            ("chain_minus_clock_seconds", "Chain time minus own clock", status.chain_minus_clock_ms / 1_000),
        )
        for name, help_, value in gauges:
            yield GaugeMetricFamily(f"tallystick_{name}", help_, value=value)
        heights = GaugeMetricFamily("tallystick_peer_height", "Newest height that a peer told", labels=("peer",))
        for peer in status.peers:
            if peer.height is not None:
                heights.add_metric((peer.organisation,), peer.height)
        yield heights
        counters = {**dict.fromkeys(COUNTERS, 0), **self._counters()}
        for name, count in sorted(counters.items()):
            yield CounterMetricFamily(f"tallystick_{name}", COUNTERS.get(name, name.replace("_", " ")), value=count)
