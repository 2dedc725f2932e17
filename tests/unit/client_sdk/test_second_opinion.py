"""Other members' heads agree, lag, contradict, lie or keep silent; and each is called what it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from client_sdk.errors import ExitCode
from client_sdk.second_opinion import Opinion, Verdict, check_opinions, second_opinion
from client_sdk.transport import Request, Response
from client_sdk.trust import pin
from tallystick import api
from tallystick.encoding import encode
from tallystick.errors import ProofError, UnavailableError
from tallystick.proofs import Trust, build_block, verify_block
from tests.unit.client_sdk.command_line import CommandLine
from tests.unit.client_sdk.ledger import Dice, FakeNode, Ledger, lost
from tests.unit.client_sdk.test_member_flow import SITE
from tests.world import gtin

LOT = f"{gtin('9521111')}/10/L"


def grown(blocks: int, last: str = "org:grower") -> Ledger:
    """A chain that is the same wherever it is grown, but for its last block."""
    ledger = Ledger()
    ledger.trie()
    for number in range(blocks):
        maker = last if number == blocks - 1 else "org:grower"
        prefix = "9521111" if maker == "org:grower" else "9522222"
        ledger.world.make(maker, f"{gtin(prefix)}/21/S{number}")
    return ledger


def trust_of(ledger: Ledger) -> Trust:
    return pin(encode(ledger.world.genesis), ledger.world.chain_id).trust()


def asked(ours: Ledger, *others: FakeNode) -> tuple[Opinion, ...]:
    trust = trust_of(ours)
    anchor = verify_block(build_block(ours.height, ours), trust).anchor
    return second_opinion(anchor, others, trust, environment=Dice().environment())


def test_a_node_at_the_same_height_and_one_further_on_agree() -> None:
    ours = grown(2)
    same, ahead = asked(ours, FakeNode(grown(2)), FakeNode(grown(4)))
    assert (same.verdict, same.height) == (Verdict.AGREES, ours.height)
    assert (ahead.verdict, ahead.height) == (Verdict.AGREES, ours.height + 2)
    check_opinions((same, ahead))


def test_a_node_that_is_behind_says_nothing_and_is_called_so() -> None:
    (opinion,) = asked(grown(3), FakeNode(grown(1)))
    assert (opinion.verdict, opinion.height) == (Verdict.BEHIND, grown(1).height)
    assert "2 heights older" in opinion.detail


@pytest.mark.parametrize("more", [0, 2])
def test_another_state_of_the_same_height_that_a_quorum_signed_is_a_fork(more: int) -> None:
    theirs = grown(2, "org:processor")
    theirs.trie()
    for _ in range(more):
        theirs.world.make("org:grower", f"{gtin('9521111')}/21/T{theirs.height}")
    opinions = asked(grown(2), FakeNode(grown(2)), FakeNode(theirs, "http://other"))
    assert [opinion.verdict for opinion in opinions] == [Verdict.AGREES, Verdict.FORK]
    with pytest.raises(ProofError, match="http://other") as caught:
        check_opinions(opinions)
    assert caught.value.code == "fork-seen"


def test_a_head_that_is_not_signed_or_of_another_chain_counts_for_nothing() -> None:
    def unsigned(request: Request, response: Response) -> Response:
        if request.path != api.HEAD:
            return response
        head = msgspec.json.decode(response.body, type=api.HeadAnswer)
        flipped = head.certificate[:-8] + ("A" if head.certificate[-8] != "A" else "B") + head.certificate[-7:]
        return Response(200, {}, msgspec.json.encode(msgspec.structs.replace(head, certificate=flipped)))

    def elsewhere(request: Request, response: Response) -> Response:
        head = msgspec.json.decode(response.body, type=api.HeadAnswer)
        return Response(200, {}, msgspec.json.encode(msgspec.structs.replace(head, chain_id="00" * 32)))

    opinions = asked(grown(1), FakeNode(grown(1), after=unsigned), FakeNode(grown(1), after=elsewhere))
    assert [opinion.verdict for opinion in opinions] == [Verdict.UNPROVEN] * 2
    assert "bad-vote-signature" in opinions[0].detail and "wrong-chain" in opinions[1].detail
    with pytest.raises(UnavailableError, match="no second opinion"):
        check_opinions(opinions)


def test_silence_is_no_opinion() -> None:
    opinions = asked(grown(1), FakeNode(grown(1), before=lost))
    assert opinions[0].verdict is Verdict.SILENT
    with pytest.raises(UnavailableError):
        check_opinions(opinions)
    check_opinions((*opinions, replace(opinions[0], verdict=Verdict.AGREES, height=1)))


def test_an_old_head_is_called_stale() -> None:
    ours = grown(1)
    trust = trust_of(ours)
    anchor = verify_block(build_block(ours.height, ours), trust).anchor
    for late_ms, stale in ((0, False), (600_001, True)):
        dice = Dice(now_ms=ours.world.time_ms + late_ms)
        (opinion,) = second_opinion(anchor, [FakeNode(ours)], trust, environment=dice.environment())
        assert opinion.stale is stale


def test_verify_asks_for_a_second_opinion(
    ledger: Ledger, node: FakeNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grower = CommandLine(tmp_path, "org:grower", node, capsys)
    grower.must("commission", f"{LOT}=10KGM", "--at", SITE)
    proof = tmp_path / "proof.json"
    assert grower.send("trace", LOT, "--save", proof).code == ExitCode.OK
    others = ("--second-opinion", node.url, "--second-opinion", node.url)
    answer = grower.run("verify", proof, *others, json_output=False)
    assert answer.code == ExitCode.OK
    assert answer.err.count("agrees") == 2
    node.before = lost
    assert grower.run("verify", proof, *others).code == ExitCode.UNAVAILABLE
    assert grower.run("verify", proof).code == ExitCode.OK
