"""Items and events with one defect each."""

from __future__ import annotations

from hashlib import sha256

from scripts.proof_vectors.edits import certificate, change, drop_record, flip, hide_record, reanchor, unshow
from scripts.proof_vectors.making import Bundle, event, item, item_in_pieces
from tallystick import keys
from tallystick.encoding import decode, encode
from tallystick.records.base import key_hash
from tallystick.records.goods import HistoryEntry, correction_key, item_key, recall_key, session_key
from tallystick.validators import Validator, validator_set
from tallystick.votes import Certificate, VoteKind
from tests import proof_world as w
from tests.proof_bytes import b64, read, unb64


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
        "members": b64(members),
        "sealed": b64(sealed),
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
    bundle["entry"] = b64(encode(HistoryEntry(commitment, 17, 0, 0, old.kind, old.link, old.organisation)))
    return bundle


def notarised() -> Bundle:
    """A header that was only notarised."""
    bundle = item()
    bundle["anchor"]["finalisation"] = b64(encode(w.certify(w.finished_world().header(), kind=VoteKind.NOTARIZE)))
    return bundle


def alter_path(bundle: Bundle) -> None:
    """Flip a bit of the first step of a path that a capture's events share."""
    shown = next(capture for capture in bundle["signed"] if capture.get("path"))
    shown["path"][0] = flip(shown["path"][0])


def other_events_entry(bundle: Bundle) -> None:
    """An entry that takes its commitment from another event."""
    history = max(bundle["histories"], key=lambda history: len(history["entries"]))
    entries = history["entries"]
    entries[0][1], entries[1][1] = entries[1][1], entries[0][1]


def strange_event_entry(bundle: Bundle) -> None:
    """An entry that takes its commitment from an event that is not there."""
    bundle["histories"][0]["entries"][0][1] = 1_000


def below_zero(bundle: Bundle) -> None:
    """A number from the end, as some languages count."""
    bundle["histories"][0]["entries"][0][1] = -2


def peak_in_an_entry(bundle: Bundle) -> None:
    """An entry that names the peak of its own history, which follows from it."""
    last = max(piece for record in bundle["records"] for piece in record["public"] if isinstance(piece, int))
    bundle["histories"][0]["entries"][0][1] = last


def piece_that_is_none(bundle: Bundle) -> None:
    """A piece that is neither bytes nor a number."""
    bundle["histories"][0]["entries"][0][1] = None


def digest_in_the_middle(bundle: Bundle) -> None:
    """The number for a head's digest where there is none."""
    bundle["signed"][0]["head"].append(bundle["signed"][0]["head"][0])


def other_signature(bundle: Bundle) -> None:
    """A signature of something else, under a head whose digest only it can vouch for."""
    signatures = bundle["signed"][0]["signatures"]
    signatures[0] = flip(signatures[0])


def loose_bits(bundle: Bundle) -> None:
    """The last letter of a text changed in bits that stand for no byte."""
    state = bundle["state"]
    end = len(state.rstrip("="))
    assert end < len(state)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    bundle["state"] = state[: end - 1] + letters[letters.index(state[end - 1]) + 1] + state[end:]


def event_twice(bundle: Bundle) -> None:
    """One place of a capture shown twice."""
    bundle["events"].append(bundle["events"][0])


def one_event_less(bundle: Bundle) -> None:
    """One of several events of a capture left out, whose path is then too short."""
    captures = [event["signed"] for event in bundle["events"]]
    place = next(place for place, capture in enumerate(captures) if captures.count(capture) > 1)
    del bundle["events"][place]


def flip_commitment(text: str) -> str:
    """An entry with another commitment."""
    entry = decode(unb64(text), HistoryEntry, size_max=256)
    return b64(encode(HistoryEntry(key_hash(b"other"), *(getattr(entry, f) for f in entry.__struct_fields__[1:]))))


def broken_items() -> dict[str, tuple[str, Bundle]]:
    """Items and events with one defect each."""
    session = session_key(w.PALLET, 1)
    return {
        "item-event-altered": ("event-altered", change(item(), alter_event)),
        "item-entries-reordered": ("history-altered", change(item(), swap_entries)),
        "item-entry-left-out": (
            "history-altered",
            change(item(), lambda b: b["histories"][0]["entries"].pop()),
        ),
        "item-history-not-shown": ("partly", change(item(), lambda b: b["histories"].pop())),
        "item-event-not-shown": ("partly", change(item(), lambda b: b["events"].pop(0))),
        "item-entry-of-another-event": ("not-in-state", change(item_in_pieces(), other_events_entry)),
        "item-entry-of-no-event": ("unreadable", change(item_in_pieces(), strange_event_entry)),
        "item-number-below-zero": ("unreadable", change(item_in_pieces(), below_zero)),
        "item-number-of-what-comes-later": ("unreadable", change(item_in_pieces(), peak_in_an_entry)),
        "item-without-its-hashes": ("unreadable", change(item_in_pieces(), lambda b: b.pop("hashes"))),
        "item-with-other-hashes": ("event-altered", change(item_in_pieces(), lambda b: b["hashes"].reverse())),
        "item-piece-that-is-none": ("unreadable", change(item_in_pieces(), piece_that_is_none)),
        "item-in-pieces-entry-left-out": (
            "not-in-state",
            change(item_in_pieces(), lambda b: b["histories"][0]["entries"].pop()),
        ),
        "item-in-pieces-event-altered": ("event-altered", change(item_in_pieces(), alter_event)),
        "item-in-pieces-event-left-out": ("unreadable", change(item_in_pieces(), lambda b: b["events"].pop())),
        "item-in-pieces-digest-in-the-middle": ("unreadable", change(item_in_pieces(), digest_in_the_middle)),
        "item-in-pieces-other-signature": ("event-altered", change(item_in_pieces(), other_signature)),
        "item-loose-bits": ("unreadable", change(item(), loose_bits)),
        "item-event-twice": ("not-in-tree", change(item(), event_twice)),
        "item-event-of-a-capture-left-out": ("not-in-tree", change(item(), one_event_less)),
        "item-record-dropped": ("not-shown", drop_record(item(), recall_key("recall-1"))),
        "item-record-shown-twice": ("unreadable", change(item(), lambda b: b["records"].append(b["records"][0]))),
        "item-record-altered": (
            "not-in-state",
            change(item(), lambda b: b["records"][0].update(public=flip(b["records"][0]["public"]))),
        ),
        "item-recall-hidden": ("partly", hide_record(item(), recall_key("recall-1"))),
        "item-input-lot-hidden": ("partly", hide_record(item(), item_key(w.FIELD_LOT))),
        "item-container-hidden": ("partly", hide_record(item(), session)),
        "item-lot-unshown": ("partly", unshow(item(), item_key(w.LOT))),
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
        "item-tree-truncated": ("unreadable", change(item(), lambda b: b.update(state=b64(unb64(b["state"])[:-1])))),
        "item-unknown-member": ("unreadable", change(item(), lambda b: b.update(extra=1))),
        "item-newer-format": ("unreadable", change(item(), lambda b: b.update(format=2))),
        "event-refused": ("refused", refused_event()),
        "event-forged-entry": ("not-in-tree", forged_entry()),
        "event-correction-unshown": (
            "correction-hidden",
            unshow(event(), correction_key("org:grower", unb64(event()["entry"])[3:35])),
        ),
        "event-entry-of-another": (
            "event-altered",
            change(event(), lambda b: b.update(entry=flip_commitment(b["entry"]))),
        ),
    }
