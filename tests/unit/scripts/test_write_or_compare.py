"""What writes frozen files writes nothing when it is asked for something it does not know."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from scripts.write_or_compare import asked_to_check, write_or_compare

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


def test_a_misspelt_option_ends_the_program_before_it_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, checks in (([], False), (["--check"], True)):
        monkeypatch.setattr(sys, "argv", ["make", *words])
        assert asked_to_check("Write it.") is checks
    for words, code in ((["--chekc"], 2), (["--check", "more"], 2), (["--help"], 0)):
        monkeypatch.setattr(sys, "argv", ["make", *words])
        with pytest.raises(SystemExit) as ended:
            asked_to_check("Write it.\n\nUsage: …")
        assert ended.value.code == code
    said = capsys.readouterr()
    assert "unrecognized arguments: --chekc" in said.err and "Write it." in said.out


def test_a_file_is_compared_without_being_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "vectors.json"
    assert write_or_compare(file, "new", True) == 1 and not file.exists()
    assert write_or_compare(file, "old", False) == 0 and write_or_compare(file, "old", True) == 0
    assert write_or_compare(file, "new", True) == 1 and file.read_text() == "old"
    assert "vectors.json differs from what the code makes" in capsys.readouterr().out


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("make_*_*.py")), ids=lambda path: path.stem)
def test_no_script_that_writes_frozen_files_looks_for_its_options_by_itself(script: Path) -> None:
    tree = ast.parse(script.read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "argv"]
