"""Bytes of peers: any cut of the stream gives the same messages, and any bytes one message or one error."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node.network.frames import FrameReader, encode_frame
from node.network.messages import (
    CertificatesRequest,
    HeadNotice,
    Hello,
    PeerMessage,
    RangeRequest,
    TransactionFrame,
    decode_message,
    message_frame,
)
from tallystick.encoding import encode
from tallystick.errors import DecodeError
from tallystick.limits import FRAME_SIZE_MAX

MESSAGES: tuple[PeerMessage, ...] = (
    Hello(1, bytes(32), "tallystick"),
    HeadNotice(1, 2, 3),
    TransactionFrame((b"raw", b"other")),
    CertificatesRequest(1, 9),
    RangeRequest(1, 256),
)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=10), st.data())
def test_any_cut_of_the_stream_gives_the_same_payloads(payloads: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(encode_frame(payload) for payload in payloads)
    reader = FrameReader()
    found: list[bytes] = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found += reader.feed(stream[:cut])
        stream = stream[cut:]
    assert found == payloads


@pytest.mark.parametrize("length", [0, FRAME_SIZE_MAX + 1, 2**32 - 1])
def test_an_empty_or_oversized_frame_is_refused_before_it_is_kept(length: int) -> None:
    with pytest.raises(DecodeError, match=r"frame\.size"):
        FrameReader().feed(length.to_bytes(4, "big"))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_survives_its_frame(message: PeerMessage) -> None:
    (payload,) = FrameReader().feed(message_frame(message))
    assert decode_message(payload) == message


@given(st.binary(max_size=200))
@example(b"")
@example(b"\x92" * 100)
@example(b"\xc1")
@example(encode([99, 1]))
@example(encode([2, 1, 2, -3]))
@example(encode([6, [b"x"] * 251]))
def test_any_bytes_are_one_message_or_one_decode_error(payload: bytes) -> None:
    try:
        message = decode_message(payload)
    except DecodeError:
        return
    assert encode(message) == payload


@given(st.sampled_from(MESSAGES), st.data())
def test_a_changed_byte_gives_another_message_or_one_decode_error(message: PeerMessage, data: st.DataObject) -> None:
    good = encode(message)
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + bytes((good[at] ^ data.draw(st.integers(1, 255)),)) + good[at + 1 :]
    with suppress(DecodeError):
        assert decode_message(changed) != message
