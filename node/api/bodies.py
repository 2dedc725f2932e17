"""Reading a request's body within a bound of size and time, and splitting a bulk submission."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from starlette.requests import ClientDisconnect, Request

from node.api.auth import Access, Authenticator, Caller
from node.api.problems import ProblemError
from tallystick.errors import DecodeError
from tallystick.limits import BULK_TRANSACTIONS_MAX

MSGPACK = "application/msgpack"
BODY_DEADLINE_S = 30.0

_Bulk = Annotated[list[bytes], msgspec.Meta(min_length=1, max_length=BULK_TRANSACTIONS_MAX)]
_bulk_decoder = msgspec.msgpack.Decoder(_Bulk)
_encoder = msgspec.msgpack.Encoder()


async def submitted_body(request: Request, authenticator: Authenticator, size_max: int) -> tuple[Caller, bytes]:
    """What somebody sends who may submit, held against its signature; it is known before anything is read.

    Raises:
        ProblemError: nobody who may, or a body that is not taken.
    """
    caller = authenticator.caller(request, Access.SUBMIT)
    _check_body_headers(request, size_max)
    body = await read_body(request, size_max)
    caller.check_body(body)
    return caller, body


def _check_body_headers(request: Request, size_max: int) -> None:
    """Refuse by the headers alone what need not be read.

    Raises:
        ProblemError: ``media-type`` or ``too-large``.
    """
    if request.headers.get("content-type", "").lower() != MSGPACK:
        raise ProblemError("media-type", f"the body must be {MSGPACK}", f"send Content-Type: {MSGPACK}")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError("media-type", "compressed bodies are not taken", "send it without Content-Encoding")
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or len(length) > 12 or int(length) > size_max:
        raise _too_large(size_max)


async def read_body(request: Request, size_max: int) -> bytes:
    """The body, never holding more than ``size_max`` bytes and one chunk of it.

    Raises:
        ProblemError: ``too-large`` or ``slow-body``.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size > size_max:
                    raise _too_large(size_max)
                chunks.append(chunk)
    except TimeoutError as error:
        raise ProblemError("slow-body", f"not there after {BODY_DEADLINE_S:.0f} s", "send less at once") from error
    except ClientDisconnect as error:
        raise ProblemError("slow-body", "the connection ended inside the body") from error
    return b"".join(chunks)


def split_bulk(body: bytes) -> list[bytes]:
    """The raw transactions of a bulk submission: a MessagePack array of byte strings in its canonical spelling.

    Raises:
        DecodeError: ``bulk.malformed`` or ``bulk.non-canonical``.
    """
    try:
        raws: list[bytes] = _bulk_decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DecodeError(
            "bulk.malformed", f"not an array of 1 to {BULK_TRANSACTIONS_MAX} byte strings: {error}"
        ) from error
    if _encoder.encode(raws) != body:
        raise DecodeError("bulk.non-canonical", "not the one canonical spelling of the array")
    return raws


def _too_large(size_max: int) -> ProblemError:
    return ProblemError("too-large", f"at most {size_max} bytes are taken here", "split the submission")
