"""Votes wait unchecked until a quorum of them is there; what is wanted for itself does not wait."""

from __future__ import annotations

import msgspec
import pytest

from consensus.effects import Accuse, Broadcast
from consensus.inputs import TimePassed, VoteReceived
from node.ballots import Ballots
from tallystick.encoding import ZERO32
from tallystick.limits import VIEW_MAX, VIEW_WINDOW
from tallystick.votes import Certificate, Vote, VoteKind
from tests.unit.consensus.driver import Driver, child, vote
from tests.unit.consensus.signer import sign_statement

NOTARIZE, NULLIFY, FINALIZE = VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE
ONE = child(None, 1)
HASH = ONE.block_hash()


class Door:
    """Ballots before one engine of four (validator 3); remembers who was checked and who was blamed."""

    def __init__(self) -> None:
        self.driver = Driver()
        self.ballots: Ballots[int] = Ballots()
        self.checked: list[int] = []
        self.blamed: list[int] = []
        self.certificates: list[Certificate] = []
        self.accused: list[Accuse] = []

    def hear(self, said: Vote, source: int | None = None) -> None:
        """A vote comes on the connection of ``source``, its signer's if not given."""
        source = said.validator if source is None else source
        self.check(self.ballots.add(self.driver.engine, said, source, own=source == said.validator))

    def review(self) -> None:
        """The end of a turn."""
        self.check(self.ballots.review(self.driver.engine))

    def check(self, due: list[tuple[Vote, int]]) -> None:
        for said, source in due:
            self.checked.append(said.validator)
            if said.signature != sign_statement(said.validator)(said.statement):
                self.blamed.append(source)
                continue
            self.driver.give(VoteReceived(said))
            messages = [effect.message for effect in self.driver.effects_of(Broadcast)]
            self.certificates += [message for message in messages if isinstance(message, Certificate)]
            self.accused += self.driver.effects_of(Accuse)


def bad(kind: VoteKind, view: int, block_hash: bytes = HASH, *, by: int) -> Vote:
    """A vote that its validator never signed."""
    return msgspec.structs.replace(vote(kind, view, block_hash, by=by), signature=b"\x01" * 64)


def test_votes_are_checked_when_a_quorum_waits_and_the_late_one_never() -> None:
    door = Door()
    door.hear(vote(NOTARIZE, 1, HASH, by=0))
    door.hear(vote(NOTARIZE, 1, HASH, by=0))
    door.hear(vote(NOTARIZE, 1, HASH, by=1))
    assert door.checked == [] and len(door.ballots) == 2
    door.hear(vote(NOTARIZE, 1, HASH, by=2))
    assert door.checked == [0, 1, 2] and len(door.certificates) == 1 and len(door.ballots) == 0
    again = Door()
    again.driver.propose(ONE)  # our own notarize counts: two more make the quorum
    for index in range(3):
        again.hear(vote(NOTARIZE, 1, HASH, by=index))
    assert again.checked == [0, 1] and len(again.certificates) == 1 and len(again.ballots) == 0


def test_our_own_vote_makes_the_quorum_of_those_that_wait() -> None:
    door = Door()
    door.hear(vote(NOTARIZE, 1, HASH, by=0))
    door.hear(vote(NOTARIZE, 1, HASH, by=1))
    door.review()
    assert door.checked == []
    door.driver.propose(ONE)
    assert door.driver.said() == [(NOTARIZE, 1)]
    door.review()
    assert door.checked == [0, 1] and len(door.certificates) == 1


def test_a_bad_vote_among_a_quorum_is_dropped_and_blamed_and_does_not_stall() -> None:
    door = Door()
    door.driver.propose(ONE)
    door.hear(bad(NOTARIZE, 1, by=0))
    door.hear(vote(NOTARIZE, 1, HASH, by=1))
    assert door.checked == [0, 1] and door.blamed == [0] and door.certificates == []
    door.hear(vote(NOTARIZE, 1, HASH, by=2))
    assert door.checked == [0, 1, 2] and len(door.certificates) == 1


def test_votes_for_another_block_do_not_make_a_quorum_together() -> None:
    door = Door()
    door.driver.propose(ONE)
    door.hear(vote(NOTARIZE, 1, b"\x08" * 32, by=0))
    door.hear(vote(NOTARIZE, 1, HASH, by=1))
    assert door.checked == []
    door.hear(vote(NOTARIZE, 1, HASH, by=2))
    assert door.checked == [1, 2] and len(door.certificates) == 1


def test_a_vote_on_anothers_connection_is_checked_at_once_and_keeps_nobodys_place() -> None:
    door = Door()
    door.hear(bad(NOTARIZE, 1, by=0), source=2)
    assert door.blamed == [2] and len(door.ballots) == 0
    door.hear(vote(NOTARIZE, 1, HASH, by=0), source=2)
    assert door.blamed == [2] and door.checked == [0, 0]


@pytest.mark.parametrize("view", [1, 2])
def test_a_nullify_is_checked_at_once(view: int) -> None:
    door = Door()
    door.hear(vote(NULLIFY, view, by=0))
    assert door.checked == [0]


def test_two_votes_that_exclude_each_other_are_checked_and_are_evidence() -> None:
    door = Door()
    door.hear(vote(NOTARIZE, 1, HASH, by=0))
    door.hear(vote(NOTARIZE, 1, b"\x08" * 32, by=0))
    assert door.checked == [0, 0] and len(door.accused) == 1
    door.hear(vote(FINALIZE, 1, HASH, by=1))
    door.hear(vote(NULLIFY, 1, by=1))
    assert door.checked == [0, 0, 1, 1] and len(door.accused) == 2


def test_what_a_certificate_contradicts_is_checked_and_is_evidence() -> None:
    door = Door()
    door.hear(vote(NOTARIZE, 1, b"\x08" * 32, by=0))
    door.driver.hear_quorum(NOTARIZE, 1, HASH)
    door.review()
    assert door.checked == [0] and len(door.accused) == 1


def test_a_bad_vote_first_and_a_good_one_after_it_counts_the_good_one() -> None:
    door = Door()
    door.driver.propose(ONE)
    door.hear(bad(NOTARIZE, 1, by=0))
    door.hear(vote(NOTARIZE, 1, HASH, by=0))
    assert door.blamed == [0] and door.checked == [0, 0]
    door.hear(vote(NOTARIZE, 1, HASH, by=1))
    assert len(door.certificates) == 1


def test_a_vote_of_one_that_was_missed_is_wanted_at_once() -> None:
    door = Door()
    door.hear(vote(NOTARIZE, 1, HASH, by=1))
    door.driver.wait(3_000)
    door.driver.give(TimePassed())
    door.driver.hear_quorum(NULLIFY, 1)
    door.hear(vote(NOTARIZE, 2, HASH, by=1))  # validator 1 led view 1, and let it pass
    assert door.checked == [1]


def test_votes_that_were_checked_for_themselves_shorten_the_wait_of_the_others() -> None:
    door = Door()
    door.driver.wait(3_000)
    door.driver.give(TimePassed())
    door.driver.hear_quorum(NULLIFY, 1)  # validator 1 was missed
    two = child(None, 2)
    door.driver.propose(two)
    door.hear(vote(NOTARIZE, 2, two.block_hash(), by=0))
    door.review()
    door.hear(vote(NOTARIZE, 2, two.block_hash(), by=1))
    door.review()
    assert door.checked == [1, 0] and len(door.certificates) == 1


def test_what_waits_is_bounded_and_goes_with_its_views() -> None:
    door = Door()
    for view in [*range(1, 3 * VIEW_WINDOW), VIEW_MAX]:
        for by in range(3):
            block_hash = view.to_bytes(8, "big") * 4 if by == 0 else bytes([by]) * 32
            door.hear(vote(NOTARIZE, view, block_hash, by=by))
            door.hear(vote(FINALIZE, view, block_hash, by=by))
    assert 0 < len(door.ballots) <= 2 * 3 * (VIEW_WINDOW + 1)
    door.driver.hear_quorum(FINALIZE, VIEW_WINDOW + 1, HASH)
    door.review()
    assert len(door.ballots) == 0
    assert door.driver.engine.votes_lacking(vote(NULLIFY, VIEW_MAX, ZERO32, by=0)) is None


def test_a_vote_that_nobody_wants_any_more_may_be_among_those_that_are_checked_together() -> None:
    door = Door()
    for said in (vote(NOTARIZE, 1, HASH, by=0), vote(NOTARIZE, 1, HASH, by=1)):
        door.hear(said)
    for block_hash in (b"\x08" * 32, b"\x09" * 32):  # by another way validator 1 is convicted meanwhile
        door.driver.give(VoteReceived(vote(NOTARIZE, 1, block_hash, by=1)))
    assert door.driver.effects_of(Accuse)
    door.driver.propose(ONE)
    door.review()
    assert door.checked == [0, 1] and len(door.ballots) == 0
