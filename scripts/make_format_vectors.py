#!/usr/bin/env python3
"""Write the frozen vectors of the wire formats: each a value's bytes and hash, or bytes that must be refused.

Usage: python scripts/make_format_vectors.py [--check]
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from msgspec.structs import replace

from scripts.write_or_compare import asked_to_check, write_or_compare
from tallystick import keys
from tallystick.blocks import HistoryLeaf
from tallystick.encoding import Message, encode
from tallystick.epochs import ClosingHeader, EpochProof
from tallystick.evidence import Evidence, EvidenceKind, Said, evidence_of
from tallystick.payloads import encode_payload
from tallystick.payloads.governance import AdvanceClock
from tallystick.payloads.membership import ChangeValidators, NewSeat, Ready, RotateValidator, SubmitEvidence
from tallystick.records.base import key_hash, members_salt_after_due_work, members_salt_for, record_of
from tallystick.records.chain import DueItem, ValidatorsRecord, chain_key, due_key, expiring_ids_key
from tallystick.records.goods import History, HistoryEntry, HistoryKind, Statements, item_key, session_key
from tallystick.records.membership import (
    EvidenceRecord,
    KnownRoot,
    KnownRoots,
    PlannedChange,
    PlannedJoin,
    PlannedRotation,
    Seat,
    evidence_key,
    planned_seat_key,
    seat_key,
)
from tallystick.transactions import Event, sign_transaction
from tallystick.validators import ValidatorSet
from tallystick.votes import Statement, VoteKind, nullify_statement
from tests import proof_world as w

FILE = ROOT / "tests" / "vectors" / "formats.json"


def vector(name: str, value: Message, hash_: bytes | None = None) -> dict[str, str]:
    """One good vector."""
    row = {"name": name, "type": type(value).__name__, "bytes": encode(value).hex()}
    if hash_ is not None:
        row["hash"] = hash_.hex()
    return row


def good() -> list[dict[str, str]]:
    """Values with their bytes and hashes."""
    world = w.finished_world()
    header = world.header()
    certificate = w.certify(header)
    event = Event(b'{"a":1}', bytes(range(32)), b'{"b":2}', 3, sha256(b"sealed").digest())
    entry = HistoryEntry(sha256(b"event").digest(), 7, 3, 1, HistoryKind.PACK, sha256(b"link").digest(), "org:carrier")
    leaf = HistoryLeaf(7, header.block_hash(), header.time_ms, bytes(32), bytes(32), 4)
    closing = ClosingHeader(w.CHAIN_ID, 0, 26, header.block_hash(), 25, 2, header.block_hash())
    return [
        vector("header", header, header.block_hash()),
        vector("certificate", certificate),
        vector("statement-notarize", certificate.statement, sha256(certificate.statement.signing_bytes()).digest()),
        vector("statement-nullify", nullify_statement(3, 9), sha256(nullify_statement(3, 9).signing_bytes()).digest()),
        vector("validator-set", w.validators(), w.validators().digest()),
        vector("event-three-slots", event, event.commitment()),
        vector("event-public-only", Event(b"{}"), Event(b"{}").commitment()),
        vector("history-entry", entry, entry.leaf_hash()),
        vector("history-leaf", leaf, leaf.leaf_hash()),
        vector(
            "record-two-halves",
            two := record_of(Statements(History()), Statements(History()), bytes(32)),
            two.leaf_hash(),
        ),
        vector("record-public-only", one := record_of(Statements(History()), None, b""), one.leaf_hash()),
        vector("due-item", DueItem("escrow.release", b"\x20abc", "org:retailer")),
        vector("epoch-closing-header", closing, closing.block_hash()),
        vector("epoch-proof", EpochProof(header, closing, certificate, w.validators())),
    ]


def membership() -> list[dict[str, str]]:
    """Payloads and records of the validator set and of evidence."""
    world = w.finished_world()
    key = w.validators().members[0].key
    seat = NewSeat("org:five", key, b"certificate", "127.0.0.1:5", "127.0.0.1:6")
    join, rotation = PlannedJoin("org:five", key, 40, 41_000), PlannedRotation("org:six", sha256(b"key").digest())
    bls = {"bls_key": b"\x80" + bytes(46) + b"\x05", "bls_possession": b"\xa0" + bytes(94) + b"\x06"}  # in form alone
    sealing, joining = replace(seat, **bls), replace(join, **bls)
    sealing_set = ValidatorSet((sealing.validator(),))
    root = KnownRoot(40, 41_000, world.header().executed.state_root)
    evidence = double_vote()
    record = EvidenceRecord("org:five", EvidenceKind.DOUBLE_NOTARIZE, evidence, "org:six", 44)
    return [
        vector("payload-change-validators", ChangeValidators((seat,), ("org:six",), 60)),
        vector("payload-rotate-validator", RotateValidator(seat, 60)),
        vector("payload-rotate-validator-with-bls-key", RotateValidator(sealing, 60)),
        vector("payload-ready", Ready(40, root.state_root)),
        vector("payload-submit-evidence", SubmitEvidence(evidence)),
        vector("record-validators", ValidatorsRecord(1, w.validators())),
        vector("record-seat", Seat(key, b"certificate", "127.0.0.1:5", "127.0.0.1:6", 1, 0)),
        vector("record-planned-change", PlannedChange(60, (join,), ("org:six",), (rotation,), None)),
        vector("record-planned-change-with-bls-key", PlannedChange(60, (joining,), (), (), None)),
        vector("validators-with-bls-key", sealing_set, sealing_set.digest()),
        vector("record-known-roots", KnownRoots((root,))),
        vector("record-evidence", record),
    ]


def double_vote() -> Evidence:
    """Two notarizes of one validator in one view."""
    seed = w.seed(w.VALIDATOR_NAMES[0])

    def said(what: bytes) -> Said:
        statement = Statement(1, VoteKind.NOTARIZE, 9, sha256(what).digest())
        signature = keys.sign(seed, keys.Purpose.VOTE, w.CHAIN_ID, statement.signing_bytes())
        return Said(VoteKind.NOTARIZE, statement.block_hash, signature)

    return evidence_of(keys.public_key_of(seed), 1, 9, said(b"one"), said(b"other"))


def derived() -> dict[str, str]:
    """Keys, salts and signatures that follow from fixed inputs."""
    seed = w.seed("vector")
    tx = sign_transaction(
        chain_id=w.CHAIN_ID,
        nonce=bytes(16),
        valid_until_ms=1_000,
        seeds=[seed],
        payload=encode_payload(bytes(32), AdvanceClock(5)),
    )
    return {
        "key-item": item_key(w.SERIAL).hex(),
        "key-session": session_key(w.PALLET, 2).hex(),
        "key-due": due_key(1_000, 2).hex(),
        "key-ids": expiring_ids_key(7_200_001).hex(),
        "key-seat": seat_key("org:five").hex(),
        "key-planned-seat": planned_seat_key("org:five").hex(),
        "key-evidence": evidence_key(sha256(b"key").digest(), 1, 9, EvidenceKind.DOUBLE_NOTARIZE).hex(),
        "key-parameters": chain_key("parameters").hex(),
        "key-hash-item": key_hash(item_key(w.SERIAL)).hex(),
        "salt-transaction": members_salt_for(bytes(32), b"key").hex(),
        "salt-due": members_salt_after_due_work(bytes(32), 9).hex(),
        "transaction-raw": tx.raw.hex(),
        "transaction-id": tx.id.hex(),
        "transaction-witness-leaf": tx.witness_leaf.hex(),
        "sign-domain-vote": keys.domain(keys.Purpose.VOTE, w.CHAIN_ID).hex(),
        "sign-public-key": keys.public_key_of(seed).hex(),
        "sign-vote": keys.sign(seed, keys.Purpose.VOTE, w.CHAIN_ID, b"message").hex(),
    }


def broken() -> list[dict[str, str]]:
    """Bytes of one defect each, with the rule that refuses them."""
    header = encode(w.finished_world().header())
    entry = encode(HistoryEntry(bytes(32), 7, 3, 1, HistoryKind.PACK, bytes(32), "org:carrier"))
    return [
        {"name": "header-one-byte-short", "type": "Header", "bytes": header[:-1].hex(), "rule": "malformed"},
        {"name": "header-trailing-byte", "type": "Header", "bytes": (header + b"\x00").hex(), "rule": "malformed"},
        {
            "name": "header-array16",
            "type": "Header",
            "bytes": (b"\xdc\x00\x0f" + header[1:]).hex(),
            "rule": "non-canonical",
        },
        {
            "name": "entry-long-integer",
            "type": "HistoryEntry",
            "bytes": entry.replace(b"\x07\x03", b"\xcc\x07\x03").hex(),
            "rule": "non-canonical",
        },
        {
            "name": "entry-float",
            "type": "HistoryEntry",
            "bytes": entry.replace(b"\x07\x03", b"\xca\x40\xe0\x00\x00\x03").hex(),
            "rule": "malformed",
        },
        {
            "name": "entry-short-hash",
            "type": "HistoryEntry",
            "bytes": entry.replace(b"\xc4\x20" + bytes(32), b"\xc4\x1f" + bytes(31), 1).hex(),
            "rule": "malformed",
        },
        {
            "name": "entry-unknown-kind",
            "type": "HistoryEntry",
            "bytes": entry.replace(b"\x01\x05\xc4", b"\x01\x7f\xc4").hex(),
            "rule": "malformed",
        },
        {
            "name": "entry-negative",
            "type": "HistoryEntry",
            "bytes": entry.replace(b"\x07\x03", b"\xff\x03").hex(),
            "rule": "malformed",
        },
        {
            "name": "entry-field-missing",
            "type": "HistoryEntry",
            "bytes": (b"\x95" + entry[1:-34]).hex(),
            "rule": "malformed",
        },
        {
            "name": "entry-field-added",
            "type": "HistoryEntry",
            "bytes": (b"\x97" + entry[1:] + b"\x00").hex(),
            "rule": "malformed",
        },
        {"name": "entry-map", "type": "HistoryEntry", "bytes": "80", "rule": "malformed"},
        {"name": "entry-empty", "type": "HistoryEntry", "bytes": "", "rule": "malformed"},
    ]


def main() -> int:
    """Write the file, or with --check compare it."""
    checking = asked_to_check(__doc__)
    text = json.dumps({"good": good() + membership(), "derived": derived(), "broken": broken()}, indent=1) + "\n"
    return write_or_compare(FILE, text, checking)


if __name__ == "__main__":
    sys.exit(main())
