"""Founding a network from the command line, and every mistake an operator can make on the way: one sentence each."""

from __future__ import annotations

import json
import ssl
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.__main__ import main
from node.api.tokens import read_tokens
from node.commands import grouped
from node.config import load_config
from node.founder import FounderOptions
from node.founding import read_founding, read_genesis
from node.key_files import read_validator_seed, write_new
from tallystick import keyfile, keys
from tallystick.encoding import decode, encode
from tallystick.errors import ConfigError
from tallystick.genesis import Card, merge_cards, sign_card
from tests.world import founding, seed

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("grower", "processor", "carrier", "retailer")


@pytest.fixture(autouse=True)
def cheap_key_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealing at full cost takes a second and 256 MiB."""
    monkeypatch.setattr(keyfile, "seal_keyfile", partial(keyfile.seal_keyfile, operations=1, memory_bytes=8_192))


def init(folder: Path, name: str, *more: str, prefix: str | None = None, port: int = 7101) -> int:
    secret = folder / "secret.txt"
    if not secret.exists():
        secret.write_text("correct horse\n")
        secret.chmod(0o600)
    number = NAMES.index(name) if name in NAMES else 9
    return main(
        [
            "init", "--org", f"org:{name}", "--name", name.title(), "--role", "governor", "--role", "producer",
            "--prefix", prefix or f"952123{number}", "--dir", str(folder / name),
            "--peer-address", f"127.0.0.1:{port + number}", "--api-address", f"127.0.0.1:{port + 1000 + number}",
            "--passphrase-file", str(secret), *more,
        ]
    )  # fmt: skip


@pytest.fixture
def founded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Four founders with one genesis, each with a copy."""
    for name in NAMES:
        assert init(tmp_path, name) == 0
    cards = [str(tmp_path / name / "card.bin") for name in NAMES]
    assert main(["genesis", *cards, "--network", "orchard", "--out", str(tmp_path / "genesis.bin")]) == 0
    for name in NAMES:
        (tmp_path / name / "genesis.bin").write_bytes((tmp_path / "genesis.bin").read_bytes())
    capsys.readouterr()
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    """Exactly one sentence on standard error, nothing else anywhere."""
    captured = capsys.readouterr()
    assert code == 1, captured
    assert captured.err.startswith("tallystick-node: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    for word in words:
        assert word in captured.err
    return captured.err


# --- what init and genesis make -------------------------------------------------------------------------------


def test_init_makes_keys_that_only_the_owner_can_read(founded: Path) -> None:
    folder = founded / "grower"
    for name in ("keys/validator.key", "keys/transport.key", "keys/root.key.json", "read_tokens"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE((folder / "keys").stat().st_mode) == 0o700


def test_the_card_is_signed_by_the_keys_that_init_made(founded: Path) -> None:
    folder = founded / "grower"
    card = decode((folder / "card.bin").read_bytes(), Card, size_max=10_000)
    card.verify()
    assert keys.public_key_of(read_validator_seed(folder / "keys/validator.key")) == card.body.validator_key
    root = keyfile.open_keyfile((folder / "keys/root.key.json").read_bytes(), "correct horse")
    assert keys.public_key_of(root) == card.body.root_key
    shown = json.loads((folder / "card.json").read_text())
    assert shown["root_key"] == card.body.root_key.hex()
    with pytest.raises(ConfigError, match="wrong passphrase"):
        keyfile.open_keyfile((folder / "keys/root.key.json").read_bytes(), "correct horsf")


def test_no_secret_stands_in_a_public_file(founded: Path) -> None:
    folder = founded / "grower"
    secrets = [
        (folder / "keys/validator.key").read_text().strip(),
        keyfile.open_keyfile((folder / "keys/root.key.json").read_bytes(), "correct horse").hex(),
        (folder / "read_tokens").read_text().split()[1],
        "correct horse",
    ]
    for name in ("card.bin", "card.json", "node.toml", "genesis.bin", "keys/transport.crt", "keys/root.key.json"):
        data = (folder / name).read_bytes()
        for secret in secrets:
            assert secret.encode() not in data
            if len(secret) == 64:
                assert bytes.fromhex(secret) not in data


def test_the_transport_certificate_serves_tls_1_3_and_ends_with_the_year_9999(founded: Path) -> None:
    config = load_config(founded / "grower" / "node.toml")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(config.transport_certificate, config.transport_key)
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-in", str(config.transport_certificate)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if shown.returncode == 0:
        assert "9999" in shown.stdout


def test_a_founder_finds_itself_in_the_genesis_and_reads_its_tokens(founded: Path) -> None:
    config = load_config(founded / "grower" / "node.toml")
    founding = read_founding(config)
    assert founding.card.body.organisation == "org:grower"
    assert founding.genesis.validators().count == 4
    token = (founded / "grower/read_tokens").read_text().split()[1]
    assert read_tokens(config.read_tokens).reader(token) == "explorer"
    assert read_tokens(config.read_tokens).reader(token[::-1]) is None


def test_the_order_of_the_cards_does_not_matter(founded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = []
    for order in (NAMES, NAMES[::-1]):
        cards = [str(founded / name / "card.bin") for name in order]
        out = founded / f"{order[0]}.bin"
        assert (
            main(["genesis", *cards, "--network", "n", "--out", str(out), "--time-ms", "1790000000000", "--json"]) == 0
        )
        ids.append(json.loads(capsys.readouterr().out)["chain_id"])
    assert ids[0] == ids[1]


def test_the_chain_id_is_printed_for_people_to_compare(founded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["genesis", "--show", str(founded / "genesis.bin")]) == 0
    printed = capsys.readouterr().out
    genesis, _ = read_genesis(founded / "genesis.bin")
    assert grouped(genesis.chain_id()) in printed
    assert "org:grower" in printed
    assert "3 of 4 nodes" in printed


# --- mistakes with init and genesis ---------------------------------------------------------------------------


def test_init_never_overwrites(founded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (founded / "grower/keys/validator.key").read_bytes()
    refused(capsys, init(founded, "grower"), "exists already and is never overwritten")
    assert (founded / "grower/keys/validator.key").read_bytes() == before
    with pytest.raises(ConfigError, match="never overwritten"):
        write_new(founded / "grower/card.bin", b"")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--org", "grower"), "--org: write org:"),
        (("--org", "org:Ü"), "--org"),
        (("--name", " "), "--name"),
        (("--name", "x" * 129), "--name"),
        (("--role", "king"), "--role: 'king' is none of governor"),
        (("--role", "governor"), "--role: one value is given twice"),
        (("--prefix", "12a4"), "--prefix: '12a4'"),
        (("--currency", "eur"), "--currency: 'eur'"),
        (("--currency", "EUR"), "add --role bank"),
        (("--peer-address", "nowhere"), "--peer-address"),
        (("--peer-address", "0.0.0.0:7101"), "--peer-listen"),
        (("--api-address", "127.0.0.1:99999"), "--api-address"),
        (("--api-address", "127.0.0.1:7110"), "two ports"),
        (("--api-listen", "x"), "--api-listen"),
    ],
)
def test_a_wrong_option_of_init_makes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, str], words: str
) -> None:
    refused(capsys, init(tmp_path, "other", *more), words)
    assert not (tmp_path / "other").exists()


def test_a_passphrase_must_come_from_somewhere_safe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "secret.txt").write_text("\n")
    (tmp_path / "secret.txt").chmod(0o600)
    refused(capsys, init(tmp_path, "grower"), "the first line is empty")
    (tmp_path / "secret.txt").chmod(0o644)
    refused(capsys, init(tmp_path, "grower"), "can be read by others", "chmod 600")
    arguments = ["init", "--org", "org:a", "--name", "a", "--dir", str(tmp_path / "a"), "--peer-address", "h:1"]
    refused(capsys, main([*arguments, "--api-address", "h:2"]), "--passphrase-file")


def test_a_founders_name_steers_no_terminal_and_begins_no_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anybody may sign a card with such a name; who is shown the genesis must see all founders as they are."""
    file = tmp_path / "genesis.bin"
    card = founding().cards[0]
    name = "Grower\x1b[2K\n  org:bank     127.0.0.1:9  Harbour Bank (bank)"
    body = msgspec.structs.replace(card.body, name=name)
    signed = sign_card(body, seed(body.organisation, "ROOT"), seed(body.organisation, "VALIDATOR"))
    genesis = merge_cards((signed,), network="test", time_ms=1_700_000_000_000, clock_advance_allowed=False)
    file.write_bytes(encode(genesis))
    assert main(["genesis", "--show", str(file)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "Grower\ufffd[2K\ufffd  org:bank" in out
    assert not any(line.startswith("  org:bank") for line in out.splitlines())


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[2J", "\x9b2J", "\u202egnp", "tab\there", "\u2028"])
def test_a_name_that_would_steer_a_terminal_is_not_put_on_a_card(name: str) -> None:
    options = FounderOptions("org:grower", name, ("producer",), (), (), "127.0.0.1:1", "127.0.0.1:2")
    with pytest.raises(ConfigError, match="--name: write 1 to 128 bytes of text on one line"):
        options.check()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "grower").write_text("a file")
    refused(capsys, init(tmp_path, "grower"), "grower")


def test_cards_that_do_not_fit_together_are_refused(founded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grower, carrier = str(founded / "grower/card.bin"), str(founded / "carrier/card.bin")
    out = ["--network", "n", "--out", str(founded / "new.bin")]
    refused(capsys, main(["genesis", grower, grower, *out]), "stands on two cards")
    refused(capsys, main(["genesis", *out]), "name every founder's card")
    refused(capsys, main(["genesis", grower, "--network", "n"]), "--out")
    refused(capsys, main(["genesis", grower, str(founded / "absent"), *out]), "cannot read the card")
    refused(capsys, main(["genesis", grower, str(founded / "grower/card.json"), *out]), "not a card")
    changed = bytearray((founded / "carrier/card.bin").read_bytes())
    changed[changed.index(b"Carrier")] ^= 1
    (founded / "changed.bin").write_bytes(changed)
    refused(capsys, main(["genesis", grower, str(founded / "changed.bin"), *out]), "changed after it was signed")
    assert init(founded, "twin", prefix="95212300", port=7201) == 0
    capsys.readouterr()
    refused(capsys, main(["genesis", grower, str(founded / "twin/card.bin"), *out]), "overlaps")
    refused(capsys, main(["genesis", grower, carrier, *out, "--heartbeat-ms", "1"]), "--heartbeat-ms")
    refused(capsys, main(["genesis", grower, carrier, *out, "--time-ms", "-1"]), "--time-ms")
    refused(capsys, main(["genesis", grower, carrier, *out, "--admission-quorum", "3"]), "--admission-quorum")
    refused(capsys, main(["genesis", grower, "--network", "x" * 200, *out[2:]]), "do not make a network")
    assert not (founded / "new.bin").exists()
    assert main(["genesis", grower, carrier, *out]) == 0
    capsys.readouterr()
    refused(capsys, main(["genesis", grower, carrier, *out]), "never overwritten")
    refused(capsys, main(["genesis", "--show", str(founded / "new.bin"), *out]), "--show only shows")


# --- a genesis or keys that are not this node's ---------------------------------------------------------------


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_wrong_genesis_is_told_by_what_differs(founded: Path) -> None:
    config = founded / "grower" / "node.toml"
    change(config, '"org:grower"', '"org:stranger"')
    with pytest.raises(ConfigError, match="wrong genesis: org:stranger is not among its founders"):
        read_founding(load_config(config))
    change(config, '"org:stranger"', '"org:carrier"')
    with pytest.raises(ConfigError, match="another validator key"):
        read_founding(load_config(config))
    (founded / "grower/keys/validator.key").write_bytes((founded / "carrier/keys/validator.key").read_bytes())
    with pytest.raises(ConfigError, match="another transport certificate"):
        read_founding(load_config(config))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a genesis file"),
        (b"junk", "not a genesis file"),
        (None, "cannot read the genesis file"),
        (b"\x00" * 1_100_000, "larger than"),
    ],
)
def test_a_file_that_is_no_genesis_is_named(founded: Path, data: bytes | None, words: str) -> None:
    file = founded / "grower" / "genesis.bin"
    file.unlink()
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(ConfigError, match=words):
        read_founding(load_config(founded / "grower" / "node.toml"))


def test_a_genesis_that_was_changed_does_not_hold(founded: Path) -> None:
    genesis, data = read_genesis(founded / "genesis.bin")
    file = founded / "changed.bin"
    changed = bytearray(data)
    changed[changed.index(b"Grower")] ^= 1
    file.write_bytes(changed)
    with pytest.raises(ConfigError, match="does not hold"):
        read_genesis(file)
    import msgspec

    file.write_bytes(encode(msgspec.structs.replace(genesis, cards=genesis.cards[::-1])))
    with pytest.raises(ConfigError, match="not in their one order"):
        read_genesis(file)
    file.write_bytes(encode(msgspec.structs.replace(genesis, version=2)))
    with pytest.raises(ConfigError, match="genesis of version 2"):
        read_genesis(file)


@pytest.mark.parametrize("name", ["validator.key", "transport.crt"])
@pytest.mark.parametrize("data", [b"", b"junk", b"\xff" * 40, b"ab" * 31])
def test_a_key_that_is_none_is_named(founded: Path, name: str, data: bytes) -> None:
    (founded / "grower/keys" / name).write_bytes(data)
    with pytest.raises(ConfigError, match=r"not a (validator key|PEM certificate)"):
        read_founding(load_config(founded / "grower" / "node.toml"))


def test_a_key_that_others_can_read_is_refused(founded: Path) -> None:
    (founded / "grower/keys/validator.key").chmod(0o640)
    with pytest.raises(ConfigError, match="can be read by others"):
        read_founding(load_config(founded / "grower" / "node.toml"))


@pytest.mark.parametrize(
    "line", ["explorer", "explorer xyz", "explorer  " + "ab" * 32, "a " + "AB" * 32, "é " + "ab" * 32]
)
def test_a_broken_file_of_read_tokens_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    file = tmp_path / "read_tokens"
    file.write_text(f"# comment\n{line}\n")
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="line 2: write"):
        read_tokens(file)


# --- the command itself ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["init", "genesis", "run", "check", "status"])
def test_every_command_explains_itself_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert "examples:" in shown
    assert f"tallystick-node {command}" in shown


def test_python_without_asserts_is_refused() -> None:
    for extra, environment in (("-O", {}), ("-B", {"PYTHONOPTIMIZE": "1"})):
        ended = subprocess.run(
            [sys.executable, extra, "-m", "node", "status", "--url", "http://127.0.0.1:1"],
            cwd=ROOT, capture_output=True, text=True, env={"PATH": "/usr/bin", **environment}, check=False,
        )  # fmt: skip
        assert ended.returncode == 1
        assert ended.stderr.startswith("tallystick-node: python -O")
        assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status"], "name either --config FILE or --url"),
        (["status", "--url", "http://127.0.0.1:1"], "no node answers at 127.0.0.1:1"),
        (["status", "--url", "ftp://x"], "--url"),
        (["status", "--url", "http://x:port"], "--url"),
        (["status", "--config", "absent.toml"], "cannot read the configuration"),
        (["check"], "name either --config FILE or --data"),
        (["check", "--data", "absent"], "cannot read the genesis file"),
        (["run", "--config", "absent.toml"], "cannot read the configuration"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(capsys, main(arguments), words)
