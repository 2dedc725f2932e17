"""The slow JSON reader: the same verdicts as the fast one, with the rule and the place of the first fault.

It reads character by character, so that it can say where. The fast reader of ``json_reader`` asks it only about
texts that it refuses, and the tests use it as the judge of what the fast reader accepts.
"""

from __future__ import annotations

import re
from typing import Final

from tallystick.epcis.json_value import JsonValue, read_number
from tallystick.errors import DecodeError

_WHITESPACE: Final = re.compile(r"[ \t\n\r]*")
_PLAIN: Final = re.compile(r'[^"\\\x00-\x1f]*')
_NUMBER_RUN: Final = re.compile(r"-?[0-9][0-9.eE+-]*")
_HEX4: Final = re.compile(r"[0-9A-Fa-f]{4}")
_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS: Final[tuple[tuple[str, bool | None], ...]] = (("true", True), ("false", False), ("null", None))


def pointer(path: tuple[str | int, ...]) -> str:
    """Spell a path as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


class Diagnosis:
    """One slow reading of one text. Use ``diagnose``."""

    def __init__(self, text: str, depth_max: int) -> None:
        self._text = text
        self._at = 0
        self._depth_max = depth_max
        self._path: list[str | int] = []

    def read(self) -> JsonValue:
        """Read the whole text as one value, or raise the first fault."""
        value = self._value()
        self._skip()
        if self._at != len(self._text):
            raise self._fault("json.trailing", "something follows the value")
        return value

    def _fault(self, rule: str, detail: str) -> DecodeError:
        return DecodeError(rule, f"{detail} (character {self._at})", pointer(tuple(self._path)))

    def _skip(self) -> None:
        match = _WHITESPACE.match(self._text, self._at)
        assert match is not None
        self._at = match.end()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _value(self) -> JsonValue:
        self._skip()
        start = self._peek()
        if start in ("{", "["):
            if len(self._path) >= self._depth_max:
                raise self._fault("json.depth", f"nested deeper than {self._depth_max} levels")
            return self._object() if start == "{" else self._array()
        if start == '"':
            return self._string()
        number = _NUMBER_RUN.match(self._text, self._at)
        if number is not None:
            try:
                value = read_number(number[0])
            except DecodeError as error:
                raise self._fault(error.rule, error.detail) from None
            self._at = number.end()
            return value
        for word, meaning in _WORDS:
            if self._text.startswith(word, self._at):
                self._at += len(word)
                return meaning
        if self._text.startswith(("NaN", "Infinity", "-Infinity"), self._at):
            raise self._fault("json.constant", "NaN and Infinity are not JSON")
        raise self._fault("json.syntax", "not a JSON value")

    def _object(self) -> JsonValue:
        self._at += 1
        result: dict[str, JsonValue] = {}
        self._skip()
        if self._peek() == "}":
            self._at += 1
            return result
        while True:
            self._skip()
            if self._peek() != '"':
                raise self._fault("json.syntax", "a key in double quotes is expected")
            key = self._string()
            self._path.append(key)
            if key in result:
                raise self._fault("json.duplicate-key", "this key is there twice")
            self._skip()
            if self._peek() != ":":
                raise self._fault("json.syntax", "a colon is expected")
            self._at += 1
            result[key] = self._value()
            self._path.pop()
            if self._ends("}"):
                return result

    def _array(self) -> JsonValue:
        self._at += 1
        result: list[JsonValue] = []
        self._skip()
        if self._peek() == "]":
            self._at += 1
            return result
        while True:
            self._path.append(len(result))
            result.append(self._value())
            self._path.pop()
            if self._ends("]"):
                return result

    def _ends(self, bracket: str) -> bool:
        self._skip()
        found = self._peek()
        if found not in (",", bracket) or not found:
            raise self._fault("json.syntax", f"a comma or {bracket} is expected")
        self._at += 1
        return found == bracket

    def _string(self) -> str:
        self._at += 1
        parts: list[str] = []
        while True:
            match = _PLAIN.match(self._text, self._at)
            assert match is not None
            parts.append(match[0])
            self._at = match.end()
            stop = self._peek()
            if stop == '"':
                self._at += 1
                return "".join(parts)
            if stop != "\\":
                raise self._fault("json.syntax", "the string does not end, or holds a raw control character")
            self._at += 1
            parts.append(self._escape())

    def _escape(self) -> str:
        letter = self._peek()
        if letter in _ESCAPES:
            self._at += 1
            return _ESCAPES[letter]
        unit = self._hex4()
        if 0xD800 <= unit <= 0xDBFF and self._text.startswith("\\u", self._at):
            here = self._at
            self._at += 1
            low = self._hex4()
            if 0xDC00 <= low <= 0xDFFF:
                return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
            self._at = here
        if 0xD800 <= unit <= 0xDFFF:
            raise self._fault("json.surrogate", "half of a surrogate pair is not a character")
        return chr(unit)

    def _hex4(self) -> int:
        match = _HEX4.match(self._text, self._at + 1) if self._peek() == "u" else None
        if match is None:
            raise self._fault("json.syntax", "not a JSON escape")
        self._at = match.end()
        return int(match[0], 16)


def diagnose(text: str, depth_max: int) -> JsonValue:
    """Read ``text`` slowly and exactly.

    Returns:
        The value, where the text is JSON that the reader accepts.
    Raises:
        DecodeError: the first fault, with rule, detail and JSON pointer.
    """
    return Diagnosis(text, depth_max).read()
