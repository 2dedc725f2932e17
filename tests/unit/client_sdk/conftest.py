"""Fixtures: a ledger in process, a node over it, members with keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from client_sdk.client import Client
from client_sdk.member import Member
from client_sdk.reader import Reader
from client_sdk.trust import pin
from tallystick.encoding import encode
from tallystick.records.members import KeyUse
from tests.unit.client_sdk.ledger import Dice, FakeNode, Ledger, nodes_for
from tests.world import seed


@pytest.fixture
def ledger() -> Ledger:
    """A chain founded by four, each with keys for captures and trade."""
    return Ledger()


@pytest.fixture
def node(ledger: Ledger) -> FakeNode:
    """One node of it."""
    return FakeNode(ledger)


@pytest.fixture
def member(ledger: Ledger, node: FakeNode) -> Callable[[str], Member]:
    """Makes a member by its organisation id, working through the node; its dice go on from call to call."""
    known: dict[str, Dice] = {}

    def make(organisation: str, *others: FakeNode, dice: Dice | None = None) -> Member:
        dice = dice or known.setdefault(organisation, Dice(organisation))
        client = Client(nodes_for(organisation, node, *others, dice=dice), ledger.world.chain_id, dice.environment())
        uses = (KeyUse.ROOT, KeyUse.CAPTURE, KeyUse.TRADE, KeyUse.CONFIRM_MAKER, KeyUse.CONFIRM_CHECKER)
        seeds = {use: seed(organisation, use.name) for use in uses}
        return Member(organisation, client, seeds, b"c" * 32, b"i" * 32)

    return make


@pytest.fixture
def reader(ledger: Ledger, node: FakeNode) -> Reader:
    """Verified reads for the retailer."""
    dice = Dice("reader")
    ledger.let_read("org:retailer")
    nodes = nodes_for("org:retailer", node, key="READ", dice=dice)
    trust = pin(encode(ledger.world.genesis), ledger.world.chain_id)
    return Reader(nodes, trust, environment=dice.environment())
