"""What keeps the event loop away is seen, whatever it is, and nothing is asked any more after the end."""

from __future__ import annotations

import asyncio
import time

from node.loop_pauses import PERIOD_S, LoopPauses


def test_work_that_holds_the_loop_is_seen_with_its_length() -> None:
    async def story() -> list[float]:
        seen: list[float] = []
        pauses = LoopPauses(asyncio.get_running_loop(), seen.append)
        time.sleep(0.3)
        while not seen:
            await asyncio.sleep(PERIOD_S)
        pauses.close()
        return seen

    assert asyncio.run(story())[0] >= 0.3 - PERIOD_S - 0.01


def test_the_next_question_counts_from_the_end_of_a_pause() -> None:
    async def story() -> list[float]:
        seen: list[float] = []
        pauses = LoopPauses(asyncio.get_running_loop(), seen.append)
        time.sleep(1.0)
        while len(seen) < 12:  # were each counted from the beginning, the first 45 would all be late
            await asyncio.sleep(PERIOD_S)
        pauses.close()
        return seen

    assert sorted(asyncio.run(story())[1:])[5] < 0.5


def test_nothing_is_observed_after_the_end() -> None:
    async def story() -> list[float]:
        seen: list[float] = []
        LoopPauses(asyncio.get_running_loop(), seen.append).close()
        await asyncio.sleep(5 * PERIOD_S)
        return seen

    assert asyncio.run(story()) == []
