"""Samples shared by the tests of this package."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tallystick.epcis import JsonObject, read_json

VECTORS = Path(__file__).parents[3] / "vectors" / "epcis"


def load_samples() -> dict[str, JsonObject]:
    """The events of events.json by name, self-contained."""
    root: Any = read_json((VECTORS / "events.json").read_bytes(), size_max=10**6)
    samples: dict[str, JsonObject] = {}
    for entry in root["events"]:
        prefixes = entry.get("prefixes")
        samples[entry["name"]] = {**entry["event"], "@context": root["context"] + ([prefixes] if prefixes else [])}
    return samples


@pytest.fixture
def samples() -> dict[str, JsonObject]:
    return copy.deepcopy(load_samples())


@pytest.fixture(scope="session")
def broken_cases() -> dict[str, Any]:
    return {case["name"]: case for case in json.loads((VECTORS / "broken_events.json").read_text("utf-8"))["cases"]}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "sample_name" in metafunc.fixturenames:
        metafunc.parametrize("sample_name", list(load_samples()))
    if "broken_name" in metafunc.fixturenames:
        cases: Any = read_json((VECTORS / "broken_events.json").read_bytes(), size_max=10**6)
        metafunc.parametrize("broken_name", [case["name"] for case in cases["cases"]])
