"""Structured logs: one line per fact, for people or as JSON.

A line has a time, a level, a logger, an event (a fixed sentence) and fields passed as ``extra={"fields": {...}}``.
Fields are heights, hashes, organisation ids, counts and durations; never the contents of members' parts, amounts,
persons' names, tokens or keys. Values are cut, so that nothing from outside can fill a log.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from node.config import LogConfig

VALUE_MAX = 300  # characters of one field
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class _LineFormatter(logging.Formatter):
    """What both spellings share; never more than one line, never a traceback."""

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        fields: dict[str, object] = {}
        given = getattr(record, "fields", None)
        if isinstance(given, Mapping):
            fields = {str(name): _plain(value) for name, value in given.items()}
        if record.exc_info and record.exc_info[1] is not None:
            fields.setdefault("error", _plain(f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"))
            fields.setdefault("at", _innermost(record.exc_info[1]))
        return fields

    def time(self, record: logging.LogRecord) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonFormatter(_LineFormatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _plain(record.getMessage()),
            **self.fields(record),
        }
        return msgspec.json.encode(line).decode()


class TextFormatter(_LineFormatter):
    """``time LEVEL logger: event name=value …``"""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in self.fields(record).items())
        return f"{self.time(record)} {record.levelname:<7} {record.name}: {_plain(record.getMessage())}{fields}"


def configure_logging(config: LogConfig, stream: TextIO | None = None) -> None:
    """Send all logs of this process to ``stream`` (standard error), in the configured spelling and level."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if config.format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[config.level])
    logging.getLogger("uvicorn").setLevel(max(_LEVELS[config.level], logging.WARNING))
    logging.getLogger("asyncio").setLevel(max(_LEVELS[config.level], logging.WARNING))


def log_fields(**fields: object) -> dict[str, Any]:
    """``extra=`` of a logging call."""
    return {"fields": fields}


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        value = value.hex()
    if value is None or isinstance(value, bool | int):
        return value
    text = "".join(char if char.isprintable() else " " for char in str(value))
    return text if len(text) <= VALUE_MAX else text[:VALUE_MAX] + "…"


def _innermost(error: BaseException) -> str:
    """File and line of an error, instead of a traceback of many lines."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
