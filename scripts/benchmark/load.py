"""What is sent: signed captures made beforehand, so that making them is not part of the figures."""

from __future__ import annotations

import os
from dataclasses import dataclass
from multiprocessing import Pool

from client_sdk import event_builder as build
from client_sdk.capture import prepare
from client_sdk.event_builder import Circumstances
from client_sdk.values import Goods, read_identifier
from scripts.story.goods import PACK_GTIN, PLANT
from tallystick.epcis import JsonObject
from tallystick.transactions import sign_transaction

VALIDITY_MS = 6 * 3_600_000


@dataclass(frozen=True, slots=True)
class Batch:
    """An order for captures: ``count`` transactions of ``events`` commissioning events each, serials from ``first``."""

    chain_id: bytes
    seed: bytes
    secret: bytes
    time_ms: int
    first: int
    count: int
    events: int


def make_batch(batch: Batch) -> list[bytes]:
    """Raw transactions; every event commissions one new serial and has a public and a members' part."""
    raws = []
    for number in range(batch.count):
        base = batch.first + number * batch.events
        events = [_event(base + place, batch.time_ms) for place in range(batch.events)]
        prepared = prepare(events, batch.secret)
        signed = sign_transaction(
            chain_id=batch.chain_id,
            nonce=os.urandom(16),
            valid_until_ms=batch.time_ms + VALIDITY_MS,
            seeds=[batch.seed],
            events=prepared.events,
        )
        raws.append(signed.raw)
    return raws


def _event(serial: int, time_ms: int) -> JsonObject:
    goods = Goods(read_identifier(f"01/{PACK_GTIN}/21/N{serial:09}"))
    place = Circumstances(time_ms, build.event_id_of(os.urandom(16)), "+08:00", PLANT, PLANT)
    return build.commission([goods], place)


def make_captures(template: Batch, count: int) -> list[bytes]:
    """Like ``make_batch`` for many, on all cores."""
    size = 500
    orders = [
        Batch(
            template.chain_id,
            template.seed,
            template.secret,
            template.time_ms,
            template.first + start * template.events,
            min(size, count - start),
            template.events,
        )
        for start in range(0, count, size)
    ]
    with Pool() as pool:
        return [raw for part in pool.map(make_batch, orders) for raw in part]
