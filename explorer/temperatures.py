"""Temperatures out of sensor readings, as a table and as a small chart drawn here: no script, no library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from explorer.facts import StepFact
from tallystick.epcis import parse_timestamp
from tallystick.errors import EventError

READINGS_MAX = 500  # of one page; more are thinned evenly, alarms, lowest and highest kept
WIDTH, HEIGHT = 400, 170  # small enough that its text stays legible on a phone
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 10, 12, 24
_OFFSETS = {"CEL": (1.0, 0.0), "KEL": (1.0, -273.15), "FAH": (5 / 9, -160 / 9)}


@dataclass(frozen=True, slots=True)
class Reading:
    """One temperature in degrees Celsius at a moment; ``alarm`` when the sensor itself said so."""

    time_ms: int
    celsius: float
    alarm: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn series: points of an SVG polyline, positions of alarms, and what stands at the axes."""

    readings: tuple[Reading, ...]
    points: str
    alarms: tuple[tuple[float, float], ...]
    ticks: tuple[tuple[float, str], ...]
    low: str
    high: str
    width: int = WIDTH
    height: int = HEIGHT


def readings_of(steps: Iterable[StepFact]) -> list[Reading]:
    """All temperatures that events in effect report, by time; those of events declared erroneous are left out."""
    found = []
    for step in steps:
        if step.correction is not None or "errorDeclaration" in step.public:
            continue
        for element in _objects(step.public.get("sensorElementList")):
            metadata = element.get("sensorMetadata")
            when = metadata.get("time") if isinstance(metadata, dict) else None
            for report in _objects(element.get("sensorReport")):
                found += _readings(report, report.get("time") or when, step.event_time_ms)
    return sorted(found, key=lambda reading: reading.time_ms)


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _readings(report: Mapping[str, Any], when: object, otherwise_ms: int) -> list[Reading]:
    scale = _OFFSETS.get(str(report.get("uom", "CEL")))
    if report.get("type") != "Temperature" or scale is None:
        return []
    try:
        time_ms = parse_timestamp(str(when)) if when else otherwise_ms
    except EventError:
        time_ms = otherwise_ms
    factor, offset = scale
    alarm = bool(report.get("exception"))
    values = [report[name] for name in ("minValue", "value", "maxValue") if isinstance(report.get(name), int | float)]
    return [Reading(time_ms, round(value * factor + offset, 2), alarm) for value in values]


def chart_of(readings: list[Reading]) -> Chart | None:
    """Draw a series; None when there is nothing to draw."""
    if not readings:
        return None
    low, high = min(reading.celsius for reading in readings), max(reading.celsius for reading in readings)
    every = -(-len(readings) // READINGS_MAX)
    shown = [one for at, one in enumerate(readings) if at % every == 0 or one.alarm or one.celsius in (low, high)]
    floor, ceiling = _bounds(low, high)
    first, last = shown[0].time_ms, shown[-1].time_ms

    def place(reading: Reading) -> tuple[float, float]:
        across = (reading.time_ms - first) / (last - first) if last > first else 0.5
        up = (reading.celsius - floor) / (ceiling - floor)
        x = _LEFT + across * (WIDTH - _LEFT - _RIGHT)
        return round(x, 1), round(HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM), 1)

    ticks = []
    for value in _ticks(floor, ceiling):
        up = (value - floor) / (ceiling - floor)
        ticks.append((round(HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM), 1), _number(value)))
    return Chart(
        readings=tuple(shown),
        points=" ".join(f"{x},{y}" for x, y in map(place, shown)),
        alarms=tuple(place(reading) for reading in shown if reading.alarm),
        ticks=tuple(ticks),
        low=_number(low),
        high=_number(high),
    )


def _bounds(low: float, high: float) -> tuple[float, float]:
    """Whole degrees around the series, at least four apart."""
    floor, ceiling = int(low // 1) - 1, int(-(-high // 1)) + 1
    while ceiling - floor < 4:
        ceiling += 1
    return float(floor), float(ceiling)


def _ticks(floor: float, ceiling: float) -> list[float]:
    step = max(1, round((ceiling - floor) / 4))
    return [floor + step * index for index in range(int((ceiling - floor) // step) + 1)]


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
