"""Refusals in words: every reason, every exit code, never a bare number."""

from __future__ import annotations

import pytest

from client_sdk.errors import (
    AnswerError,
    DoorError,
    ExitCode,
    MissingError,
    describe,
    exit_code_of,
    refused,
    words_of,
)
from client_sdk.outcome import Outcome
from tallystick.api import Problem, TransactionState
from tallystick.errors import (
    CertificateError,
    ConfigError,
    DecodeError,
    EventError,
    ProofError,
    RefusedError,
    SignatureError,
    TallystickError,
    UnavailableError,
)
from tallystick.reasons import WORDS, Reason
from tallystick.receipts import EventOutcome, Receipt, ReceiptKind
from tallystick.records.goods import EventStatus


def outcome(reason: Reason, *events: EventOutcome) -> Outcome:
    """An executed transaction with this reason."""
    receipt = Receipt(ReceiptKind.TRANSACTION, 7, 0, b"\x01" * 32, reason, "/events/0 01/1", events, ())
    return Outcome(b"\x01" * 32, TransactionState.PROVEN, 7, 0, receipt)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.NONE])
def test_every_reason_becomes_an_error_with_words_and_remedy(reason: Reason) -> None:
    with pytest.raises(RefusedError) as caught:
        outcome(reason).require_effect()
    words, remedy = WORDS[reason]
    assert caught.value.reason == reason.name
    assert words in caught.value.detail and "01/1" in caught.value.detail
    assert caught.value.remedy == remedy
    assert exit_code_of(caught.value) is ExitCode.REFUSED


def test_what_took_effect_is_no_error() -> None:
    assert outcome(Reason.NONE).require_effect().reason is Reason.NONE


def test_events_that_were_all_recorded_before_are_no_error() -> None:
    known = EventOutcome(b"\x02" * 32, EventStatus.REFUSED, Reason.DUPLICATE, 3, 0)
    assert outcome(Reason.DUPLICATE, known, known).require_effect().recorded_before


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (refused(Reason.RECALLED, "x"), ExitCode.REFUSED),
        (DoorError(Problem("t", "t", 400, "c")), ExitCode.REFUSED),
        (MissingError(Problem("t", "t", 404, "c")), ExitCode.REFUSED),
        (ConfigError("x"), ExitCode.USAGE),
        (DecodeError("r", "d", "/p"), ExitCode.USAGE),
        (EventError("r", "d", "/p", "do this"), ExitCode.USAGE),
        (UnavailableError("x"), ExitCode.UNAVAILABLE),
        (ProofError("event-altered", "d"), ExitCode.UNPROVEN),
        (CertificateError("quorum-short", "d"), ExitCode.UNPROVEN),
        (SignatureError("d"), ExitCode.UNPROVEN),
        (AnswerError("d"), ExitCode.UNPROVEN),
    ],
)
def test_every_kind_of_error_has_its_exit_code_and_the_same_fields(error: TallystickError, code: ExitCode) -> None:
    assert exit_code_of(error) is code
    assert set(describe(error)) == {"error", "code", "detail", "path", "remedy"}


def test_words_name_rule_path_and_remedy() -> None:
    words = words_of(EventError("epcis.parent-required", "parentID is missing", "/0/parentID", "name the container"))
    assert words.splitlines() == [
        "usage: parentID is missing [epcis.parent-required]",
        "  at /0/parentID",
        "  what to do: name the container",
    ]
