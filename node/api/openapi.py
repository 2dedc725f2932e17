"""The OpenAPI description: shapes from ``tallystick.api``, an example and every refusal for every operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from node.api.bodies import MSGPACK
from node.api.parameters import EXAMPLE_HASH
from node.api.problems import KINDS, MEDIA_TYPE, TYPE_PREFIX
from tallystick import api

TITLE = "Tallystick node"
DESCRIPTION = (
    "Two doors of one node. The public door shows what anybody can verify; the members' door takes requests that are "
    "signed by a registered key (RFC 9421), or carry a read token. Errors are RFC 9457 problems with a stable `code`."
)
SIGNED = "signedRequest"
TOKEN = "readToken"
SHAPES = (
    api.TransactionStatus,
    api.BulkAnswer,
    api.SealAsked,
    api.HeadAnswer,
    api.HealthAnswer,
    api.StatusAnswer,
    api.Problem,
)
_TEMPLATE = "#/components/schemas/{name}"

Responses = dict[int | str, dict[str, Any]]


def json_answer(shape: type[msgspec.Struct], description: str, example: msgspec.Struct) -> dict[str, Any]:
    """A JSON answer of one of ``SHAPES``."""
    schema = {"$ref": _TEMPLATE.format(name=shape.__name__)}
    content = {"schema": schema, "example": msgspec.to_builtins(example)}
    return {"description": description, "content": {"application/json": content}}


def other_answer(media_type: str, description: str, example: str) -> dict[str, Any]:
    """An answer in another media type; ``example`` is text, for bytes their hex."""
    schema: dict[str, Any] = {"type": "string"}
    if media_type == MSGPACK:
        schema = {"type": "string", "contentMediaType": MSGPACK, "description": "Bytes; the example is their hex."}
    if media_type == "application/json":
        schema = {"type": "object"}
        return {"description": description, "content": {media_type: {"schema": schema, "example": {"bundle": example}}}}
    return {"description": description, "content": {media_type: {"schema": schema, "example": example}}}


OF_SUBMISSIONS = (  # codes of what any operation that takes a signed body may answer
    "query", "unauthenticated", "signature", "forbidden", "slow-body", "too-large", "media-type", "rate-limited",
    "unavailable",
)  # fmt: skip


def refusals(*codes: str) -> Responses:
    """The problems that an operation may answer, by status; several codes may share one."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(KINDS[code][0], []).append(code)
    answers: Responses = {}
    for status, names in sorted(by_status.items()):
        code = names[0]
        example = api.Problem(TYPE_PREFIX + code, KINDS[code][1], status, code, "what is wrong", "", "what to do")
        answers[status] = {
            "description": "; ".join(f"`{name}`: {KINDS[name][1]}" for name in names),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": _TEMPLATE.format(name="Problem")},
                    "example": msgspec.to_builtins(example),
                }
            },
        }
    return answers


def msgpack_body(description: str, size_max: int) -> dict[str, Any]:
    """``openapi_extra`` of an operation that takes MessagePack."""
    schema = {"type": "string", "contentMediaType": MSGPACK, "maxLength": size_max}
    content = {"schema": schema, "example": EXAMPLE_HASH}
    return {
        "requestBody": {"required": True, "description": description, "content": {MSGPACK: content}},
        "security": [{SIGNED: []}],
    }


def members_read() -> dict[str, Any]:
    """``openapi_extra`` of an operation for members and for readers with a token."""
    return {"security": [{SIGNED: []}, {TOKEN: []}]}


def install(application: FastAPI, version: str) -> None:
    """Make ``application.openapi`` give the whole description."""

    def describe() -> dict[str, Any]:
        if application.openapi_schema is None:
            schema = get_openapi(
                title=TITLE,
                version=version,
                description=DESCRIPTION,
                routes=application.routes,
                openapi_version="3.1.0",
            )
            _, shapes = msgspec.json.schema_components(SHAPES, ref_template=_TEMPLATE)
            schema["components"] = {"schemas": dict(shapes), "securitySchemes": _security_schemes()}
            _drop_framework_errors(schema)
            application.openapi_schema = schema
        return application.openapi_schema

    application.openapi = describe  # type: ignore[method-assign]


def _security_schemes() -> Mapping[str, Any]:
    return {
        SIGNED: {
            "type": "apiKey",
            "in": "header",
            "name": "Signature",
            "description": "RFC 9421 with Signature-Input and Content-Digest; docs/spec/api.md, section 3.",
        },
        TOKEN: {"type": "http", "scheme": "bearer", "description": "A line of the node's file of read tokens."},
    }


def _drop_framework_errors(schema: dict[str, Any]) -> None:
    """The framework documents a 422 that never leaves this node: its cases answer 400 as ``query``."""
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
