"""EPCIS date-times as integer milliseconds since 1970-01-01T00:00:00Z. Integer arithmetic, no time-zone tables."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from tallystick.epcis.bounds import TIME_MS_MAX
from tallystick.errors import EventError

_DATE_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)"
)
_OFFSET: Final = re.compile(r"[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)")
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAYS_BEFORE_MONTH: Final = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_DAY_MS: Final = 86_400_000


def parse_timestamp(text: str) -> int:
    """Read a date-time with zone as milliseconds since 1970 UTC.

    Up to nine fraction digits; the fourth decides: 5 to 9 round up, with carry (CBV 2.0, 8.9.2). Years 1970 to
    9999. There is no second 60 and no hour 24 (xsd:dateTimeStamp of XML Schema 1.0 knows neither leap seconds).
    Raises:
        EventError: ``time.form``, ``time.value`` (no such day, hour, minute, second), ``time.range``.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise EventError(
            "time.form",
            f"{text[:40]!r} is not a date-time with a zone",
            remedy="write it like 2026-03-04T05:06:07.089Z or 2026-03-04T05:06:07+01:00",
        )
    date, hours, minutes, seconds, fraction, zone = match.groups()
    hour, minute, second = int(hours), int(minutes), int(seconds)
    if hour > 23 or minute > 59 or second > 59:
        raise EventError("time.value", f"{text} names an hour, minute or second that does not exist")
    days = _days_of(date)
    if days is None:
        raise EventError("time.value", f"{text} names a month or day that does not exist")
    time_ms = days * _DAY_MS + (hour * 3_600 + minute * 60 + second) * 1_000
    if fraction is not None:
        time_ms += int(fraction[:3].ljust(3, "0")) + (1 if fraction[3:4] >= "5" else 0)
    if zone != "Z":
        time_ms -= _offset_minutes(zone) * 60_000
    if not 0 <= time_ms <= TIME_MS_MAX:
        raise EventError("time.range", f"{text} lies outside the years 1970 to 9999")
    return time_ms


@lru_cache(1_024)
def _days_of(date: str) -> int | None:
    """Days from 1970-01-01 to a date ``YYYY-MM-DD``; None when there is no such day."""
    year, month, day = int(date[:4]), int(date[5:7]), int(date[8:])
    if not 1 <= month <= 12:
        return None
    leap_day = 1 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 0
    if not 1 <= day <= _MONTH_DAYS[month - 1] + (leap_day if month == 2 else 0):
        return None
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 - 719_162
    return days + _DAYS_BEFORE_MONTH[month - 1] + (leap_day if month > 2 else 0) + day - 1


@lru_cache(1_024)
def parse_offset(text: str) -> int:
    """Read ``eventTimeZoneOffset`` (``±HH:MM``, at most 14:00) as minutes east of UTC.

    Raises:
        EventError: ``time.offset``.
    """
    if _OFFSET.fullmatch(text) is None:
        raise EventError(
            "time.offset", f"{text[:20]!r} is not a zone offset between -14:00 and +14:00", remedy="write +HH:MM"
        )
    return _offset_minutes(text)


def _offset_minutes(text: str) -> int:
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return -minutes if text[0] == "-" else minutes


def format_timestamp(time_ms: int) -> str:
    """Write milliseconds since 1970 UTC as ``YYYY-MM-DDTHH:MM:SS.mmmZ``; the inverse of ``parse_timestamp``."""
    assert 0 <= time_ms <= TIME_MS_MAX
    days, rest_ms = divmod(time_ms, _DAY_MS)
    # Civil date from a day count, counted in 400-year eras that begin on 1 March (Howard Hinnant, "chrono-Compatible
    # Low-Level Date Algorithms").
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    seconds, millis = divmod(rest_ms, 1_000)
    return (
        f"{year:04d}-{month:02d}-{day:02d}"
        f"T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{millis:03d}Z"
    )
