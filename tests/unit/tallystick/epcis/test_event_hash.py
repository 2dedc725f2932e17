"""The CBV event hash: frozen for our samples, equal to the published undisputed vectors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tallystick.epcis import JsonObject, event_hash, pre_hash_string, read_document, read_json

REPOSITORY = Path(__file__).parents[4]
VECTORS = REPOSITORY / "tests" / "vectors" / "epcis"
SHARED = Path(os.environ.get("TALLYSTICK_SHARED", REPOSITORY.parent / "shared" / "data")) / "epcis-hash"
FROZEN: list[dict[str, str]] = json.loads((VECTORS / "event_hash.json").read_text("utf-8"))["hashes"]
IGNORED = frozenset({"repository-x:hash", "example:captureID"})


@pytest.mark.parametrize("case", FROZEN, ids=lambda case: case["name"])
def test_hash_is_frozen(samples: dict[str, JsonObject], case: dict[str, str]) -> None:
    assert pre_hash_string(samples[case["name"]]) == case["pre_hash"]
    assert event_hash(samples[case["name"]]) == case["hash"]


@pytest.mark.parametrize("path", sorted(SHARED.glob("examples/*.jsonld")), ids=lambda path: path.stem)
def test_published_vector(path: Path) -> None:
    root: Any = read_json(path.read_bytes(), size_max=10**6)
    body = root["epcisBody"]
    events = (body.get("queryResults", {}).get("resultsBody") or body)["eventList"]
    found = [event_hash({**event, "@context": root["@context"]}, ignored=IGNORED) for event in events]
    assert found == path.with_suffix(".hashes").read_text().split()


@pytest.mark.parametrize("path", sorted(SHARED.glob("expected_equal/*.json")), ids=lambda path: path.stem)
def test_published_equal_events(path: Path) -> None:
    assert len({event_hash(event) for event in read_document(path.read_bytes(), lenient=True).events}) == 1


def test_spelling_order_and_declarations_do_not_matter(samples: dict[str, JsonObject]) -> None:
    event = samples["packing"]
    expected = event_hash(event)
    event["eventTime"] = "2026-03-04T07:06:07.0004+02:00"
    event["bizStep"] = "https://ref.gs1.org/cbv/BizStep-packing"
    event["childEPCs"] = ["https://x.example/01/09521234543213/21/A2", "urn:epc:id:sgtin:9521234.054321.A1"]
    event["recordTime"] = "2026-03-05T00:00:00Z"
    event["errorDeclaration"] = {"declarationTime": "2026-03-05T00:00:00Z"}
    event["eventID"] = expected
    assert event_hash(event) == expected
    event["disposition"] = "active"
    assert event_hash(event) != expected
