"""One seed: a transaction that several must sign, and what a forger makes of it; the gate must refuse that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeAlias

from msgspec.structs import replace

from tallystick.admission import verify_transaction
from tallystick.encoding import decode, encode
from tallystick.errors import DecodeError, SignatureError
from tallystick.keys import public_key_of
from tallystick.limits import TRANSACTION_SIZE_MAX
from tallystick.payloads import encode_payload
from tallystick.payloads.governance import RegisterKey
from tallystick.records.members import KeyUse
from tallystick.transactions import WireTransaction, sign_transaction

CHAIN_ID = b"\x07" * 32
Signatures: TypeAlias = tuple[bytes, ...]


def _strip(signatures: Signatures, chance: Random) -> Signatures:
    gone = chance.randrange(1, len(signatures))
    return signatures[:gone] + signatures[gone + 1 :]


def _strip_all_but_one(signatures: Signatures, _chance: Random) -> Signatures:
    return signatures[:1]


def _double(signatures: Signatures, _chance: Random) -> Signatures:
    return (*signatures[:-1], signatures[0])


def _turn(signatures: Signatures, _chance: Random) -> Signatures:
    return signatures[::-1]


def _zeros(signatures: Signatures, _chance: Random) -> Signatures:
    return (*signatures[:-1], bytes(64))


def _flip(signatures: Signatures, chance: Random) -> Signatures:
    last = bytearray(signatures[-1])
    last[chance.randrange(64)] ^= 1 << chance.randrange(8)
    return (*signatures[:-1], bytes(last))


FORGERIES: Sequence[Callable[[Signatures, Random], Signatures]] = (
    _strip,
    _strip_all_but_one,
    _double,
    _turn,
    _zeros,
    _flip,
)


def try_gate(seed: int) -> None:
    """Raise AssertionError when the gate lets a forgery in; what it raises itself is a finding as well."""
    chance = Random(seed)
    seeds = [chance.randbytes(32) for _ in range(chance.randrange(2, 5))]
    payload = encode_payload(chance.randbytes(32), RegisterKey(public_key_of(seeds[-1]), (KeyUse.CAPTURE,), "x"))
    nonce = chance.randbytes(16)
    raw = sign_transaction(chain_id=CHAIN_ID, nonce=nonce, valid_until_ms=1, seeds=seeds, payload=payload).raw
    verify_transaction(raw, CHAIN_ID)
    wire = decode(raw, WireTransaction, size_max=TRANSACTION_SIZE_MAX)
    forgery = chance.choice(FORGERIES)
    forged = encode(replace(wire, signatures=forgery(wire.signatures, chance)))
    try:
        verify_transaction(forged, CHAIN_ID)
    except (DecodeError, SignatureError):
        return
    raise AssertionError(f"a transaction that not all who are named have signed was let in ({forgery.__name__[1:]})")
