"""The nemesis' own parts: a plan is its seed, held bytes come late, and a broken promise is seen."""

from __future__ import annotations

import socket
import sys
import time
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from threading import Thread

import pytest

from node.folder import SIGNER_LOG
from node.signer_log import VoteEntry
from node.wal import frame
from scripts.nemesis_run import votes
from scripts.nemesis_run.disturbance import build_library
from scripts.nemesis_run.plan import IN_WORDS, KINDS, steps
from scripts.nemesis_run.votes import Place, Spoken, end_of, votes_behind
from scripts.nemesis_run.wires import Door, Wires, next_retry_s
from scripts.story.network import free_ports
from tallystick.encoding import encode
from tallystick.votes import Statement, Vote, VoteKind

NODES = ("org:a", "org:b", "org:c", "org:d")
HASH, OTHER = b"\x01" * 32, b"\x02" * 32


def test_a_seed_is_one_plan_and_each_kind_comes_once_before_any_comes_again() -> None:
    first = list(islice(steps("seed", NODES, KINDS), 2 * len(KINDS)))
    assert first == list(islice(steps("seed", NODES, KINDS), 2 * len(KINDS)))
    assert first != list(islice(steps("another", NODES, KINDS), 2 * len(KINDS)))
    assert {step.kind for step in first[: len(KINDS)]} == set(KINDS) == set(IN_WORDS)


def test_victims_are_as_many_as_the_kind_says() -> None:
    for step in islice(steps("seed", NODES, KINDS), 200):
        expected = 4 if step.kind.endswith("-all") else 2 if "two" in step.kind or "split" in step.kind else 1
        assert len(set(step.victims)) == expected


@pytest.mark.parametrize(("waited", "at"), [(0.0, 0.0), (0.1, 0.2), (0.3, 0.6), (3.1, 6.2), (10.0, 12.6)])
def test_what_was_held_is_tried_again_when_a_tcp_sender_would(waited: float, at: float) -> None:
    assert next_retry_s(waited) == pytest.approx(at)


def _echo(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            while data := connection.recv(100):
                connection.sendall(data)


def test_wires_pass_hold_delay_and_refuse() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    Thread(target=_echo, args=(server,), daemon=True).start()
    (port,) = free_ports(1)
    wires = Wires([Door("org:a", "org:b", port, server.getsockname()[1])])
    with closing(server), closing(wires):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(b"passes")
            assert connection.recv(100) == b"passes"
            wires.delay(60)
            started = time.monotonic()
            connection.sendall(b"is late")
            assert connection.recv(100) == b"is late"
            assert time.monotonic() - started >= 0.12
            wires.delay(0)
            wires.hold([("org:a", "org:b")])
            connection.sendall(b"is held")
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(100)
            connection.settimeout(60)
            wires.heal()
            assert connection.recv(100) == b"is held"
            wires.refuse([("org:b", "org:a")])
            with pytest.raises(ConnectionResetError):
                connection.sendall(b"goes nowhere")
                time.sleep(0.1)
                connection.recv(100)
        refused = socket.socket()
        refused.settimeout(60)
        with refused, suppress(ConnectionResetError):  # perhaps before the connection is seen to be made
            refused.connect(("127.0.0.1", port))
            assert refused.recv(100) == b""


def _spoken(folder: Path, *statements: Statement) -> Spoken:
    log = folder / "data" / SIGNER_LOG
    log.mkdir(parents=True)
    records = [frame(encode(VoteEntry(Vote(statement, 0, b"\x03" * 64)))) for statement in statements]
    (log / "00000001.log").write_bytes(b"".join(records) + b"\x00\x00\x00\x09torn")
    spoken = Spoken()
    spoken.read(folder)
    spoken.read(folder)
    return spoken


def _votes(*views: int) -> bytes:
    said = [Statement(0, VoteKind.NOTARIZE, view, HASH) for view in views]
    return b"".join(frame(encode(VoteEntry(Vote(statement, 0, b"\x03" * 64)))) for statement in said)


def test_new_votes_are_seen_behind_a_torn_record_and_in_a_new_file(tmp_path: Path) -> None:
    log = tmp_path / "data" / SIGNER_LOG
    assert end_of(tmp_path) == Place() and votes_behind(tmp_path, Place()) == []
    log.mkdir(parents=True)
    (log / "00000001.log").write_bytes(_votes(1, 2) + _votes(3)[:-5])  # a crash tore it
    place = end_of(tmp_path)
    assert votes_behind(tmp_path, place) == []
    (log / "00000001.log").write_bytes(_votes(1, 2, 4))  # what was torn is cut off at the start
    assert [said.view for said in votes_behind(tmp_path, place)] == [4]
    (log / "00000002.log").write_bytes(_votes(5))  # the first was full
    assert [said.view for said in votes_behind(tmp_path, place)] == [4, 5]
    (log / "00000001.log").unlink()
    assert [said.view for said in votes_behind(tmp_path, place)] == [5]


def test_a_file_of_votes_that_goes_while_it_is_looked_for_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "data" / SIGNER_LOG
    log.mkdir(parents=True)
    (log / "00000002.log").write_bytes(_votes(5))
    monkeypatch.setattr(votes, "segments", lambda folder: [log / "00000001.log", log / "00000002.log"])
    spoken = Spoken()
    spoken.read(tmp_path)
    assert spoken.statements == 1 and len(votes_behind(tmp_path, Place())) == 1


def test_a_validator_that_says_one_thing_only_is_in_order(tmp_path: Path) -> None:
    said = [Statement(0, kind, 3, HASH) for kind in (VoteKind.NOTARIZE, VoteKind.FINALIZE)]
    spoken = _spoken(tmp_path, *said, said[0], Statement(0, VoteKind.NOTARIZE, 4, OTHER))
    assert spoken.contradictions() == []
    assert spoken.statements == 3


@pytest.mark.parametrize(
    "second",
    [
        Statement(0, VoteKind.FINALIZE, 3, OTHER),
        Statement(0, VoteKind.NULLIFY, 3, bytes(32)),
    ],
)
def test_a_validator_that_contradicts_itself_is_seen(tmp_path: Path, second: Statement) -> None:
    spoken = _spoken(tmp_path, Statement(0, VoteKind.FINALIZE, 3, HASH), second)
    assert len(spoken.contradictions()) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the library is for Linux")
@pytest.mark.parametrize("name", ["two words", "a:b"])
def test_a_folder_whose_name_the_loader_would_part_leaves_the_library_out_and_says_why(
    tmp_path: Path, name: str
) -> None:
    """The loader would ignore both halves: disks would not be slow, clocks not wrong, and the run would not know."""
    (tmp_path / name).mkdir()
    library, reason = build_library(tmp_path / name)
    assert library is None and reason.startswith("needs a folder without spaces and colons")
