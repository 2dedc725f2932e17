"""Texts that people type become values, or an error that says what was expected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from client_sdk.config import Config, load_config, write_config
from client_sdk.escrow_terms import read_condition
from client_sdk.papers import open_sealed, seal, write_sealed
from client_sdk.values import (
    read_duration_ms,
    read_goods,
    read_id,
    read_identifier,
    read_line,
    read_money,
    read_organisation,
    read_scope,
    read_time_ms,
)
from tallystick.conditions import AllOf, AtLeast, DocumentRecorded, InspectionPassed, Received, SignedBy
from tallystick.epcis import read_json
from tallystick.errors import ConfigError, ProofError, TallystickError

PALLET = "00/095210020000000016"


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    [
        (lambda text: read_identifier(text).key, "01/09521002000016/21/A001", "01/09521002000016/21/A001"),
        (lambda text: read_identifier(text).key, "https://x.example/01/09521002000016", "01/09521002000016"),
        (lambda text: read_identifier(text).key, "01/09521002000016/10/A%3FB", "01/09521002000016/10/A%3FB"),
        (lambda text: read_identifier(text).key, "https://x.example/01/09521002000016?17=261231", "01/09521002000016"),
        (
            lambda text: read_identifier(text).key,
            "https://x.example/01/09521002000016/21/A?10=L",
            "01/09521002000016/21/A",
        ),
        (lambda text: read_identifier(text).key, "urn:epc:id:sscc:9521002.0000000001", PALLET),
        (lambda text: read_goods(text).micro, "01/09521002000016/10/L=120.5KGM", 120_500_000),
        (lambda text: read_goods(text).unit, "01/09521002000016/10/L=40", ""),
        (lambda text: read_goods(text).unit, "01/09521002000016/10/L=120 E27", "E27"),
        (lambda text: read_goods(text).micro, "01/09521002000016/10/L=2.5 KGM", 2_500_000),
        (lambda text: read_goods(text).identifier.lot, "01/09521002000016/10/A%3DB=1", "A=B"),
        (read_scope, "01/0952", "01/0952"),
        (read_scope, "01/09521002000016", "01/09521002000016"),
        (read_scope, "01/09521002000016/10/L", "01/09521002000016/10/L"),
        (read_scope, PALLET, PALLET),
        (read_money, "15000.00 CNY", (1_500_000, "CNY")),
        (read_money, "5 JPY", (5, "JPY")),
        (read_duration_ms, "30d", 30 * 86_400_000),
        (lambda text: read_time_ms(text, 1_000), "+2s", 3_000),
        (lambda text: read_time_ms(text, 0), "1970-01-01T01:00:00+01:00", 0),
        (read_organisation, "org:lender-a", "org:lender-a"),
        (read_id, "ab" * 32, b"\xab" * 32),
    ],
)
def test_values(reader: Callable[[str], object], text: str, value: object) -> None:
    assert reader(text) == value


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (read_identifier, "01/09521002000017"),
        (read_identifier, "hello"),
        (read_identifier, "01/09521002000016/10/A?B"),
        (read_identifier, "01/09521002000016/10/A#B"),
        (read_identifier, "01/09521002000016/10/A=5KGM"),
        (read_goods, "01/09521002000016/10/A=B=5KGM"),
        (read_identifier, "01/09521002000016?10=LOT7"),
        (read_identifier, "https://id.gs1.org/01/09521002000016?10=LOT7"),
        (read_identifier, "https://id.gs1.org/01/09521002000016?17=261231&21=A1"),
        (read_identifier, "https://id.gs1.org/gtin/09521002000016?17=261231;lot=L#x"),
        (read_goods, "01/09521002000016/10/L?B=1KGM"),
        (read_goods, "01/09521002000016/10/L=1E3"),
        (read_goods, "01/09521002000016/10/L=5KG"),
        (read_goods, "01/09521002000016/10/L=40PCS"),
        (read_goods, "01/09521002000016/10/L=1,5KGM"),
        (read_goods, "01/09521002000016/10/L=-1"),
        (read_scope, "hello"),
        (read_scope, "01/"),
        (read_scope, "1/0952"),
        (read_scope, "01/09521002000017"),
        (read_scope, "01/9521002000016/10/L"),
        (read_scope, "01/09521002000016/10/"),
        (read_scope, "414/9521002000023"),
        (read_scope, "https://id.gs1.org/01/09521002000016"),
        (read_money, "15000.00"),
        (read_money, "1.005 CNY"),
        (read_money, "0 CNY"),
        (read_money, "1 XXX"),
        (read_duration_ms, "30"),
        (read_duration_ms, "1.5d"),
        (lambda text: read_time_ms(text, 0), "tomorrow"),
        (lambda text: read_time_ms(text, 0), "2026-02-30T00:00:00Z"),
        (read_organisation, "grower"),
        (read_organisation, "org:Grower"),
        (read_id, "AB" * 32),
        (read_id, "ab"),
    ],
)
def test_what_is_no_value_is_an_error_of_ours(reader: Callable[[str], object], text: str) -> None:
    with pytest.raises(TallystickError):
        reader(text)


def condition(text: str) -> object:
    """A condition from JSON."""
    return read_condition(read_json(text.encode(), size_max=10_000), 1_000)


def test_conditions_are_read_as_trees() -> None:
    tree = condition(
        f'{{"all": [{{"received": ["{PALLET}"], "by": "org:retailer", "before": "+1s"}},'
        f' {{"at_least": 1, "of": [{{"inspection_passed": ["{PALLET}"]}}, {{"signed_by": "org:carrier"}}]}},'
        f' {{"document": "invoice", "refers": "{"ab" * 32}", "by": "org:grower"}}]}}'
    )
    assert isinstance(tree, AllOf)
    assert tree.of[0] == Received((PALLET,), "org:retailer", 2_000)
    assert tree.of[1] == AtLeast(1, (InspectionPassed((PALLET,), ""), SignedBy("org:carrier")))
    assert isinstance(tree.of[2], DocumentRecorded)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"all": []}',
        '{"received": ["00/095210020000000016"]}',
        '{"received": "x", "by": "org:a"}',
        '{"signed_by": "org:a", "extra": 1}',
        '{"at_least": "2", "of": []}',
        '{"document": "letter", "refers": "00", "by": "org:a"}',
    ],
)
def test_what_is_no_condition_is_said_so(text: str) -> None:
    with pytest.raises(TallystickError):
        condition(text)


def test_a_paper_is_sealed_the_same_each_time_and_opens_for_its_commitment_only() -> None:
    paper = seal(b'{"b": 1, "a": "x"}', b"s" * 32)
    assert paper == seal(b'{ "a":"x","b":1 }', b"s" * 32)
    assert open_sealed(write_sealed(paper), paper.commitment) == b'{"a":"x","b":1}'
    assert seal(b'{"a":"x","b":1}', b"t" * 32).commitment != paper.commitment
    with pytest.raises(ProofError) as caught:
        open_sealed(write_sealed(paper), b"\x01" * 32)
    assert caught.value.code == "paper-altered"


def test_a_configuration_is_written_once_and_read_back(tmp_path: Path) -> None:
    config = Config(
        tmp_path / "c.toml", b"\x01" * 32, ("http://a", 'http://"b"'), organisation="org:grower",
        capture_secret=Path("capture.secret"), keys={"capture": "scanner"},
    )  # fmt: skip
    write_config(config)
    read = load_config(config.path)
    assert (read.chain_id, read.nodes, read.keys) == (config.chain_id, config.nodes, config.keys)
    assert read.capture_secret == tmp_path / "capture.secret"
    with pytest.raises(ConfigError, match="never overwritten"):
        write_config(config)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[netwrk]", "netwrk: unknown key; did you mean 'network'"),
        ("[network]\nchain = 'x'", "network.chain: unknown key; did you mean 'chain_id'"),
        ("[network]\nchain_id = 'x'", "no chain id"),
        ("[network]\nnodes = 'x'", "network.nodes: write a list of texts"),
        ("[network]\nnodes = [1]", "network.nodes: write a text in quotes, not a number"),
        ("[organisation]\nprofile = 'x'", "organisation.profile: write one of discreet, general"),
        ("network = 1", r"write it as a table, \[network\]"),
        ("[", "not valid TOML"),
    ],
)
def test_a_wrong_configuration_names_the_entry(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_config(path)


def test_a_missing_configuration_is_empty_unless_it_was_named(tmp_path: Path) -> None:
    assert load_config(tmp_path / "none.toml").nodes == ()
    with pytest.raises(ConfigError, match="no configuration"):
        load_config(tmp_path / "none.toml", must_exist=True)


@pytest.mark.parametrize("words", ["", " ", "two\nlines", "\x1b[2J", "\u202egnp"])
def test_a_name_or_reason_that_others_could_not_read_on_one_line_is_not_sent(words: str) -> None:
    with pytest.raises(ConfigError, match="--reason: write some words on one line"):
        read_line(words, "--reason", 500)
    assert read_line("草莓 — tested positive", "--reason", 500) == "草莓 — tested positive"
    with pytest.raises(ConfigError, match="--reason: write at most 500 characters, not 501"):
        read_line("x" * 501, "--reason", 500)
