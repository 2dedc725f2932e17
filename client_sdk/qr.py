"""GS1 Digital Link QR codes: as PNG, as SVG, and for the terminal, from one matrix.

The matrix comes from ``qrcode``; the three writers are here, because its own ones need imaging libraries.
A label prints at 0.396 mm per module or more, with a quiet zone of four modules (GS1 General Specifications 5.12.3).
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import Any
from urllib.parse import urlsplit

import qrcode
import qrcode.util
from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M
from qrcode.exceptions import DataOverflowError

from client_sdk.values import read_identifier
from tallystick.errors import ConfigError

QUIET_ZONE = 4  # modules, on every side
Matrix = tuple[tuple[bool, ...], ...]


def digital_link(identifier: str, host: str) -> str:
    """The GS1 Digital Link of an identifier on a resolver's host.

    Args:
        identifier: compact key text, EPC URN or Digital Link.
        host: ``https://host`` or ``http://host:port``, optionally with a path.
    Raises:
        EventError: no GS1 key, or a wrong check digit.
        ConfigError: not such a host, or a lot or serial that no link can lead to.
    """
    parts = urlsplit(host)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ConfigError(f"{host!r} is not a host; write for instance https://id.example.org")
    if not host.isascii() or not host.isprintable() or " " in host:
        raise ConfigError(f"{host!r} is no URI; write the host in ASCII (xn--…) and escape its path")
    parsed = read_identifier(identifier)
    if not parsed.is_gs1:
        raise ConfigError(f"{identifier!r} is not a GS1 key, so it has no Digital Link")
    if {".", ".."}.intersection(parsed.key.split("/")):
        raise ConfigError(
            f"{parsed.key}: browsers take . and .. for folders, however they are written; no link leads there"
        )
    return f"{host.rstrip('/')}/{parsed.key}"


def matrix_of(text: str) -> Matrix:
    """The modules of a code of error correction level M, rows from the top, dark is True, quiet zone included.

    Raises:
        ConfigError: the text is too long for a QR code.
    """
    return _made(qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE), text)


def compact_matrix(text: str) -> Matrix:
    """The same for the text of a compact proof: alphanumeric, of level L, for it is long and verifies itself.

    Raises:
        ConfigError: the text is too long for a QR code, or has other signs than such a code takes.
    """
    try:
        data = qrcode.util.QRData(text, mode=qrcode.util.MODE_ALPHA_NUM)
    except ValueError as error:
        raise ConfigError("a compact proof's text has capital letters, digits and nine signs only") from error
    return _made(qrcode.QRCode(error_correction=ERROR_CORRECT_L, border=QUIET_ZONE), data)


def _made(code: Any, data: Any) -> Matrix:
    code.add_data(data)
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError) as error:
        raise ConfigError(f"{len(data)} characters do not fit into a QR code") from error
    return tuple(tuple(bool(module) for module in row) for row in code.get_matrix())


def to_png(matrix: Matrix, scale: int = 8) -> bytes:
    """A black and white PNG, ``scale`` pixels per module, one bit per pixel."""
    width = len(matrix[0]) * scale
    rows: list[bytes] = []
    for row in matrix:
        bits = "".join(("0" if dark else "1") * scale for dark in row).ljust((width + 7) // 8 * 8, "0")
        rows.append((b"\x00" + int(bits, 2).to_bytes(len(bits) // 8, "big")) * scale)
    header = struct.pack(">IIBBBBB", width, len(matrix) * scale, 1, 0, 0, 0, 0)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(b"".join(rows), 9)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def to_svg(matrix: Matrix, module_mm: str = "0.5") -> bytes:
    """An SVG whose size in millimetres is that of the label; one path, a run of dark modules per step.

    Raises:
        ConfigError: no size of a module.
    """
    size, micrometres = len(matrix), _micrometres(module_mm)
    steps: list[str] = []
    for y, row in enumerate(matrix):
        x = 0
        while x < size:
            start = x
            while x < size and row[x]:
                x += 1
            if x > start:
                steps.append(f"M{start} {y}h{x - start}v1h-{x - start}z")
            x += 1
    side = f"{size * micrometres // 1_000}.{size * micrometres % 1_000:03d}mm"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side}" height="{side}" viewBox="0 0 {size} {size}" '
        f'shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{size}v{size}H0z"/>'
        f'<path d="{"".join(steps)}"/></svg>\n'
    ).encode()


def _micrometres(module_mm: str) -> int:
    found = re.fullmatch(r"([0-9]{1,2})(?:\.([0-9]{1,3}))?", module_mm)
    size = int(found[1]) * 1_000 + int((found[2] or "").ljust(3, "0")) if found is not None else 0
    if not size:
        raise ConfigError(f"{module_mm!r} is no size of a module; write millimetres, for instance 0.5")
    return size


def to_terminal(matrix: Matrix, *, colour: bool = True) -> str:
    """Two rows of modules per line of text, in half blocks.

    Args:
        colour: force black on white, so that any camera reads it on a dark terminal too; else plain half blocks,
            light modules drawn, as most terminals are dark.
    """
    rows = [*matrix, *([tuple([False] * len(matrix[0]))] if len(matrix) % 2 else [])]
    lines: list[str] = []
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        line = "".join(" ▄▀█"[2 * (not top) + (not bottom)] for top, bottom in zip(upper, lower, strict=True))
        lines.append(f"\x1b[97;40m{line}\x1b[0m" if colour else line)
    return "\n".join(lines)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
