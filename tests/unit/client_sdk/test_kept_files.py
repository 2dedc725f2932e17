"""What commands write for people: never over another file, and never into a folder that a slip of the hand invents."""

from __future__ import annotations

from pathlib import Path

import pytest

from client_sdk.errors import ExitCode
from tests.unit.client_sdk.command_line import Answer, CommandLine
from tests.unit.client_sdk.ledger import FakeNode
from tests.unit.client_sdk.test_member_flow import LOT, SITE

LINK = ("qr", LOT, "--host", "https://id.example.org")


@pytest.fixture
def grower(node: FakeNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    terminal = CommandLine(tmp_path, "org:grower", node, capsys, location=SITE)
    terminal.must("commission", f"{LOT}=10KGM")
    return terminal


WRITING = (
    ("trace", LOT, "--save"),
    ("prove", "block", "1", "--save"),
    (*LINK, "--png"),
    (*LINK, "--svg"),
    ("observe", LOT, "--save"),
    ("export", "items", LOT, "--out"),
)


def typed(grower: CommandLine, words: tuple[str, ...], path: Path) -> Answer:
    """A command that writes a file; ``qr`` opens no key."""
    return grower.run(*words, path) if words[0] == "qr" else grower.send(*words, path)


@pytest.mark.parametrize("words", WRITING, ids=lambda words: f"{words[0]} {words[-1]}")
def test_another_file_is_not_written_over(grower: CommandLine, tmp_path: Path, words: tuple[str, ...]) -> None:
    path = tmp_path / "mine"
    path.write_text("the only copy")
    answer = typed(grower, words, path)
    assert answer.code == ExitCode.USAGE and f"{path} exists already" in answer.json["detail"]
    assert "choose another name" in answer.json["detail"] and path.read_text() == "the only copy"


@pytest.mark.parametrize("words", WRITING, ids=lambda words: f"{words[0]} {words[-1]}")
def test_a_folder_that_is_missing_is_named_and_not_made(
    grower: CommandLine, node: FakeNode, tmp_path: Path, words: tuple[str, ...]
) -> None:
    node.requests.clear()
    answer = typed(grower, words, tmp_path / "no" / "such" / "file")
    assert answer.code == ExitCode.USAGE and f"no folder {tmp_path / 'no' / 'such'}" in answer.json["detail"]
    assert not (tmp_path / "no").exists()
    assert not [request for request in node.requests if request.method == "POST"]


def test_two_pictures_do_not_share_a_name(grower: CommandLine, tmp_path: Path) -> None:
    answer = grower.run(*LINK, "--png", tmp_path / "a", "--svg", tmp_path / "a")
    assert answer.code == ExitCode.USAGE and "twice" in answer.json["detail"] and not (tmp_path / "a").exists()


def test_what_is_new_is_written(grower: CommandLine, tmp_path: Path) -> None:
    for place, words in enumerate(WRITING):
        assert typed(grower, words, tmp_path / f"new{place}").code == ExitCode.OK
        assert (tmp_path / f"new{place}").stat().st_size > 0


def test_a_passphrase_that_others_can_read_opens_nothing(grower: CommandLine) -> None:
    (grower.folder / "pass").chmod(0o644)
    answer = grower.send("commission", f"{LOT}B=10KGM")
    assert answer.code == ExitCode.USAGE
    assert "can be read by others (mode 0644)" in answer.json["detail"] and "chmod 600" in answer.json["detail"]
