"""``tallystick-node … --json``: whatever comes of it, a program reads one object on standard output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.__main__ import main
from node.commands import EXIT_REFUSED, EXIT_USAGE

COMMANDS = (
    (("status",), EXIT_REFUSED, "--config FILE or --url"),
    (("status", "--url", "http://127.0.0.1:1"), EXIT_REFUSED, "no node answers"),
    (("status", "--url", "ftp://x"), EXIT_REFUSED, "http://host:port"),
    (("check", "--data", "nowhere", "--genesis", "none.bin"), EXIT_REFUSED, "none.bin"),
    (("check", "--nonsense"), EXIT_USAGE, "--nonsense; see: tallystick-node"),
    (("check", "--data"), EXIT_USAGE, "see: tallystick-node check --help"),
    (("genesis", "a.card", "--network", "n", "--out", "g.bin"), EXIT_REFUSED, "a.card"),
    (("recover", "key", "--config", "none.toml"), EXIT_REFUSED, "none.toml"),
    (("backup", "--config", "none.toml", "b"), EXIT_REFUSED, "none.toml"),
    (("nonsense",), EXIT_USAGE, "tallystick-node --help"),
)


@pytest.mark.parametrize(("words", "code", "told"), COMMANDS)
def test_an_error_is_one_object_with_json_and_a_sentence_without(
    words: tuple[str, ...],
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--json"]) == code
    captured = capsys.readouterr()
    said = json.loads(captured.out)
    assert (said["ok"], said["exit"]) == (False, code) and told in said["error"] and captured.err == ""
    assert main(words) == code
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("tallystick-node: ") and told in captured.err
    assert captured.err.count("\n") == 1
