"""The page's hashes are the browser's own, named first and computed together: right, and not too many at once."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest

from tallystick.errors import ProofError
from tallystick.limits import TREE_SHAPE_SIZE_MAX
from tallystick.partial_trie import PartialTrie
from tests.browser.chromium import Chromium, Page
from tests.browser.test_verifier_vectors import FOLDER, trust_of, verify

pytestmark = pytest.mark.browser

AT_ONCE = 256  # of explorer/static/hashing.js

# A tree of parts, each bytes in hex or again such a list.
COMPUTE = """
(async (given) => {
  const { digests, sha256, tagged } = await import('/hashing.js');
  const { hex, unhex } = await import('/encoding.js');
  const named = (part) => (typeof part === 'string' ? unhex(part) : sha256(...part.map(named)));
  const first = named(given[0]);
  const hashes = await digests([...given.map(named), first, first, tagged(0x21, unhex('aabb'), first)]);
  return [...hashes, ...(await digests([first]))].map(hex);
})(%s)
"""
WATCHED = """
const watched = { asked: 0, waiting: 0, most: 0 };
const original = SubtleCrypto.prototype.digest;
SubtleCrypto.prototype.digest = async function (...given) {
  watched.asked += 1;
  watched.waiting += 1;
  watched.most = Math.max(watched.most, watched.waiting);
  const answer = await original.apply(this, given);
  await new Promise((done) => setTimeout(done));
  watched.waiting -= 1;
  return answer;
};
globalThis.watched = watched;
"""
NAME_MANY = """
(async () => {
  const { digests, sha256 } = await import('/hashing.js');
  const named = Array.from({ length: 1000 }, (_, i) => sha256(sha256(Uint8Array.of(i, i >> 8))));
  await digests(named);
  return [watched.asked, watched.most];
})()
"""

Tree = str | list[Any]


def hash_of(part: Tree) -> bytes:
    """What hashlib says of a tree of parts."""
    return bytes.fromhex(part) if isinstance(part, str) else sha256(b"".join(map(hash_of, part))).digest()


def drawn(rng: random.Random, depth: int) -> Tree:
    if depth == 0 or rng.random() < 0.3:
        return rng.randbytes(rng.randrange(140)).hex()
    return [drawn(rng, depth - 1) for _ in range(rng.randrange(4))]


@pytest.fixture
def page(chromium: Chromium, static_site: str) -> Page:
    """A page that can import the verifier, and counts the digests that are asked for."""
    page = chromium.page()
    page.command("Page.addScriptToEvaluateOnNewDocument", {"source": WATCHED})
    page.goto(f"{static_site}/icon.svg")
    return page


def test_hashes_of_every_length_and_nesting_are_those_of_hashlib(page: Page) -> None:
    rng = random.Random("hashes")
    long = [rng.randbytes(size).hex() for size in (*range(150), 1_024, 1_025, 70_000, 300_001)]
    given: list[Tree] = [[text] for text in long]
    given += [drawn(rng, 6) for _ in range(200)]
    first = hash_of(given[0])
    wanted = [*map(hash_of, given), first, first, sha256(b"\x21\xaa\xbb" + first).digest(), first]
    assert page.evaluate(COMPUTE % json.dumps(given)) == [one.hex() for one in wanted]


def test_however_many_hashes_are_named_few_are_asked_for_at_once(page: Page) -> None:
    assert page.evaluate(NAME_MANY) == [2_000, AT_ONCE]


def test_a_tree_of_more_places_than_may_be_shown_is_refused_before_it_is_hashed(page: Page) -> None:
    data = empty_buckets(17)
    assert len(data) > TREE_SHAPE_SIZE_MAX
    with pytest.raises(ProofError) as caught:
        PartialTrie(data)
    assert caught.value.code == "unreadable"
    assert answer(page, data) == "unreadable"
    assert page.evaluate("watched.asked") < 100


def test_a_tree_of_nothing_but_empty_buckets_is_hashed_a_few_at_a_time_and_refused(page: Page) -> None:
    assert answer(page, empty_buckets(12)) == "not-in-state"
    asked, most = page.evaluate("[watched.asked, watched.most]")
    assert most == AT_ONCE
    assert 0 < asked - (2**13 - 1) < 100


def answer(page: Page, state: bytes) -> str:
    """What the page says of a good bundle that shows another tree, and no records."""
    vector = json.loads((FOLDER / "item.json").read_text())
    bundle = {**vector["bundle"], "state": b64encode(state).decode(), "records": []}
    return verify(page, bundle, trust_of(vector), vector["subject"])


def empty_buckets(depth: int) -> bytes:
    """A full tree of them: six bits cost a verifier two hashes, more than anything else in a bundle."""
    bits = "01000"
    for _ in range(depth):
        bits = f"1{bits}{bits}"
    size = (len(bits) + 7) // 8
    return size.to_bytes(3, "big") + int(bits.ljust(8 * size, "0"), 2).to_bytes(size, "big")
