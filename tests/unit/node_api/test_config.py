"""The configuration file: what is taken, and for everything else one sentence with file, key path and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.config import NodeConfig, load_config
from node.config_template import render_config
from node.toml_reader import Address, path_from
from tallystick.errors import ConfigError
from tallystick.settings import Complaint

GOOD = """\
organisation = "org:grower"
data = "data"
genesis = "../genesis.bin"
keys = "/etc/tallystick/keys"
read_tokens = "read_tokens"
check_threads = 2
peer_listen = "127.0.0.1:7101"
api_listen = "[::1]:8101"

[peers]
"org:processor" = "127.0.0.1:7102"
"org:carrier" = "carrier.example:7101"

[timing]
block_spacing_ms = 20
idle_block_ms = 500
view_timeout_ms = 700
view_timeout_cap_ms = 700

[log]
level = "debug"
format = "json"

[api]
requests_per_second = 10
"""


def load(folder: Path, text: str | bytes) -> NodeConfig:
    file = folder / "node.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_config(file)


def test_every_key_is_read_and_paths_start_at_the_file(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD)
    assert config.organisation == "org:grower"
    assert config.data == tmp_path / "data"
    assert config.keys == Path("/etc/tallystick/keys")
    assert config.read_tokens == tmp_path / "read_tokens"
    assert config.check_threads == 2
    assert config.api_listen == Address("::1", 8101)
    assert str(config.api_listen) == "[::1]:8101"
    assert config.peers == {
        "org:processor": Address("127.0.0.1", 7102),
        "org:carrier": Address("carrier.example", 7101),
    }
    assert (config.timing.idle_block_ms, config.log.format, config.api.requests_per_second) == (500, "json", 10)


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD[: GOOD.index("[peers]")].replace("check_threads = 2\n", ""))
    assert config.timing.idle_block_ms is None, "as genesis says"
    assert config.peers == {}
    assert config.check_threads == 0, "the event loop checks signatures"


def test_the_template_of_init_is_a_configuration(tmp_path: Path) -> None:
    text = render_config("org:grower", Address("127.0.0.1", 7101), Address("::", 8101))
    config = load(tmp_path, text)
    assert config.api_listen == Address("::", 8101)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('organisation = "org:grower"', "", "organisation: missing"),
        ('data = "data"', "data = 1", "data: write a text"),
        ('data = "data"', 'data = ""', "data: write a text"),
        ('data = "data"', 'data = "a\\u0000b"', "data: write a text"),
        ("idle_block_ms = 500", "idle_block_ms = 500.0", "timing.idle_block_ms: write a whole number"),
        ("idle_block_ms = 500", "idle_block_ms = true", "timing.idle_block_ms: write a whole number"),
        ("idle_block_ms = 500", 'idle_block_ms = "500"', "timing.idle_block_ms: write a whole number"),
        ("idle_block_ms = 500", "idle_block_ms = 3600001", "from 50 to 3600000, not 3600001"),
        ("idle_block_ms = 500", "idle_block_ms = -1", "from 50 to 3600000, not -1"),
        ("organisation =", "organization =", "organisation: missing; did you mean it by 'organization'"),
        ("[peers]", "[colour]", "colour: unknown key; known here: api"),
        ("idle_block_ms", "idle_blok_ms", "timing.idle_blok_ms: unknown key; did you mean 'idle_block_ms'"),
        ("block_spacing_ms = 20", "block_spacing_ms = 19", "timing.block_spacing_ms"),
        ("view_timeout_cap_ms = 700", "view_timeout_cap_ms = 699", "timing.view_timeout_cap_ms: less than"),
        ("[timing]", "[[timing]]", "timing: write it as a table"),
        ('level = "debug"', 'level = "loud"', "log.level: write one of debug, info"),
        ('level = "debug"', "level = []", "log.level: write one of"),
        ("requests_per_second = 10", "requests_per_second = 0", "api.requests_per_second"),
        ('"127.0.0.1:7102"', '"127.0.0.1"', 'peers.org:processor: write "host:port"'),
        ('"127.0.0.1:7102"', '"127.0.0.1:0"', "port '0' is not between 1"),
        ('"127.0.0.1:7102"', '"127.0.0.1:65536"', "port '65536'"),
        ('"127.0.0.1:7102"', '"127.0.0.1:７"', "port"),
        ('"127.0.0.1:7102"', '"::1:7102"', 'write "host:port"'),
        ('"127.0.0.1:7102"', '"http://x:1"', 'write "host:port"'),
        ('"127.0.0.1:7102"', "7102", 'write "host:port"'),
        ('"[::1]:8101"', '"127.0.0.1:7101"', "api_listen: the same address as peer_listen"),
        ("check_threads = 2", "check_threads = -1", "check_threads: write a whole number from 0 to 8, not -1"),
        ("check_threads = 2", "check_threads = 9", "check_threads: write a whole number from 0 to 8, not 9"),
        ("check_threads = 2", "check_threads = true", "check_threads: write a whole number from 0 to 8"),
        ("check_threads = 2", 'check_threads = "all"', "check_threads: write a whole number from 0 to 8"),
        ("check_threads = 2", "check_thread = 2", "check_thread: unknown key; did you mean 'check_threads'"),
        ("[api]", "[api", "not valid TOML"),
    ],
)
def test_each_mistake_is_named_with_file_key_and_remedy(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'node.toml'}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_text_or_too_long_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match="Is a directory"):
        load_config(tmp_path)
    with pytest.raises(ConfigError, match="not valid TOML"):
        load(tmp_path, b"\xff\xfe")
    with pytest.raises(ConfigError, match="larger than"):
        load(tmp_path, b"#" * 1_100_000)
    with pytest.raises(ConfigError, match="not valid TOML"):
        load(tmp_path, "a = " + "[" * 5_000)


SETTINGS = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
values = st.sampled_from(
    ['""', '"a"', "1", "-1", "1.5", "true", "[]", "{}", "1979-05-27", "nan", '"h:1"', "99999999999"]
)
names = st.sampled_from([line.split(" = ")[0] for line in GOOD.splitlines() if " = " in line] + ["x", '"a b"'])


@SETTINGS
@given(st.lists(st.tuples(names, values), max_size=12))
def test_any_toml_is_a_configuration_or_a_sentence(tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    try:
        load(tmp_path, "\n".join(f"{name} = {value}" for name, value in pairs))
    except ConfigError as error:
        assert "\n" not in str(error)


@SETTINGS
@given(st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_a_sentence(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path, data)


@SETTINGS
@given(st.integers(0, len(GOOD) - 1), st.characters(codec="utf-8"))
def test_one_character_changed_is_a_configuration_or_a_sentence(tmp_path: Path, place: int, character: str) -> None:
    try:
        load(tmp_path, GOOD[:place] + character + GOOD[place + 1 :])
    except ConfigError as error:
        assert str(tmp_path) in str(error)


@pytest.mark.parametrize(("written", "read"), [('"all"', None), ("64", 64), ("5000", 5_000)])
def test_as_many_tree_versions_as_written(tmp_path: Path, written: str, read: int | None) -> None:
    assert load(tmp_path, GOOD).tree_versions == 64
    assert load(tmp_path, f"tree_versions = {written}\n{GOOD}").tree_versions == read


def test_the_tree_stays_in_memory_up_to_as_many_keys_as_written(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).tree_keys_in_memory == 1_500_000
    assert load(tmp_path, f"tree_keys_in_memory = 0\n{GOOD}").tree_keys_in_memory == 0
    with pytest.raises(ConfigError, match="tree_keys_in_memory"):
        load(tmp_path, f"tree_keys_in_memory = -1\n{GOOD}")


@pytest.mark.parametrize("written", ["63", '"some"', "true", "-1"])
def test_fewer_tree_versions_than_the_window_are_refused(tmp_path: Path, written: str) -> None:
    with pytest.raises(ConfigError, match="tree_versions"):
        load(tmp_path, f"tree_versions = {written}\n{GOOD}")


def test_the_home_folder_of_nobody_is_a_complaint_not_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match="home folder"):
        path_from(tmp_path)("~nobody-of-this-name/keys")
