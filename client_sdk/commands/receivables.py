"""receivables and inbox: what owners granted, and what names this organisation."""

from __future__ import annotations

import argparse
from typing import Any

from client_sdk.commands.base import Command, Context, Parser
from client_sdk.errors import ExitCode
from client_sdk.follow import Follower, Found
from client_sdk.receivables import ItemEvidence, Query, Receivable, SliceView
from client_sdk.values import read_id
from tallystick.epcis import format_timestamp
from tallystick.errors import RefusedError
from tallystick.money import format_amount
from tallystick.plain_text import one_line
from tallystick.records.base import Space
from tallystick.records.finance import LienState, ObligationMembers


def _add_receivables(parser: Parser) -> None:
    parser.add_argument("--grant", action="append", metavar="ID", help="only this grant (default: all that name you)")


def _receivables(context: Context, arguments: argparse.Namespace) -> int:
    reader = context.reader()
    if arguments.grant:
        grants = [read_id(text) for text in arguments.grant]
    else:
        found = _follower(context).find()
        mine = [one for one in found if one.space == Space.GRANT.name and one.maker != context.organisation]
        grants = [bytes.fromhex(one.id) for one in mine]
    shown, denied = Query(reader, context.organisation).receivables(grants)
    words = [_receivable_words(receivable) for receivable in shown]
    words += [f"grant {grant_id.hex()}: {error}" for grant_id, error in denied.items()]
    nothing = bool(arguments.grant and denied and not shown)
    tell = context.output.partly if nothing else context.output.result
    tell(
        {
            "receivables": [_receivable_fields(receivable) for receivable in shown],
            "denied": [{"grant": grant_id.hex(), **_denial(error)} for grant_id, error in denied.items()],
        },
        "\n".join(words) or "nothing is granted to you",
    )
    if nothing:
        raise next(iter(denied.values()))
    return ExitCode.OK


def _denial(error: RefusedError) -> dict[str, str]:
    return {"reason": error.reason, "detail": error.detail, "remedy": error.remedy}


def _receivable_fields(one: Receivable) -> dict[str, Any]:
    return {
        "grant": one.grant_id.hex(),
        "owner": one.grant.owner,
        "purpose": one.grant.purpose.name.lower(),
        "until_ms": one.grant.until_ms,
        "obligation": one.obligation.hex(),
        "state": one.state.name.lower(),
        "height": one.height,
        "time_ms": one.time_ms,
        "terms": _terms_fields(one.terms) if one.terms is not None else None,
        "slices": [_slice_fields(view) for view in one.slices],
        "documents": {name: commitment.hex() for name, commitment in one.documents.items()},
        "evidence": [_evidence_fields(item) for item in one.evidence],
    }


def _terms_fields(terms: ObligationMembers) -> dict[str, Any]:
    names = ("creditor", "debtor", "bank", "currency", "face", "confirmed", "paid", "due_ms")
    return {name: getattr(terms, name) for name in names}


def _slice_fields(view: SliceView) -> dict[str, Any]:
    return {
        "id": view.id.hex(),
        "state": view.state.name.lower(),
        "owner": view.owner,
        "outstanding": view.outstanding,
        "lien": view.lien.name.lower() if view.lien is not None else "never",
        "lien_holder": view.lien_holder,
    }


def _evidence_fields(item: ItemEvidence) -> dict[str, Any]:
    return {
        "id": item.identifier,
        "verdict": item.verdict.value,
        "events": item.event_count,
        "corrected": item.corrected_count,
        "recalls": list(item.recalls),
        "inspection": item.inspection.verdict.name.lower() if item.inspection is not None else None,
    }


def _receivable_words(one: Receivable) -> str:
    lines = [f"obligation {one.obligation.hex()}: {one.state.name.lower()}, as of height {one.height} (proven)"]
    terms = one.terms
    if terms is not None:
        confirmed = f"{format_amount(terms.confirmed, terms.currency)} {terms.currency}"
        lines.append(f"  {terms.debtor} owes {terms.creditor} {confirmed}, due {format_timestamp(terms.due_ms)}")
        lines += [f"  slice {view.id.hex()}: {_lien_words(view)}" for view in one.slices]
    lines += [f"  {name:<8} {commitment.hex()}" for name, commitment in one.documents.items()]
    for item in one.evidence:
        passed = f", inspection {item.inspection.verdict.name.lower()}" if item.inspection is not None else ""
        recalls = f", RECALLED: {one_line(', '.join(item.recalls))}" if item.recalls else ""
        lines.append(f"  {item.identifier}: {item.verdict.value}, {item.event_count} events{passed}{recalls}")
    lines.append(f"  granted by {one.grant.owner} until {format_timestamp(one.grant.until_ms)}")
    return "\n".join(lines)


def _lien_words(view: SliceView) -> str:
    if view.lien is None:
        return f"{view.state.name.lower()}, nobody ever held a lien on it"
    if view.lien is LienState.HELD:
        return f"{view.state.name.lower()}, lien held by {view.lien_holder}"
    return f"{view.state.name.lower()}, its lien was released"


# --- inbox ------------------------------------------------------------------------------------------------


def _follower(context: Context) -> Follower:
    path = context.config.path.parent / "found.json"
    return Follower(context.reading_nodes(), context.reader(), context.organisation, path)


def _add_inbox(parser: Parser) -> None:
    spaces = [space.name.lower() for space in (Space.ESCROW, Space.OBLIGATION, Space.DEAL, Space.GRANT)]
    parser.add_argument("kind", nargs="?", choices=spaces, help="only these")


def _inbox(context: Context, arguments: argparse.Namespace) -> int:
    found = [one for one in _follower(context).find() if arguments.kind is None or one.space.lower() == arguments.kind]
    words = "\n".join(_found_words(one) for one in found)
    rows = [
        {"kind": one.space.lower(), "id": one.id, "maker": one.maker, "parties": one.parties, "height": one.height}
        for one in found
    ]
    context.output.result({"found": rows}, words or "nothing names you yet")
    return ExitCode.OK


def _found_words(one: Found) -> str:
    return f"{one.space.lower():<10} {one.id}  by {one.maker}, names {', '.join(one.parties)}, height {one.height}"


COMMANDS: tuple[Command, ...] = (
    Command(
        "receivables",
        "what owners granted you to see: obligations, liens, evidence, each proven",
        ("receivables", "receivables --grant 7c… --json"),
        _add_receivables,
        _receivables,
        description="The lender's query. Without a grant it answers nothing.",
    ),
    Command(
        "inbox",
        "escrows, obligations, offers and grants that name you",
        ("inbox", "inbox obligation --json"),
        _add_inbox,
        _inbox,
    ),
)
