"""Progress bars are for people who watch: none for pipes, none with --json."""

from __future__ import annotations

import io

from client_sdk.output import Output
from client_sdk.progress import Progress


class Terminal(io.StringIO):
    """A stream that somebody watches."""

    def isatty(self) -> bool:
        return True


def test_a_bar_counts_up_to_its_total() -> None:
    stream, seconds = Terminal(), iter(range(100))
    with Progress("capturing", 4, stream=stream, clock_s=lambda: float(next(seconds))) as progress:
        for _ in range(4):
            progress.advance()
    drawn = stream.getvalue().split("\r")
    assert drawn[1].startswith("capturing ███████░")
    assert "4/4" in drawn[-1] and drawn[-1].endswith("\n")


def test_nothing_is_drawn_where_nobody_watches() -> None:
    pipe = io.StringIO()
    with Progress("capturing", 4, stream=pipe) as progress:
        progress.advance(4)
    assert pipe.getvalue() == ""


def test_nothing_is_drawn_beside_json() -> None:
    terminal = Terminal()
    output = Output(json=True, command="capture", stdout=io.StringIO(), stderr=terminal)
    with output.progress("capturing", 2) as progress:
        progress.advance(2)
    output.note("said to people")
    assert terminal.getvalue() == ""


def test_a_bar_is_not_drawn_more_often_than_eyes_follow() -> None:
    stream = Terminal()
    with Progress("capturing", 1_000, stream=stream, clock_s=lambda: 0.0) as progress:
        for _ in range(999):
            progress.advance()
    assert stream.getvalue().count("\r") == 1
