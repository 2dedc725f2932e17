"""Following a chain: what verifies is copied, what does not is not, and nothing ever goes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as changed
from sqlalchemy import Engine, func, select

from contracts.genesis_state import genesis_writes
from explorer import schema
from explorer.chain_copy import CopyError
from explorer.database import open_database
from explorer.follower import Follower
from explorer.founding import Founding, founding_of
from explorer.node_client import NodeClient
from tallystick.api import BlockAnswer
from tallystick.blocks import Header
from tallystick.encoding import decode, encode
from tallystick.errors import UnavailableError
from tallystick.receipts import Change, Receipt
from tests.unit.explorer.chain import Chain, FakeNode, node_of, retold, story, vote


def follow(node: FakeNode, engine: Engine | None = None) -> tuple[Follower, Engine, Founding]:
    """A follower of a node over a database in memory."""
    founding = founding_of(node.chain.world.genesis)
    engine = engine or open_database("sqlite://", founding.chain_id, founding.genesis.network)
    return Follower(founding, engine, NodeClient(node)), engine, founding


def telling(node: FakeNode, height: int, edit: Callable[[BlockAnswer], BlockAnswer]) -> FakeNode:
    """The same node, telling one block otherwise; a block with another header is the last one it tells."""
    answers = list(node.chain.answers)
    answers[height - 1] = edit(answers[height - 1])
    if answers[height - 1].header != node.chain.answers[height - 1].header:
        answers = answers[:height]
    chain = Chain.__new__(Chain)
    chain.__dict__.update(node.chain.__dict__ | {"answers": answers})
    return replace(node, chain=chain)


def height_of(engine: Engine) -> int:
    """The newest copied height."""
    with engine.connect() as connection:
        return connection.execute(select(func.max(schema.blocks.c.height))).scalar_one() or 0


def test_genesis_is_derived_as_the_rules_derive_it(story_node: FakeNode) -> None:
    genesis = story_node.chain.world.genesis
    ours = {change.key: change.leaf for change in founding_of(genesis).changes}
    assert ours == {key: record.leaf_hash() for key, record in genesis_writes(genesis).items()}


def test_a_follower_copies_up_to_the_newest_certified_height(story_node: FakeNode) -> None:
    follower, engine, _ = follow(story_node)
    assert follower.step() == len(story_node.chain.answers) - 1
    assert height_of(engine) == follower.status.height == len(story_node.chain.answers) - 1
    assert follower.step() == 0


def test_a_follower_goes_on_where_it_was(story_node: FakeNode) -> None:
    class Short(NodeClient):
        def blocks(self, from_height: int, limit: int = 7) -> tuple[BlockAnswer, ...]:
            return super().blocks(from_height, 7)

    founding = founding_of(story_node.chain.world.genesis)
    engine = open_database("sqlite://", founding.chain_id, "test")
    heights = []
    for _ in range(20):
        follower = Follower(founding, engine, Short(story_node))  # a new process each time
        follower.step()
        heights.append(follower.status.height)
    assert heights == sorted(heights)
    assert heights[-1] == len(story_node.chain.answers) - 1
    assert follower.status.time_ms == story_node.chain.headers[-2].time_ms


def test_blocks_without_a_finalisation_wait_for_one(story_node: FakeNode) -> None:
    node = story_node
    for height in range(1, len(story_node.chain.answers) + 1):
        node = telling(node, height, lambda answer: retold(answer, finalisation=None))
    follower, engine, _ = follow(node)
    assert follower.step() == 0
    assert height_of(engine) == 0


def header_edit(node: FakeNode, **fields: object) -> Callable[[BlockAnswer], BlockAnswer]:
    """Change a header and vote for it anew with too few validators' keys, as a dishonest node could."""

    def edit(answer: BlockAnswer) -> BlockAnswer:
        header = changed(decode(answer.header, Header, size_max=4_096), **fields)
        return retold(answer, header=encode(header), finalisation=vote(node.chain.world.genesis, header, 2))

    return edit


def receipts_edit(change: Callable[[Receipt], Receipt]) -> Callable[[BlockAnswer], BlockAnswer]:
    """Change the first receipt of a block."""

    def edit(answer: BlockAnswer) -> BlockAnswer:
        first = change(decode(answer.receipts[0], Receipt, size_max=10**6))
        return retold(answer, receipts=(encode(first), *answer.receipts[1:]))

    return edit


def other_leaf(receipt: Receipt) -> Receipt:
    """A receipt that says another value was written."""
    first = receipt.changes[0]
    return changed(receipt, changes=(Change(first.key, b"\x07" * 32), *receipt.changes[1:]))


def test_what_does_not_verify_is_not_copied(story_node: FakeNode) -> None:
    node = story_node
    cases: list[tuple[int, Callable[[BlockAnswer], BlockAnswer], str]] = [
        (20, header_edit(node, time_ms=node.chain.headers[19].time_ms + 1), "quorum-short"),
        (20, header_edit(node, chain_id=b"\x09" * 32), "not-our-chain"),
        (20, header_edit(node, height=21), "not-in-block"),
        (20, header_edit(node, parent_hash=b"\x09" * 32), "fork-seen"),
        (20, header_edit(node, validators_hash=b"\x09" * 32), "unknown-validators"),
        (20, lambda answer: retold(answer, header=b"\x90"), "unreadable"),
        (20, lambda answer: retold(answer, finalisation=node.chain.answers[18].finalisation), "not-in-block"),
        (20, lambda answer: retold(answer, transactions=()), "bad-transaction"),
        (20, lambda answer: retold(answer, transactions=node.chain.answers[18].transactions), "bad-transaction"),
        (20, lambda answer: retold(answer, receipts=answer.receipts[::-1]), "bad-receipt"),
        (20, lambda answer: retold(answer, receipts=answer.receipts[1:]), "bad-receipt"),
        (20, receipts_edit(other_leaf), "not-certified"),
        (20, receipts_edit(lambda receipt: changed(receipt, changes=receipt.changes[1:])), "not-certified"),
        (20, receipts_edit(lambda receipt: changed(receipt, detail="altered")), "not-certified"),
    ]
    for height, edit, code in cases:
        follower, engine, _ = follow(telling(node, height, edit))
        with pytest.raises(CopyError) as caught:
            follower.step()
        assert caught.value.code == code, caught.value
        assert height_of(engine) == 0
        assert follower.status.height == 0


def test_an_honest_node_helps_after_a_dishonest_one(story_node: FakeNode) -> None:
    liar = telling(story_node, 20, receipts_edit(other_leaf))
    follower, engine, founding = follow(liar)
    with pytest.raises(CopyError):
        follower.step()
    honest = Follower(founding, engine, NodeClient(story_node))
    assert honest.step() == len(story_node.chain.answers) - 1


def test_a_read_model_of_another_history_is_not_continued(story_node: FakeNode) -> None:
    _, engine, founding = follow(story_node)
    Follower(founding, engine, NodeClient(story_node)).step()
    with engine.connect() as connection:
        before = connection.execute(select(schema.blocks.c.block_hash).order_by(schema.blocks.c.height)).scalars().all()
    forked = Follower(founding, engine, NodeClient(node_of(story(pause=True))))
    with pytest.raises(CopyError) as caught:
        forked.step()
    assert caught.value.code == "fork-seen"
    with engine.connect() as connection:
        after = connection.execute(select(schema.blocks.c.block_hash).order_by(schema.blocks.c.height)).scalars().all()
    assert after == before


def test_trouble_is_shown_and_goes_away(story_node: FakeNode) -> None:
    node = replace(story_node, silent=True)
    follower, _, _ = follow(node)
    with pytest.raises(UnavailableError):
        follower.step()
    assert follower.status.stale(follower.status.time_ms + 181_000, 60_000)
    assert not follower.status.stale(follower.status.time_ms + 179_000, 60_000)


def test_the_loop_notes_trouble_and_stops_when_told(story_node: FakeNode, folder: Path) -> None:
    import threading

    node = replace(story_node, silent=True)
    founding = founding_of(node.chain.world.genesis)
    engine = open_database(f"sqlite:///{folder / 'copy.db'}", founding.chain_id, "test")
    follower = Follower(founding, engine, NodeClient(node))
    seen = threading.Event()

    class Watched(NodeClient):
        def blocks(self, from_height: int, limit: int = 200) -> tuple[BlockAnswer, ...]:
            seen.set()
            return super().blocks(from_height, limit)

    follower._node = Watched(node)
    thread = threading.Thread(target=follower.run, args=(50,))
    thread.start()
    assert seen.wait(120)
    follower.stop()
    thread.join(120)
    assert not thread.is_alive()
    assert follower.status.trouble == "unavailable"
    engine.dispose()
