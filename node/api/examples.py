"""Example answers for the OpenAPI description: what a small healthy network would say."""

from __future__ import annotations

from node.api.parameters import EXAMPLE_HASH
from tallystick import api

TRANSACTION = api.TransactionStatus(EXAMPLE_HASH, api.TransactionState.PROVEN, 42, 0, "NONE", None, "lgIqAA")
ADMITTED = api.TransactionStatus(EXAMPLE_HASH, api.TransactionState.ADMITTED)
BULK = api.BulkAnswer(
    [
        api.BulkItem(EXAMPLE_HASH, True),
        api.BulkItem("", False, "malformed", "not a WireTransaction: truncated"),
    ]
)
HEAD = api.HeadAnswer(
    chain_id=EXAMPLE_HASH,
    network="orchard",
    organisation="org:grower",
    height=42,
    time_ms=1_790_000_000_000,
    header="nwHE",
    certificate="k5QA",
    executed=api.ExecutedAnswer(41, 1_789_999_999_000, EXAMPLE_HASH, EXAMPLE_HASH, EXAMPLE_HASH),
    validators="kZSU",
    epochs=[],
)
HEALTH = api.HealthAnswer(True, 42, 42, 3)
STATUS = api.StatusAnswer(
    organisation="org:grower",
    chain_id=EXAMPLE_HASH,
    view=44,
    leader="org:carrier",
    height=42,
    executed_height=42,
    waiting_for="the leader's proposal",
    votes_missing=["org:retailer"],
    mempool=0,
    chain_minus_clock_ms=-40,
    peers=[api.PeerStatus("org:carrier", True, 42, 44), api.PeerStatus("org:retailer", False, 40, 41)],
)
