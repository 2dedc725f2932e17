"""Key files and stores: sealed, bound, never overwritten, readable by their owner only."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from client_sdk import secure_files
from client_sdk.keystore import Keystore, create_secret, read_passphrase, read_secret
from tallystick.errors import ConfigError
from tallystick.keyfile import KeyFile, open_keyfile, read_keyfile, seal_keyfile
from tallystick.keys import public_key_of

SEED, SALT, NONCE = b"\x07" * 32, b"s" * 16, b"n" * 24


def sealed(passphrase: str = "correct horse", label: str = "root") -> bytes:
    """A key file at the lowest cost."""
    return seal_keyfile(SEED, passphrase, salt=SALT, nonce=NONCE, label=label, operations=1, memory_bytes=8_192)


def test_a_key_file_opens_with_its_passphrase_only() -> None:
    assert open_keyfile(sealed(), "correct horse") == SEED
    with pytest.raises(ConfigError, match="wrong passphrase"):
        open_keyfile(sealed(), "correct horsf")


def test_a_key_file_says_its_public_key_in_clear_and_nothing_secret() -> None:
    file = read_keyfile(sealed())
    assert isinstance(file, KeyFile)
    assert file.public_key == public_key_of(SEED).hex()
    assert SEED.hex().encode() not in sealed()


def test_the_same_inputs_give_the_same_file() -> None:
    assert sealed() == sealed()


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("label", "other"),
        ("public_key", "00" * 32),
        ("operations", 2),
        ("memory_bytes", 16_384),
        ("salt", "00" * 16),
        ("nonce", "00" * 24),
        ("sealed", "00" * 80),
    ],
)
def test_a_changed_key_file_does_not_open(member: str, value: object) -> None:
    file = json.loads(sealed()) | {member: value}
    with pytest.raises(ConfigError):
        open_keyfile(json.dumps(file).encode(), "correct horse")


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("format", "other", "not a Tallystick key file"),
        ("version", 2, "version 2"),
        ("kdf", "scrypt", "not a Tallystick key file"),
        ("operations", 1_000_000, "not a Tallystick key file"),
        ("memory_bytes", 1 << 40, "not a Tallystick key file"),
        ("extra", 1, "not a Tallystick key file"),
    ],
)
def test_what_is_no_key_file_is_said_so_before_the_passphrase_costs_anything(
    member: str, value: object, words: str
) -> None:
    file = json.loads(sealed()) | {member: value}
    with pytest.raises(ConfigError, match=words):
        read_keyfile(json.dumps(file).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"x" * 5_000, b"[" * 3_000])
def test_any_bytes_are_a_key_file_or_an_error(data: bytes) -> None:
    with pytest.raises(ConfigError):
        read_keyfile(data)


@pytest.mark.parametrize("passphrase", ["", "x" * 2_000])
def test_a_passphrase_is_not_empty_and_not_endless(passphrase: str) -> None:
    with pytest.raises(ConfigError):
        sealed(passphrase)


def test_a_store_never_overwrites_a_key(tmp_path: Path) -> None:
    store = Keystore(tmp_path / "keys")
    info = store.create("capture", "pass", cheap=True)
    before = info.path.read_bytes()
    with pytest.raises(ConfigError, match="never overwritten"):
        store.create("capture", "pass", cheap=True)
    assert info.path.read_bytes() == before
    assert info.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["capture.key"]


def test_a_store_opens_what_it_made(tmp_path: Path) -> None:
    store = Keystore(tmp_path / "keys")
    info = store.create("capture", "pass", seed=SEED, cheap=True)
    assert store.open("capture", "pass") == store.open(str(info.path), "pass") == SEED
    assert [key.public_key for key in store.list()] == [public_key_of(SEED)]
    with pytest.raises(ConfigError, match=r"capture\.key"):
        store.open("capture", "wrong")


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a b", "x" * 80, "ключ"])
def test_a_key_has_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="no name of a key"):
        Keystore(tmp_path).path_of(name)


def test_a_passphrase_comes_from_the_file_then_the_environment_then_a_person(tmp_path: Path) -> None:
    file = tmp_path / "pass"
    file.touch(mode=0o600)
    file.write_text("from file\nsecond line\n")
    variables = {"TALLYSTICK_PASSPHRASE": "from environment"}
    assert read_passphrase("key", file, variables=variables) == "from file"
    assert read_passphrase("key", variables=variables) == "from environment"
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "from a person"

    assert read_passphrase("key", variables={}, prompt=ask, confirm=True) == "from a person"
    assert len(asked) == 2


def test_two_different_answers_make_no_key() -> None:
    answers = iter(["one", "two"])
    with pytest.raises(ConfigError, match="differ"):
        read_passphrase("key", variables={}, prompt=lambda prompt: next(answers), confirm=True)


def test_a_secret_is_64_digits_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "capture.secret"
    secret = create_secret(path)
    assert read_secret(path) == secret
    path.chmod(0o640)
    with pytest.raises(ConfigError, match=r"can be read by others .mode 0640.; run: chmod 600"):
        read_secret(path)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="never overwritten"):
        create_secret(path)
    path.write_text("not hex")
    with pytest.raises(ConfigError, match="64 hexadecimal"):
        read_secret(path)


def test_a_file_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        secure_files.write_new(tmp_path / "file" / "inside", b"x")


def test_replacing_leaves_no_crumbs(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    for text in (b"one", b"two"):
        secure_files.replace(path, text)
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["trust.json"]
