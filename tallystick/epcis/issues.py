"""What is wrong with an event: one issue, and the two ways of reporting it (stop at the first, or collect all)."""

from __future__ import annotations

from typing import Protocol

import msgspec

from tallystick.errors import EventError


class EventIssue(msgspec.Struct, frozen=True, gc=False):
    """One broken rule: its stable name, what is wrong, where (JSON pointer into the event), what to do."""

    rule: str
    detail: str
    path: str
    remedy: str = ""


class Report(Protocol):
    """Takes one issue. A raising report never returns, so code after it runs only while collecting."""

    def __call__(self, rule: str, detail: str, path: str, remedy: str = "") -> None: ...


def raise_issue(rule: str, detail: str, path: str, remedy: str = "") -> None:
    """The report of a node: the first broken rule refuses the event."""
    raise EventError(rule, detail, path, remedy)


class IssueList:
    """The report of a tool that shows everything at once."""

    def __init__(self) -> None:
        self.issues: list[EventIssue] = []

    def __call__(self, rule: str, detail: str, path: str, remedy: str = "") -> None:
        self.issues.append(EventIssue(rule, detail, path, remedy))
