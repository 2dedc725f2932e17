"""A scanner reads the photograph of any code that fits, and nothing where there is none."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image

from client_sdk import qr
from scripts.story.photograph import UnreadableError, photograph, scan
from tallystick.compact import QR_SIZE_MAX, compact_text


@pytest.mark.parametrize("size", [400, 1_000, QR_SIZE_MAX])
def test_the_photograph_of_a_code_reads_as_what_was_printed(size: int) -> None:
    text = compact_text(random.Random(size).randbytes(size))
    png = qr.to_png(qr.compact_matrix(text), 6)
    taken = photograph(png)
    assert taken != png and scan(taken) == text


def test_a_picture_without_a_code_is_not_read() -> None:
    blank = io.BytesIO()
    Image.new("L", (200, 200), 255).save(blank, "PNG")
    with pytest.raises(UnreadableError):
        scan(blank.getvalue())
