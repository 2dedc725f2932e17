"""The OpenAPI description is whole: every route, every answer, every refusal, with examples that fit their schemas."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.api.door import is_public
from node.api.openapi import SHAPES
from node.api.problems import KINDS
from tallystick import api
from tests.unit.node_api.api_world import World

DOORS = {
    value for name, value in vars(api).items() if name.isupper() and isinstance(value, str) and value.startswith("/")
}


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    answer = World(Path(tmp_path_factory.mktemp("openapi"))).get("/v1/openapi.json")
    assert answer.status == 200
    value: dict[str, Any] = answer.json
    return value


def operations(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Path, method, operation."""
    return [
        (path, method, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_path_of_the_doors_is_described_and_no_other(description: dict[str, Any]) -> None:
    assert set(description["paths"]) == DOORS
    assert description["openapi"].startswith("3.1")


def test_every_operation_has_name_summary_answers_and_refusals(description: dict[str, Any]) -> None:
    names = set()
    for path, method, operation in operations(description):
        names.add(operation["operationId"])
        assert operation["summary"] and len(operation["summary"]) < 80, path
        assert re.fullmatch(r"[a-z][A-Za-z]+", operation["operationId"])
        statuses = {int(status) for status in operation["responses"]}
        assert statuses & {200, 202}
        assert {400, 429, 503} <= statuses, path
        assert 422 not in statuses and 500 not in statuses
        if not is_public(path):
            assert {401, 403} <= statuses and operation["security"], path
        else:
            assert "security" not in operation
        if method == "post":
            assert {408, 413, 415} <= statuses
            assert "application/msgpack" in operation["requestBody"]["content"]
    assert len(names) == len(operations(description))


def test_every_answer_has_an_example_and_every_refusal_is_a_problem(description: dict[str, Any]) -> None:
    for path, _, operation in operations(description):
        for status, answer in operation["responses"].items():
            assert answer["description"], (path, status)
            for media_type, content in answer["content"].items():
                assert "example" in content, (path, status)
                if int(status) >= 400:
                    assert media_type == "application/problem+json"
                    assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                    problem = msgspec.convert(content["example"], api.Problem)
                    assert KINDS[problem.code][0] == int(status)


def test_every_parameter_has_a_pattern_or_a_choice_and_an_example(description: dict[str, Any]) -> None:
    for path, _, operation in operations(description):
        for parameter in operation.get("parameters", []):
            schema = parameter["schema"]
            assert parameter["description"], path
            assert "pattern" in schema or "anyOf" in schema, (path, parameter["name"])
            assert schema.get("examples") or parameter.get("examples"), (path, parameter["name"])


def test_every_reference_leads_somewhere_and_examples_fit_their_shapes(description: dict[str, Any]) -> None:
    schemas = description["components"]["schemas"]
    for reference in re.findall(r"#/components/schemas/(\w+)", str(description)):
        assert reference in schemas
    shapes = {shape.__name__: shape for shape in SHAPES}
    for _, _, operation in operations(description):
        for answer in operation["responses"].values():
            for content in answer["content"].values():
                reference = content["schema"].get("$ref", "").rsplit("/", 1)[-1]
                if reference:
                    msgspec.convert(content["example"], shapes[reference])


def test_schemes_of_both_ways_in_are_described(description: dict[str, Any]) -> None:
    assert set(description["components"]["securitySchemes"]) == {"signedRequest", "readToken"}
