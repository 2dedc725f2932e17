"""Attacks on histories: corrections hidden or moved, entries and captures of another organisation."""

from __future__ import annotations

import msgspec
from msgspec import structs

from scripts.proof_vectors.edits import change, hide_record, reanchor, record_of
from scripts.proof_vectors.items import alter_path
from scripts.proof_vectors.making import (
    Bundle,
    copied_world,
    corrected_event,
    event,
    event_in_pieces,
    event_of_two,
    item,
)
from tallystick import keys
from tallystick.encoding import decode, encode
from tallystick.proofs.build import show_record
from tallystick.records.base import key_hash
from tallystick.records.goods import (
    HistoryEntry,
    SessionPublic,
    correction_key,
    inspection_key,
    item_key,
    session_key,
)
from tallystick.records.members import Key, KeyStatus, KeyUse, member_key
from tallystick.transactions import sign_transaction
from tests import proof_world as w
from tests.proof_bytes import b64, unb64

SESSION = session_key(w.PALLET, 1)
CORRECT = 3  # place of the declaration in the session's history
WARM = 2  # place of the event that it is about
SHIPPED = 1  # place of the event that the retailer copies
HARVESTED = 3  # height of the harvest
HARVESTER = member_key(keys.public_key_of(w.seed("org:grower capture")))  # the key that signed it


def broken_histories() -> dict[str, tuple[str, Bundle]]:
    """Histories and signers with one defect each."""
    return {
        "item-correction-entry-left-out": ("history-altered", change(item(), _drop_correction)),
        "item-correction-entry-moved": ("history-altered", change(item(), _move_correction)),
        "item-correction-of-a-strange-event": ("record-altered", _strange_correction()),
        "item-inspection-record-absent": ("record-altered", _without(inspection_key(w.LOT))),
        "item-entry-of-another-organisation": ("history-altered", change(item(), _rename_recorder)),
        "item-copy-signed-by-another": ("bad-event-signature", _copied(item(), 9)),
        "item-copy-corrected-as-the-original": ("record-altered", _correction_moved("org:carrier")),
        "item-correction-of-a-copy-that-is-not-there": ("record-altered", _correction_moved("org:grower")),
        "event-entry-of-another-organisation": ("history-altered", change(event(), _rename_entry)),
        "event-copy-signed-by-another": ("bad-event-signature", _copied(event(), 3)),
        "item-key-revoked-before": ("key-not-valid-then", item(world=_keyed(0, HARVESTED - 1))),
        "event-key-revoked-before": ("key-not-valid-then", event(_keyed(0, HARVESTED - 1))),
        "event-key-registered-later": ("key-not-valid-then", event(_keyed(HARVESTED + 1))),
        "event-key-never-registered": ("key-not-valid-then", _unregistered()),
        "event-corrected-correction-left-out": (
            "correction-hidden",
            hide_record(corrected_event(), correction_key("org:carrier", _commitment(WARM))),
        ),
        "event-corrected-path-step-altered": ("event-altered", change(corrected_event(), alter_path)),
        "event-corrected-in-pieces-path-step-altered": (
            "event-altered",
            change(event_in_pieces(item_key(w.PALLET), WARM), alter_path),
        ),
        "event-corrected-path-step-twice": ("not-in-tree", change(corrected_event(), _step_twice)),
        "event-corrected-path-left-out": (
            "not-in-tree",
            change(corrected_event(), lambda b: b["signed"][0].pop("path")),
        ),
        "event-corrected-copy-shown-for-the-original": ("correction-hidden", _copys_correction()),
    }


def subject_of(name: str) -> str:
    """What a vector of this module is asked about."""
    if name.startswith("item"):
        return w.SERIAL
    return w.PALLET if name.startswith("event-corrected") else w.FIELD_LOT


def _keyed(since_height: int, until_height: int = 0) -> w.ProofWorld:
    """A world in which the key that signed the harvest was active at other heights: a quorum signed that."""
    world = w.finished_world()
    status = KeyStatus.REVOKED if until_height else KeyStatus.ACTIVE
    key = Key("org:grower", status, (KeyUse.CAPTURE,), "", since_height, until_height)
    world.put(HARVESTER, key)
    return world


def _unregistered() -> Bundle:
    """A quorum signed a state without the record of that key."""
    world = w.finished_world()
    del world.records[HARVESTER]
    harvest = world.histories[item_key(w.FIELD_LOT)][0]
    return _from(world, event(), HARVESTER, correction_key(harvest.organisation, harvest.commitment))


def _no_path(bundle: Bundle) -> None:
    del bundle["signed"][0]["path"]


def _step_twice(bundle: Bundle) -> None:
    path = bundle["signed"][0]["path"]
    path.append(path[0])


def _commitment(place: int) -> bytes:
    return w.finished_world().histories[SESSION][place].commitment


def _entries(bundle: Bundle, owner: bytes) -> list[str]:
    found: list[str]
    (found,) = (history["entries"] for history in bundle["histories"] if history["owner"] == b64(owner))
    return found


def _drop_correction(bundle: Bundle) -> None:
    del _entries(bundle, SESSION)[CORRECT]


def _move_correction(bundle: Bundle) -> None:
    """As if the declaration were about an event of the serial's own history."""
    _entries(bundle, item_key(w.SERIAL)).append(_entries(bundle, SESSION).pop(CORRECT))


def _renamed(entry: str) -> str:
    return b64(encode(structs.replace(decode(unb64(entry), HistoryEntry, size_max=256), organisation="org:retailer")))


def _rename_recorder(bundle: Bundle) -> None:
    entries = _entries(bundle, SESSION)
    entries[0] = _renamed(entries[0])


def _rename_entry(bundle: Bundle) -> None:
    bundle["entry"] = _renamed(bundle["entry"])


def _from(world: w.ProofWorld, bundle: Bundle, *more: bytes) -> Bundle:
    """A bundle's records, tree and anchor out of another world; ``more`` are keys that the tree shows too."""
    known = [unb64(record["key"]) for record in bundle["records"]]
    bundle["records"] = [
        msgspec.to_builtins(show_record(key, record)) for key in known if (record := world.record(key)) is not None
    ]
    bundle["state"] = b64(world.prove([key_hash(key) for key in {*known, *more}]))
    return reanchor(bundle, world)


def _without(key: bytes) -> Bundle:
    """A quorum signed a state that lacks a record to which a history links."""
    world = w.finished_world()
    del world.records[key]
    return _from(world, item(), *_absent(world, item()), key)


def _absent(world: w.ProofWorld, bundle: Bundle) -> list[bytes]:
    """The classes that the closure shows to be absent."""
    assert record_of(bundle, item_key(w.LOT))
    classes = [item_key(each.split("/10/")[0]) for each in (w.LOT, w.FIELD_LOT)]
    assert all(world.record(key) is None for key in classes)
    return classes


def _strange_correction() -> Bundle:
    """A quorum signed a history with a correction of an event that is not in it."""
    world, bundle = w.finished_world(), item()
    history = world.histories[SESSION]
    history[CORRECT] = structs.replace(history[CORRECT], link=key_hash(correction_key("org:carrier", bytes(32))))
    world.put(SESSION, SessionPublic(w.PALLET, 1, True, world.history(SESSION), 1_700_000_000_000, 0))
    _entries(bundle, SESSION)[CORRECT] = b64(encode(history[CORRECT]))
    return _from(world, bundle, *_absent(world, bundle))


def _correction_moved(recorder: str) -> Bundle:
    """A quorum signed a history in which the declaration about a member's copy links to another's correction record."""
    world, bundle = copied_world(), item(w.SERIAL, copied_world())
    history = world.histories[SESSION]
    true, false = (correction_key(name, history[SHIPPED].commitment) for name in ("org:retailer", recorder))
    assert history[-1].link == key_hash(true)
    history[-1] = structs.replace(history[-1], link=key_hash(false))
    world.put(SESSION, SessionPublic(w.PALLET, 1, True, world.history(SESSION), 1_700_000_000_000, 0))
    world.records[false] = world.records.pop(true)
    _entries(bundle, SESSION)[-1] = b64(encode(history[-1]))
    return _from(world, bundle, *_absent(world, bundle))


def _copys_correction() -> Bundle:
    """The correction of a member's copy, and nothing about the original's."""
    world, bundle = copied_world(), event_of_two()
    key = correction_key("org:retailer", world.histories[SESSION][SHIPPED].commitment)
    bundle["records"].append({"key": b64(key)})
    bundle["records"].sort(key=lambda each: str(each["key"]))
    return _from(world, bundle)


def _copied(bundle: Bundle, height: int) -> Bundle:
    """The events of one capture in a capture that another member signed, whose key the bundle shows."""
    world = w.finished_world()
    original = world.transactions[height, 0]
    seed = w.seed("org:retailer capture")
    copy = sign_transaction(
        chain_id=w.CHAIN_ID, nonce=bytes(16), valid_until_ms=10**12, seeds=[seed], events=original.events
    )
    shown = {"head": b64(copy.head_bytes), "signatures": [b64(signature) for signature in copy.signatures]}
    head = b64(original.head_bytes)
    bundle["signed"] = [each | shown if each["head"] == head else each for each in bundle["signed"]]
    key = member_key(copy.head.signers[0])
    record = world.record(key)
    assert record is not None
    bundle["records"] = sorted(
        [*bundle["records"], msgspec.to_builtins(show_record(key, record))], key=lambda each: str(each["key"])
    )
    item_shown = bundle["kind"] == "item"
    absent = _absent(world, bundle) if item_shown else [correction_key("org:grower", original.commitments[0])]
    return _from(world, bundle, *absent)
