"""Every rule: valid events of our own pass, and each defect alone is refused at its place."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.epcis import JsonObject, collect_issues, read_json, validate_event
from tallystick.epcis.bounds import IDENTIFIERS_MAX, SENSOR_REPORTS_MAX
from tallystick.errors import EventError

REPOSITORY = Path(__file__).parents[4]
VECTORS = REPOSITORY / "tests" / "vectors" / "epcis"
SHARED = Path(os.environ.get("TALLYSTICK_SHARED", REPOSITORY.parent / "shared" / "data"))
PROBES_FILE = SHARED / "epcis" / "probes.json"
PROBES: list[dict[str, Any]] = json.loads(PROBES_FILE.read_text())["probes"] if PROBES_FILE.is_file() else []
STANDARD = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


def place(root: Any, path: str) -> tuple[Any, Any]:
    steps = path.split("/")[1:]
    for step in steps[:-1]:
        root = root[int(step)] if isinstance(root, list) else root[step]
    return root, int(steps[-1]) if isinstance(root, list) else steps[-1]


def broken(samples: dict[str, JsonObject], name: str) -> tuple[JsonObject, dict[str, Any]]:
    root: Any = read_json((VECTORS / "broken_events.json").read_bytes(), size_max=10**6)
    case = next(case for case in root["cases"] if case["name"] == name)
    event = samples[case["of"]]
    for path in case.get("remove", []):
        holder, key = place(event, path)
        del holder[key]
    for path, value in case.get("set", {}).items():
        holder, key = place(event, path)
        holder[key] = value
    return event, case


def test_valid_event_passes(samples: dict[str, JsonObject], sample_name: str) -> None:
    validate_event(samples[sample_name])
    assert collect_issues(samples[sample_name]) == ()


def test_one_defect_is_refused_at_its_place(samples: dict[str, JsonObject], broken_name: str) -> None:
    event, case = broken(samples, broken_name)
    with pytest.raises(EventError) as caught:
        validate_event(event)
    assert (caught.value.rule, caught.value.path) == (case["rule"], case["path"])
    assert caught.value.detail
    assert caught.value.rule in {issue.rule for issue in collect_issues(event)}


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe["name"])
def test_published_probe(probe: dict[str, Any]) -> None:
    event: Any = read_json(json.dumps(probe["event"]).encode(), size_max=10**6)
    issues = collect_issues({"@context": [STANDARD], **event})
    if probe["wanted_valid"] is not None:
        assert (not issues) == probe["wanted_valid"], issues


def test_full_name_of_a_standard_word_is_read_as_the_word(samples: dict[str, JsonObject]) -> None:
    validate_event({**samples["packing"], "bizStep": "https://ref.gs1.org/cbv/BizStep-packing"})
    validate_event({**samples["packing"], "bizStep": "https://shop.example/steps/wrapping"})


def test_a_thousand_identifiers_and_not_one_more(samples: dict[str, JsonObject]) -> None:
    event = samples["packing"]
    event.pop("childQuantityList")
    event["childEPCs"] = [f"urn:shop:crate:{number}" for number in range(IDENTIFIERS_MAX - 1)]
    validate_event(event)
    event["childEPCs"].append("urn:shop:crate:last")
    with pytest.raises(EventError) as caught:
        validate_event(event)
    assert caught.value.rule == "event.too-many-identifiers"


def test_a_thousand_sensor_reports_and_not_one_more(samples: dict[str, JsonObject]) -> None:
    reports: Any = [{"type": "Temperature", "value": 4}] * (SENSOR_REPORTS_MAX // 2)
    event = samples["packing"] | {"sensorElementList": [{"sensorReport": reports}, {"sensorReport": reports}]}
    validate_event(event)
    event |= {"sensorElementList": [{"sensorReport": reports}, {"sensorReport": [*reports, reports[0]]}]}
    with pytest.raises(EventError) as caught:
        validate_event(event)
    assert (caught.value.rule, caught.value.path) == ("sensor.too-many", "/sensorElementList/1")


def test_all_issues_are_collected_in_order(samples: dict[str, JsonObject]) -> None:
    event = samples["shipping-between-parties"]
    event |= {"bizStep": "x", "eventTime": "y", "sourceList": [{}, 7], "readPoint": [], "unknown": {}}
    event.pop("action")
    rules = [issue.rule for issue in collect_issues(event)]
    assert rules.count("cbv.word") == 1 and "time.form" in rules and "epcis.action-required" in rules
    assert rules.count("reference.type-required") == 2 and "event.field-unknown" in rules


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.sampled_from(["urn:a:b", "ADD", "x:y"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "type", "source", "bizTransaction", "epcClass", "quantity", "uom", "set", "x:y", "k"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.data())
def test_junk_in_any_field_is_reported_and_never_raises_anything_else(data: st.DataObject) -> None:
    root: Any = read_json((VECTORS / "events.json").read_bytes(), size_max=10**6)
    event = copy.deepcopy(data.draw(st.sampled_from(root["events"]))["event"])
    event["@context"] = [STANDARD]
    fields = [*event, "ilmd", "errorDeclaration", "sensorElementList", "persistentDisposition", "quantityList"]
    event[data.draw(st.sampled_from(fields))] = data.draw(junk)
    issues = collect_issues(event)
    try:
        validate_event(event)
        assert issues == ()
    except EventError as error:
        assert issues[0].rule == error.rule and issues[0].path == error.path
