"""BLS keys in cards and in the genesis file: who may found with one, and what each reader of the file checks."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from node import card_files, seal_secret
from node.card_files import check_possessions, read_card
from node.certificates import make_transport_identity
from node.config import NodeConfig
from node.founding import read_genesis
from node.next_seat import make_next_seat
from node.seal_secret import bls_entry, make_seal_secret
from node.toml_reader import Address
from scripts.make_compact_vectors import INFINITY_KEY, OUTSIDE_KEY, rogue_key
from tallystick.bls import GROUP_ORDER
from tallystick.encoding import encode
from tallystick.errors import ConfigError, DecodeError
from tallystick.genesis import Card, Genesis, merge_cards, sign_card
from tests import compact_world as w
from tests.recorded_bls import recorded_bls
from tests.world import founding, seed

GENESIS = w.world().genesis
FIRST = GENESIS.cards[0]


@pytest.fixture(autouse=True)
def no_waiting_for_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks are looked up where they were recorded."""
    monkeypatch.setattr(card_files, "bls", recorded_bls)
    monkeypatch.setattr(seal_secret, "bls", recorded_bls)


def changed(**changes: bytes) -> Card:
    """The first founder's card with another BLS key, signed by both of its keys."""
    organisation = FIRST.body.organisation
    return sign_card(replace(FIRST.body, **changes), seed(organisation, "ROOT"), seed(organisation, "VALIDATOR"))


def merged(*cards: Card) -> Genesis:
    return merge_cards(cards, network="test", time_ms=GENESIS.time_ms)


def test_the_set_of_epoch_0_names_what_the_cards_name() -> None:
    entries = {one.organisation: (one.bls_key, one.bls_possession) for one in GENESIS.validators().members}
    assert entries == {card.body.organisation: w.bls_entry(card.body.organisation) for card in GENESIS.cards}
    assert all(not one.bls_key for one in founding().validators().members)


def test_a_network_without_seals_pays_one_empty_text_for_each_field() -> None:
    plain, sealing = founding().cards[0], FIRST
    assert len(encode(plain)) + 48 + 96 == len(encode(sealing))


@pytest.mark.parametrize(
    "entry",
    [
        {"bls_possession": b""},
        {"bls_key": b""},
        {"bls_key": INFINITY_KEY},
        {"bls_key": FIRST.body.bls_key[:-1]},
    ],
    ids=["no possession", "no key", "infinity", "short"],
)
def test_a_card_whose_bls_key_has_not_the_form_of_one_is_refused_by_everybody(
    tmp_path: Path, entry: dict[str, bytes]
) -> None:
    card = changed(**entry)
    (tmp_path / "card.bin").write_bytes(encode(card))
    with pytest.raises(ConfigError, match=r"changed after it was signed.*validators\.bls-key"):
        read_card(tmp_path / "card.bin")
    with pytest.raises(DecodeError, match=r"validators\.bls-key"):
        merged(card, *GENESIS.cards[1:])
    (tmp_path / "genesis.bin").write_bytes(encode(replace(GENESIS, cards=(card, *GENESIS.cards[1:]))))
    with pytest.raises(ConfigError, match=r"does not hold.*validators\.bls-key"):
        read_genesis(tmp_path / "genesis.bin")


@pytest.mark.parametrize("key", [OUTSIDE_KEY, rogue_key()], ids=["outside the group", "rogue"])
def test_a_founder_that_cannot_prove_the_possession_of_its_key_founds_nothing(tmp_path: Path, key: bytes) -> None:
    card = changed(bls_key=key)
    (tmp_path / "card.bin").write_bytes(encode(card))
    with pytest.raises(ConfigError, match="does not show that it has the secret"):
        read_card(tmp_path / "card.bin")
    with pytest.raises(ConfigError, match=FIRST.body.organisation):
        check_possessions(tmp_path / "genesis.bin", (card, *GENESIS.cards[1:]))
    (tmp_path / "card.bin").write_bytes(encode(FIRST))
    assert read_card(tmp_path / "card.bin") == FIRST


def test_two_founders_cannot_share_a_bls_key() -> None:
    other = GENESIS.cards[1].body
    with pytest.raises(DecodeError, match=r"genesis\.repeated"):
        merged(changed(bls_key=other.bls_key, bls_possession=other.bls_possession), *GENESIS.cards[1:])


def test_the_entry_is_that_of_the_secret_in_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "seal.key"
    assert bls_entry(path) == (b"", b"")
    path.write_text(w.secret("org:grower").hex())
    path.chmod(0o600)
    assert bls_entry(path) == w.bls_entry("org:grower")
    with pytest.raises(ConfigError, match="exists"):
        make_seal_secret(path)
    path.write_text(GROUP_ORDER.to_bytes(32, "big").hex())
    with pytest.raises(ConfigError, match="not a seal key"):
        bls_entry(path)


def test_the_next_seat_keeps_the_bls_key_and_a_new_one_is_made_only_where_it_is_wanted(tmp_path: Path) -> None:
    config = NodeConfig(
        file=tmp_path / "node.toml", organisation="org:grower", data=tmp_path, genesis=tmp_path, keys=tmp_path,
        peer_listen=Address("127.0.0.1", 1), api_listen=Address("127.0.0.1", 2),
    )  # fmt: skip
    config.transport_certificate.write_bytes(make_transport_identity("org:grower").certificate_pem)
    plain = make_next_seat(config, "h:1", "h:2").seat
    assert (plain.bls_key, plain.bls_possession) == (b"", b"")
    config.seal_key.write_text(w.secret("org:grower").hex())
    config.seal_key.chmod(0o600)
    kept = make_next_seat(config, "h:1", "h:2", reuse=True).seat
    assert (kept.bls_key, kept.bls_possession) == w.bls_entry("org:grower") and kept.key == plain.key
    with pytest.raises(ConfigError, match="exists"):
        make_next_seat(config, "h:1", "h:2", reuse=True, seals=True)
