"""Logs are one line each, whatever is logged; metrics have words for everything that a node counts."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
from collections.abc import Iterator

import pytest

from node.config import LogConfig
from node.counters import Counters
from node.logs import VALUE_MAX, configure_logging, log_fields
from node.metrics import COUNTERS


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_json_line_has_time_level_event_and_fields(stream: io.StringIO) -> None:
    configure_logging(LogConfig("info", "json"), stream)
    logging.getLogger("node").info("block executed", extra=log_fields(height=7, root=b"\xab", peer=None))
    line = json.loads(stream.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info", "logger": "node", "event": "block executed", "height": 7, "root": "ab", "peer": None,
    }  # fmt: skip


@pytest.mark.parametrize("format_", ["json", "text"])
def test_what_comes_from_outside_never_makes_a_second_line_or_a_long_one(stream: io.StringIO, format_: str) -> None:
    configure_logging(LogConfig("info", format_), stream)
    hostile = "a\nERROR forged \x1b[31m\u2028" + "x" * 10_000
    logging.getLogger("node").warning("refused %s", hostile, extra=log_fields(value=hostile))
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert "\x1b" not in written and "\u2028" not in written
    assert len(written) < 3 * VALUE_MAX


@pytest.mark.parametrize("format_", ["json", "text"])
def test_an_error_is_named_with_its_place_and_without_a_traceback(stream: io.StringIO, format_: str) -> None:
    configure_logging(LogConfig("info", format_), stream)
    try:
        raise ValueError("odd\nvalue")
    except ValueError:
        logging.getLogger("node").error("a fault", exc_info=True)
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert "ValueError: odd value" in written
    assert "test_logs_and_metrics.py:" in written
    assert "Traceback" not in written


def test_what_is_below_the_level_is_not_written(stream: io.StringIO) -> None:
    configure_logging(LogConfig("warning", "text"), stream)
    logging.getLogger("node").info("quiet")
    logging.getLogger("uvicorn.error").info("quiet")
    assert stream.getvalue() == ""


def test_every_counter_of_a_node_has_words() -> None:
    assert {field.name for field in dataclasses.fields(Counters)} == set(COUNTERS)
