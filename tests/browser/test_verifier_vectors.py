"""The page's verifier answers every frozen vector as the other verifiers do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tallystick.proofs import VerifiedItem, verify_bundle
from tests.browser.chromium import Chromium, Page
from tests.unit.tallystick.test_proof_mutants import trust_of as pinned_of

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).resolve().parents[1] / "vectors" / "proofs"
VECTORS = sorted(FOLDER.glob("*.json"))

VERIFY = """
(async () => {{
  const {{ verifyBundle }} = await import('/verify.js');
  try {{
    return (await verifyBundle({bundle}, {trust}, {subject}, {at})).verdict;
  }} catch (error) {{
    return error.code ?? `${{error.name}}: ${{error.message}} ${{error.stack}}`;
  }}
}})()
"""


@pytest.fixture(scope="module")
def page(chromium: Chromium, static_site: str) -> Page:
    """A page that can import the verifier."""
    page = chromium.page()
    page.goto(f"{static_site}/icon.svg")
    return page


def trust_of(vector: dict[str, Any]) -> dict[str, Any]:
    """A vector's trust as the page's verifier takes it."""
    trust = vector["trust"]
    return {
        "chainId": trust["chain_id"],
        "validatorsHashes": trust["validators_hashes"],
        "heightMin": trust.get("height_min", 0),
        "lastHeights": trust.get("last_heights", {}),
    }


def verify(page: Page, bundle: Any, trust: Any, subject: str | None, at: int | None = None) -> str:
    """The verdict or reason code that the page's verifier gives."""
    arguments = {"bundle": bundle, "trust": trust, "subject": subject, "at": at}
    spelt = {name: "undefined" if value is None else json.dumps(value) for name, value in arguments.items()}
    return str(page.evaluate(VERIFY.format(**spelt)))


CORRECTED = """
(async () => {{
  const {{ verifyBundle }} = await import('/verify.js');
  const {{ closure }} = await verifyBundle({bundle}, {trust}, {subject});
  return [...closure.corrections.keys()];
}})()
"""


def test_the_browser_counts_a_correction_for_the_event_of_who_declared_it_alone(page: Page) -> None:
    vector = json.loads((FOLDER / "copy-corrected-by-another.json").read_text())
    arguments = {"bundle": vector["bundle"], "trust": trust_of(vector), "subject": vector["subject"]}
    names = page.evaluate(CORRECTED.format(**{name: json.dumps(value) for name, value in arguments.items()}))
    commitments = {name.split(" ")[1]: name.split(" ")[0] for name in names}
    verified = verify_bundle(json.dumps(vector["bundle"]).encode(), pinned_of(vector))
    assert isinstance(verified, VerifiedItem)
    ours = {organisation: commitment.hex() for commitment, organisation in verified.closure.corrections}
    assert commitments == ours
    assert sorted(commitments) == ["org:carrier", "org:retailer"]


@pytest.mark.parametrize("file", VECTORS, ids=lambda file: file.stem)
def test_the_browser_gives_the_frozen_answer(page: Page, file: Path) -> None:
    vector = json.loads(file.read_text())
    answer = verify(page, vector["bundle"], trust_of(vector), vector["subject"], vector.get("at"))
    assert answer == vector["expected"]
