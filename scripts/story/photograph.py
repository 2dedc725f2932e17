"""A photograph of a printed code: tilted, turned, blurred, badly lit, noisy, compressed; and what is read in it.

Pillow and zxing-cpp come with the extra ``dev``; nothing of the product needs them.
"""

from __future__ import annotations

import io
import random

TURN_DEGREES = 3.5
TILT = 0.02  # by how much the far edge is shorter than the near one
SHRINK = 0.85
BLUR_PIXELS = 0.9
DARKEST, BRIGHTEST = 45, 205  # grey of ink and paper on the picture
NOISE = 14  # grey levels, standard deviation
NOISE_TILE = 65_521  # pixels before the noise repeats: a prime, so that no two rows are alike
MIDDLE = 128  # grey of no noise
JPEG_QUALITY = 70


class UnreadableError(Exception):
    """A scanner finds no code in a picture."""


def photograph(png: bytes, seed: int = 1) -> bytes:
    """A JPEG as a telephone would take it of the printed code."""
    from PIL import Image, ImageChops, ImageFilter

    page = Image.open(io.BytesIO(png)).convert("L")
    margin = page.width // 10
    desk = Image.new("L", (page.width + 2 * margin, page.height + 2 * margin), 255)
    desk.paste(page, (margin, margin))
    width, height = desk.size
    inset = TILT * width
    corners = (-inset, 0, 0, height, width, height, width + inset, 0)
    seen = desk.transform(desk.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC, fillcolor=255)
    seen = seen.rotate(TURN_DEGREES, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    seen = seen.resize((round(seen.width * SHRINK), round(seen.height * SHRINK)), Image.Resampling.BICUBIC)
    seen = seen.filter(ImageFilter.GaussianBlur(BLUR_PIXELS))
    seen = seen.point(lambda grey: DARKEST + grey * (BRIGHTEST - DARKEST) // 255)
    dice = random.Random(seed)
    tile = bytes(max(0, min(255, round(MIDDLE + dice.gauss(0, NOISE)))) for _ in range(NOISE_TILE))
    pixels = seen.width * seen.height
    noise = Image.frombytes("L", seen.size, (tile * (pixels // NOISE_TILE + 1))[:pixels])
    out = io.BytesIO()
    ImageChops.add(seen, noise, offset=-MIDDLE).save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def scan(picture: bytes) -> str:
    """The text of the one code in a picture.

    Raises:
        UnreadableError: there is none, or more than one.
    """
    import zxingcpp
    from PIL import Image

    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    if len(found) != 1:
        raise UnreadableError(f"{len(found)} codes are seen in the picture")
    return str(found[0].text)
