"""Errors of the SDK beyond the shared tree, and the exit code of each kind.

Nothing here is shown as a traceback: ``words_of`` gives the sentences for the person at the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from tallystick.api import Problem
from tallystick.archive.errors import ArchiveError
from tallystick.errors import (
    CertificateError,
    DecodeError,
    ProofError,
    RefusedError,
    TallystickError,
    UnavailableError,
    VerificationError,
)
from tallystick.plain_text import one_line
from tallystick.reasons import WORDS, Reason
from tallystick.remedies import remedy_of


class ExitCode(IntEnum):
    """What a command's exit status means; scripts may rely on it."""

    OK = 0
    REFUSED = 1  # the ledger's rules, or a node's door, said no
    USAGE = 2  # options, files or configuration are wrong; nothing was sent
    UNAVAILABLE = 3  # not enough nodes answered in time; the message says how to try again without doing it twice
    UNPROVEN = 4  # something was shown that does not prove what it claims
    FAULT = 70  # this program has a bug
    UNWRITTEN = 74  # what was to be said could not be written; whatever was sent stands
    INTERRUPTED = 130  # by the person at the terminal


class DoorError(RefusedError):
    """A node did not let a request in: broken, expired, unsigned, too much, or not allowed.

    Attributes:
        status: HTTP status.
        path: where in what was sent, as a JSON pointer; may be empty.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code, problem.detail or problem.title, problem.remedy)
        self.status = problem.status
        self.path = problem.path


class MissingError(DoorError):
    """A node says that it does not have what was asked for. That alone is no proof of absence."""


def said_of_epoch(error: MissingError) -> str:
    """What a node says why it does not show how an epoch ended: for people, nothing of it is proven."""
    return f"; the node says: {error.detail}" + (f" — {error.remedy}" if error.remedy else "")


class PrunedError(DoorError):
    """Every node that answered had it once and keeps it no more. What is proven of it still, the nodes say.

    Args:
        gone: what each of these nodes says, by URL.
        failures: why others did not answer, by URL.
    """

    def __init__(self, gone: Mapping[str, Problem], failures: Mapping[str, str]) -> None:
        first = next(iter(gone.values()))
        said = "; ".join(f"{name}: {problem.detail or problem.title}" for name, problem in gone.items())
        silent = f"; no answer: {', '.join(failures)}" if failures else ""
        remedy = first.remedy or "ask a member whose node keeps more (--node URL), or verify an archive of that time"
        super().__init__(msgspec.structs.replace(first, detail=f"no longer kept: {said}{silent}", remedy=remedy))


class AnswerError(VerificationError):
    """A node's answer is not what was asked for, or contradicts itself or what is known: do not trust that node."""


class StillWaitingError(UnavailableError):
    """The transaction was taken but did not come as far as was waited for. Submitting it again is safe.

    Attributes:
        transaction_id: 32 bytes.
        state: how far it had come.
    """

    def __init__(self, transaction_id: bytes, state: str, wanted: str, waited_s: float) -> None:
        super().__init__(
            f"transaction {transaction_id.hex()} is {state}, not {wanted}, after {waited_s:.0f} s; "
            "it may still take effect: ask again by its id, or submit the same bytes again"
        )
        self.transaction_id = transaction_id
        self.state = state


class UnwrittenError(TallystickError):
    """Standard output could not be written: a full disk, for instance. What the command did before that stands."""

    def __init__(self, why: str) -> None:
        super().__init__(f"cannot write the output: {why}; whatever was sent may have taken effect")


class UnsettledError(UnavailableError):
    """A command sent something, and it is not known whether it takes effect.

    Args:
        remedy: how to go on without doing it twice.
    """

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.remedy = remedy


class InterruptionError(TallystickError):
    """The person at the terminal ended the command.

    Args:
        remedy: how to go on without doing it twice, where something may have been sent.
    """

    def __init__(self, remedy: str = "") -> None:
        super().__init__("whatever was sent may still take effect")
        self.remedy = remedy


def refused(reason: Reason, detail: str) -> RefusedError:
    """The error for a reason that stands in a receipt, with words and remedy for people."""
    words, remedy = WORDS[reason]
    return RefusedError(reason.name, f"{words} ({detail})" if detail else words, remedy)


def exit_code_of(error: TallystickError) -> ExitCode:
    """Which exit code an error leads to."""
    if isinstance(error, RefusedError):
        return ExitCode.REFUSED
    if isinstance(error, UnavailableError):
        return ExitCode.UNAVAILABLE
    if isinstance(error, VerificationError):
        return ExitCode.UNPROVEN
    if isinstance(error, UnwrittenError):
        return ExitCode.UNWRITTEN
    if isinstance(error, InterruptionError):
        return ExitCode.INTERRUPTED
    return ExitCode.USAGE


def describe(error: TallystickError) -> dict[str, str]:
    """An error as the stable fields that ``--json`` prints: ``error``, ``code``, ``detail``, ``path``, ``remedy``."""
    fields = {"error": _kind_of(error), "code": "", "detail": str(error), "path": "", "remedy": ""}
    if isinstance(error, RefusedError):
        fields |= {"code": error.reason, "detail": error.detail, "remedy": error.remedy}
    if isinstance(error, DoorError):
        fields |= {"path": error.path}
    if isinstance(error, (ProofError, CertificateError)):
        fields |= {"code": error.code, "detail": error.detail}
    if isinstance(error, ArchiveError):
        fields |= {"code": error.rule, "detail": error.detail, "path": error.path, "remedy": error.remedy}
    if isinstance(error, DecodeError):
        fields |= {"code": error.rule, "detail": error.detail, "path": error.path, "remedy": remedy_of(error)}
    if isinstance(error, (UnsettledError, InterruptionError)):
        fields |= {"remedy": error.remedy}
    return fields


def words_of(error: TallystickError) -> str:
    """An error as at most three lines for a person: what, where, what to do."""
    fields = {name: one_line(text) for name, text in describe(error).items()}  # nodes and members wrote parts of them
    lines = [f"{fields['error']}: {fields['detail']}" + (f" [{fields['code']}]" if fields["code"] else "")]
    if fields["path"]:
        lines.append(f"  at {fields['path']}")
    if fields["remedy"]:
        lines.append(f"  what to do: {fields['remedy']}")
    return "\n".join(lines)


def _kind_of(error: TallystickError) -> str:
    if isinstance(error, RefusedError):
        return "refused"
    if isinstance(error, UnavailableError):
        return "unavailable"
    if isinstance(error, VerificationError):
        return "unproven"
    if isinstance(error, UnwrittenError):
        return "unwritten"
    if isinstance(error, InterruptionError):
        return "interrupted"
    return "usage"
