"""Escrow terms as a person writes them in JSON, and as the ledger takes them.

```json
{"payer": "org:retailer", "payee": "org:processor", "bank": "org:bank", "currency": "CNY",
 "arbitrator": "org:arbitrator", "fund_by": "+2d", "refund_after": "+30d", "dispute_for": "7d", "otherwise": "refund",
 "milestones": [{"amount": "15000.00", "objection": "0", "when": {"all": [
   {"received": ["00/095212345678901235"], "by": "org:retailer"},
   {"inspection_passed": ["01/09521234543213/10/LOT7"]}]}}]}
```

Conditions: ``all``, ``any`` (lists), ``at_least`` (with ``of``), ``received`` (``by``, ``before``), ``shipped``
(``by``), ``inspection_passed`` (``by``), ``document`` (``refers``, ``by``), ``time``, ``signed_by``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from client_sdk.values import read_duration_ms, read_id, read_identifier, read_organisation, read_time_ms
from tallystick.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    Condition,
    DocumentRecorded,
    DocumentType,
    InspectionPassed,
    Received,
    Shipped,
    SignedBy,
    TimeReached,
)
from tallystick.epcis import JsonObject, JsonValue, read_json
from tallystick.errors import ConfigError
from tallystick.money import parse_amount
from tallystick.records.trade import DefaultRuling, EscrowTerms, MilestoneTerms

T = TypeVar("T")
_SIZE_MAX = 262_144  # bytes of a file of terms


def read_terms(data: bytes, now_ms: int) -> EscrowTerms:
    """Read terms; times such as ``+30d`` count from ``now_ms``.

    Raises:
        DecodeError: not strict JSON, or an amount that is none.
        ConfigError: a field is missing, unknown or wrong; the message names it.
    """
    fields = _Fields(read_json(data, size_max=_SIZE_MAX), "terms")
    currency = fields.text("currency")
    terms = EscrowTerms(
        payer=read_organisation(fields.text("payer")),
        payee=read_organisation(fields.text("payee")),
        bank=read_organisation(fields.text("bank")),
        currency=currency,
        milestones=tuple(
            _milestone(_Fields(value, f"milestones/{place}"), currency, now_ms)
            for place, value in enumerate(fields.values("milestones"))
        ),
        fund_deadline_ms=read_time_ms(fields.text("fund_by"), now_ms),
        refund_after_ms=read_time_ms(fields.text("refund_after"), now_ms),
        arbitrator=read_organisation(fields.text("arbitrator")),
        dispute_ms=_duration(fields.text("dispute_for")),
        default_ruling=_word(fields.text("otherwise"), DefaultRuling, "otherwise"),
    )
    fields.end()
    return terms


def _milestone(fields: _Fields, currency: str, now_ms: int) -> MilestoneTerms:
    milestone = MilestoneTerms(
        parse_amount(fields.text("amount"), currency),
        read_condition(fields.take("when"), now_ms),
        _duration(fields.text("objection", "0")),
    )
    fields.end()
    return milestone


def read_condition(value: JsonValue, now_ms: int, path: str = "when") -> Condition:
    """Read a condition tree. Raises: as ``read_terms``."""
    fields = _Fields(value, path)
    for name, read in _CONDITIONS.items():
        if name in fields.names:
            condition = read(fields, now_ms)
            fields.end()
            return condition
    raise ConfigError(f"{path} is no condition; it has one of {', '.join(_CONDITIONS)}")


def _children(fields: _Fields, name: str, now_ms: int) -> tuple[Condition, ...]:
    return tuple(
        read_condition(child, now_ms, f"{fields.path}/{name}/{place}")
        for place, child in enumerate(fields.values(name))
    )


def _all(fields: _Fields, now_ms: int) -> Condition:
    return AllOf(_children(fields, "all", now_ms))


def _any(fields: _Fields, now_ms: int) -> Condition:
    return AnyOf(_children(fields, "any", now_ms))


def _at_least(fields: _Fields, now_ms: int) -> Condition:
    count = fields.take("at_least")
    if type(count) is not int:
        raise ConfigError(f"{fields.path}/at_least is a whole number")
    return AtLeast(count, _children(fields, "of", now_ms))


def _received(fields: _Fields, now_ms: int) -> Condition:
    before = fields.text("before", "")
    by = read_organisation(fields.text("by"))
    return Received(fields.identifiers("received"), by, read_time_ms(before, now_ms) if before else 0)


def _shipped(fields: _Fields, now_ms: int) -> Condition:
    return Shipped(fields.identifiers("shipped"), read_organisation(fields.text("by")))


def _inspected(fields: _Fields, now_ms: int) -> Condition:
    by = fields.text("by", "")
    return InspectionPassed(fields.identifiers("inspection_passed"), read_organisation(by) if by else "")


def _document(fields: _Fields, now_ms: int) -> Condition:
    kind = _word(fields.text("document"), DocumentType, f"{fields.path}/document")
    return DocumentRecorded(kind, read_id(fields.text("refers")), read_organisation(fields.text("by")))


def _time(fields: _Fields, now_ms: int) -> Condition:
    return TimeReached(read_time_ms(fields.text("time"), now_ms))


def _signed_by(fields: _Fields, now_ms: int) -> Condition:
    return SignedBy(read_organisation(fields.text("signed_by")))


_CONDITIONS: dict[str, Callable[[_Fields, int], Condition]] = {
    "all": _all,
    "any": _any,
    "at_least": _at_least,
    "received": _received,
    "shipped": _shipped,
    "inspection_passed": _inspected,
    "document": _document,
    "time": _time,
    "signed_by": _signed_by,
}


class _Fields:
    """An object's members, taken one by one; ``end`` refuses what nobody asked for."""

    def __init__(self, value: JsonValue, path: str) -> None:
        if type(value) is not dict:
            raise ConfigError(f"{path} is not an object")
        self._left: JsonObject = dict(value)
        self.path = path
        self.names = frozenset(value)

    def take(self, name: str) -> JsonValue:
        if name not in self._left:
            raise ConfigError(f"{self.path}/{name} is missing")
        return self._left.pop(name)

    def text(self, name: str, default: str | None = None) -> str:
        if default is not None and name not in self._left:
            return default
        value = self.take(name)
        if type(value) is not str:
            raise ConfigError(f"{self.path}/{name} is a text")
        return value

    def values(self, name: str) -> list[JsonValue]:
        value = self.take(name)
        if type(value) is not list or not value:
            raise ConfigError(f"{self.path}/{name} is a list with at least one entry")
        return value

    def identifiers(self, name: str) -> tuple[str, ...]:
        values = self.values(name)
        if any(type(value) is not str for value in values):
            raise ConfigError(f"{self.path}/{name} is a list of identifiers")
        return tuple(read_identifier(str(value)).key for value in values)

    def end(self) -> None:
        if self._left:
            raise ConfigError(f"{self.path} has unknown entries: {', '.join(sorted(self._left))}")


def _duration(text: str) -> int:
    return 0 if text == "0" else read_duration_ms(text)


def _word(text: str, kind: type[T], path: str) -> T:
    names = {member.name.lower(): member for member in kind}  # type: ignore[attr-defined]
    if text.lower() not in names:
        raise ConfigError(f"{path}: {text[:40]!r} is none of {', '.join(names)}")
    found: T = names[text.lower()]
    return found
