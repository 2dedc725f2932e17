"""QR codes: PNG, SVG and terminal show one and the same matrix."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image

from client_sdk import qr
from tallystick.errors import ConfigError, EventError

LINK = "https://id.example.org/01/09521002000016/21/A001"
MATRIX = qr.matrix_of(LINK)


def test_a_link_is_the_key_text_below_the_host() -> None:
    assert qr.digital_link("01/09521002000016/21/A001", "https://id.example.org/") == LINK
    assert qr.digital_link("https://elsewhere.example/x/01/09521002000016/21/A001", "https://id.example.org") == LINK
    assert qr.digital_link("00/095210020000000016", "http://127.0.0.1:8100/d").endswith("/d/00/095210020000000016")


def test_a_wrong_check_digit_makes_no_label() -> None:
    with pytest.raises(EventError, match="check digit"):
        qr.digital_link("01/09521002000017/21/A001", "https://id.example.org")


@pytest.mark.parametrize("value", ["21/.", "21/..", "10/..", "10/%2E%2E"])
def test_a_label_that_a_browser_would_take_for_a_folder_is_not_printed(value: str) -> None:
    """A scan of serial ``..`` opened the page of the whole product."""
    with pytest.raises(ConfigError, match="no link leads there"):
        qr.digital_link(f"01/09521002000016/{value}", "https://id.example.org")
    assert qr.digital_link("01/09521002000016/21/...", "https://id.example.org").endswith("/21/...")


@pytest.mark.parametrize("host", ["id.example.org", "ftp://x", "https://", "https://a/?q", "https://u:p@h"])
def test_a_host_is_a_web_address(host: str) -> None:
    with pytest.raises(ConfigError):
        qr.digital_link("01/09521002000016", host)


def test_the_png_shows_the_matrix() -> None:
    picture = Image.open(io.BytesIO(qr.to_png(MATRIX, scale=3)))
    picture.load()
    assert picture.size == (3 * len(MATRIX), 3 * len(MATRIX))
    read = tuple(
        tuple(picture.getpixel((3 * x + 1, 3 * y + 1)) == 0 for x in range(len(MATRIX))) for y in range(len(MATRIX))
    )
    assert read == MATRIX


def test_the_svg_shows_the_matrix() -> None:
    root = ElementTree.fromstring(qr.to_svg(MATRIX, "0.396"))
    assert root.attrib["width"] == f"{len(MATRIX) * 396 // 1000}.{len(MATRIX) * 396 % 1000:03d}mm"
    path = root.findall("{http://www.w3.org/2000/svg}path")[1].attrib["d"]
    dark = set()
    for x, y, run in re.findall(r"M(\d+) (\d+)h(\d+)v1", path):
        dark |= {(int(x) + step, int(y)) for step in range(int(run))}
    assert dark == {(x, y) for y, row in enumerate(MATRIX) for x, module in enumerate(row) if module}


def test_the_terminal_shows_the_matrix() -> None:
    rows: list[tuple[bool, ...]] = []
    for line in qr.to_terminal(MATRIX, colour=False).splitlines():
        rows.append(tuple(char in " ▄" for char in line))
        rows.append(tuple(char in " ▀" for char in line))
    assert tuple(rows[: len(MATRIX)]) == MATRIX
    assert qr.to_terminal(MATRIX).startswith("\x1b[97;40m")


def test_the_quiet_zone_is_four_modules_wide() -> None:
    edge = [*MATRIX[:4], *MATRIX[-4:], *zip(*MATRIX, strict=True)]
    assert not any(any(row) for row in edge[:8])
    assert not any(any(column) for column in (edge[8:12] + edge[-4:]))


def test_what_is_too_long_is_said_so() -> None:
    with pytest.raises(ConfigError, match="do not fit"):
        qr.matrix_of("x" * 5_000)
