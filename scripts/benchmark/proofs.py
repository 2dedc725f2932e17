"""``./scripts/bench --proofs``: what verifying costs its reader, in Python and in Chromium, beside the signatures.

The item has twelve events of five captures, a container session, a lot, an input, a recall and a correction, the plain
item twelve captures of one event each, in a state of as many keys as asked for, under four validators and one change of
their set.
"""

from __future__ import annotations

import gc
import json
import threading
import time
from base64 import b64decode
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zlib import compress

import msgspec

from explorer.assets import STATIC
from scripts.benchmark.client import percentile
from scripts.benchmark.large_world import PLAIN, LargeWorld
from scripts.proof_vectors.epochs import crossed
from tallystick import keys
from tallystick.blocks import Executed
from tallystick.proofs import Bundle, VerifiedItem, build_item, build_record, verify_bundle, write_bundle
from tallystick.records.goods import item_key
from tests import proof_world as w
from tests.browser.chromium import PROGRAM, Chromium

RUNS = 50
KEYS = 1_000_000
LIMITS_MS = {"python": 2.0, "chromium": 20.0}
SAMPLED = 1_000
FRESH_PAGES = 20
MEANING = """
python_ms          50 checks in one process, JSON text to verdict, without the time inside checks of signatures and keys
chromium_ms        50 checks in one page after a first one, a tenth of a second apart, for nobody reads one page after
                   another without a pause; JSON text to verdict, signatures included
chromium_fresh_ms  the first check of a new page, 20 times: what one reader waits, with nothing compiled yet; as on a
                   product page, the browser was asked before whether it can check signatures
"""
VERIFY = """
(async () => {
  const { isSupported, verifyBundle } = await import('/verify.js');
  if (!(await isSupported())) return ['no-crypto', []];
  const [text, trust, subject] = %s;
  const spent = [];
  let verdict = '';
  for (let run = 0; run < %d; run++) {
    await new Promise((go) => setTimeout(go, 100));
    const started = performance.now();
    verdict = (await verifyBundle(JSON.parse(text), trust, subject)).verdict;
    spent.push(performance.now() - started);
  }
  return [verdict, spent];
})()
"""


def proofs_bench(keys_wanted: int = KEYS) -> int:
    """Measure; a table, then one JSON line. 0 when what was measured is within its limits."""
    world = LargeWorld.of(keys_wanted)
    shown = build_item(w.SERIAL, world)
    item_keys = world.keys_shown
    item = _crossed(shown, world)
    record = _crossed(build_record(item_key(w.LOT), world), world)
    figures: dict[str, Any] = {
        "keys": len(world.whole),
        "item_keys": item_keys,
        **_sizes(item, record),
        **_of_any_key(record, world),
        **_of_a_plain_item(world),
        **_in_python(item),
    }
    if PROGRAM is not None:
        figures |= _in_chromium(item)
    for name, value in figures.items():
        print(f"{name:<34} {value:>12,}")
    print(MEANING)
    print(json.dumps(figures))
    return 0 if all(figures.get(f"{place}_ms_p95", 0.0) <= limit for place, limit in LIMITS_MS.items()) else 1


def _crossed(bundle: Bundle, world: LargeWorld) -> bytes:
    """JSON of a bundle under a header of the next epoch, whose boundary block executed another height."""
    executed = Executed(w.EXECUTED_HEIGHT, w.TIME_MS, *(sha256(b"root %d" % number).digest() for number in range(3)))
    return msgspec.json.encode(crossed(json.loads(write_bundle(bundle)), of=world, in_pieces=True, executed=executed))


def _of_any_key(record: bytes, world: LargeWorld) -> dict[str, int]:
    """Bytes of that record's bundle if it stood in the places of other keys: how deep and beside how many is chance."""
    bare = len(record) - len(json.loads(record)["state"])
    proofs = (world.whole.prove([sha256(b"%d" % number).digest()]) for number in range(SAMPLED))
    sizes = [float(bare + 4 * ((len(proof) + 2) // 3)) for proof in proofs]
    return {f"record_json_bytes_p{share}": int(percentile(sizes, share / 100)) for share in (50, 99, 100)}


def _of_a_plain_item(world: LargeWorld) -> dict[str, int]:
    """Bytes of the bundle of an item with as many events and nothing around it, without the events' own bytes."""
    world.add_plain_item()
    plain = _crossed(build_item(PLAIN, world), world)
    verified = verify_bundle(plain, w.TRUST, subject=PLAIN)
    assert isinstance(verified, VerifiedItem) and verified.verdict == "proven" and not verified.closure.missing
    events = json.loads(plain)["events"]
    return {
        "plain_item_events": len(events),
        "plain_item_json_bytes": len(plain) - sum(len(event["public"]) for event in events),
        "plain_item_events_own_bytes": sum(len(b64decode(event["public"])) for event in events),
    }


def _sizes(item: bytes, record: bytes) -> dict[str, int]:
    """Bytes of bundles as they go over the wire, without the events' own bytes."""
    bundle = json.loads(item)
    events = sum(len(event["public"]) for event in bundle["events"])
    bare = msgspec.json.encode({**bundle, "events": [{**event, "public": ""} for event in bundle["events"]]})
    own = sum(len(b64decode(event["public"])) for event in bundle["events"])
    return {
        "events": len(bundle["events"]),
        "item_json_bytes": len(item) - events,
        "item_compressed_bytes": len(compress(bare, 9)),
        "item_tree_bytes": len(b64decode(bundle["state"])),
        "item_events_own_bytes": own,
        "record_json_bytes": len(record),
        "record_compressed_bytes": len(compress(record, 9)),
    }


def _in_python(item: bytes) -> dict[str, float]:
    """Milliseconds of a verification, with and without what the signature checks in it take."""
    spent = 0.0

    def timed(function: Callable[..., None]) -> Callable[..., None]:
        def measured(*arguments: Any) -> None:
            nonlocal spent
            started = time.perf_counter()
            function(*arguments)
            spent += time.perf_counter() - started

        return measured

    whole, beside = [], []
    checks = (keys.verify, keys.check_public_key)
    keys.verify, keys.check_public_key = timed(keys.verify), timed(keys.check_public_key)
    gc.collect()
    gc.freeze()  # a million keys are no part of what a reader has in memory
    try:
        for _ in range(RUNS):
            spent = 0.0
            started = time.perf_counter()
            verified = verify_bundle(item, w.TRUST, subject=w.SERIAL)
            milliseconds = 1_000 * (time.perf_counter() - started)
            whole.append(milliseconds)
            beside.append(milliseconds - 1_000 * spent)
    finally:
        keys.verify, keys.check_public_key = checks
        gc.unfreeze()
    assert isinstance(verified, VerifiedItem) and not verified.closure.missing
    return {
        "python_ms_p50": round(percentile(beside, 0.50), 2),
        "python_ms_p95": round(percentile(beside, 0.95), 2),
        "python_with_signatures_ms_p95": round(percentile(whole, 0.95), 2),
    }


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def _in_chromium(item: bytes) -> dict[str, float]:
    """Milliseconds of a verification in a page, signatures included: the first of a page, and those after it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(STATIC)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with Chromium() as browser:
            address = f"http://127.0.0.1:{server.server_port}/icon.svg"
            fresh = [_in_page(browser, address, item, 1)[0] for _ in range(FRESH_PAGES)]
            later = _in_page(browser, address, item, RUNS + 1)[1:]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    return {
        "chromium_fresh_ms_p50": round(percentile(fresh, 0.50), 1),
        "chromium_fresh_ms_p95": round(percentile(fresh, 0.95), 1),
        "chromium_ms_p50": round(percentile(later, 0.50), 1),
        "chromium_ms_p95": round(percentile(later, 0.95), 1),
    }


def _in_page(browser: Chromium, address: str, item: bytes, runs: int) -> list[float]:
    """Milliseconds of each of some verifications in a new page, which shares nothing with any other."""
    page = browser.page()
    page.goto(address)
    hashes = {str(epoch): digest.hex() for epoch, digest in w.TRUST.validators_hashes.items()}
    trust = {"chainId": w.CHAIN_ID.hex(), "validatorsHashes": hashes}
    told = json.dumps([item.decode(), trust, w.SERIAL])
    verdict, spent = page.evaluate(VERIFY % (told, runs))
    page.close()
    assert verdict == "proven", verdict
    return list(spent)
