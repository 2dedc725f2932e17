"""The "how" of an event: sensor elements, and their summary in integers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from tallystick.epcis.bounds import SENSOR_REPORTS_MAX
from tallystick.epcis.json_value import JsonNumber, JsonObject, JsonValue
from tallystick.epcis.model import SensorReading
from tallystick.epcis.quantity import rounded_micro
from tallystick.epcis.reading import EventReading
from tallystick.epcis.rules_common import (
    check_extension,
    read_list,
    read_number,
    read_object,
    read_time,
    read_uri,
    read_word,
    shown,
)
from tallystick.epcis.vocabulary import COMPONENT, MEASUREMENT, SENSOR_ALERT

_HEX: Final = re.compile(r"[A-Fa-f0-9]+")
_METADATA_TIMES: Final = ("time", "endTime", "startTime")
_METADATA_FIELDS: Final = frozenset(
    {"time", "startTime", "endTime", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"}
)
_REPORT_NUMBERS: Final = ("value", "minValue", "maxValue")


def read_sensor_elements(reading: EventReading, value: JsonValue) -> tuple[SensorReading, ...]:
    """Read ``sensorElementList``.

    Rules ``sensor.report-required``, ``sensor.type-required``, ``sensor.too-many``, ``sensor.value`` and those of
    the values inside. That no time lies after the event is judged at the end (``check_sensor_times``).
    """
    found: list[SensorReading] = []
    for index, item in enumerate(read_list(reading, value, "/sensorElementList")):
        path = f"/sensorElementList/{index}"
        element = read_object(reading, item, path)
        time_ms = -1
        if "sensorMetadata" in element:
            time_ms = _read_metadata(reading, element["sensorMetadata"], path + "/sensorMetadata")
        if "sensorReport" not in element:
            reading.report("sensor.report-required", "sensorReport is missing", path + "/sensorReport")
        else:
            reports = read_list(reading, element["sensorReport"], path + "/sensorReport", 1)
            if len(found) + len(reports) > SENSOR_REPORTS_MAX:
                reading.report("sensor.too-many", f"more than {SENSOR_REPORTS_MAX} sensor reports", path)
                return tuple(found)
            for place, report in enumerate(reports):
                here = f"{path}/sensorReport/{place}"
                found.append(_read_report(reading, read_object(reading, report, here), time_ms, here))
        for key in element:
            if key != "sensorMetadata" and key != "sensorReport":
                check_extension(reading, key, element[key], path)
    return tuple(found)


def _read_metadata(reading: EventReading, value: JsonValue, path: str) -> int:
    """Read ``sensorMetadata``; the time that stands for its reports, or -1."""
    metadata = read_object(reading, value, path)
    times: dict[str, int] = {}
    for key, item in metadata.items():
        if key not in _METADATA_FIELDS:
            check_extension(reading, key, item, path)
        elif key in _METADATA_TIMES:
            times[key] = _read_sensor_time(reading, item, f"{path}/{key}")
        else:
            read_uri(reading, item, f"{path}/{key}")
    if "startTime" in times and "endTime" in times and times["startTime"] > times["endTime"]:
        reading.report("sensor.time-order", "the start lies after the end", path + "/startTime")
    for key in _METADATA_TIMES:
        if key in times:
            return times[key]
    return -1


def _read_sensor_time(reading: EventReading, value: JsonValue, path: str) -> int:
    time_ms = read_time(reading, value, path)
    if time_ms > reading.latest_sensor_ms:
        reading.latest_sensor_ms = time_ms
        reading.latest_sensor_path = path
    return time_ms


def _read_report(reading: EventReading, report: JsonObject, time_ms: int, path: str) -> SensorReading:
    if "type" not in report:
        reading.report("sensor.type-required", "the measurement type is missing", path + "/type")
    kind = read_word(reading, MEASUREMENT, report.get("type", "Dimensionless"), path + "/type")
    exception = None
    for key, item in report.items():
        rule = _REPORT_RULES.get(key)
        if rule is not None:
            rule(reading, item, f"{path}/{key}")
        elif key == "time":
            time_ms = _read_sensor_time(reading, item, path + "/time")
        elif key == "exception":
            exception = read_word(reading, SENSOR_ALERT, item, path + "/exception")
        elif key != "type":
            check_extension(reading, key, item, path)
    value, low, high = (_micro(report.get(name)) for name in _REPORT_NUMBERS)
    uom = report.get("uom")
    return SensorReading(kind, value, low, high, time_ms, uom if type(uom) is str else None, exception)


def _micro(value: JsonValue) -> int | None:
    return rounded_micro(value) if type(value) is int or type(value) is JsonNumber else None


def _read_text(reading: EventReading, value: JsonValue, path: str) -> None:
    if type(value) is not str:
        reading.report("sensor.value", f"{shown(value)} is not a text", path)


def _read_boolean(reading: EventReading, value: JsonValue, path: str) -> None:
    if type(value) is not bool:
        reading.report("sensor.value", f"{shown(value)} is neither true nor false", path)


def _read_hex(reading: EventReading, value: JsonValue, path: str) -> None:
    if type(value) is not str or _HEX.fullmatch(value) is None:
        reading.report("sensor.value", f"{shown(value)} is not hexadecimal", path)


def _read_component(reading: EventReading, value: JsonValue, path: str) -> None:
    read_word(reading, COMPONENT, value, path)


_REPORT_RULES: Final[dict[str, Callable[[EventReading, JsonValue, str], object]]] = {
    "component": _read_component,
    "stringValue": _read_text,
    "uom": _read_text,
    "booleanValue": _read_boolean,
    "hexBinaryValue": _read_hex,
    **dict.fromkeys(
        [
            "deviceID",
            "deviceMetadata",
            "rawData",
            "dataProcessingMethod",
            "bizRules",
            "microorganism",
            "chemicalSubstance",
            "coordinateReferenceSystem",
            "uriValue",
        ],
        read_uri,
    ),
    **dict.fromkeys(["value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"], read_number),
}


def check_sensor_times(reading: EventReading) -> None:
    """Rule ``sensor.time-after-event``: what was measured was measured by the time of the event (requirement M122).

    An event with an error declaration repeats the erroneous event as it was, so the rule does not look at it.
    Readings without a time of their own get the event's.
    """
    if reading.latest_sensor_ms > reading.event_time_ms and reading.error_declaration is None:
        reading.report(
            "sensor.time-after-event",
            "a sensor time lies after eventTime",
            reading.latest_sensor_path,
            "report the reading in an event of its own time",
        )
    if any(sensor.time_ms < 0 for sensor in reading.sensors):
        reading.sensors = tuple(
            [
                sensor if sensor.time_ms >= 0 else msgspec.structs.replace(sensor, time_ms=reading.event_time_ms)
                for sensor in reading.sensors
            ]
        )
