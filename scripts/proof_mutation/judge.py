"""What a verifier may say of a changed bundle: refuse it, or say no more than it said of the good one."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

from tallystick.blocks import Header
from tallystick.proofs import (
    ProofCode,
    Verified,
    VerifiedBlock,
    VerifiedEvent,
    VerifiedEvidence,
    VerifiedItem,
    VerifiedReceipt,
    VerifiedReceivable,
    VerifiedRecord,
)


def says_more(found: Verified, good: Verified, genuine: Container[Header]) -> str:
    """What a changed bundle proves that the good one did not; empty: nothing.

    A signer, a header that is only shown, parts of a closure (then ``partly``) may be lost; whatever is still shown is
    what it was.

    Args:
        genuine: headers that the validators signed; a changed bundle may hang on another one of them.
    """
    if type(found) is not type(good):
        return "another kind"
    if found.anchor.header not in genuine:
        return "a header that nobody signed"
    match found, good:
        case VerifiedItem(), VerifiedItem():
            return _item(found, good)
        case VerifiedEvent(), VerifiedEvent():
            if found.signer not in (None, good.signer):
                return "another signer"
            return "" if _told_by_event(found) == _told_by_event(good) else "another event"
        case VerifiedRecord(), VerifiedRecord():
            return "" if (found.key, found.public, found.as_of) == (good.key, good.public, good.as_of) else "record"
        case VerifiedBlock(), VerifiedBlock():
            return "" if found.leaf == good.leaf and found.header in (None, good.header) else "block"
        case VerifiedReceipt(), VerifiedReceipt():
            return "" if (found.leaf, found.receipt) == (good.leaf, good.receipt) else "receipt"
        case VerifiedReceivable(), VerifiedReceivable():
            return "" if replace(found, anchor=good.anchor) == good else "another receivable"
        case VerifiedEvidence(), VerifiedEvidence():
            return "" if replace(found, anchor=good.anchor) == good else "other evidence"
    raise AssertionError(f"a kind without a rule: {type(found).__name__}")


def _told_by_event(event: VerifiedEvent) -> tuple[object, ...]:
    return event.item, event.entry, event.event.public, event.correction, event.as_of


def _item(found: VerifiedItem, good: VerifiedItem) -> str:
    closure, before = found.closure, good.closure
    if found.verdict is not good.verdict and found.verdict is not ProofCode.PARTLY:
        return f"verdict {found.verdict}"
    if found.verdict is good.verdict and (closure.parts, closure.sessions) != (before.parts, before.sessions):
        return "other parts"
    if found.verdict is good.verdict and (closure.recalls, closure.corrections) != (before.recalls, before.corrections):
        return "other recalls or corrections"
    for name, part in closure.parts.items():
        was = before.parts.get(name)
        if was is None or part.item != was.item or part.entries not in ((), was.entries):
            return f"another {name}"
    for key, session in closure.sessions.items():
        if key not in before.sessions or session.session != before.sessions[key].session:
            return "another container session"
    pairs: tuple[tuple[Mapping[Any, object], Mapping[Any, object]], ...] = (
        (closure.recalls, before.recalls),
        (closure.corrections, before.corrections),
        (closure.transformations, before.transformations),
        (found.signers, good.signers),
    )
    if any(known.get(name) != value for shown, known in pairs for name, value in shown.items()):
        return "another recall, correction, transformation or signer"
    return ""
