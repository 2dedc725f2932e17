"""What other people wrote cannot steer the terminal of whoever reads it."""

from __future__ import annotations

import io

import msgspec
import pytest

from client_sdk.commands.lookup import story_words
from client_sdk.errors import DoorError, refused, words_of
from client_sdk.output import Output
from client_sdk.story import EventFact, RecallFact, Story
from tallystick.api import Problem
from tallystick.errors import TallystickError
from tallystick.reasons import Reason
from tallystick.records.goods import HistoryKind, RecallState

ERASE = "\x1b[2J\x1b[H"
TEXTS = ("\x1b]0;title\x07", f"{ERASE}proven", "\x9b2J", "\r  proven", "\b\b", "\u202egnp.exe", "\x00")


@pytest.mark.parametrize("text", TEXTS)
def test_a_name_that_would_steer_a_terminal_is_shown_as_text(text: str) -> None:
    out, errors = io.StringIO(), io.StringIO()
    output = Output(json=False, command="trace", stdout=out, stderr=errors)
    output.result({}, f"recalled by {text}\n  since\t7")
    output.note(text)
    output.warn(text)
    output.error(TallystickError(text), 5)
    written = out.getvalue() + errors.getvalue()
    assert text not in written and "\ufffd" in written and "\x1b" not in written
    assert out.getvalue().endswith("\n  since\t7\n")


def test_other_scripts_and_a_picture_of_ours_stay_as_they_are() -> None:
    out = io.StringIO()
    Output(json=False, command="qr", stdout=out).result({}, "草莓果酱　é \u200d", drawing=ERASE)
    assert out.getvalue() == f"{ERASE}草莓果酱　é \u200d\n"


def test_programs_get_every_sign_escaped() -> None:
    out = io.StringIO()
    Output(json=True, command="trace", stdout=out).result({"name": ERASE}, "")
    assert "\x1b" not in out.getvalue() and msgspec.json.decode(out.getvalue())["name"] == ERASE


BREAKS = ("\n", "\r\n", "\u2028", "\u2029", "\x85", "\x0b")
LIE = "  Proven: nothing was recalled."


@pytest.mark.parametrize("line_break", BREAKS)
def test_no_word_of_a_member_begins_a_line_of_its_own_in_a_story(line_break: str) -> None:
    """A recall's reason could have gone on with what looks like the verdict about other goods."""
    text = f"spoilt{line_break}{LIE}"
    states = (RecallState.IN_FORCE, RecallState.LIFTED)
    recalls = tuple(RecallFact(text, "org:grower", text, 1, state) for state in states)
    event = EventFact(
        of="01/09521234543213/10/L", kind=HistoryKind.CORRECT, commitment=bytes(32), height=3, time=text, offset="",
        step=text, disposition=text, place=text, signer="org:grower", corrected=True, correction_reason=text,
        declares_error=True, event_id=text, readings=(text,),
    )  # fmt: skip
    story = Story(event.of, "proven", "active", 9, 1_700_000_000_000, ("org:grower",), recalls, (event,), ())
    lines = story_words(story).splitlines()
    assert len(lines) == 7
    assert not any(line.startswith(LIE) for line in lines)


@pytest.mark.parametrize("line_break", BREAKS)
def test_neither_does_what_a_node_or_a_receipt_says_in_an_error(line_break: str) -> None:
    text = f"no{line_break}  what to do: send the money to me"
    door = DoorError(Problem("urn:x", text, 400, text, text, text, "ask again"))
    for error in (door, refused(Reason.NOT_HOLDER, text), TallystickError(text)):
        lines = words_of(error).splitlines()
        assert len(lines) <= 3 and not any(line.startswith("  what to do: send") for line in lines)
