"""What people scan or type, read as a key text: Digital Links, bar code numbers, element strings, key texts."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from tallystick.epcis import Identifier, IdentifierKind, parse_identifier_lenient, parse_key
from tallystick.epcis.identifiers import CANONICAL_BASE, encode_value
from tallystick.errors import EventError

CODE_SIZE_MAX = 500  # characters; a Digital Link with every attribute is below 300
PAGES = frozenset({IdentifierKind.ITEM, IdentifierKind.LOT, IdentifierKind.CLASS, IdentifierKind.LOGISTIC_UNIT})
_ELEMENT_STRING = re.compile(r"(?:\([0-9]{2,4}\)[^()]+)+")
_ELEMENT = re.compile(r"\(([0-9]{2,4})\)([^()]+)")
_GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}")
_SSCC = re.compile(r"[0-9]{18}")
_KEY = re.compile(r"(?:01|00)/[^?#]+")  # what would follow one of these is no key text, and was cut off
_CANONICAL_HOST = "id.gs1.org"


class NotOurCodeError(Exception):
    """The text is no code that this ledger could know: nothing is said about it."""


class MistypedCodeError(Exception):
    """The text is a GS1 key with a wrong check digit, or otherwise misspelt. ``detail`` says how, in English."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def read_code(text: str, hosts: Collection[str]) -> Identifier:
    """The product or logistic unit that a text names.

    Args:
        hosts: host names (with port, where there is one) whose Digital Links belong to this network.
    Raises:
        NotOurCodeError, MistypedCodeError: see there.
    """
    code = text.strip()
    if not code or len(code) > CODE_SIZE_MAX or not code.isascii():
        raise NotOurCodeError
    if "://" in code:
        return _checked(_link(code, hosts))
    compact = re.sub(r"[\s-]", "", code)
    if _SSCC.fullmatch(compact):
        return _checked(f"{CANONICAL_BASE}00/{compact}")
    if _GTIN.fullmatch(compact):
        return _checked(f"{CANONICAL_BASE}01/{compact.zfill(14)}")
    if _ELEMENT_STRING.fullmatch(code.replace(" ", "")):
        return _checked(_element_string(code.replace(" ", "")))
    if _KEY.fullmatch(code):
        return _checked(CANONICAL_BASE + code)
    raise NotOurCodeError


def read_path(path: str) -> Identifier:
    """The thing that the path of a page names, for instance ``/01/09521234543213/21/A1``. Raises: as ``read_code``."""
    if len(path) > CODE_SIZE_MAX:
        raise NotOurCodeError
    return _checked(CANONICAL_BASE + path.lstrip("/"))


def has_page(key: str) -> bool:
    """Whether a key text names a thing that has a page of its own."""
    try:
        return parse_key(key).kind in PAGES
    except EventError:
        return False


def _link(code: str, hosts: Collection[str]) -> str:
    try:
        host = urlsplit(code).netloc.lower()
    except ValueError:
        raise NotOurCodeError from None
    if host not in hosts and host != _CANONICAL_HOST:
        raise NotOurCodeError
    # A page's own address may carry a language, which is no part of the code.
    return re.sub(r"(://[^/]+)/(?:en|zh)/", r"\1/", code.partition("#")[0].partition("?")[0])


def _element_string(code: str) -> str:
    elements: dict[str, str] = dict(_ELEMENT.findall(code))
    if "00" in elements:
        return f"{CANONICAL_BASE}00/{elements['00']}"
    if "01" not in elements:
        raise NotOurCodeError
    parts = [f"{name}/{encode_value(elements[name])}" for name in ("10", "21") if name in elements]
    return CANONICAL_BASE + "/".join([f"01/{elements['01'].zfill(14)}", *parts])


def _checked(uri: str) -> Identifier:
    try:
        identifier = parse_identifier_lenient(uri)
    except EventError as error:
        if error.rule == "gs1.check-digit":
            raise MistypedCodeError(error.detail) from error
        raise NotOurCodeError from error
    if identifier.kind not in PAGES:
        raise NotOurCodeError
    return identifier
