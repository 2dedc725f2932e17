"""The example of the guide runs as it stands, and prints what the guide says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from client_sdk import session
from tests.unit.client_sdk.command_line import CommandLine
from tests.unit.client_sdk.ledger import Dice, FakeNode, Ledger
from tests.unit.client_sdk.test_samples import genesis
from tests.world import World

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "sdk.md"


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(World(genesis()))


def test_the_example_of_the_guide_runs(
    node: FakeNode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    printed = re.search(r"```text\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert code is not None and printed is not None
    assert len([line for line in code[1].splitlines() if line.strip()]) <= 20
    terminal = CommandLine(tmp_path, "org:grower", node, capsys, location="414/9521001000024")
    (terminal.folder / "keys").rename(terminal.folder / "old")
    for key in (terminal.folder / "old").iterdir():
        terminal.reseal(key, "open sesame")
    monkeypatch.setattr("client_sdk.nodes.HttpTransport", lambda url, ca_file: node)
    monkeypatch.setattr(session.open_session, "__kwdefaults__", {"environment": Dice("guide").environment()})
    monkeypatch.chdir(terminal.folder)
    exec(compile(code[1], str(GUIDE), "exec"), {})
    normal = re.compile(r"height \d+|\d{4}-\d{2}-\d{2}T[0-9:.]+Z")
    assert normal.sub("…", capsys.readouterr().out) == normal.sub("…", printed[1])


def test_the_readme_shows_the_same_example_as_the_guide() -> None:
    readme = GUIDE.parents[2] / "README.md"
    for kind in ("python", "text"):
        block = re.search(rf"```{kind}\n.*?```", GUIDE.read_text(), re.DOTALL)
        assert block is not None and block[0] in readme.read_text()
