"""Who is asked for what is missing, and that no haste of the others and no liar keeps a validator behind."""

from __future__ import annotations

from consensus.effects import FetchBlock, Finalised
from consensus.inputs import BlockReceived, CertificateReceived, TimePassed
from tallystick.blocks import Header
from tallystick.votes import VoteKind
from tests.unit.consensus.driver import Driver, certificate, child

RETRY_MS = 300


def chain_of(length: int) -> list[Header]:
    """Empty blocks, each on the one before."""
    headers = [child(None, 1)]
    while len(headers) < length:
        headers.append(child(headers[-1], headers[-1].view + 1))
    return headers


def finalised(driver: Driver, header: Header) -> None:
    """A quorum's word, and nothing else."""
    driver.give(CertificateReceived(certificate(VoteKind.FINALIZE, header.view, header.block_hash())))


def arrives(driver: Driver, header: Header) -> None:
    """A peer's answer."""
    driver.give(BlockReceived(header, header.block_hash()))


def asked(driver: Driver) -> list[tuple[bytes, tuple[int, ...]]]:
    """The blocks that the last turn asked for, and of whom."""
    return [(question.block_hash, question.holders) for question in driver.effects_of(FetchBlock)]


def test_who_left_a_question_unanswered_is_asked_last_for_the_next_block_too() -> None:
    driver, headers = Driver(), chain_of(4)
    finalised(driver, headers[3])
    assert asked(driver) == [(headers[3].block_hash(), (0, 1, 2))]
    driver.wait(RETRY_MS)
    driver.give(TimePassed())
    assert asked(driver) == [(headers[3].block_hash(), (1, 2, 0))]
    arrives(driver, headers[3])
    assert asked(driver) == [(headers[2].block_hash(), (1, 2, 0))]
    arrives(driver, headers[2])
    assert asked(driver) == [(headers[1].block_hash(), (1, 2, 0))]


def test_when_nobody_answers_all_are_asked_in_turn_and_an_answer_restores_its_giver() -> None:
    driver, headers = Driver(), chain_of(3)
    finalised(driver, headers[2])
    first = [holders[0] for _, holders in asked(driver)]
    for _ in range(3):
        driver.wait(5_000)
        driver.give(TimePassed())
        first += [holders[0] for _, holders in asked(driver)]
    assert first == [0, 1, 2, 0]
    arrives(driver, headers[2])
    assert asked(driver) == [(headers[1].block_hash(), (0, 1, 2))]


def test_finality_that_goes_on_does_not_put_an_end_to_the_search_below() -> None:
    driver, headers = Driver(), chain_of(8)
    finalised(driver, headers[2])
    arrives(driver, headers[2])
    driver.wait(RETRY_MS - 1)
    finalised(driver, headers[5])
    assert [block_hash for block_hash, _ in asked(driver)] == [headers[5].block_hash()], "the other waits for an answer"
    driver.wait(1)
    driver.give(TimePassed())
    assert asked(driver) == [(headers[1].block_hash(), (1, 2, 0))], "and is repeated, of another holder"
    arrives(driver, headers[1])
    assert asked(driver) == [(headers[0].block_hash(), (1, 2, 0))], "though the newest tip is missing"
    arrives(driver, headers[0])
    assert asked(driver) == []
    for header in (headers[5], headers[4], headers[3]):
        assert not driver.effects_of(Finalised)
        arrives(driver, header)
    assert driver.effects_of(Finalised)[0].headers == tuple(headers[:6])


def test_a_search_below_that_is_joined_from_above_goes_on_as_one() -> None:
    driver, headers = Driver(), chain_of(6)
    finalised(driver, headers[3])
    arrives(driver, headers[3])
    finalised(driver, headers[5])
    arrives(driver, headers[5])
    assert [block_hash for block_hash, _ in asked(driver)] == [headers[4].block_hash()]
    arrives(driver, headers[4])
    assert asked(driver) == []
    for header in headers[2::-1]:
        arrives(driver, header)
    assert driver.effects_of(Finalised)[0].headers == tuple(headers)
