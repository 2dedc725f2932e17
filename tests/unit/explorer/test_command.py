"""The command: trouble is one sentence on standard error and a status that is not zero."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import create_engine, text

from explorer.__main__ import main
from explorer.config import ExplorerConfig, load_config
from explorer.database import open_database
from tallystick.encoding import encode
from tallystick.errors import ConfigError
from tests import compact_world as w
from tests.unit.explorer.chain import PRODUCT, FakeNode, write_genesis
from tests.unit.explorer.sites import Explorer

ROOT = Path(__file__).resolve().parents[3]
GOOD = 'node = "http://127.0.0.1:7201"\ngenesis = "genesis.bin"\ndatabase = "explorer.db"\nlisten = "127.0.0.1:0"\n'


def write(folder: Path, config: str) -> Path:
    """A configuration file."""
    file = folder / "explorer.toml"
    file.write_text(config)
    return file


def write_token(file: Path, token: str) -> None:
    """A secret that only its owner can read."""
    file.touch(mode=0o600)
    file.write_text(token)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o601])
def test_a_read_token_that_others_can_read_is_refused(folder: Path, mode: int) -> None:
    write_token(folder / "token", "abc123\n")
    config = write(folder, GOOD + 'read_token = "token"\n')
    assert load_config(config).read_token == "abc123"
    (folder / "token").chmod(mode)
    with pytest.raises(ConfigError, match=f"can be read by others .mode {mode:04o}.; run: chmod 600"):
        load_config(config)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "--json", "--config", "none.toml"], 1, "cannot read the configuration"),
        (["check", "--json", "--config", "none.toml"], 1, "cannot read the configuration"),
        (["check", "--json"], 2, "required: --config"),
        (["fly", "--json"], 2, "invalid choice"),
        (["--json"], 2, "required: run | check"),
    ],
)
def test_with_json_every_trouble_is_one_object(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert main(words) == code
    printed = capsys.readouterr()
    value = json.loads(printed.out)
    assert said in value["error"] and (value["ok"], value["exit"], printed.err) == (False, code, "")
    assert main([word for word in words if word != "--json"]) == code
    printed = capsys.readouterr()
    assert said in printed.err and printed.err.count("\n") == 1 and printed.out == ""


@pytest.mark.parametrize("words", [[], ["run"], ["check"]])
def test_help_shows_examples(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*words, "--help"])
    assert end.value.code == 0 and "tallystick-explorer check --config explorer.toml --json" in capsys.readouterr().out


def test_a_whole_configuration_is_read(folder: Path) -> None:
    write_token(folder / "token", "abc123\n")
    more = f"""
read_token = "token"
public_address = "https://id.example.com/"
code_hosts = ["ID.example.org"]
poll_ms = 900
[products."{PRODUCT}"]
en = "Jam"
zh = "果酱"
[places."https://id.gs1.org/414/9521234000013"]
en = "Kitchen"
[elsewhere.Grower]
address = "https://grower.example"
"""
    config = load_config(write(folder, GOOD + more))
    assert config.read_token == "abc123" and config.poll_ms == 900
    assert config.public_address == "https://id.example.com" and config.code_hosts == ("id.example.org",)
    assert config.products[PRODUCT] == {"en": "Jam", "zh": "果酱"}
    assert config.elsewhere == {"Grower": "https://grower.example"}
    assert config.database == f"sqlite:///{folder / 'explorer.db'}"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("node = ", "not valid TOML"),
        ("", "node: missing"),
        (GOOD + "colour = 1\n", "colour: unknown key"),
        (GOOD + "pol_ms = 100\n", "did you mean 'poll_ms'?"),
        (GOOD + "poll_ms = 1.5\n", "poll_ms: write a whole number"),
        (GOOD.replace("http://127.0.0.1:7201", "ftp://x"), "node: 'ftp://x' is not an address"),
        (GOOD.replace("127.0.0.1:0", "nowhere"), "listen: 'nowhere' is not"),
        (GOOD.replace("127.0.0.1:0", "127.0.0.1:99999"), "listen:"),
        (GOOD + 'read_token = "missing"\n', "cannot read the read token"),
        (GOOD + '[products."01/123"]\nen = "x"\n', "not a key text"),
        (GOOD + '[products]\n"01/09521234510000" = 3\n', "write it as a table of texts"),
        (GOOD + 'code_hosts = ["a b"]\n', "not a host name"),
        (GOOD, "cannot read the genesis file"),
    ],
)
@pytest.mark.parametrize("command", ["run", "check"])
def test_a_wrong_configuration_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str, config: str, words: str
) -> None:
    assert main([command, "--config", str(write(folder, config))]) == 1
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and "Traceback" not in said


def test_a_missing_configuration_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--config", str(folder / "none.toml")]) == 1
    assert "cannot read the configuration" in capsys.readouterr().err


def test_a_broken_genesis_is_refused(folder: Path, story_node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_genesis(story_node.chain.world, folder)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1  # in the last card's signature
    file.write_bytes(bytes(data))
    assert main(["run", "--config", str(write(folder, GOOD))]) == 1
    assert "not a sound genesis file" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_genesis_that_nobody_can_found_with_is_refused_by_its_rule(
    folder: Path, story_node: FakeNode, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    later = msgspec.structs.replace(story_node.chain.world.genesis, version=2)
    for genesis, words in (
        (later, "version 2; this software reads 1 [genesis.version]"),
        (w.sharing_a_bls_key(), "two validators with one BLS key [validators.repeated-bls-key]"),
    ):
        (folder / "genesis.bin").write_bytes(encode(genesis))
        assert main([command, "--config", str(write(folder, GOOD))]) == 1
        said = capsys.readouterr().err
        assert words in said and "get it again from a founder" in said and str(folder / "genesis.bin") in said
    assert not (folder / "explorer.db").exists()


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OSError(28, "No space left on device", "/data/explorer.db"), 1, "/data/explorer.db: No space left on device"),
        (ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn"), 1, "pip install 'tallystick[explorer]'"),
        (
            ZeroDivisionError("a bug\n  of two lines"),
            3,
            "a fault in this software: ZeroDivisionError: a bug of two lines",
        ),
    ],
)
def test_what_nobody_foresaw_is_one_sentence_too(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    error: Exception, code: int, words: str,
) -> None:  # fmt: skip
    def broken(config: object, as_json: bool) -> int:
        raise error

    monkeypatch.setattr("explorer.__main__._run", broken)
    assert main(["run", "--config", str(write(folder, GOOD))]) == code
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and "Traceback" not in said


def test_a_busy_port_is_one_sentence(folder: Path, story_node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    write_genesis(story_node.chain.world, folder)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = GOOD.replace("127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}")
        assert main(["run", "--config", str(write(folder, config))]) == 1
    assert "cannot listen at 127.0.0.1" in capsys.readouterr().err
    assert not (folder / "explorer.db").exists()


def test_a_strange_database_is_refused(folder: Path, story_node: FakeNode) -> None:
    chain_id = story_node.chain.world.chain_id
    strange = create_engine(f"sqlite:///{folder / 'strange.db'}")
    with strange.begin() as connection:
        connection.execute(text("CREATE TABLE notes (id INTEGER)"))
    strange.dispose()
    with pytest.raises(ConfigError, match="not an explorer's"):
        open_database(f"sqlite:///{folder / 'strange.db'}", chain_id, "test")
    (folder / "rubbish.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigError, match="cannot open the database"):
        open_database(f"sqlite:///{folder / 'rubbish.db'}", chain_id, "test")
    ours = f"sqlite:///{folder / 'ours.db'}"
    open_database(ours, chain_id, "test").dispose()
    with pytest.raises(ConfigError, match="another chain"):
        open_database(ours, b"\x01" * 32, "test")
    newer = open_database(ours, chain_id, "test")
    with newer.begin() as connection:
        connection.execute(text("UPDATE copy_of SET value = '99' WHERE name = 'schema_version'"))
    newer.dispose()
    with pytest.raises(ConfigError, match="another version"):
        open_database(ours, chain_id, "test")
    with pytest.raises(ConfigError, match="cannot open the database"):
        open_database("nosuchthing://user:secret@host/db", chain_id, "test")


def test_a_password_is_not_in_the_complaint() -> None:
    with pytest.raises(ConfigError) as caught:
        open_database("nosuchthing://user:secret@host/db", b"\x01" * 32, "test")
    assert "secret" not in str(caught.value)


def test_check_says_that_all_is_well_or_what_is_not(
    explorer: Explorer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_genesis(explorer.node.chain.world, folder)
    database = str(explorer.engine.url.database)
    config = write(folder, GOOD.replace("explorer.db", database))
    assert main(["check", "--config", str(config)]) == 0
    assert "agrees with the chain" in capsys.readouterr().out
    assert main(["check", "--config", str(config), "--json"]) == 0
    assert (told := json.loads(capsys.readouterr().out))["ok"] and told["rows"] > 0 and told["differences"] == []
    with explorer.engine.begin() as connection:
        connection.execute(text("UPDATE items SET origin_words = 'forged' WHERE kind = 4"))
    assert main(["check", "--config", str(config)]) == 1
    said = capsys.readouterr().err
    assert "items: row 00/" in said and "differs in origin_words" in said
    assert main(["check", "--config", str(config), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["exit"]) == (False, 1) and "differs in origin_words" in told["differences"][0]
    with explorer.engine.begin() as connection:
        connection.execute(text("UPDATE items SET origin_words = '' WHERE kind = 4"))
    missing = write(folder, GOOD.replace("explorer.db", "none.db"))
    assert main(["check", "--config", str(missing)]) == 1
    assert "no read model there" in capsys.readouterr().err


def test_python_without_assertions_is_refused(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-m", "explorer", "run", "--config", str(write(folder, GOOD))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1
    assert "python -O" in done.stderr and done.stderr.count("\n") == 1


def test_the_operators_page_shows_a_configuration_that_loads_and_names_every_key(folder: Path) -> None:
    section = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8").partition("## The explorer\n")[2]
    (folder / "explorer.toml").write_text(section.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    write_token(folder / "explorer.token", "ab" * 32)
    config = load_config(folder / "explorer.toml")
    assert (config.port, config.poll_ms, config.public_database) == (8080, 400, config.database)
    rows = [line.split("|")[1] for line in section.partition("## ")[0].splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`\[?([a-z_]+)", row)} - {"address"}
    assert named == set(ExplorerConfig.__dataclass_fields__) - {"host", "port"} | {"listen"}
