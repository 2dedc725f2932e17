"""Bundles whose histories repeat the commitments of the events they show: as valid, and easier to change."""

from __future__ import annotations

from typing import Any

from tallystick.api import b64, unb64
from tallystick.encoding import ZERO32
from tallystick.hashing import TAG_EVENT_PUBLIC, tagged
from tallystick.records.goods import ENTRY_HEAD
from tallystick.transactions import commitment_of_slots

Bundle = dict[str, Any]


def written_out(bundle: Bundle) -> Bundle:
    """The bundle with all entries of its histories whole."""
    if "histories" not in bundle:
        return bundle
    commitments = [_commitment(event) for event in bundle["events"]]
    histories = []
    for history in bundle["histories"]:
        events = history.get("events") or [-1] * len(history["entries"])
        entries = [
            text if event < 0 else b64(ENTRY_HEAD + commitments[event] + unb64(text))
            for event, text in zip(events, history["entries"], strict=True)
        ]
        histories.append({"owner": history["owner"], "entries": entries})
    return {**bundle, "histories": histories}


def _commitment(event: Bundle) -> bytes:
    members, sealed = (bytes.fromhex(event.get(slot, ZERO32.hex())) for slot in ("members", "sealed"))
    return commitment_of_slots(tagged(TAG_EVENT_PUBLIC, unb64(event["public"])), members, sealed)
