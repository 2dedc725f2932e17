"""An item with twelve events, for the sizes of bundles."""

from __future__ import annotations

import os

from client_sdk import event_builder as build
from client_sdk.capture import prepare
from client_sdk.event_builder import Circumstances
from client_sdk.values import Goods, read_identifier
from scripts.benchmark.filled_node import FilledNode
from scripts.benchmark.load import VALIDITY_MS
from scripts.story.goods import PACK_GTIN, PLANT
from tallystick.admission import VerifiedTransaction, verify_transaction
from tallystick.transactions import sign_transaction

TWELVE = f"01/{PACK_GTIN}/21/TWELVE"


def twelve_events(node: FilledNode) -> list[list[VerifiedTransaction]]:
    """Twelve blocks of one capture each: the item is commissioned and then seen eleven times."""
    goods = [Goods(read_identifier(TWELVE))]
    time_ms = node.disk.executor.tip.executed.time_ms
    blocks = []
    for number in range(12):
        place = Circumstances(time_ms + number, build.event_id_of(os.urandom(16)), "+08:00", PLANT, PLANT)
        event = build.commission(goods, place) if number == 0 else build.observe(goods, place)
        signed = sign_transaction(
            chain_id=node.chain_id,
            nonce=os.urandom(16),
            valid_until_ms=time_ms + VALIDITY_MS,
            seeds=[node.capture_seed],
            events=prepare([event], bytes(32)).events,
        )
        blocks.append([verify_transaction(signed.raw, node.chain_id)])
    return blocks
