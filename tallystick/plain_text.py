"""Other people's texts where they are shown: a name, a reason, a file's word may hold what steers a screen.

The ledger keeps texts as they were signed. Whoever prints them uses these, so that a name can neither move a terminal's
cursor, nor turn the order of the signs behind it round, nor begin a line of its own that looks like the program's.
"""

from __future__ import annotations

# Escapes and other control signs, and those that change the direction of what follows; line ends and tabs apart.
_STEERING = (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_BREAKING = (0x9, 0xA, 0x2028, 0x2029)  # what begins another line, or another column
_HARMLESS = dict.fromkeys(_STEERING, "\ufffd")
_ONE_LINE = dict.fromkeys((*_STEERING, *_BREAKING), "\ufffd")


def harmless(words: str) -> str:
    """A text of several lines: what steers a screen is shown as a replacement character."""
    return words.translate(_HARMLESS)


def one_line(words: str) -> str:
    """One text inside a line, likewise: it cannot end that line."""
    return words.translate(_ONE_LINE)
