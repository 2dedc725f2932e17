"""Plain counters of one node; ``node.metrics`` shows them to Prometheus under the same names."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Counters:
    """Counts since the start of the process; ``signature_check_seconds`` are of processor time."""

    transactions_admitted: int = 0
    transactions_refused: int = 0
    transactions_duplicate: int = 0
    transactions_evicted: int = 0
    transactions_fetched: int = 0
    signature_checks: int = 0
    signature_check_seconds: float = 0.0
    gossip_dropped: int = 0
    transactions_executed: int = 0
    events_executed: int = 0
    blocks_executed: int = 0
    blocks_built: int = 0
    blocks_caught_up: int = 0
    batches_written: int = 0
    signer_log_syncs: int = 0
    views_nullified: int = 0
    uncertified_root_mismatches: int = 0
    rule_faults: int = 0
    evidence: int = 0
    peer_messages_in: int = 0
    peer_bytes_in: int = 0
    peer_messages_refused: int = 0
    engine_steps: int = 0

    def as_dict(self) -> dict[str, float]:
        """Every count by name."""
        return asdict(self)
