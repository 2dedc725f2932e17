"""Length-prefixed frames, sans I/O: ``length (4, big-endian) || payload``."""

from __future__ import annotations

from tallystick.errors import DecodeError
from tallystick.limits import FRAME_SIZE_MAX

_PREFIX_SIZE = 4


def encode_frame(payload: bytes) -> bytes:
    """One frame's bytes."""
    assert 0 < len(payload) <= FRAME_SIZE_MAX
    return len(payload).to_bytes(_PREFIX_SIZE, "big") + payload


class FrameReader:
    """Cuts a stream of bytes into payloads; holds at most one unfinished frame."""

    def __init__(self, size_max: int = FRAME_SIZE_MAX) -> None:
        self._size_max = size_max
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes of the stream, return the payloads that are complete now.

        Raises:
            DecodeError: ``frame.size``: a frame is empty or too long; the stream cannot be read any further.
        """
        buffer = self._buffer
        buffer += data
        payloads: list[bytes] = []
        at, size = 0, len(buffer)
        while size - at >= _PREFIX_SIZE:
            length = int.from_bytes(buffer[at : at + _PREFIX_SIZE], "big")
            if not 0 < length <= self._size_max:
                raise DecodeError("frame.size", f"a frame of {length} bytes; 1 to {self._size_max} are possible")
            end = at + _PREFIX_SIZE + length
            if end > size:
                break
            payloads.append(bytes(buffer[at + _PREFIX_SIZE : end]))
            at = end
        if at:
            del buffer[:at]
        return payloads
