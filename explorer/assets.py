"""Static files as they are served: scripts without comments and indentation, everything named by its digest."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from zlib import compress

STATIC = Path(__file__).parent / "static"
MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
PAGE_FILES = (  # of every product page
    "binding.js", "compare.js", "encoding.js", "hashing.js", "icon.svg", "page.js", "site.css", "verify.js",
)  # fmt: skip
PAGE_MAX = 40 * 1_024  # bytes, compressed: a product page with its scripts, style and the proof inside it
_HEADERS_OF_GZIP = 12  # bytes that gzip adds to zlib's
_BLOCK_COMMENT = re.compile(r"^[ ]*/\*.*?\*/\n", re.MULTILINE | re.DOTALL)
_LINE_COMMENT = re.compile(r"^[ ]*//.*\n", re.MULTILINE)
_BLANK = re.compile(r"^[ ]+|^\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file and its digest."""

    data: bytes
    media_type: str
    digest: bytes


def read_assets() -> dict[str, Asset]:
    """Every static file by its name."""
    assets = {}
    for file in sorted(STATIC.iterdir()):
        media_type = MEDIA_TYPES.get(file.suffix)
        if media_type is not None:
            data = file.read_bytes() if file.suffix == ".svg" else lean(file.read_text()).encode()
            assets[file.name] = Asset(data, media_type, hashlib.sha256(data).digest())
    return assets


def lean(script: str) -> str:
    """A script or style sheet without its comments and indentation, line by line otherwise as it is written.

    Comments that end a line stay; block comments begin one, and no text goes over several lines (a test holds our
    scripts to this).
    """
    return _BLANK.sub("", _LINE_COMMENT.sub("", _BLOCK_COMMENT.sub("", script)))


def build_of(assets: dict[str, Asset]) -> str:
    """Name of these very files, so that they can be kept for ever: modules import one another by relative names."""
    digest = hashlib.sha256(b"".join(asset.digest for asset in assets.values()))
    return digest.hexdigest()[:16]


def left_for_html(assets: dict[str, Asset]) -> int:
    """Compressed bytes that are left of ``PAGE_MAX`` for a product page's HTML beside its files."""
    return PAGE_MAX - sum(_compressed(assets[name].data) for name in PAGE_FILES)


def fits(html: str, size: int) -> bool:
    """Whether a page is at most ``size`` bytes when compressed."""
    return _compressed(html.encode()) <= size


def _compressed(data: bytes) -> int:
    return len(compress(data, 9)) + _HEADERS_OF_GZIP
