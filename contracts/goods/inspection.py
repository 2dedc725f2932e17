"""Inspections by accredited inspectors."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode

from contracts.goods.context import EventContext
from contracts.goods.custody import quantity_for_milestone
from contracts.goods.parties import is_accredited
from contracts.interface import Refusal
from tallystick.encoding import ZERO32
from tallystick.epcis.model import Quantity
from tallystick.reasons import Reason
from tallystick.records.base import key_hash
from tallystick.records.goods import HistoryKind, Inspection, Verdict, inspection_key

VERDICTS = {"conformant": Verdict.PASS, "non_conformant": Verdict.FAIL}

# The report's SHA-256 as a named-information URI (RFC 6920), in a business transaction of type ``testres``.
_REPORT = re.compile(r"ni:///sha-256;([A-Za-z0-9_-]{43})")


def inspect(context: EventContext, lines: dict[str, Quantity | None]) -> None:
    """Record a verdict: disposition ``conformant`` or ``non_conformant``, on identifiers within the accreditation.

    Raises:
        Refusal: ROLE_MISSING, NOT_ACCREDITED, OUT_OF_SCOPE, PROFILE_FIELD_MISSING.
    """
    verdict = VERDICTS.get(context.event.disposition or "")
    for identifier, quantity in lines.items():
        item = context.present(identifier)
        if not is_accredited(context, identifier):
            raise Refusal(Reason.OUT_OF_SCOPE, identifier)
        if verdict is None:
            raise Refusal(Reason.PROFILE_FIELD_MISSING, "disposition")
        key = inspection_key(identifier)
        context.append(item, HistoryKind.INSPECT, key_hash(key))
        report = _report_hash(context)
        height = context.work.block.height
        context.work.write(key, Inspection(context.organisation, verdict, context.commitment, report, height))
        context.write_milestone(identifier, HistoryKind.INSPECT, quantity_for_milestone(item, quantity))


def _report_hash(context: EventContext) -> bytes:
    for transaction in context.event.biz_transactions:
        match = _REPORT.fullmatch(transaction.uri)
        if transaction.type == "testres" and match is not None:
            return urlsafe_b64decode(match[1] + "=")
    return ZERO32
