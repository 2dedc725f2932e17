"""The page's own SHA-256 and the browser's give one answer."""

from __future__ import annotations

from hashlib import sha256

import pytest

from tests.browser.chromium import Chromium

pytestmark = pytest.mark.browser

COMPARE = """
(async () => {
  const { sha256, hex } = await import('/encoding.js');
  let seed = 12345;
  const next = () => { seed = (Math.imul(seed, 1103515245) + 12345) >>> 0; return seed >>> 16; };
  for (let size = 0; size < 700; size++) {
    const bytes = Uint8Array.from({ length: size }, () => next() & 255);
    const wanted = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const cut = size === 0 ? 0 : next() % size;
    if (hex(sha256(bytes)) !== hex(wanted)) return `size ${size}`;
    if (hex(sha256(bytes.subarray(0, cut), bytes.subarray(cut))) !== hex(wanted)) return `size ${size} in two parts`;
  }
  const long = new Uint8Array(3_000_001).fill(0xab);
  const wanted = new Uint8Array(await crypto.subtle.digest('SHA-256', long));
  return hex(sha256(long)) === hex(wanted) ? hex(sha256(new Uint8Array(0))) : 'three million bytes';
})()
"""


def test_hashes_of_every_length_are_those_of_the_browser(chromium: Chromium, static_site: str) -> None:
    page = chromium.page()
    page.goto(f"{static_site}/icon.svg")
    assert page.evaluate(COMPARE) == sha256(b"").hexdigest()
    page.close()
