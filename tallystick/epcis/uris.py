"""What counts as a URI in an event: RFC 3986 by character classes, ASCII only, bounded."""

from __future__ import annotations

import re
from typing import Final

from tallystick.epcis.bounds import URI_SIZE_MAX

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")

# Schemes that make a key ``scheme:rest`` a full name rather than a prefix that must be declared in ``@context``.
NAME_SCHEMES: Final = frozenset({"http", "https", "urn", "did", "ni", "tag", "info", "geo", "oid"})


def is_uri(text: str) -> bool:
    """Say whether ``text`` is an absolute URI (scheme, colon, at least one more character) within the bound."""
    return len(text) <= URI_SIZE_MAX and _URI.fullmatch(text) is not None
