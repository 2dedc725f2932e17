"""Two changes of validators: what is pinned, learnt and refused, and what other members' heads say across them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from client_sdk.errors import AnswerError, ExitCode
from client_sdk.export import Wish, export
from client_sdk.freshness import duration_words, freshness_of
from client_sdk.heads import ask_head
from client_sdk.nodes import Nodes
from client_sdk.reader import Reader
from client_sdk.second_opinion import Verdict, check_opinions, second_opinion
from client_sdk.transport import Request, Response
from client_sdk.trust import TrustStore, load_trust, pin
from client_sdk.trust_file import newest_of
from tallystick.api import Problem
from tallystick.archive import ArchiveError, HeightsScope, names, read_container, verify_archive
from tallystick.encoding import encode
from tallystick.errors import CertificateError, ConfigError, ProofError, UnavailableError
from tallystick.proofs import Trust, verify_anchor, verify_block, verify_bundle
from tests.epoch_world import CHAIN_ID, GENESIS, START_MS, EpochNode, EpochWorld, validators
from tests.unit.client_sdk.command_line import CommandLine
from tests.unit.client_sdk.ledger import Dice, FakeNode, Ledger
from tests.unit.client_sdk.test_export import remade
from tests.world import gtin

GENESIS_BYTES = encode(GENESIS)


def pinned(path: Path | None = None) -> TrustStore:
    return pin(GENESIS_BYTES, CHAIN_ID, path)


def walked(path: Path | None = None) -> TrustStore:
    """A store that has learnt both changes."""
    store, world = pinned(path), EpochWorld(250)
    for epoch in (0, 1):
        store.learn(world.step(epoch))
    return store


def read(store: TrustStore, world: EpochWorld, height: int = 5) -> None:
    """One verified read."""
    store.advance(verify_block(world.block(height), store.trust()).anchor)


# --- the trust store --------------------------------------------------------------------------------------


def test_both_changes_are_learnt_in_turn_and_kept_between_runs(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    walked(path)
    store = load_trust(path, CHAIN_ID)
    assert store.validators == {epoch: validators(epoch).digest().hex() for epoch in range(3)}
    assert (store.pinned_epoch, store.newest_epoch) == (0, 2)
    assert store.trust().last_heights == {0: 100, 1: 200}
    assert store.newest is not None and (store.newest.height, store.newest.epoch) == (199, 1)
    with pytest.raises((ProofError, CertificateError)):
        store.learn(EpochWorld(250).step(0))


def test_the_newest_header_is_kept_and_nothing_before_it_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    store = walked(path)
    read(store, EpochWorld(250))
    again = load_trust(path)
    assert again.newest == newest_of(EpochWorld(250).newest())
    for height in (249, 150, 50):
        with pytest.raises(ProofError) as caught:
            read(again, EpochWorld(height))
        assert caught.value.code == "rolled-back"
    verify_block(
        EpochWorld(150).block(5), again.trust(refuse_older=False)
    )  # what was kept in a file is as old as it says
    read(again, EpochWorld(260))
    assert again.newest is not None and again.newest.height == 259


@pytest.mark.parametrize("epoch", [0, 1])
def test_validators_whose_term_is_over_sign_nothing_newer(epoch: int) -> None:
    store = walked()
    forged = EpochWorld(300, forked_at=201, epoch=epoch)
    for trust in (store.trust(), store.trust(refuse_older=False)):
        with pytest.raises(ProofError) as caught:
            verify_block(forged.block(5), trust)
        assert caught.value.code == "unknown-validators"
        assert "their keys count no more" in caught.value.detail
    verify_block(forged.block(5, 0), Trust(CHAIN_ID, {epoch: validators(epoch).digest()}))  # a newcomer cannot know


def test_two_states_that_a_quorum_signed_stop_everything() -> None:
    store = walked()
    read(store, EpochWorld(250))
    with pytest.raises(AnswerError, match="forked"):
        store.advance(verify_anchor(EpochWorld(250, forked_at=240).anchor(), store.trust(refuse_older=False)))


def test_a_second_process_and_this_one_join_what_they_know(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    pinned(path)
    first, second = load_trust(path), load_trust(path)
    first.learn(EpochWorld(250).step(0))
    first.learn(EpochWorld(250).step(1))
    read(second, EpochWorld(90))
    assert second.newest_epoch == 2
    assert load_trust(path).newest == first.newest
    file = json.loads(path.read_text())
    file["validators"]["1"] = "00" * 32
    path.write_text(json.dumps(file))
    with pytest.raises(AnswerError, match="two sets of validators of epoch 1"):
        read(first, EpochWorld(250))


def test_a_reader_that_starts_from_a_later_epoch_trusts_none_before(tmp_path: Path) -> None:
    store = pin(GENESIS_BYTES, CHAIN_ID, tmp_path / "t.json", epoch=1, validators_hash=validators(1).digest())
    read(store, EpochWorld(150))
    with pytest.raises(ProofError) as caught:
        read(store, EpochWorld(90))
    assert caught.value.code == "unknown-validators"
    store.learn(EpochWorld(250).step(1))
    read(store, EpochWorld(250))
    assert load_trust(tmp_path / "t.json").pinned_epoch == 1


def test_a_trust_file_without_validators_or_of_another_chain_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    pinned(path)
    with pytest.raises(ConfigError, match="is about chain"):
        load_trust(path, bytes(32))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"validators": {}}))
    with pytest.raises(ConfigError, match="tallystick pin"):
        load_trust(path)


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    read(walked(path), EpochWorld(250))
    file = json.loads(path.read_text())
    for name in ("pinned_epoch", "last_heights"):
        del file[name]
    for name in ("epoch", "header_height", "header_hash"):
        del file["newest"][name]
    path.write_text(json.dumps(file))
    store = load_trust(path)
    read(store, EpochWorld(251))
    assert store.newest is not None and store.newest.header_height == 251


def test_a_reader_walks_over_both_changes_by_itself() -> None:
    store = pinned()
    nodes = Nodes([EpochNode(EpochWorld(250), epochs_shown=0)], environment=Dice().environment())
    block, _ = Reader(nodes, store, environment=Dice().environment()).block(120)
    assert (block.leaf.height, store.newest_epoch) == (120, 2)


class RecoveredNode(EpochNode):
    """Epoch 1 of this chain was ended by a recovery: there is no proof that leads across."""

    def send(self, request: Request) -> Response:
        if request.path == "/v1/epochs/1":
            words = "ended by a recovery", "", "compare with several members"
            problem = Problem("", "not found", 404, "not-found", *words)
            return Response(404, {}, json.dumps(msgspec.to_builtins(problem)).encode())
        return super().send(request)


def test_who_pinned_an_epoch_before_a_recovery_is_told_so_and_what_to_do() -> None:
    store = pinned()
    nodes = Nodes([RecoveredNode(EpochWorld(250), epochs_shown=0)], environment=Dice().environment())
    with pytest.raises(ProofError, match="the node says: ended by a recovery — compare with several members") as caught:
        Reader(nodes, store, environment=Dice().environment()).block(220)
    assert caught.value.code == "unknown-validators" and store.newest_epoch == 1, "what can be proven is learnt"
    with pytest.raises(ProofError, match="how epoch 1 ended is not shown; the node says: ended by a recovery"):
        ask_head(nodes, store.trust())


# --- archives ---------------------------------------------------------------------------------------------


def test_an_archive_carries_every_change_of_validators_and_refuses_a_hole_or_an_end_signed_by_others() -> None:
    environment, scope = Dice().environment(), HeightsScope(199, 202)
    nodes = Nodes([EpochNode(EpochWorld(250), epochs_shown=0)], environment=environment)
    reader = Reader(nodes, pinned(), environment=environment)
    data, archive = export(Wish(scope), nodes, reader, environment=environment)
    assert [one.digest() for one in archive.founding.epochs] == [validators(epoch).digest() for epoch in range(3)]
    listed = json.loads(read_container(data)[names.KEYS])["validators"]
    assert [one["epoch"] for one in listed] == [0] * 4 + [1] * 4 + [2] * 4
    for trust in (Trust(CHAIN_ID), walked().trust(), Trust(CHAIN_ID, {2: validators(2).digest()})):
        assert sorted(verify_archive(data, trust).proven.blocks) == [199, 200, 201, 202]
    with pytest.raises(ArchiveError) as caught:
        verify_archive(data, Trust(CHAIN_ID, {1: validators(0).digest()}))
    assert (caught.value.rule, caught.value.path) == ("unknown-validators", names.epoch_end(0))

    def refused(change: Callable[[dict[str, bytes]], None]) -> str:
        with pytest.raises(ArchiveError) as caught:
            verify_archive(remade(data, change), Trust(CHAIN_ID))
        return caught.value.rule

    ends = names.epoch_end(0), names.epoch_end(1)
    assert refused(lambda members: members.pop(ends[0])) == "unknown-validators"
    assert refused(lambda members: members.pop(ends[1])) == "unknown-validators"
    assert refused(lambda members: members.update({ends[0]: members[ends[1]]})) == "unknown-validators"


def test_an_archive_under_a_header_of_retired_validators_is_refused() -> None:
    environment, forged = Dice().environment(), EpochWorld(300, forked_at=201, epoch=0)
    node = EpochNode(forged, epochs_shown=0)
    nodes = Nodes([node], environment=environment)
    wish = Wish(HeightsScope(5, 6))
    data, _ = export(wish, nodes, Reader(nodes, pinned(), environment=environment), environment=environment)
    verify_archive(data, Trust(CHAIN_ID))  # nobody can tell who knows nothing but the founders
    with pytest.raises(ArchiveError) as caught:
        verify_archive(data, walked().trust(refuse_older=False))
    assert caught.value.rule == "unknown-validators"
    ends = {names.epoch_end(epoch): encode(forged.step(epoch)) for epoch in (0, 1)}
    with pytest.raises(ArchiveError) as caught:
        verify_archive(remade(data, lambda members: members.update(ends)), Trust(CHAIN_ID))
    assert caught.value.rule == "unknown-validators"


# --- a second opinion -------------------------------------------------------------------------------------


def opinions(ours: EpochWorld, *others: EpochNode, trust: Trust | None = None, late_ms: int = 0):
    """What others say to the reader of a proof, who pinned epoch 0."""
    trust = trust or pinned().trust()
    anchor = verify_block(ours.block(5), trust).anchor
    dice = Dice(now_ms=START_MS + 1_000 * ours.height + late_ms)
    return second_opinion(anchor, others, trust, environment=dice.environment())


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("epochs_shown", [0, 1, 2])
@pytest.mark.parametrize("height", [90, 150, 250])
def test_heads_of_the_same_and_of_later_epochs_agree(height: int, epochs_shown: int, bare: bool) -> None:
    others = [
        EpochNode(EpochWorld(at), bare=bare, epochs_shown=epochs_shown)
        for at in (90, 101, 150, 201, 250)
        if at >= height
    ]
    said = opinions(EpochWorld(height), *others)
    assert [one.verdict for one in said] == [Verdict.AGREES] * len(others), said


def test_heads_of_earlier_epochs_are_behind() -> None:
    said = opinions(EpochWorld(250), EpochNode(EpochWorld(150)), EpochNode(EpochWorld(90)))
    assert [one.verdict for one in said] == [Verdict.BEHIND] * 2, said
    assert "100 heights older" in said[0].detail


@pytest.mark.parametrize("at", [150, 160, 250])
def test_another_state_under_later_validators_is_a_fork_with_evidence(at: int) -> None:
    ours = EpochWorld(150)
    (said,) = opinions(ours, EpochNode(EpochWorld(at, forked_at=120), "http://rival"))
    assert said.verdict is Verdict.FORK and "another state of height 149" in said.detail
    assert said.evidence
    if at == 160:
        verify_bundle(said.evidence, pinned().trust())  # each side verifies by itself
        assert len(said.signed_both) == 3
    with pytest.raises(ProofError) as caught:
        check_opinions((said,))
    assert caught.value.code == "fork-seen"
    for words in ("http://rival", "no proof can say which side is true", "Believe neither", "call the other members"):
        assert words in caught.value.detail


def test_a_quorum_of_retired_validators_that_goes_on_signing_is_a_fork() -> None:
    rival = EpochNode(EpochWorld(300, forked_at=201, epoch=0))
    (said,) = opinions(EpochWorld(250), rival, trust=walked().trust())
    assert said.verdict is Verdict.FORK
    assert "after their epoch had ended with height 100" in said.detail


def test_a_head_whose_epochs_do_not_lead_there_counts_for_nothing() -> None:
    class Forger(EpochNode):
        """Shows how epoch 1 ended where it is asked for the end of epoch 0."""

        def send(self, request: Request) -> Response:
            if request.path == "/v1/epochs/0":
                request = Request("GET", "/v1/epochs/1")
            return super().send(request)

    said = opinions(EpochWorld(90), Forger(EpochWorld(250), epochs_shown=0), EpochNode(EpochWorld(250), silent=True))
    assert [one.verdict for one in said] == [Verdict.UNPROVEN, Verdict.SILENT]
    assert "unknown-validators" in said[0].detail
    with pytest.raises(UnavailableError, match="no second opinion"):
        check_opinions(said)


def test_a_stale_head_of_a_later_epoch_is_called_so() -> None:
    for late_ms, stale in ((0, False), (700_000, True)):
        (said,) = opinions(EpochWorld(200), EpochNode(EpochWorld(201)), late_ms=late_ms)
        assert said.stale is stale


# --- words ------------------------------------------------------------------------------------------------


def test_old_and_stale_are_called_what_they_are() -> None:
    newest = newest_of(EpochWorld(250).newest())
    fresh = freshness_of(249, newest.time_ms, newest, newest.time_ms)
    assert (fresh.words(), fresh.stale, fresh.newest) == ("", False, None)
    old = freshness_of(200, newest.time_ms - 49_000, newest, newest.time_ms)
    assert "OLD: this shows height 200; height 249 of" in old.words() and not old.stale
    stale = freshness_of(249, newest.time_ms, newest, newest.time_ms + 7_500_000)
    assert stale.words().startswith("STALE: 2 h 5 min old.") and stale.stale
    assert [duration_words(ms) for ms in (0, 999, 61_000, 90_061_000)] == ["0 s", "0 s", "1 min 1 s", "1 d 1 h"]


def test_commands_show_what_is_trusted_and_call_an_old_proof_old(
    ledger: Ledger, node: FakeNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grower = CommandLine(tmp_path, "org:grower", node, capsys)
    lot = "01/09521111000006/10/LOT7"
    grower.must("commission", f"{lot}=10KGM", "--at", "https://id.gs1.org/414/9521111000013")
    kept = tmp_path / "old.json"
    assert grower.must("trace", lot, "--save", kept)["newer_height_seen"] is None
    ledger.let_read("org:carrier")
    seen = grower.must("trace", lot)["height"]
    answer = grower.run("verify", kept)
    assert (answer.code, answer.json["newer_height_seen"], answer.json["stale"]) == (ExitCode.OK, seen, False)
    assert f"height {seen} of" in grower.run("verify", kept, json_output=False).err
    assert grower.run("verify", kept, "--newest").json["code"] == "rolled-back"
    shown = grower.run("trust").json
    assert (shown["pinned_epoch"], shown["newest_epoch"], shown["newest"]["height"]) == (0, 0, seen)
    assert "pinned   epoch 0:" in grower.run("trust", json_output=False).out


def test_pin_from_a_later_epoch_takes_what_trust_prints(
    ledger: Ledger, node: FakeNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grower = CommandLine(tmp_path, "org:grower", node, capsys)
    (tmp_path / "genesis.bin").write_bytes(encode(ledger.world.genesis))
    for wrong in ("3", "0:" + "00" * 32, "1:xyz"):
        assert grower.run("pin", tmp_path / "genesis.bin", "--epoch", wrong).code == ExitCode.USAGE
    pinned_there = grower.run("pin", tmp_path / "genesis.bin", "--epoch", "3:" + "7f" * 32)
    assert (pinned_there.code, pinned_there.json["epoch"]) == (ExitCode.OK, 3)
    assert grower.run("trust").json["validators"] == {"3": "7f" * 32}


def test_evidence_of_a_fork_is_kept_beside_the_trust_file(
    ledger: Ledger, node: FakeNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grower = CommandLine(tmp_path, "org:grower", node, capsys)
    lot = "01/09521111000006/10/LOT7"
    grower.must("commission", f"{lot}=10KGM", "--at", "https://id.gs1.org/414/9521111000013")
    kept = tmp_path / "proof.json"
    height = grower.must("trace", lot, "--save", kept)["height"]
    rival = Ledger()
    rival.let_read("org:grower")
    rival.trie()
    while rival.height < height:
        rival.world.make("org:processor", f"{gtin('9522222')}/21/S{rival.height}")
    node.ledger = rival
    answer = grower.run("verify", kept, "--second-opinion", node.url)
    assert (answer.code, answer.json["code"]) == (ExitCode.UNPROVEN, "fork-seen")
    (file,) = grower.folder.glob(f"fork-{height}-*.json")
    evidence = json.loads(file.read_text())
    assert evidence["ours"] == json.loads(kept.read_text())
    assert evidence["theirs"]["executed"]["height"] == height and len(evidence["signed_both"]) == 3
