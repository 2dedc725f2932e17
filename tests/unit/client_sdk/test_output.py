"""What other people wrote cannot steer the terminal of whoever reads it."""

from __future__ import annotations

import io

import msgspec
import pytest

from client_sdk.output import Output
from tallystick.errors import TallystickError

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
