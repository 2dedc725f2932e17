"""Lost records of signed votes, with real nodes: one of four, a quorum of them, and all four."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from node.__main__ import main
from node.folder import SIGNER_LOG
from node.identity import NEXT_VALIDATOR_KEY
from node.next_seat import SEAT
from node.signer_log import SignerRecordLostError, salvage
from tallystick import keyfile, keys
from tallystick.api import TransactionState
from tallystick.encoding import decode
from tallystick.payloads import encode_payload
from tallystick.payloads.membership import NewSeat, RotateValidator
from tallystick.transactions import sign_transaction
from tallystick.votes import Statement, Vote
from tests.integration.network import ORGANISATIONS, PATIENCE_MS, PATIENCE_S, Network, now_ms, play

PASSPHRASE = "a passphrase for tests"


def seal(seed: bytes) -> bytes:
    return keyfile.seal_keyfile(seed, PASSPHRASE, salt=bytes(16), nonce=bytes(24), label="root")


def run(story: Callable[[Network], Awaitable[None]], folder: Path) -> None:
    async def whole() -> None:
        network = Network(folder)
        for name, config in network.configs.items():
            (config.keys / "root.key.json").write_bytes(seal(network.roots[name]))
            (config.keys / "root.key.json").chmod(0o600)
            network.write_config(name)
        (folder / "pass").write_text(PASSPHRASE + "\n")
        (folder / "pass").chmod(0o600)
        await network.start()
        for index in range(4):
            await network.prove(index)
        await story(network)

    play(whole())


async def fall_silent_together(network: Network) -> None:
    """Stop all nodes in a moment in which none knows of finality that another lacks.

    Stopped one by one they go on making blocks, and where the fourth learns of a final block through those whose
    records are then lost, the recovery lawfully leaves that block out (docs/spec/epochs.md, 7.5) and the fourth ends.
    """

    def alike() -> bool:
        statuses = [node.queries.status() for node in network.nodes.values()]
        return len({height for one in statuses for height in (one.height, one.executed_height)}) == 1

    await network.until(alike)
    for node in network.nodes.values():  # in the same turn of their loop
        node._parts.runner.close()
    await network.stop()


def records(network: Network, name: str) -> Path:
    return network.configs[name].data / SIGNER_LOG


def said(network: Network, name: str) -> dict[tuple[int, int, int], Statement]:
    """Everything that is left of what a node's keys voted; fails where two statements exclude each other."""
    found: dict[tuple[int, int, int], Statement] = {}
    for folder in network.configs[name].data.glob("signer*"):
        for record in salvage(folder)[0]:
            if isinstance(record, Vote):
                statement = record.statement
                place = (statement.epoch, statement.view, statement.kind)
                assert found.setdefault(place, statement) == statement
    return found


def head(network: Network, folder: Path, name: str) -> int:
    config = str(network.configs[name].file)
    return main(["recover", "head", "--config", config, "--quorum-lost", "--passphrase-file", str(folder / "pass")])


def digest(network: Network, name: str, heads: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What the heads make, as this operator is shown it."""
    capsys.readouterr()
    assert main(["recover", "begin", "--config", str(network.configs[name].file), *heads]) == 1
    return "".join(capsys.readouterr().out.split("--accept:")[1].split())


def test_one_lost_record_is_told_retired_and_replaced_by_a_rotated_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = ORGANISATIONS[0]

    async def story(network: Network) -> None:
        config = network.configs[victim]
        await network.stop(victim)
        before = said(network, victim)
        assert main(["recover", "key", "--config", str(config.file)]) == 1
        assert "is whole" in capsys.readouterr().err
        shutil.rmtree(records(network, victim))
        with pytest.raises(SignerRecordLostError, match="recover key"):
            await network.start(victim)
        assert main(["recover", "key", "--config", str(config.file)]) == 0
        await network.start(victim)
        assert network.node(0).epochs.me is None, "until the new key sits it observes"
        await rotate(network, victim)
        await network.until(lambda: all(node.epochs.number == 1 for node in network.nodes.values()))
        await network.stop(ORGANISATIONS[3])  # from now on the victim is needed
        await network.prove(1)
        assert before.keys().isdisjoint(said(network, victim))
        await network.stop(victim)
        await network.start(victim)  # the next files have taken the old names, without a word in the configuration
        assert not (config.keys / NEXT_VALIDATOR_KEY).exists()
        await network.prove(0)

    run(story, tmp_path)


async def rotate(network: Network, victim: str) -> None:
    """The order that `tallystick rotate-validator` gives, through another member's node."""
    config = network.configs[victim]
    seat = decode((config.file.parent / SEAT).read_bytes(), NewSeat, size_max=16_384)
    new = bytes.fromhex((config.keys / NEXT_VALIDATOR_KEY).read_text().strip())
    queries = network.node(1).queries
    payload = RotateValidator(seat, queries.status().executed_height + 32)
    transaction = sign_transaction(
        chain_id=network.chain_id,
        nonce=secrets.token_bytes(16),
        valid_until_ms=now_ms() + 600_000,
        seeds=(network.roots[victim], new),
        payload=encode_payload(secrets.token_bytes(32), payload),
    )
    await queries.submit(transaction.raw)
    status = await queries.wait(transaction.id, TransactionState.EXECUTED, PATIENCE_MS)
    assert status.state is TransactionState.EXECUTED and status.reason == "NONE", status


@pytest.mark.parametrize("lost", [2, 4])
def test_when_a_quorum_of_records_is_lost_operators_begin_an_epoch_together(
    tmp_path: Path, lost: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(network: Network) -> None:
        done = [await network.prove(index) for index in range(4)]
        heights = network.heights()
        await fall_silent_together(network)
        before = {name: said(network, name) for name in ORGANISATIONS}
        for name in ORGANISATIONS[:lost]:
            shutil.rmtree(records(network, name))
            with pytest.raises(SignerRecordLostError):
                await network.start(name)
        config = str(network.configs[ORGANISATIONS[0]].file)
        assert main(["recover", "head", "--config", config]) == 1
        assert "--quorum-lost" in capsys.readouterr().err
        signing = ORGANISATIONS[:3]  # a quorum; the fourth is not there, and comes later
        for name in signing:
            assert head(network, tmp_path, name) == 0
        heads = [str(network.configs[name].file.parent / "recovery-head.bin") for name in signing]
        assert main(["recover", "begin", "--config", config, *heads[:2]]) == 1
        assert "3 are needed" in capsys.readouterr().err
        digests = {digest(network, name, heads, capsys) for name in signing}
        assert len(digests) == 1
        accept = ["--accept", digests.pop()]
        assert main(["recover", "begin", "--config", config, *heads, "--accept", "00" * 32]) == 1
        for name in signing:
            assert main(["recover", "begin", "--config", str(network.configs[name].file), *heads, *accept]) == 0
        await network.start(*signing)
        await network.until(lambda: all(node.epochs.number == 1 for node in network.nodes.values()))
        await network.until(lambda: all(node.epochs.me is not None for node in network.nodes.values()))
        await network.prove(1)
        await network.until(lambda: min(network.heights().values()) > max(heights.values()))
        for node in network.nodes.values():
            assert all(node.ledger.place(id_) is not None for id_ in done)
        for name in signing:
            assert all(
                before[name].get(place, statement) == statement for place, statement in said(network, name).items()
            )
            assert all(place[0] == 1 for place in said(network, name).keys() - before[name].keys())
        if lost < 4:  # its record is whole: it learns of the recovery from the others, and votes on with its old key
            await network.start(ORGANISATIONS[3])
            await network.until(lambda: network.node(3).epochs.me is not None and network.node(3).epochs.number == 1)
            await network.stop(ORGANISATIONS[2])
            await network.prove(3)
        for name in list(network.nodes):
            await network.stop(name)
            assert main(["check", "--config", str(network.configs[name].file)]) == 0, capsys.readouterr().err

    run(story, tmp_path)


def test_a_wiped_disk_that_peers_found_out_stays_found_out(tmp_path: Path) -> None:
    victim = ORGANISATIONS[0]

    async def story(network: Network) -> None:
        await network.stop(victim)
        shutil.rmtree(network.configs[victim].data)
        await network.start(victim)
        error = await asyncio.wait_for(network.node(0).failure(), PATIENCE_S)
        assert isinstance(error, SignerRecordLostError)
        await network.stop()
        with pytest.raises(SignerRecordLostError, match="retired"):
            await network.start(victim)  # nobody is there to tell it: it knows by itself

    run(story, tmp_path)


def test_the_root_key_of_another_does_not_sign_a_head(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(network: Network) -> None:
        await network.stop()
        for name in ORGANISATIONS[:3]:
            if name == ORGANISATIONS[1]:
                (network.configs[name].keys / "root.key.json").write_bytes(seal(keys.generate()))
            assert head(network, tmp_path, name) == 0
        heads = [str(network.configs[name].file.parent / "recovery-head.bin") for name in ORGANISATIONS[:3]]
        assert main(["recover", "begin", "--config", str(network.configs[ORGANISATIONS[0]].file), *heads]) == 1
        assert "is not signed with a root key" in capsys.readouterr().err

    run(story, tmp_path)
