"""The end of an epoch: boundary block, closing headers, the proof, and the engine of the next epoch."""

from __future__ import annotations

import pytest

from consensus.config import Floor, Switch
from consensus.effects import Broadcast, Build, EpochEnded, Finalised, HeaderRecord, PeerMessage, Persist
from consensus.inputs import (
    BlockReceived,
    Built,
    CertificateReceived,
    HeightExecuted,
    PeerConnected,
    ProposalReceived,
    TimePassed,
    WorkPending,
)
from consensus.status import Waiting
from tallystick.blocks import Header
from tallystick.epochs import ClosingHeader, EpochProof, verify_epoch_proof
from tallystick.merkle import root_of
from tallystick.proposals import ClosingProposal, Proposal, proposal_signing_bytes
from tallystick.validators import ValidatorSet
from tallystick.votes import Certificate, Vote, VoteKind
from tests.unit.consensus.driver import Driver, certificate, child, roots
from tests.unit.consensus.net import Net
from tests.unit.consensus.signer import CHAIN_ID, sign_proposal, validators

NOTARIZE, NULLIFY, FINALIZE = VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE
NEXT = validators(5).digest()
SWITCH = Switch(1, NEXT)
ONE = child(None, 1)
TWO = child(ONE, 2, executed=roots(1), next_validators_hash=NEXT)  # the boundary block
PROOF_OF_ONE = certificate(FINALIZE, 1, ONE.block_hash())


def at_the_switch(me: int = 3, switch: Switch | None = SWITCH) -> Driver:
    """Height 1 is final and executed, and its state has the switch due."""
    driver = Driver(me=me)
    driver.finalise(ONE)
    driver.give(HeightExecuted(roots(1), switch))
    return driver


def closing(view: int, parent: Header | ClosingHeader, boundary: bytes = TWO.block_hash()) -> ClosingHeader:
    """A closing header on this parent."""
    return ClosingHeader(CHAIN_ID, 0, view, parent.block_hash(), parent.view, view % 4, boundary)


def propose_closing(driver: Driver, header: ClosingHeader) -> None:
    """The leader's proposal."""
    signed = proposal_signing_bytes(0, header.view, header.block_hash())
    proposal = ClosingProposal(header, (), sign_proposal(header.proposer)(signed))
    driver.give(ProposalReceived(proposal, header.block_hash()))


def test_the_block_whose_tuple_reaches_the_switch_is_the_boundary_block_and_no_other_is_voted_for() -> None:
    driver = at_the_switch()
    driver.propose(TWO, PROOF_OF_ONE)
    assert driver.said() == [(NOTARIZE, 2)]
    leaf = b"\x09" * 32
    filled = child(
        ONE, 2, executed=roots(1), next_validators_hash=NEXT, transaction_count=1, transaction_root=root_of([leaf])
    )
    unlawful = [
        child(ONE, 2, executed=roots(1)),
        child(ONE, 2, executed=roots(1), next_validators_hash=b"\x07" * 32),
        child(ONE, 2, executed=roots(1), next_validators_hash=NEXT, due_work=True),
        child(ONE, 2, next_validators_hash=NEXT),
        filled,
    ]
    for header in unlawful:
        driver = at_the_switch()
        driver.propose(header, PROOF_OF_ONE, leaves=(leaf,) if header is filled else ())
        assert driver.said() == [(NULLIFY, 2)]


@pytest.mark.parametrize("switch", [None, Switch(2, NEXT)])
def test_before_the_switch_height_no_block_names_other_validators(switch: Switch | None) -> None:
    driver = at_the_switch(switch=switch)
    driver.propose(TWO, PROOF_OF_ONE)
    assert driver.said() == [(NULLIFY, 2)]


def test_a_block_that_repeats_an_older_tuple_is_lawful_although_the_switch_is_due() -> None:
    driver = at_the_switch()
    driver.propose(child(ONE, 2))
    assert driver.said() == [(NOTARIZE, 2)]


def test_what_counts_is_the_state_that_the_block_names_not_the_newest_one() -> None:
    ordinary = child(ONE, 2)
    for boundary in (False, True):
        driver = Driver(me=0)
        driver.finalise(ONE)
        driver.give(HeightExecuted(roots(1), None))
        driver.finalise(ordinary)
        driver.give(HeightExecuted(roots(2), Switch(2, NEXT)))
        changes = {"next_validators_hash": NEXT} if boundary else {}
        header = child(ordinary, 3, executed=roots(1), **changes)
        driver.propose(header, certificate(FINALIZE, 2, ordinary.block_hash()))
        assert driver.said() == ([(NULLIFY, 3)] if boundary else [(NOTARIZE, 3)])


def test_a_leader_that_reaches_the_switch_while_it_builds_names_the_tuple_from_before() -> None:
    driver = Driver(me=2)
    driver.finalise(ONE)
    driver.give(WorkPending(transactions=True, due_ms=None))
    driver.wait(20)
    driver.give(TimePassed())
    question = driver.effects_of(Build)[0]
    driver.give(HeightExecuted(roots(1), SWITCH))
    leaf = b"\x09" * 32
    driver.give(Built(question.view, question.parent_hash, (leaf,), 1, root_of([leaf]), due_work=False))
    header = next(e.message.header for e in driver.effects_of(Broadcast) if isinstance(e.message, Proposal))
    assert header.executed == ONE.executed and header.next_validators_hash == header.validators_hash
    assert header.transaction_count == 1 and (NOTARIZE, 2) in driver.said()


def test_a_validator_that_has_not_executed_so_far_waits_with_the_boundary_block() -> None:
    driver = Driver()
    driver.finalise(ONE)
    driver.propose(TWO, PROOF_OF_ONE)
    assert driver.said() == [] and driver.engine.status().waiting is Waiting.EXECUTION
    driver.give(HeightExecuted(roots(1), SWITCH))
    assert driver.said() == [(NOTARIZE, 2)]


def test_the_leader_proposes_the_boundary_block_at_once_although_the_network_rests() -> None:
    driver = at_the_switch(me=2)
    driver.wait(20)
    driver.give(TimePassed())
    sent = [e.message for e in driver.effects_of(Broadcast) if isinstance(e.message, Proposal)]
    assert [(p.header.next_validators_hash, p.header.executed, p.finalisation is not None) for p in sent] == [
        (NEXT, roots(1), True)
    ]


def test_above_the_boundary_block_only_closing_headers_that_name_it_are_voted_for() -> None:
    driver = at_the_switch()
    driver.propose(TWO, PROOF_OF_ONE)
    driver.hear_quorum(NOTARIZE, 2, TWO.block_hash())
    after_restart = Driver(floor=Floor(ONE, ONE.block_hash(), 1, PROOF_OF_ONE, roots(1), switch=SWITCH), records=[])
    after_restart.propose(TWO, PROOF_OF_ONE)
    after_restart.hear_quorum(NOTARIZE, 2, TWO.block_hash())
    for machine in (driver, after_restart):
        machine.hear_quorum(NULLIFY, 3)
        machine.hear_quorum(NULLIFY, 4)
    driver.propose(child(TWO, 5))
    assert driver.said() == [(NULLIFY, 5)], "an ordinary block"
    propose_closing(after_restart, closing(5, TWO))
    assert after_restart.said() == [(NOTARIZE, 5)]
    records = [e.record for e in after_restart.effects_of(Persist) if isinstance(e.record, HeaderRecord)]
    assert [type(record.header) for record in records] == [ClosingHeader], "who votes for it can serve it"


@pytest.mark.parametrize(
    "header",
    [
        closing(5, TWO, b"\x07" * 32),
        closing(5, ONE, TWO.block_hash()),
        ClosingHeader(CHAIN_ID, 0, 5, b"\x08" * 32, 2, 1, TWO.block_hash()),
        ClosingHeader(b"\x08" * 32, 0, 5, TWO.block_hash(), 2, 1, TWO.block_hash()),
        ClosingHeader(CHAIN_ID, 0, 5, TWO.block_hash(), 5, 1, TWO.block_hash()),
    ],
)
def test_unlawful_closing_headers_end_the_view(header: ClosingHeader) -> None:
    driver = at_the_switch()
    driver.propose(TWO, PROOF_OF_ONE)
    driver.hear_quorum(NOTARIZE, 2, TWO.block_hash())
    for view in (2, 3, 4):
        driver.hear_quorum(NULLIFY, view)
    propose_closing(driver, header)
    assert driver.said() == [(NULLIFY, 5)]


def test_the_leader_above_the_boundary_block_proposes_a_closing_header_and_never_two() -> None:
    driver = at_the_switch()
    driver.propose(TWO, PROOF_OF_ONE)
    driver.hear_quorum(NOTARIZE, 2, TWO.block_hash())
    driver.wait(20)
    driver.give(TimePassed())
    sent = [e.message for e in driver.effects_of(Broadcast) if isinstance(e.message, ClosingProposal)]
    assert [proposal.header for proposal in sent] == [closing(3, TWO)] and (NOTARIZE, 3) in driver.said()
    floor = Floor(ONE, ONE.block_hash(), 1, PROOF_OF_ONE, roots(1), switch=SWITCH)
    again = Driver(floor=floor, records=driver.records)
    said = [e.message for e in again.effects_of(Broadcast) if isinstance(e.message, ClosingProposal)]
    assert [one.signature for one in said] == [one.signature for one in sent], "the same once more (L1)"
    again.wait(500)
    again.give(TimePassed())
    assert not [e for e in again.effects_of(Broadcast) if isinstance(e.message, ClosingProposal)]


def test_the_finality_of_the_boundary_block_ends_the_epoch_and_nothing_is_said_after_it() -> None:
    driver = at_the_switch()
    driver.finalise(TWO)
    ended = driver.effects_of(EpochEnded)
    proof = certificate(FINALIZE, 2, TWO.block_hash())
    assert ended == [EpochEnded(TWO, None, proof)]
    assert driver.effects_of(Finalised)[0].headers == (TWO,)
    driver.wait(10_000)
    driver.propose(child(TWO, 3))
    assert driver.effects == [] and driver.give(TimePassed()) == [] and driver.give(HeightExecuted(roots(2))) == []
    assert driver.give(PeerConnected(0)) == [] and driver.give(WorkPending(transactions=True, due_ms=None)) == []
    assert driver.engine.status().waiting is Waiting.EPOCH
    assert driver.engine.certificates(1, 3) == (proof,), "others are still answered"
    assert not driver.engine.wants_proposal(child(TWO, 3), child(TWO, 3).block_hash())


def test_a_final_closing_header_ends_the_epoch_and_what_lies_between_is_fetched() -> None:
    driver = at_the_switch()
    header = closing(4, TWO)
    driver.give(CertificateReceived(certificate(FINALIZE, 4, header.block_hash())))
    driver.give(BlockReceived(header, header.block_hash()))
    assert not driver.effects_of(EpochEnded)
    driver.give(BlockReceived(TWO, TWO.block_hash()))
    final = driver.effects_of(Finalised)[0]
    assert (final.headers, final.block_hashes) == ((TWO,), (TWO.block_hash(),)), "a closing header is no block"
    ended = driver.effects_of(EpochEnded)[0]
    assert (ended.boundary, ended.closing) == (TWO, header)


def test_the_first_engine_of_an_epoch_stands_on_the_boundary_block_with_view_zero() -> None:
    floor = Floor(TWO, TWO.block_hash(), 0, None, roots(2, TWO.time_ms), (roots(1),))
    driver = Driver(floor=floor, epoch=1)
    first = child(TWO, 1, epoch=1, parent_view=0, next_validators_hash=TWO.validators_hash, executed=TWO.executed)
    driver.propose(first)
    assert driver.said() == [(NOTARIZE, 1)]
    vote = next(e.message for e in driver.effects_of(Broadcast) if isinstance(e.message, Vote))
    assert vote.statement.epoch == 1


def test_records_of_another_epoch_are_not_taken_up() -> None:
    driver = at_the_switch()
    driver.propose(TWO, PROOF_OF_ONE)
    driver.hear_quorum(NOTARIZE, 2, TWO.block_hash())
    floor = Floor(TWO, TWO.block_hash(), 0, None, roots(2, TWO.time_ms), (roots(1),))
    again = Driver(floor=floor, records=driver.records, epoch=1)
    assert again.said() == [] and again.engine.status().view == 1
    assert again.engine.certificates(1, 5) == ()
    leader = at_the_switch(me=2)
    leader.wait(20)
    leader.give(TimePassed())
    assert [r.own for r in leader.records if isinstance(r, HeaderRecord)][-1:] == [True]
    again = Driver(me=2, floor=floor, records=leader.records, epoch=1)
    assert again.engine.status().view == 1, "what was proposed in view 2 of the old epoch is no reason to be there"


def ends(net: Net) -> list[EpochEnded | None]:
    return [node.ended for node in net.live()]


def test_a_network_hands_over_to_other_validators_and_the_proof_is_verified_by_an_outsider() -> None:
    net = Net(4)
    members = net.members
    following = validators(5)
    net.plan = {height: Switch(6, following.digest()) for height in range(3, 30)}
    assert net.busy(10_000, lambda: all(ends(net)))
    boundaries = {node.ended.boundary.block_hash() for node in net.nodes if node.ended}
    assert len(boundaries) == 1
    boundary = net.nodes[0].chain[-1]
    assert boundary.executed.height >= 6 and boundary.transaction_count == 0
    assert all(header.next_validators_hash == members.digest() for header in net.nodes[0].chain[:-1])
    assert all(header.executed.height < 6 for header in net.nodes[0].chain[:-1]), "the first that reaches it"
    net.run(50)
    net.plan = {}
    for node in net.nodes:
        ended = node.ended
        assert ended is not None
        proof = EpochProof(ended.boundary, ended.closing, ended.finalisation, following)
        with pytest.raises(Exception, match="signature"):  # the test's signatures are made up: all else holds
            verify_epoch_proof(proof, members, CHAIN_ID)
        node.next_epoch(four_of(following), node.index)
    net.submit(3)
    height = boundary.height
    assert net.run(5_000, lambda: net.lowest() > height and all(not node.pool for node in net.nodes))
    after = net.nodes[0].chain[height]
    assert (after.epoch, after.parent_hash, after.parent_view) == (1, boundary.block_hash(), 0)
    assert after.height == boundary.height + 1 and after.executed == boundary.executed


def four_of(following: ValidatorSet) -> ValidatorSet:
    """The first four, so that the net's signers are theirs."""
    return ValidatorSet(following.members[:4])


def test_a_boundary_block_that_is_nullified_or_not_final_is_followed_by_another_or_by_closing_headers() -> None:
    """Every finalize of an ordinary block's kind is lost for a while: closing headers carry the epoch to its end."""
    net = Net(4)
    net.plan = {height: Switch(3, validators(5).digest()) for height in range(2, 30)}

    def no_finality_of_the_boundary(source: int, target: int, message: PeerMessage) -> bool:
        statement = message.statement if isinstance(message, Vote | Certificate) else None
        if statement is None or statement.kind is not FINALIZE:
            return False
        named = net.headers.get(statement.block_hash)
        return isinstance(named, Header) and named.next_validators_hash != named.validators_hash

    net.drop = no_finality_of_the_boundary
    assert net.busy(10_000, lambda: all(ends(net)))
    for node in net.nodes:
        assert node.ended is not None and node.ended.closing is not None
        assert node.ended.closing.boundary_hash == node.ended.boundary.block_hash() == node.chain[-1].block_hash()
    assert len({node.ended.boundary.block_hash() for node in net.nodes if node.ended}) == 1


def test_a_validator_that_was_away_learns_of_the_end_from_the_proof_alone() -> None:
    net = Net(4)
    net.plan = {height: Switch(5, validators(5).digest()) for height in range(2, 30)}
    net.cut = {3}
    assert net.busy(10_000, lambda: all(ends(net)))
    proof = net.nodes[0].ended
    assert proof is not None and net.nodes[3].ended is None
    net.cut = set()
    net.nodes[3].give(CertificateReceived(proof.finalisation))
    assert net.run(1_000, lambda: net.nodes[3].ended is not None), net.nodes[3].engine.status()
    assert net.nodes[3].chain == net.nodes[0].chain


@pytest.mark.parametrize("count", [1, 2, 5])
def test_sets_of_other_sizes_end_their_epoch_too(count: int) -> None:
    net = Net(count)
    net.plan = {height: Switch(4, validators(7).digest()) for height in range(1, 30)}
    assert net.busy(10_000, lambda: all(ends(net)))
