"""Reads a QR code back from a picture of it: module grid, mask, blocks, alphanumeric text. For tests alone.

Errors are found, not corrected: the check codewords of every block are recomputed and must be those that are shown.
Source: ISO/IEC 18004:2015, sections 6 and 7; the tables of blocks and patterns are those of ``qrcode``.
"""

from __future__ import annotations

from PIL import Image
from qrcode import base, util

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"  # ISO/IEC 18004, table 5

Grid = list[list[bool]]
QUIET = 4
LEVELS = {0b01: 1, 0b00: 0, 0b11: 3, 0b10: 2}  # format bits to qrcode's constants: L, M, Q, H


def read_text(picture: Image.Image) -> str:
    """The text of an upright code that fills the picture but for its quiet zone, of whatever scale."""
    grid = _grid(picture.convert("L"))
    size = len(grid)
    version, level, mask = (size - 17) // 4, *_format(grid)
    return _text(_data(_codewords(grid, version, mask), version, level), version)


def _grid(picture: Image.Image) -> Grid:
    """Modules by the grey at their centres; the dark finder's upper edge, seven modules long, gives their size."""
    width, height = picture.size
    low, high = picture.getextrema()
    pixels, middle_grey = picture.tobytes(), (low + high) // 2
    dark = [[grey < middle_grey for grey in pixels[y * width : (y + 1) * width]] for y in range(height)]
    top = next(y for y in range(height) if sum(dark[y]) > 6)
    left = next(x for x in range(width) if any(row[x] for row in dark))
    right = max(x for x in range(width) if any(row[x] for row in dark))
    run = next(x for x in range(left, width) if not dark[top + 2][x]) - left
    count = round((right + 1 - left) / (run / 7))
    count = 17 + 4 * round((count - 17) / 4)
    module = (right + 1 - left) / count
    middle = [left + module * (index + 0.5) for index in range(count)]
    return [[dark[round(top - left + y - 0.5)][round(x - 0.5)] for x in middle] for y in middle]


def _format(grid: Grid) -> tuple[int, int]:
    """Error correction level and mask, from the fifteen bits beside the upper left finder."""
    places = [*((8, x) for x in (0, 1, 2, 3, 4, 5, 7, 8)), (7, 8), *((y, 8) for y in (5, 4, 3, 2, 1, 0))]
    bits = 0
    for y, x in places:
        bits = bits << 1 | grid[y][x]
    bits ^= 0b101010000010010
    assert util.BCH_type_info(bits >> 10) == bits ^ 0b101010000010010
    return LEVELS[bits >> 13], bits >> 10 & 7


def _reserved(version: int) -> Grid:
    """Where no data stands: finders, timing, alignment, format and version."""
    size = 17 + 4 * version
    taken = [[y == 6 or x == 6 for x in range(size)] for y in range(size)]

    def block(top: int, left: int, bottom: int, right: int) -> None:
        for y in range(top, bottom):
            for x in range(left, right):
                taken[y][x] = True

    block(0, 0, 9, 9)
    block(0, size - 8, 9, size)
    block(size - 8, 0, size, 9)
    centres = util.pattern_position(version)
    for y in centres:
        for x in centres:
            if (y, x) not in ((6, 6), (6, size - 7), (size - 7, 6)):
                block(y - 2, x - 2, y + 3, x + 3)
    if version >= 7:
        block(0, size - 11, 6, size - 8)
        block(size - 11, 0, size - 8, 6)
    return taken


def _codewords(grid: Grid, version: int, mask: int) -> bytes:
    """Bits in their zigzag from the lower right, unmasked."""
    size, taken, masked = len(grid), _reserved(version), util.mask_func(mask)
    bits: list[bool] = []
    upwards = True
    column = size - 1
    while column > 0:
        column -= column == 6
        for step in range(size):
            y = size - 1 - step if upwards else step
            for x in (column, column - 1):
                if not taken[y][x]:
                    bits.append(grid[y][x] ^ masked(y, x))
        column -= 2
        upwards = not upwards
    return bytes(sum(bit << 7 - at for at, bit in enumerate(bits[i : i + 8])) for i in range(0, len(bits) - 7, 8))


def _data(codewords: bytes, version: int, level: int) -> bytes:
    """Data codewords out of their interleaved blocks."""
    blocks = base.rs_blocks(version, level)
    parts: list[bytearray] = [bytearray() for _ in blocks]
    at = 0
    for index in range(max(block.data_count for block in blocks)):
        for block, part in zip(blocks, parts, strict=True):
            if index < block.data_count:
                part.append(codewords[at])
                at += 1
    checks: list[bytearray] = [bytearray() for _ in blocks]
    for _ in range(blocks[0].total_count - blocks[0].data_count):
        for check in checks:
            check.append(codewords[at])
            at += 1
    for part, check in zip(parts, checks, strict=True):
        polynomial = _generator(len(check))
        rest = base.Polynomial(list(part), len(polynomial) - 1) % polynomial
        shown = bytes(rest[index] for index in range(len(rest))).rjust(len(check), b"\x00")
        assert shown == bytes(check), "a block's check codewords are not those of its data"
    return b"".join(parts)


def _generator(count: int) -> base.Polynomial:
    polynomial = base.Polynomial([1], 0)
    for power in range(count):
        polynomial = polynomial * base.Polynomial([1, base.gexp(power)], 0)
    return polynomial


def _text(data: bytes, version: int) -> str:
    """One alphanumeric segment."""
    bits = "".join(f"{byte:08b}" for byte in data)
    assert bits[:4] == "0010", "not alphanumeric"
    width = 9 if version < 10 else 11 if version < 27 else 13
    count, at, text = int(bits[4 : 4 + width], 2), 4 + width, ""
    while len(text) < count:
        if count - len(text) > 1:
            high, low = divmod(int(bits[at : at + 11], 2), 45)
            text, at = text + ALPHABET[high] + ALPHABET[low], at + 11
        else:
            text, at = text + ALPHABET[int(bits[at : at + 6], 2)], at + 6
    return text
