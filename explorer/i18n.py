"""Languages: which one a reader gets, and the texts in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from explorer.texts import TEXTS
from tallystick.proofs import WORDS as PROOF_WORDS
from tallystick.proofs import ProofCode

LANGUAGES = ("en", "zh")
HTML_LANGUAGE = {"en": "en", "zh": "zh-Hans"}
_COLONS = {"en": ": ", "zh": "："}
_VERDICT_SIZE_MAX = 16  # characters of "Partly proven" and its like; a colon further on belongs to the sentence
_RANGE = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?))?\s*")


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language. A key that does not exist is a fault of ours and raises ``KeyError``."""

    language: str

    def __call__(self, key: str, **values: object) -> str:
        """One text with its values filled in."""
        text = TEXTS[key][LANGUAGES.index(self.language)]
        return text.format(**values) if values else text

    def of(self, family: str, word: str) -> str:
        """A vocabulary word, or the word itself where it is not a standard one (a URI of the sender's own)."""
        key = f"{family}.{word}"
        return self(key) if key in TEXTS else word

    @property
    def colon(self) -> str:
        """What stands between a word and what it announces."""
        return _COLONS[self.language]

    def aside(self, text: str, more: str) -> str:
        """A text and more about it, in parentheses."""
        return f"{text}（{more}）" if self.language == "zh" else f"{text} ({more})"

    def proof(self, code: ProofCode) -> str:
        """The reason of a proof's outcome; the verdict that it begins with is left to the page's headline."""
        verdict, colon, reason = PROOF_WORDS[code][LANGUAGES.index(self.language)].partition(_COLONS[self.language])
        return (
            reason[:1].upper() + reason[1:] if colon and len(verdict) <= _VERDICT_SIZE_MAX else verdict + colon + reason
        )

    def time(self, time_ms: int) -> str:
        """A moment to the minute, UTC, the same wherever the server stands."""
        moment = datetime.fromtimestamp(time_ms / 1_000, UTC)
        if self.language == "zh":
            return f"{moment.year}年{moment.month}月{moment.day}日 {moment:%H:%M} UTC"
        return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M} UTC"

    def clock(self, time_ms: int) -> str:
        """A moment to the minute in figures, for tables."""
        return f"{datetime.fromtimestamp(time_ms / 1_000, UTC):%Y-%m-%d %H:%M}"


# Not strftime's %B, which depends on the locale of the process.
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip


def iso(time_ms: int) -> str:
    """RFC 3339 in UTC, for ``datetime`` attributes."""
    moment = datetime.fromtimestamp(time_ms // 1_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1_000:03d}Z"


def choose_language(asked: str | None, accept_language: str) -> str:
    """The language of an answer.

    Args:
        asked: what the address says (``?lang=`` or a prefix), or None.
        accept_language: the request's header (RFC 9110, 12.5.4); what cannot be read counts as absent.
    """
    if asked in LANGUAGES:
        return asked
    best, best_weight = LANGUAGES[0], 0.0
    for entry in accept_language[:1_000].split(","):
        match = _RANGE.fullmatch(entry)
        if match is None:
            continue
        language = match[1].lower().split("-")[0]
        weight = float(match[2]) if match[2] else 1.0
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best
