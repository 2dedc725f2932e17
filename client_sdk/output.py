"""What commands print: sentences for people, or with ``--json`` one JSON object per line with stable fields."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

import msgspec

from client_sdk.errors import UnwrittenError, describe, words_of
from client_sdk.outcome import Outcome
from client_sdk.progress import Progress
from tallystick.errors import TallystickError
from tallystick.plain_text import harmless
from tallystick.records.goods import EventStatus

STATED_WORDS = "nothing of it is under control here, so it moves nothing and takes nothing back"


@dataclass(frozen=True, slots=True)
class Output:
    """Where results and errors go.

    Attributes:
        json: print objects instead of sentences.
        command: name of the command, repeated in every object.
    """

    json: bool
    command: str
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    _kept: dict[str, Any] = field(default_factory=dict)

    def result(self, fields: Mapping[str, Any], words: str, *, drawing: str = "") -> None:
        """Print a result: ``fields`` as one JSON line, or ``words``, under a picture in a terminal's own colours.

        Raises:
            UnwrittenError: standard output takes nothing any more.
        """
        line = msgspec.json.encode({"command": self.command, **fields}).decode() if self.json else ""
        text = line or drawing + harmless(words)
        try:
            self.stdout.write(text + "\n")
            self.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UnwrittenError(error.strerror or str(error)) from error

    def keep(self, fields: Mapping[str, Any]) -> None:
        """What was found or done so far: with ``--json`` an error's one object has it too."""
        self._kept.update(fields)

    def partly(self, fields: Mapping[str, Any], words: str) -> None:
        """The result of a part, before an error about the rest: people read both, programs one object.

        Raises:
            UnwrittenError: as ``result``.
        """
        self.keep(fields)
        if not self.json:
            self.result(fields, words)

    def note(self, words: str) -> None:
        """Tell a person something beside the result; nothing with ``--json``."""
        if not self.json:
            self.stderr.write(harmless(words) + "\n")
            self.stderr.flush()

    def warn(self, words: str) -> None:
        """As ``note``; nothing for no words."""
        if words:
            self.note(words)

    def error(self, error: TallystickError, exit_code: int) -> None:
        """Print an error: with ``--json`` on standard output, so that one stream has every answer."""
        if self.json:
            self.result({**self._kept, **describe(error), "exit": exit_code}, "")
        else:
            self.stderr.write(harmless(f"tallystick {self.command}: {words_of(error)}\n"))
            self.stderr.flush()

    def progress(self, label: str, total: int | None) -> Progress:
        """A progress bar, where somebody watches; without a total it only counts."""
        return Progress(label, total, shown=not self.json, stream=self.stderr)


def outcome_fields(outcome: Outcome, created: bytes | None = None) -> dict[str, Any]:
    """An outcome as stable fields: transaction, state, height, index, reason, created, events."""
    return {
        "transaction": outcome.id.hex(),
        "state": outcome.state.value,
        "height": outcome.height,
        "index": outcome.index,
        "reason": outcome.reason.name if outcome.receipt is not None else None,
        "created": created.hex() if created is not None else None,
        "events": [
            {"commitment": event.commitment.hex(), "status": event.status.name.lower(), "reason": event.reason.name}
            for event in outcome.events
        ],
    }


def outcome_words(what: str, outcome: Outcome, created: bytes | None = None) -> str:
    """An outcome as a sentence."""
    place = f" at height {outcome.height}" if outcome.height is not None else ""
    before = " (it was recorded before; nothing changed)" if outcome.recorded_before else ""
    lines = [f"{what}: {outcome.state.value}{place}{before}", f"  transaction {outcome.id.hex()}"]
    if created is not None:
        lines.append(f"  id          {created.hex()}")
    for event in outcome.events:
        status = event.status.name.lower()
        lines.append(f"  event       {event.commitment.hex()} {status}" + _reason(event.reason.name))
    if any(event.status is EventStatus.STATED for event in outcome.events):
        lines.append(f"  stated      only kept as your word: {STATED_WORDS}")
    return "\n".join(lines)


def _reason(name: str) -> str:
    return "" if name == "NONE" else f" ({name})"
