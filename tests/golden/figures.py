"""The frozen figures of the golden chain, and how far a replay agrees with them."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from tallystick.blocks import Executed
from tallystick.encoding import encode
from tests.golden.coverage import Coverage
from tests.golden.replay import Replay, replay
from tests.golden.stored import StoredChain

EVERY = 10  # heights between two frozen tuples


def tuple_of(executed: Executed) -> list[Any]:
    """An executed tuple as the figures hold it."""
    roots = (executed.state_root, executed.receipts_root, executed.history_root)
    return [executed.height, executed.time_ms, *(root.hex() for root in roots)]


def figures_of(chain: StoredChain) -> dict[str, Any]:
    """Replay a chain and say what came of it."""
    coverage = Coverage()
    appended, due = sha256(), sha256()
    run = Replay(chain.genesis)
    tuples = [tuple_of(run.executed)]
    for run, height in replay(chain):  # noqa: B007 — the newest state is wanted after the loop
        coverage.look_at(height)
        due.update(encode(height.result.next_due_ms))
        for append in height.result.histories:
            appended.update(append.owner + encode((append.index, append.entry)))
        if height.header.height % EVERY == 0:
            tuples.append(tuple_of(height.executed))
    return {
        "chain_id": chain.genesis.chain_id().hex(),
        "heights": coverage.heights,
        "empty_heights": coverage.empty_heights,
        "heights_with_due_work": coverage.due_work_heights,
        "transactions_sha256": chain.digest(),
        "history_leaves_sha256": appended.hexdigest(),
        "next_due_times_sha256": due.hexdigest(),
        "records_at_the_end": len(run.state.records),
        "final": tuple_of(run.executed),
        "tuples": tuples,
        "transactions": dict(sorted(coverage.transactions.items())),
        "effective_transactions": dict(sorted(coverage.effective.items())),
        "receipts": dict(sorted(coverage.receipts.items())),
        "reasons": dict(sorted(coverage.reasons.items())),
        "event_types": dict(sorted(coverage.event_types.items())),
        "event_statuses": dict(sorted(coverage.event_statuses.items())),
        "event_reasons": dict(sorted(coverage.event_reasons.items())),
        "history_kinds": dict(sorted(coverage.history_kinds.items())),
        "due_work": dict(sorted(coverage.due_rules.items())),
        "record_spaces": dict(sorted(coverage.spaces.items())),
    }


def difference(frozen: dict[str, Any], found: dict[str, Any]) -> str:
    """The first difference in words, empty when there is none."""
    for old, new in zip(frozen["tuples"], found["tuples"], strict=False):
        names = ("height", "time", "state root", "receipts root", "history root")
        for name, before, now in zip(names, old, new, strict=True):
            if before != now:
                return f"after height {old[0]} the {name} is {now}, frozen is {before}"
    for name in sorted({*frozen, *found}):
        if frozen.get(name) != found.get(name):
            return f"{name}: {found.get(name)}, frozen is {frozen.get(name)}"
    return ""
