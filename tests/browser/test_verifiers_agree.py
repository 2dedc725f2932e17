"""The browser's verifier and Python's give one answer, whatever is done to a bundle.

Signatures that libraries judge differently are refused by both.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tallystick import keys
from tallystick.errors import ProofError, SignatureError
from tallystick.proofs import Trust, VerifiedItem, verify_bundle
from tests.browser.chromium import Chromium, Page
from tests.proof_bytes import ZEROS, b64, unb64
from tests.proof_mutants import mutants
from tests.proof_mutants_parts import Mutant
from tests.unit.tallystick.test_proof_mutants import GOOD, allowed, code_of, trust_of

pytestmark = pytest.mark.browser

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "proofs"
MUTATIONS = 240  # per kind of bundle, with one edit each, and as many with two or three
CHUNK = 30
VERIFY_MANY = """
(async () => {
  const { verifyBundle } = await import('/verify.js');
  const codes = [];
  for (const bundle of %s) {
    try {
      codes.push((await verifyBundle(bundle, %s)).verdict);
    } catch (error) {
      codes.push(error.code ?? `${error.name}: ${error.message}`);
    }
  }
  return codes;
})()
"""
EDITS_CHUNK = 400  # a page's answer must come within the driver's deadline
VERIFY_EDITS = """
(async ({ good, edits, trust, subject, at }) => {
  const { verifyBundle } = await import('/verify.js');
  const codes = [];
  for (const [path, value] of edits) {
    const bundle = structuredClone(good);
    let holder = bundle;
    for (const step of path.slice(0, -1)) holder = holder[step];
    holder[path[path.length - 1]] = value;
    try {
      codes.push((await verifyBundle(bundle, trust, subject, at)).verdict);
    } catch (error) {
      codes.push(error.code ?? `${error.name}: ${error.message}`);
    }
  }
  return codes;
})(%s)
"""
VERIFIES = """
(async () => {
  const { verifies, isSupported } = await import('/binding.js');
  const bytes = (hex) => Uint8Array.from(hex.match(/../g), (byte) => parseInt(byte, 16));
  const answers = [await isSupported()];
  for (const [key, signature, message] of %s) {
    answers.push(await verifies(bytes(key), bytes(signature), 1, new Uint8Array(32), bytes(message)));
  }
  return answers;
})()
"""


@pytest.fixture(scope="module")
def page(chromium: Chromium, static_site: str) -> Page:
    """A page that can import the verifier."""
    page = chromium.page()
    page.goto(f"{static_site}/icon.svg")
    return page


def python_code(bundle: dict[str, Any], trust: Trust) -> str:
    """What Python's verifier says."""
    try:
        verified = verify_bundle(json.dumps(bundle).encode(), trust)
    except ProofError as error:
        return str(error.code)
    return str(verified.verdict) if isinstance(verified, VerifiedItem) else "proven"


def leaves_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every list, text and number inside a JSON value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves_of(item, (*path, key))
        return
    yield path
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves_of(item, (*path, index))


def mutated(bundle: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """A copy of the bundle with one thing changed."""
    copy: dict[str, Any] = json.loads(json.dumps(bundle))
    path = rng.choice(list(leaves_of(copy)))
    holder: Any = copy
    for step in path[:-1]:
        holder = holder[step]
    value = holder[path[-1]]
    if isinstance(value, list) and value:
        index = rng.randrange(len(value))
        match rng.randrange(3):
            case 0:
                del value[index]
            case 1:
                value.insert(index, value[index])
            case _:
                other = rng.randrange(len(value))
                value[index], value[other] = value[other], value[index]
    elif isinstance(value, list):
        value.append(ZEROS)
    elif isinstance(value, int):
        holder[path[-1]] = rng.choice([value + 1, value - 1, 2**40, 0])
    elif isinstance(value, str) and value:
        holder[path[-1]] = _other_text(value, rng)
    else:
        holder[path[-1]] = rng.choice(["", "AA==", 1, None])
    return copy


def _other_text(value: str, rng: random.Random) -> str:
    """Another text: one bit flipped in the bytes it stands for, a character changed, or its end cut off."""
    if rng.random() < 0.15:
        return value[: rng.randrange(len(value))]
    if rng.random() < 0.1:
        at = rng.randrange(len(value))
        return value[:at] + rng.choice("AZaz09-_=+/ é") + value[at + 1 :]
    try:
        data = bytearray(unb64(value))
    except Exception:
        return value + "x"
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return b64(bytes(data))


@pytest.mark.parametrize(
    "name",
    [
        "item",
        "stated",
        "never-issued",
        "event",
        "record",
        "record-absent",
        "block",
        "receipt",
        "receivable",
        "evidence",
    ],
)
def test_both_verifiers_say_the_same_of_every_mutation(page: Page, name: str) -> None:
    vector = json.loads((VECTORS / f"{name}.json").read_text())
    told = vector["trust"]
    hashes = {int(epoch): bytes.fromhex(digest) for epoch, digest in told["validators_hashes"].items()}
    trust = Trust(bytes.fromhex(told["chain_id"]), hashes)
    shown_trust = json.dumps({"chainId": told["chain_id"], "validatorsHashes": told["validators_hashes"]})
    rng = random.Random(f"mutations of {name}")
    once = [mutated(vector["bundle"], rng) for _ in range(MUTATIONS)]
    # Of several faults both must name the same one, though the page checks signatures beside everything else.
    twice = [mutated(bundle, rng) for bundle in once[: MUTATIONS // 2]]
    bundles = [*once, *twice, *(mutated(bundle, rng) for bundle in twice)]
    ours = [python_code(bundle, trust) for bundle in bundles]
    theirs: list[str] = []
    for start in range(0, len(bundles), CHUNK):
        theirs += page.evaluate(VERIFY_MANY % (json.dumps(bundles[start : start + CHUNK]), shown_trust))
    differing = [
        (place, mine, other) for place, (mine, other) in enumerate(zip(ours, theirs, strict=True)) if mine != other
    ]
    assert differing == []
    assert len(set(ours)) >= 4  # the mutations reach different checks


def test_numbers_and_texts_that_json_only_just_holds_are_judged_alike(page: Page) -> None:
    read = [json.loads((VECTORS / f"{name}.json").read_text()) for name in ("receipt", "item", "record")]
    receipt, item, record = read
    cases: list[tuple[dict[str, Any], list[Any], Any, str]] = [
        (receipt, ["index"], 2**60, "not-in-tree"),
        (receipt, ["index"], -(2**60), "not-in-tree"),
        (receipt, ["index"], 10**30, "not-in-tree"),
        (receipt, ["format"], 10**30, "unreadable"),
        (item, ["subject"], "\ud800", "unreadable"),
        (item, ["subject"], "\udc00\ud800", "unreadable"),
        (item, ["events", 0, "signed"], 2**60, "unreadable"),
        (item, ["events", 0, "index"], 2**60, "not-in-tree"),
        (record, ["kind"], "\ud800", "unreadable"),
    ]
    for vector, path, value, code in cases:
        told = vector["trust"]
        arguments = {
            "good": vector["bundle"],
            "edits": [[path, value]],
            "trust": {"chainId": told["chain_id"], "validatorsHashes": told["validators_hashes"]},
        }
        assert page.evaluate(VERIFY_EDITS % json.dumps(arguments)) == [code], (path, value)
        holder = bundle = json.loads(json.dumps(vector["bundle"]))
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = value
        assert python_code(bundle, trust_of(vector)) == code, (path, value)


@pytest.mark.parametrize("name", GOOD)
def test_the_page_refuses_every_single_change_with_the_code_that_python_gives(page: Page, name: str) -> None:
    vector = json.loads((VECTORS / f"{name}.json").read_text())
    told, subject, at = vector["trust"], vector["subject"], vector.get("at")
    corpus = list(mutants(vector["bundle"]))
    theirs: list[str] = []
    for good, edits in in_chunks(corpus):
        arguments = {
            "good": good,
            "edits": edits,
            "trust": {
                "chainId": told["chain_id"],
                "validatorsHashes": told["validators_hashes"],
                "lastHeights": told.get("last_heights", {}),
            },
            "subject": subject,
            **({"at": at} if at is not None else {}),
        }
        theirs += page.evaluate(VERIFY_EDITS % json.dumps(arguments))
    ours, trust = [code_of(mutant.bundle, vector) for mutant in corpus], trust_of(vector)
    differing = [
        (m.name, a, b) for m, a, b in zip(corpus, ours, theirs, strict=True) if a != b or a not in allowed(m, trust)
    ]
    assert differing == []


def in_chunks(corpus: list[Mutant]) -> Iterator[tuple[Any, list[Any]]]:
    """Edits in the corpus's order, by the bundle they start from: some start from another spelling of the vector's."""
    for _, group in groupby(corpus, key=lambda mutant: id(mutant.good)):
        same = list(group)
        for start in range(0, len(same), EDITS_CHUNK):
            chunk = same[start : start + EDITS_CHUNK]
            yield chunk[0].good, [[list(mutant.at), mutant.value] for mutant in chunk]


def test_signatures_on_which_libraries_disagree_are_refused_by_both(page: Page) -> None:
    seed = sha256(b"a key").digest()
    order = 2**252 + 27742317777372353535851937790883648493
    message, chain = b"\x01", bytes(32)
    good = keys.sign(seed, keys.Purpose.TRANSACTION, chain, message)
    key = keys.public_key_of(seed)
    shifted = (int.from_bytes(good[32:], "little") + order).to_bytes(32, "little")
    identity = bytes((1,)) + bytes(31)
    plus_one = bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
    order_eight = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
    null = identity + bytes(32)
    cases = [
        (key, good), (key, good[:32] + shifted), (identity, null), (plus_one, null), (order_eight, null),
        (key, null), (key, plus_one + bytes(32)), (key, bytes(64)), (bytes(32), null),
    ]  # fmt: skip
    mine = []
    for public_key, signature in cases:
        try:
            keys.check_public_key(public_key)
            keys.verify(public_key, signature, keys.Purpose.TRANSACTION, chain, message)
            mine.append(True)
        except SignatureError:
            mine.append(False)
    spelt = json.dumps([(public_key.hex(), signature.hex(), message.hex()) for public_key, signature in cases])
    theirs = page.evaluate(VERIFIES % spelt)
    assert theirs[0] is True
    assert theirs[1:] == mine == [True] + [False] * 8
