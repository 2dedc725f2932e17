"""A sealed consignment: a pallet with packs that real captures made, under four validators' BLS keys."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Any

import msgspec

from tallystick.bls import GROUP_ORDER, SECRET_SIZE, Bls
from tallystick.compact import CompactProof, CompactTrust, build_consignment
from tallystick.encoding import ZERO32
from tallystick.genesis import Genesis, sign_card
from tallystick.records.base import Record, key_hash, read_public
from tallystick.records.goods import ItemPublic, item_key, session_key
from tallystick.seals import Seal, SealCertificate, SealKeys
from tallystick.trie import Trie
from tallystick.units import empty_units, unit_leaf, unit_of
from tallystick.validators import ValidatorSet
from tests.recorded_bls import recorded_bls
from tests.world import World, founding, gtin, seed, sscc

PALLET = sscc("95211110001")
PACKS = tuple(f"{gtin('95211110')}/21/P{number}" for number in range(12))
EPOCH = 0
OTHERS = 1_000
_schemes: list[Bls] = []


def scheme() -> Bls:
    """What signs and checks: recorded results, unless the vectors' script has put something else."""
    return _schemes[-1] if _schemes else recorded_bls()


def use(other: Bls) -> None:
    """Compute with this from now on."""
    _schemes.append(other)


def secret(organisation: str) -> bytes:
    """The fixed BLS secret of a founder."""
    number = int.from_bytes(sha256(f"BLS secret of {organisation}".encode()).digest(), "big") % (GROUP_ORDER - 1) + 1
    return number.to_bytes(SECRET_SIZE, "big")


def make_world() -> World:
    """Twelve packs on a pallet, which was shipped; unpacked and filled again with three of them."""
    made = World(founding(bls_entry=bls_entry))
    made.make("org:grower", *PACKS, PALLET)
    made.must(made.capture("org:grower", made.packing(PALLET, *PACKS)))
    made.must(made.capture("org:grower", made.packing(PALLET, *PACKS, action="DELETE")))
    made.must(made.capture("org:grower", made.packing(PALLET, *PACKS[:3])))
    return made


def sharing_a_bls_key() -> Genesis:
    """A genesis whose first two founders signed cards with one BLS key; no command merges such cards."""
    genesis = world().genesis
    first, second, *others = genesis.cards
    body = msgspec.structs.replace(first.body, bls_key=second.body.bls_key, bls_possession=second.body.bls_possession)
    card = sign_card(body, seed(body.organisation, "ROOT"), seed(body.organisation, "VALIDATOR"))
    return msgspec.structs.replace(genesis, cards=(card, second, *others))


@cache
def world() -> World:
    """One such world, not to be changed."""
    return make_world()


@cache
def trie() -> Trie:
    """The tree of the newest height."""
    return Trie().update({key_hash(key): record.leaf_hash() for key, record in world().state.records.items()})


@cache
def units() -> Trie:
    """The tree of logistic units of the newest height: ours, an empty one, and a thousand invented ones."""
    leaves: dict[bytes, bytes | None] = {}
    for key, item in world().state.records.items():
        subject = unit_of(key)
        if subject is not None and key == item_key(subject):
            count = read_public(item, ItemPublic).session_count
            session = record(session_key(subject, count)).leaf_hash() if count else ZERO32
            leaves[key_hash(key)] = unit_leaf(item.leaf_hash(), session)
    others = {sha256(b"place %d" % index).digest(): sha256(b"leaf %d" % index).digest() for index in range(OTHERS)}
    return empty_units().update({**leaves, **others})


def record(key: bytes) -> Record:
    """A record of the newest height."""
    found = world().state.get(key)
    assert found is not None
    return found


def seal(**changes: object) -> Seal:
    """The seal of the newest height."""
    fields: dict[str, object] = {
        "chain_id": world().chain_id,
        "validators_hash": world().genesis.validators().digest(),
        "epoch": EPOCH,
        "executed": msgspec.structs.replace(world().executed(len(world().results)), state_root=trie().root),
    }
    fields["units_root"] = units().root
    return Seal(**{**fields, **changes})  # type: ignore[arg-type]


def bls_entry(organisation: str) -> tuple[bytes, bytes]:
    """A founder's BLS key with its possession, as its card names them."""
    return scheme().public_key(secret(organisation)), scheme().prove_possession(secret(organisation))


@cache
def validators() -> ValidatorSet:
    """All four founders with their keys."""
    return world().genesis.validators()


def keys_of(
    validators_: ValidatorSet, scheme_: Bls | None = None, *, epoch: int = EPOCH, possessions_checked: bool = False
) -> SealKeys:
    """The BLS keys of a set on this chain."""
    return SealKeys(validators_, epoch, world().chain_id, scheme_ or scheme(), possessions_checked=possessions_checked)


def with_entry(index: int, **changes: Any) -> ValidatorSet:
    """The founders' set with another entry."""
    members = list(validators().members)
    members[index] = msgspec.structs.replace(members[index], **changes)
    return ValidatorSet(tuple(members))


@cache
def share(index: int, sealed: Seal | None = None) -> bytes:
    """A founder's signature over the seal of the newest height, or over another."""
    organisation = validators().members[index].organisation
    return scheme().sign(secret(organisation), (sealed or seal()).signing_bytes())


@cache
def certificate() -> SealCertificate:
    """The seal under three founders' signatures."""
    keys = keys_of(validators(), possessions_checked=True)
    return keys.combine(seal(), {index: share(index) for index in (0, 1, 3)})


@cache
def proof() -> CompactProof:
    """The pallet's newest filling."""
    return build_consignment(PALLET, certificate(), units(), record(item_key(PALLET)), record(session_key(PALLET, 2)))


def trust() -> CompactTrust:
    """What a reader has pinned."""
    return CompactTrust(world().chain_id, {EPOCH: validators()})
