"""Four real nodes seal the height that one is asked for, and put a pallet on paper that genesis alone verifies.

The arithmetic is a toy; the story, run with the real one, is in ``test_story.py``.
"""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from pathlib import Path

import pytest

from node.founder import FounderOptions
from tallystick import keys
from tallystick.api import TransactionState
from tallystick.bls import Bls
from tallystick.compact import CompactTrust, verify_compact, write_compact
from tallystick.epcis.check_digit import check_digit
from tallystick.errors import DecodeError, ProofError, UnavailableError
from tallystick.genesis import merge_cards
from tallystick.payloads import encode_payload
from tallystick.payloads.governance import RegisterKey
from tallystick.records.members import KeyUse
from tallystick.transactions import SignedTransaction, sign_transaction
from tests.integration import network as networks
from tests.integration.network import PATIENCE_MS, Network, now_ms, play
from tests.toy_bls import TOY, toy_bls
from tests.world import World, sscc, uri

__all__ = ["toy_bls"]
HEARTBEAT_MS = 600_000  # longer than the test: the only seal is the one that was asked for
PALLET = sscc("95212000001")
PACKS = tuple(f"01/0952120000000{check_digit('0952120000000')}/21/{number}" for number in range(3))


def _founder(organisation: str, name: str, _: tuple[str, ...], *more: object) -> FounderOptions:
    return FounderOptions(organisation, name, ("governor", "producer"), *more)  # type: ignore[arg-type]


async def _sent(network: Network, transaction: SignedTransaction) -> None:
    queries = network.node().queries
    await queries.submit(transaction.raw)
    status = await queries.wait(transaction.id, TransactionState.PROVEN, PATIENCE_MS)
    assert (status.state, status.reason) == (TransactionState.PROVEN, "NONE"), status


async def _fill_pallet(network: Network) -> None:
    root, capture = network.roots["org:grower"], keys.generate()
    register = RegisterKey(keys.public_key_of(capture), (KeyUse.CAPTURE,), "")
    common = {"chain_id": network.chain_id, "valid_until_ms": now_ms() + 600_000}
    payload = encode_payload(secrets.token_bytes(32), register)
    await _sent(
        network,
        sign_transaction(**common, nonce=secrets.token_bytes(16), seeds=(root, capture), payload=payload),  # type: ignore[arg-type]
    )
    world = World()
    world.time_ms = now_ms() - 1_000
    for event in (world.commissioning(*PACKS, PALLET), world.packing(PALLET, *PACKS)):
        split = world.split("org:grower", event)
        await _sent(
            network,
            sign_transaction(**common, nonce=secrets.token_bytes(16), seeds=(capture,), events=(split,)),  # type: ignore[arg-type]
        )


def test_four_nodes_seal_a_height_on_request_and_a_pallet_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_bls: Bls
) -> None:
    monkeypatch.setattr(networks, "merge_cards", partial(merge_cards, heartbeat_ms=HEARTBEAT_MS))
    monkeypatch.setattr(networks, "FounderOptions", _founder)

    async def story() -> None:
        network = Network(tmp_path, seals=True)
        await network.start()
        await _fill_pallet(network)
        packed = network.node().queries.status().executed_height
        sealer = network.node().sealer
        with pytest.raises(DecodeError, match="no logistic unit"):
            sealer.consignment(PACKS[0])

        def sealed() -> bool:
            try:
                return sealer.certificate().seal.executed.height >= asked
            except UnavailableError:
                return False

        asked = sealer.request()
        assert asked >= packed
        await network.until(sealed)
        _check(network)
        with pytest.raises(ProofError, match="nothing was ever packed"):
            sealer.consignment(sscc("95212000002"))

    play(asyncio.wait_for(story(), 600))


def _check(network: Network) -> None:
    """Everything is checked as a stranger would, from what the node shows."""
    sealer = network.node().sealer
    validators = network.genesis.validators()  # all that is known beforehand: the genesis file
    data = write_compact(sealer.consignment(uri(PALLET).removeprefix("https://id.gs1.org/")))
    shown = verify_compact(data, CompactTrust(network.chain_id, {0: validators}), TOY, subject=PALLET)
    assert len(shown.signers) >= validators.quorum
    assert shown.session.open and shown.session.number == shown.item.session_count == 1
    row = network.node().ledger.block(shown.height)
    assert row is not None and row.executed == sealer.certificate().seal.executed
