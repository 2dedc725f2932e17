#!/usr/bin/env python3
"""Write the frozen vectors of proof bundles, good and broken, that all three verifiers replay.

Usage: python scripts/make_proof_vectors.py [--check]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import msgspec
from msgspec import structs

from tallystick import epochs, keys
from tallystick.api import b64, unb64
from tallystick.blocks import Header, HistoryLeaf
from tallystick.encoding import decode, encode
from tallystick.object_ids import slice_id
from tallystick.proofs import (
    build_block,
    build_event,
    build_item,
    build_receipt,
    build_receivable,
    build_record,
    show_anchor,
    show_height,
    write_bundle,
)
from tallystick.proofs.anchor import read
from tallystick.reasons import Reason
from tallystick.receipts import Receipt
from tallystick.records.base import key_hash
from tallystick.records.finance import (
    LienMembers,
    LienPublic,
    LienState,
    ObligationMembers,
    ObligationTag,
    SliceMembers,
    SlicePublic,
    SliceState,
    lien_key,
    obligation_key,
    obligation_tag_key,
    slice_key,
)
from tallystick.records.goods import HistoryEntry, correction_key, item_key, recall_key, session_key
from tallystick.validators import Validator, ValidatorSet, validator_set
from tallystick.votes import Certificate, Statement, VoteKind, certificate_of
from tests import proof_world as w

FOLDER = ROOT / "tests" / "vectors" / "proofs"
Bundle = dict[str, Any]
AT = 17  # the height that bundles as of a height are about
AT_NONE = {"item-as-of-when-the-newest-was-asked"}  # asked without a height although they show an earlier one
AT_ASKED = {"item-newest-when-a-height-was-asked"}  # the other way round


def item(subject: str = w.SERIAL) -> Bundle:
    """The bundle of an item as plain JSON."""
    return loads(write_bundle(build_item(subject, w.finished_world())))


def event() -> Bundle:
    """The bundle of the field lot's harvest."""
    world = w.finished_world()
    commitment = world.histories[item_key(w.FIELD_LOT)][0].commitment
    return loads(write_bundle(build_event(commitment, w.FIELD_LOT, world)))


def earlier_world() -> w.ProofWorld:
    """A world whose state is that of an earlier height than its anchor certifies."""
    world = w.finished_world()
    world.state_height = AT
    return world


def item_at(subject: str = w.SERIAL, height: int = AT) -> Bundle:
    """The bundle of an item as of an earlier height."""
    world = earlier_world()
    return loads(write_bundle(build_item(subject, world, show_height(world, height))))


def event_at() -> Bundle:
    """The bundle of the field lot's harvest as of an earlier height."""
    world = earlier_world()
    commitment = world.histories[item_key(w.FIELD_LOT)][0].commitment
    return loads(write_bundle(build_event(commitment, w.FIELD_LOT, world, show_height(world, AT))))


def record_at(key: bytes) -> Bundle:
    """The bundle of a record, or of its absence, as of an earlier height."""
    world = earlier_world()
    return loads(write_bundle(build_record(key, world, show_height(world, AT))))


def block(height: int) -> Bundle:
    """The bundle of a block."""
    return loads(write_bundle(build_block(height, w.finished_world())))


def receipt(height: int) -> Bundle:
    """The bundle of a height's first receipt."""
    return loads(write_bundle(build_receipt(height, 0, w.finished_world())))


def receivable(obligation: bytes = w.OBLIGATION, world: w.ProofWorld | None = None) -> Bundle:
    """The bundle of an obligation."""
    return loads(write_bundle(build_receivable(obligation, world or w.finished_world())))


def loads(data: bytes) -> Bundle:
    """JSON to a dict."""
    value: Bundle = json.loads(data)
    return value


def flip(text: str) -> str:
    """The base64url text with one bit of its first byte flipped."""
    data = unb64(text)
    return b64(bytes((data[0] ^ 1,)) + data[1:])


def good() -> dict[str, tuple[str, str, Bundle]]:
    """Name to (expected code, subject, bundle)."""
    world = w.finished_world()
    never = f"{w.GTIN}/21/never"
    return {
        "item": ("proven", w.SERIAL, item()),
        "lot": ("proven", w.LOT, item(w.LOT)),
        "stated": ("stated", w.STATED, item(w.STATED)),
        "never-issued": ("unknown-item", never, item(never)),
        "event": ("proven", w.FIELD_LOT, event()),
        "item-as-of": ("proven", w.SERIAL, item_at()),
        "item-as-of-never-issued": ("unknown-item", never, item_at(never)),
        "event-as-of": ("proven", w.FIELD_LOT, event_at()),
        "record-as-of": ("proven", item_key(w.LOT).hex(), record_at(item_key(w.LOT))),
        "record-as-of-absent": ("proven", item_key("x").hex(), record_at(item_key("x"))),
        "block": ("proven", "9", block(9)),
        "block-genesis": ("proven", "0", block(0)),
        "receipt": ("proven", world.transactions[9, 0].id.hex(), receipt(9)),
        "receivable": ("proven", w.OBLIGATION.hex(), receivable()),
        "receivable-presented": ("proven", w.PRESENTED.hex(), receivable(w.PRESENTED)),
        "record": ("proven", item_key(w.LOT).hex(), loads(write_bundle(build_record(item_key(w.LOT), world)))),
        "record-one-epoch-later": ("proven", item_key(w.LOT).hex(), crossed(record())),
        "record-one-epoch-later-by-a-closing-header": ("proven", item_key(w.LOT).hex(), crossed(record(), closed=True)),
        "record-absent": (
            "proven",
            item_key("x").hex(),
            loads(write_bundle(build_record(item_key("x"), world))),
        ),
    }


def change(bundle: Bundle, edit: Callable[[Bundle], Any]) -> Bundle:
    """The bundle after an edit in place."""
    edit(bundle)
    return bundle


def reanchor(bundle: Bundle, **changes: Any) -> Bundle:
    """The bundle under a header with changed fields, signed anew by the validators."""
    world = w.finished_world()
    header = world.header(**changes)
    shown = show_anchor(header.chain_id, header, (), w.certify(header), w.validators())
    return {**bundle, "anchor": msgspec.to_builtins(shown)}


def next_validators() -> ValidatorSet:
    """The set of epoch 1: one has left, one has joined."""
    names = (*w.VALIDATOR_NAMES[:3], "org:laboratory")
    return validator_set(tuple(Validator(name, keys.public_key_of(w.seed(name))) for name in names))


def certify_by(validators: ValidatorSet, header: Header | epochs.ClosingHeader, count: int = 3) -> Certificate:
    """A finalisation of a header or closing header by the first members of a set."""
    statement = Statement(header.epoch, VoteKind.FINALIZE, header.view, header.block_hash())
    signatures = {}
    for index, member in enumerate(validators.members[:count]):
        seed = w.seed(member.organisation)
        signatures[index] = keys.sign(seed, keys.Purpose.VOTE, header.chain_id, statement.signing_bytes())
    return certificate_of(statement, signatures)


def crossed(bundle: Bundle, *, closed: bool = False, count: int = 3, **boundary: Any) -> Bundle:
    """The bundle under a header of epoch 1, with the end of epoch 0.

    Args:
        closed: the boundary block is final only through a closing header.
        count: signers of that end.
        boundary: changed fields of the boundary block.
    """
    world, following = w.finished_world(), next_validators()
    last = world.header(**{"next_validators_hash": following.digest(), **boundary})
    hash_ = last.block_hash()
    closing = epochs.ClosingHeader(last.chain_id, 0, last.view + 1, hash_, last.view, 1, hash_) if closed else None
    proof = epochs.EpochProof(last, closing, certify_by(w.validators(), closing or last, count), following)
    digest = following.digest()
    header = world.header(epoch=1, view=3, validators_hash=digest, next_validators_hash=digest)
    steps = (epochs.EpochStep(w.validators(), proof),)
    shown = show_anchor(header.chain_id, header, (), certify_by(following, header), following, steps)
    return {**bundle, "anchor": msgspec.to_builtins(shown)}


def with_end(bundle: Bundle, **parts: Any) -> Bundle:
    """The bundle with parts of its end of an epoch replaced, or (None) left out."""
    (end,) = bundle["anchor"]["epochs"]
    for name, value in parts.items():
        if value is None:
            del end[name]
        else:
            end[name] = value
    return bundle


def broken_epochs() -> dict[str, tuple[str, Bundle]]:
    """Ends of epochs with one defect each."""
    other = sha256(b"other").digest()
    ours = w.validators()
    return {
        "epoch-end-not-shown": (
            "unknown-validators",
            change(crossed(record()), lambda b: b["anchor"].update(epochs=[])),
        ),
        "epoch-end-of-another-chain": ("wrong-chain", crossed(record(), chain_id=other)),
        "epoch-end-by-others": (
            "unknown-validators",
            with_end(crossed(record()), validators=b64(encode(next_validators()))),
        ),
        "epoch-end-for-others": ("unknown-validators", with_end(crossed(record()), next_validators=b64(encode(ours)))),
        "epoch-end-that-is-none": ("unknown-validators", crossed(record(), next_validators_hash=ours.digest())),
        "epoch-end-of-a-later-epoch": ("unknown-validators", crossed(record(), epoch=1)),
        "epoch-end-two-signers": ("quorum-short", crossed(record(), count=2)),
        "epoch-end-certificate-of-another": (
            "not-in-chain",
            with_end(crossed(record()), finalisation=crossed(record(), view=99)["anchor"]["epochs"][0]["finalisation"]),
        ),
        "epoch-end-closing-left-out": ("not-in-chain", with_end(crossed(record(), closed=True), closing=None)),
        "epoch-end-closing-of-another": (
            "not-in-chain",
            with_end(
                crossed(record(), closed=True),
                closing=crossed(record(), closed=True, view=99)["anchor"]["epochs"][0]["closing"],
            ),
        ),
    }


def record() -> Bundle:
    """The bundle of the lot's record."""
    return loads(write_bundle(build_record(item_key(w.LOT), w.finished_world())))


def certificate(bundle: Bundle, edit: Callable[[Certificate], Certificate]) -> Bundle:
    """The bundle with its certificate edited."""
    old = decode(unb64(bundle["anchor"]["finalisation"]), Certificate, size_max=8_192)
    bundle["anchor"]["finalisation"] = b64(encode(edit(old)))
    return bundle


def hide_record(bundle: Bundle, key: bytes) -> Bundle:
    """The bundle without one record, its place in the tree still shown."""
    bundle["records"] = [record for record in bundle["records"] if record["key"] != key.hex()]
    return bundle


def unshow(bundle: Bundle, key: bytes) -> Bundle:
    """The bundle without one record, and with a tree that does not show its place."""
    hide_record(bundle, key)
    shown = [sha256(bytes.fromhex(record["key"])).digest() for record in bundle["records"]]
    bundle["state"] = b64(w.finished_world().trie().prove(shown))
    return bundle


def swap_entries(bundle: Bundle) -> None:
    """Reorder the longest history."""
    longest = max(bundle["histories"], key=lambda history: len(history["entries"]))
    longest["entries"][0], longest["entries"][1] = longest["entries"][1], longest["entries"][0]


def alter_event(bundle: Bundle) -> None:
    """Change one byte of one event's public part: another disposition letter."""
    first = bundle["events"][0]
    first["public"] = b64(unb64(first["public"]).replace(b"+08:00", b"+09:00"))


def strangers() -> str:
    """A validator set that nobody pinned."""
    names = ("org:a", "org:b", "org:c", "org:d")
    members = tuple(Validator(name, keys.public_key_of(w.seed(name))) for name in names)
    return b64(encode(validator_set(members)))


def refused_event() -> Bundle:
    """A genuine capture of an event that is in no history, shown as if it held."""
    world = w.finished_world()
    bundle = event()
    (refused,) = world.capture("org:grower", 17, w.event(bizStep="shipping", epcList=[w.uri(w.SERIAL)]))
    transaction = world.transactions[17, 0]
    assert refused == transaction.commitments[0]
    _, members, sealed = transaction.events[0].slots()
    bundle["event"] = {
        "public": b64(transaction.events[0].public),
        "members": members.hex(),
        "sealed": sealed.hex(),
        "signed": 0,
    }
    bundle["signed"] = [{"head": b64(transaction.head_bytes), "signatures": [b64(s) for s in transaction.signatures]}]
    del bundle["entry"]
    bundle.pop("path", None)
    return bundle


def forged_entry() -> Bundle:
    """The refused event with an entry invented for it."""
    bundle = refused_event()
    world = w.finished_world()
    commitment = world.capture("org:grower", 17, w.event(bizStep="shipping", epcList=[w.uri(w.SERIAL)]))[0]
    old = read(event()["entry"], HistoryEntry, 256)
    bundle["entry"] = b64(encode(HistoryEntry(commitment, 17, 0, 0, old.kind, old.link)))
    return bundle


def broken() -> dict[str, tuple[str, str, Bundle]]:
    """Name to (expected code, subject, bundle); each has one defect."""
    session = session_key(w.PALLET, 1)
    correction = correction_key(w.finished_world().histories[session][2].commitment)
    cases: dict[str, tuple[str, Bundle]] = {
        "item-event-altered": ("event-altered", change(item(), alter_event)),
        "item-entries-reordered": ("history-altered", change(item(), swap_entries)),
        "item-entry-left-out": ("history-altered", change(item(), lambda b: b["histories"][0]["entries"].pop())),
        "item-history-not-shown": ("partly", change(item(), lambda b: b["histories"].pop())),
        "item-event-not-shown": ("partly", change(item(), lambda b: b["events"].pop())),
        "item-record-altered": (
            "record-altered",
            change(item(), lambda b: b["records"][0].update(public=flip(b["records"][0]["public"]))),
        ),
        "item-recall-hidden": ("partly", hide_record(item(), recall_key("recall-1"))),
        "item-input-lot-hidden": ("partly", hide_record(item(), item_key(w.FIELD_LOT))),
        "item-container-hidden": ("partly", hide_record(item(), session)),
        "item-lot-unshown": ("partly", unshow(item(), item_key(w.LOT))),
        "item-correction-unshown": ("partly", unshow(item(), correction)),
        "item-other-state": ("not-in-state", reanchor(item(), executed=w.ProofWorld().header().executed)),
        "item-other-chain": ("wrong-chain", reanchor(item(), chain_id=sha256(b"another").digest())),
        "item-other-epoch": ("unknown-validators", reanchor(item(), epoch=1)),
        "item-strange-validators": (
            "unknown-validators",
            change(item(), lambda b: b["anchor"].update(validators=strangers())),
        ),
        "item-two-signers": (
            "quorum-short",
            certificate(item(), lambda c: Certificate(c.statement, 3, c.signatures[:2])),
        ),
        "item-one-signer-thrice": (
            "bad-vote-signature",
            certificate(item(), lambda c: Certificate(c.statement, 7, (c.signatures[0],) * 3)),
        ),
        "item-signers-permuted": (
            "bad-vote-signature",
            certificate(
                item(), lambda c: Certificate(c.statement, 7, (c.signatures[1], c.signatures[0], c.signatures[2]))
            ),
        ),
        "item-signer-outside-set": (
            "unknown-validators",
            certificate(item(), lambda c: Certificate(c.statement, 7 | 1 << 9, (*c.signatures, c.signatures[0]))),
        ),
        "item-more-bits-than-signatures": (
            "quorum-short",
            certificate(item(), lambda c: Certificate(c.statement, 15, c.signatures)),
        ),
        "item-notarised-only": ("not-in-chain", notarised()),
        "item-certificate-of-another-block": (
            "not-in-chain",
            change(item(), lambda b: b["anchor"].update(header=b64(encode(w.finished_world().header(height=23))))),
        ),
        "item-bad-event-signature": (
            "bad-event-signature",
            change(
                item(), lambda b: b["signed"][0]["signatures"].__setitem__(0, flip(b["signed"][0]["signatures"][0]))
            ),
        ),
        "item-signature-stripped": (
            "bad-event-signature",
            change(item(), lambda b: b["signed"][0]["signatures"].clear()),
        ),
        "item-about-another": ("wrong-subject", item(w.LOT)),
        "item-path-step-altered": ("event-altered", change(item(), alter_path)),
        "item-tree-truncated": ("unreadable", change(item(), lambda b: b.update(state=b64(unb64(b["state"])[:-1])))),
        "item-unknown-member": ("unreadable", change(item(), lambda b: b.update(extra=1))),
        "item-newer-format": ("unreadable", change(item(), lambda b: b.update(format=2))),
        "event-refused": ("refused", refused_event()),
        "event-forged-entry": ("not-in-tree", forged_entry()),
        "event-correction-unshown": (
            "correction-hidden",
            unshow(event(), correction_key(unb64(event()["entry"])[3:35])),
        ),
        "event-entry-of-another": (
            "event-altered",
            change(event(), lambda b: b.update(entry=flip_commitment(b["entry"]))),
        ),
    }
    subjects = {name: (w.FIELD_LOT if name.startswith("event") else w.SERIAL) for name in cases}
    ends = broken_epochs()
    subjects |= dict.fromkeys(ends, item_key(w.LOT).hex())
    cases |= ends
    chain = broken_chain()
    subjects |= {name: transaction_of(9) if name.startswith("receipt") else "9" for name in chain}
    cases |= chain
    earlier = broken_earlier()
    subjects |= dict.fromkeys(earlier, w.SERIAL)
    cases |= earlier
    claims = broken_receivables()
    subjects |= dict.fromkeys(claims, w.OBLIGATION.hex())
    cases |= claims
    return {name: (code, subjects[name], bundle) for name, (code, bundle) in cases.items()}


def transaction_of(height: int) -> str:
    """Id of a height's first transaction."""
    return w.finished_world().transactions[height, 0].id.hex()


def leaf_of(bundle: Bundle, place: str = "block", **changes: Any) -> Bundle:
    """The bundle with fields of its height's leaf changed."""
    old = read(bundle[place]["leaf"], HistoryLeaf, 256)
    bundle[place]["leaf"] = b64(encode(structs.replace(old, **changes)))
    return bundle


def receipt_with(bundle: Bundle, **changes: Any) -> Bundle:
    """The bundle with fields of its receipt changed."""
    old = read(bundle["receipt"], Receipt, 10_000)
    bundle["receipt"] = b64(encode(structs.replace(old, **changes)))
    return bundle


def broken_chain() -> dict[str, tuple[str, Bundle]]:
    """Blocks and receipts with one defect each."""
    other = sha256(b"other").digest()
    return {
        "block-of-another-height": ("wrong-subject", block(8)),
        "block-other-chain": ("wrong-chain", reanchor(block(9), chain_id=other)),
        "block-other-history": ("not-in-history", reanchor(block(9), executed=w.ProofWorld().header().executed)),
        "block-hash-altered": ("not-in-history", leaf_of(block(9), block_hash=other)),
        "block-time-altered": ("not-in-history", leaf_of(block(9), time_ms=1)),
        "block-state-root-altered": ("not-in-history", leaf_of(block(9), state_root=other)),
        "block-receipts-root-altered": ("not-in-history", leaf_of(block(9), receipts_root=other)),
        "block-receipt-count-altered": ("not-in-history", leaf_of(block(9), receipt_count=9)),
        "block-height-altered": ("not-in-history", leaf_of(block(9), height=8)),
        "block-above-the-anchor": ("not-in-tree", leaf_of(block(9), height=21)),
        "block-with-a-neighbours-path": (
            "not-in-history",
            change(block(9), lambda b: b["block"].update(path=block(8)["block"]["path"])),
        ),
        "block-path-short": ("not-in-tree", change(block(9), lambda b: b["block"]["path"].pop())),
        "block-path-long": ("not-in-tree", change(block(9), lambda b: b["block"]["path"].append("00" * 32))),
        "block-path-reordered": ("not-in-history", change(block(9), lambda b: b["block"]["path"].reverse())),
        "block-node-as-leaf": ("unreadable", change(block(9), lambda b: b["block"].update(leaf=b64(bytes(64))))),
        "block-header-of-another": (
            "block-altered",
            change(block(9), lambda b: b.update(header=block(8)["header"])),
        ),
        "block-header-of-genesis": (
            "block-altered",
            change(block(0), lambda b: b.update(header=block(8)["header"])),
        ),
        "receipt-of-another-transaction": ("wrong-subject", receipt(7)),
        "receipt-reason-altered": ("receipt-altered", receipt_with(receipt(9), reason=Reason.NOT_FOUND)),
        "receipt-subject-altered": ("receipt-altered", receipt_with(receipt(9), subject=other)),
        "receipt-height-altered": ("receipt-altered", receipt_with(receipt(9), height=8)),
        "receipt-outcome-left-out": ("receipt-altered", receipt_with(receipt(9), events=())),
        "receipt-changes-left-out": ("receipt-altered", receipt_with(receipt(9), changes=())),
        "receipt-at-another-place": ("receipt-altered", change(receipt(9), lambda b: b.update(index=1))),
        "receipt-beyond-the-last": ("not-in-tree", change(receipt(9), lambda b: b.update(index=2))),
        "receipt-path-short": ("not-in-tree", change(receipt(9), lambda b: b["path"].pop())),
        "receipt-path-altered": ("receipt-altered", change(receipt(9), lambda b: b.update(path=["00" * 32]))),
        "receipt-under-another-height": (
            "receipt-altered",
            change(receipt(9), lambda b: b.update(block=receipt(7)["block"])),
        ),
        "receipt-root-altered": ("not-in-history", leaf_of(receipt(9), receipts_root=other)),
        "receipt-two-signers": (
            "quorum-short",
            certificate(receipt(9), lambda c: Certificate(c.statement, 3, c.signatures[:2])),
        ),
    }


def broken_earlier() -> dict[str, tuple[str, Bundle]]:
    """Items as of an earlier height with one defect each."""
    other = sha256(b"other").digest()
    return {
        "item-as-of-when-the-newest-was-asked": ("wrong-height", item_at()),
        "item-newest-when-a-height-was-asked": ("wrong-height", item()),
        "item-as-of-another-height": ("wrong-height", item_at(height=16)),
        "item-as-of-left-out": ("wrong-height", change(item_at(), lambda b: b.pop("as_of"))),
        "item-as-of-another-state": ("not-in-state", change(item_at(), lambda b: b.update(state=item_tree_of_none()))),
        "item-as-of-root-altered": ("not-in-history", leaf_of(item_at(), "as_of", state_root=other)),
        "item-as-of-time-altered": ("not-in-history", leaf_of(item_at(), "as_of", time_ms=1)),
        "item-as-of-height-altered": ("not-in-history", leaf_of(item_at(), "as_of", height=16)),
        "item-as-of-above-the-anchor": ("not-in-tree", leaf_of(item_at(), "as_of", height=21)),
        "item-as-of-path-short": ("not-in-tree", change(item_at(), lambda b: b["as_of"]["path"].pop())),
        "item-as-of-a-neighbours-path": (
            "not-in-history",
            change(item_at(), lambda b: b["as_of"].update(path=block(16)["block"]["path"])),
        ),
    }


def item_tree_of_none() -> str:
    """The partial tree of an empty state."""
    return b64(w.ProofWorld().trie().prove([]))


def halves_with(bundle: Bundle, key: bytes, type_: type[Any], **changes: Any) -> Bundle:
    """The bundle with fields of one record's members' half changed."""
    (record,) = (record for record in bundle["records"] if record["key"] == key.hex())
    old = decode(unb64(record["members"]), type_, size_max=10_000)
    record["members"] = b64(encode(structs.replace(old, **changes)))
    return bundle


def other_world(key: bytes, public: Any, members: Any = None) -> w.ProofWorld:
    """A world in which the ledger itself holds something else under a key."""
    world = w.finished_world()
    world.put(key, public, members)
    return world


def nowhere() -> Bundle:
    """A proof that there is no such obligation."""
    world, key = w.ProofWorld(), obligation_key(w.OBLIGATION)
    world.put(item_key(w.LOT), ObligationTag(bytes(32), 0))
    return {
        **receivable(world=None),
        "state": b64(world.prove([key_hash(key)])),
        "records": [],
        "anchor": anchor_of(world),
    }


def anchor_of(world: w.ProofWorld) -> Any:
    """The anchor of another world as plain JSON."""
    shown = world.anchor()
    return json.loads(json.dumps({f: getattr(shown, f) for f in shown.__struct_fields__}))


def broken_receivables() -> dict[str, tuple[str, Bundle]]:
    """Obligations with one defect each."""
    pledged, free = slice_id(w.OBLIGATION, 1), slice_id(w.OBLIGATION, 2)
    tag, obligation = obligation_tag_key("org:retailer", w.TAG), obligation_key(w.OBLIGATION)
    released = LienPublic(LienState.RELEASED, 17)
    return {
        "receivable-of-another": ("wrong-subject", receivable(w.PRESENTED)),
        "receivable-nowhere": ("no-obligation", nowhere()),
        "receivable-hidden": ("not-shown", hide_record(receivable(), obligation)),
        "receivable-tag-hidden": ("not-shown", hide_record(receivable(), tag)),
        "receivable-tag-unshown": ("not-shown", unshow(receivable(), tag)),
        "receivable-tag-of-another": (
            "other-claim",
            receivable(world=other_world(tag, ObligationTag(w.PRESENTED, 14))),
        ),
        "receivable-lien-hidden": ("lien-hidden", hide_record(receivable(), lien_key(pledged))),
        "receivable-lien-unshown": ("lien-hidden", unshow(receivable(), lien_key(pledged))),
        "receivable-lien-absence-unshown": ("lien-hidden", unshow(receivable(), lien_key(free))),
        "receivable-slice-hidden": ("not-shown", hide_record(receivable(), slice_key(free))),
        "receivable-slice-unshown": ("not-shown", unshow(receivable(), slice_key(free))),
        "receivable-slice-of-another": (
            "record-altered",
            receivable(
                world=other_world(
                    slice_key(free),
                    SlicePublic(SliceState.FREE),
                    SliceMembers(w.OBLIGATION, 1, 0, "org:x", 5, 0, bytes(32)),
                )
            ),
        ),
        "receivable-lien-said-released": (
            "record-altered",
            change(receivable(), lambda b: record_of(b, lien_key(pledged)).update(public=b64(encode(released)))),
        ),
        "receivable-holder-altered": (
            "record-altered",
            halves_with(receivable(), lien_key(pledged), LienMembers, holder="org:lender-b"),
        ),
        "receivable-amount-altered": (
            "record-altered",
            halves_with(receivable(), obligation, ObligationMembers, confirmed=1_600_000),
        ),
        "receivable-fewer-slices": (
            "record-altered",
            halves_with(receivable(), obligation, ObligationMembers, slice_count=1),
        ),
        "receivable-members-half-left-out": (
            "record-altered",
            change(receivable(), lambda b: [record_of(b, obligation).pop(half) for half in ("salt", "members")]),
        ),
        "receivable-salt-left-out": (
            "unreadable",
            change(receivable(), lambda b: record_of(b, obligation).pop("salt")),
        ),
        "receivable-other-chain": (
            "wrong-chain",
            reanchor(receivable(), chain_id=sha256(b"another").digest()),
        ),
        "receivable-two-signers": (
            "quorum-short",
            certificate(receivable(), lambda c: Certificate(c.statement, 3, c.signatures[:2])),
        ),
    }


def record_of(bundle: Bundle, key: bytes) -> Bundle:
    """One record of a bundle."""
    (found,) = (record for record in bundle["records"] if record["key"] == key.hex())
    return found


def notarised() -> Bundle:
    """A header that was only notarised."""
    bundle = item()
    bundle["anchor"]["finalisation"] = b64(encode(w.certify(w.finished_world().header(), kind=VoteKind.NOTARIZE)))
    return bundle


def alter_path(bundle: Bundle) -> None:
    """Flip a bit of an audit path's first step."""
    shown = next(event for event in bundle["events"] if event.get("path"))
    step = shown["path"][0]
    shown["path"][0] = ("1" if step[0] == "0" else "0") + step[1:]


def flip_commitment(text: str) -> str:
    """An entry with another commitment."""
    entry = decode(unb64(text), HistoryEntry, size_max=256)
    return b64(encode(HistoryEntry(key_hash(b"other"), *(getattr(entry, f) for f in entry.__struct_fields__[1:]))))


def files() -> dict[str, str]:
    """File name to text of every vector."""
    trust = {
        "chain_id": w.CHAIN_ID.hex(),
        "validators_hashes": {"0": w.validators().digest().hex()},
        "height_min": 0,
    }
    result = {}
    for name, (code, subject, bundle) in {**good(), **broken()}.items():
        vector = {"name": name, "expected": code, "subject": subject, "trust": trust, "bundle": bundle}
        if name in AT_ASKED or ("-as-of" in name and name not in AT_NONE):
            vector["at"] = AT
        result[f"{name}.json"] = json.dumps(vector, indent=1) + "\n"
    return result


def main() -> int:
    """Write the vectors, or with --check compare them."""
    wanted = files()
    if "--check" in sys.argv:
        found = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
        differing = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        print("\n".join(differing) or f"{len(wanted)} vectors are current")
        return 1 if differing else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)
    print(f"{len(wanted)} vectors written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
