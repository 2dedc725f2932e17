"""Every text of a bundle that stands for bytes is spelled in its one way, or the bundle is unreadable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import ProofError
from tallystick.proofs.bundle import read_bundle
from tests.proof_bytes import ZEROS, b64

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "proofs"
GOOD = [
    "item", "item-as-of", "event", "event-as-of", "record", "record-one-epoch-later-by-a-closing-header", "block",
    "receipt", "receivable", "evidence", "evidence-of-an-earlier-epoch",
    "item-in-pieces", "event-in-pieces", "record-one-epoch-later-in-pieces",
]  # fmt: skip
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
PLAIN = {"kind", "subject"}  # members that are texts as they stand


def texts_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every text inside a JSON value, but those that are plain."""
    if isinstance(value, str) and path[-1] not in PLAIN:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from texts_of(item, (*path, key))


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("added", ["\n", " ", "=", "é", "-A", "_", "\u0000", '"'])
def test_a_character_that_is_no_letter_of_a_spelling_is_found_in_every_text(name: str, added: str) -> None:
    bundle = json.loads((FOLDER / f"{name}.json").read_text())["bundle"]
    paths = list(texts_of(bundle))
    assert len(paths) > 5
    read_bundle(json.dumps(bundle).encode())
    for path in paths:
        holder = bundle
        for step in path[:-1]:
            holder = holder[step]
        text = holder[path[-1]]
        inside = [] if added == "=" else [text[:-1] + added]  # a shorter byte string has one more of them
        for wrong in (text + added, added + text, *inside):
            holder[path[-1]] = wrong
            with pytest.raises(ProofError, match="unreadable"):
                read_bundle(json.dumps(bundle).encode())
        holder[path[-1]] = text


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_hash_has_32_bytes(size: int) -> None:
    bundle = json.loads((FOLDER / "item.json").read_text())["bundle"]
    bundle["records"][0]["members_hash"] = b64(bytes(size))
    with pytest.raises(ProofError, match="unreadable"):
        read_bundle(json.dumps(bundle).encode())


@pytest.mark.parametrize("name", GOOD)
def test_bits_after_the_last_byte_of_a_text_are_zero(name: str) -> None:
    bundle = json.loads((FOLDER / f"{name}.json").read_text())["bundle"]
    changed = 0
    for path in texts_of(bundle):
        holder = bundle
        for step in path[:-1]:
            holder = holder[step]
        text = holder[path[-1]]
        end = len(text.rstrip("="))
        if end == len(text):
            continue
        changed += 1
        holder[path[-1]] = text[: end - 1] + LETTERS[LETTERS.index(text[end - 1]) + 1] + text[end:]
        with pytest.raises(ProofError, match="unreadable"):
            read_bundle(json.dumps(bundle, separators=(",", ":")).encode())
        holder[path[-1]] = text
    assert changed > 3


def test_the_loose_bits_of_what_may_be_left_out_are_found_as_well() -> None:
    bundle = json.loads((FOLDER / "item.json").read_text())["bundle"]
    bundle["events"][0]["sealed"] = ZEROS
    read_bundle(json.dumps(bundle).encode())
    bundle["events"][0]["sealed"] = ZEROS[:-2] + "B="
    with pytest.raises(ProofError, match="unreadable"):
        read_bundle(json.dumps(bundle).encode())


def test_another_order_spaces_and_escapes_change_nothing() -> None:
    bundle = json.loads((FOLDER / "item.json").read_text())["bundle"]
    turned = dict(reversed(bundle.items()))
    text = json.dumps(turned, indent=2).replace("=", "\\u003d")
    assert read_bundle(text.encode()) == read_bundle(json.dumps(bundle).encode())
