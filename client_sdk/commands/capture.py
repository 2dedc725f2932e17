"""capture: an EPCIS document onto the ledger, in chunks, resumable."""

from __future__ import annotations

import argparse
from pathlib import Path

from client_sdk import secure_files
from client_sdk.bulk import BulkCapture, BulkResult
from client_sdk.capture import Prepared, prepare_document
from client_sdk.commands.base import Command, Context, Parser
from client_sdk.errors import ExitCode
from client_sdk.keystore import SECRET_SIZE
from client_sdk.output import STATED_WORDS
from tallystick.epcis import PROFILES
from tallystick.errors import ConfigError
from tallystick.limits import EVENTS_PER_TRANSACTION_MAX
from tallystick.records.members import KeyUse


def _add_capture(parser: Parser) -> None:
    parser.add_argument("file", type=Path, help="EPCIS 2.0 JSON: a document, a query document, or one event")
    parser.add_argument("--lenient", action="store_true", help="also read known deviations, with a warning for each")
    parser.add_argument(
        "--skip-refused", action="store_true", help="leave out events that the ledger would refuse; each is named"
    )
    parser.add_argument("--chunk", type=int, default=100, metavar="N", help="events per signature (1 to 1000)")
    parser.add_argument("--journal", type=Path, metavar="FILE", help="where to note progress (default: FILE.journal)")
    parser.add_argument("--check", action="store_true", help="only say what would be captured; send nothing")


def _capture(context: Context, arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.chunk <= EVENTS_PER_TRANSACTION_MAX:
        raise ConfigError(f"--chunk is 1 to {EVENTS_PER_TRANSACTION_MAX} events")
    data = secure_files.read(arguments.file, "EPCIS document")
    if arguments.check:
        return _check(context, arguments, data)
    member = context.member((KeyUse.CAPTURE,))[0]
    prepared = member.prepare_document(data, lenient=arguments.lenient, skip_refused=arguments.skip_refused)
    counts = _noted(context, prepared)
    journal = arguments.journal or arguments.file.with_name(arguments.file.name + ".journal")
    with context.output.progress("capturing", len(prepared.events)) as progress:
        upload = BulkCapture(
            member.client,
            prepared.events,
            [member.seed_for(KeyUse.CAPTURE)],
            journal,
            events_max=arguments.chunk,
            on_progress=progress.advance,
        )
        result = upload.run()
    return _report(context, counts, result, journal)


def _check(context: Context, arguments: argparse.Namespace, data: bytes) -> int:
    """Needs neither keys nor a network: whoever wrote a document can have it checked."""
    prepared = prepare_document(
        data,
        bytes(SECRET_SIZE),
        profile=PROFILES[context.config.profile],
        lenient=arguments.lenient,
        skip_refused=arguments.skip_refused,
    )
    counts = _noted(context, prepared) | {"checked": True}
    context.output.result(counts, f"{len(prepared.events)} events are well formed; nothing was sent")
    return ExitCode.OK


def _noted(context: Context, prepared: Prepared) -> dict[str, object]:
    """Say every warning; what there is, as fields.

    Raises:
        ConfigError: there is nothing.
    """
    for warning in prepared.warnings:
        kind = "left out" if warning.refused else "warning"
        context.output.note(f"{kind}: {warning.detail} [{warning.rule} at {warning.path}]")
    warnings = [{"rule": w.rule, "detail": w.detail, "path": w.path, "left_out": w.refused} for w in prepared.warnings]
    counts = {"events": len(prepared.events), "repeated": len(prepared.repeated), "warnings": warnings}
    context.output.keep(counts)
    if not prepared.events:
        raise ConfigError(
            "there is no event to capture"
            + (": every one was left out" if any(w.refused for w in prepared.warnings) else "")
        )
    return counts


def _report(context: Context, counts: dict[str, object], result: BulkResult, journal: Path) -> int:
    chunks = [
        {"transaction": line.id, "height": line.height, "index": line.index, "reason": line.reason, "events": size}
        for line, size in zip(result.settled, result.sizes, strict=True)
    ]
    recorded = result.events_recorded
    words = f"{recorded} of {sum(result.sizes)} events are recorded and proven, in {len(chunks)} captures"
    if result.resumed:
        words += f" ({result.resumed} of them by an earlier run)"
    if result.stated:
        words += f"\n  {result.stated} of them only as your word ({STATED_WORDS})"
    fields = {
        **counts,
        "recorded": recorded,
        "resumed": result.resumed,
        "stated": result.stated,
        "journal": str(journal),
        "chunks": chunks,
    }
    tell = context.output.partly if result.refused else context.output.result
    tell(fields, words)
    for chunk in sorted(result.refused):
        first = sum(result.sizes[:chunk])
        context.output.note(
            f"events {first} to {first + result.sizes[chunk] - 1} were refused; run again once corrected:"
        )
        result.refused[chunk].require_effect()
    return ExitCode.OK


COMMANDS = (
    Command(
        "capture",
        "capture the events of an EPCIS document",
        ("capture harvest.json", "capture big.json --chunk 1000", "capture scan.json --lenient --check --json"),
        _add_capture,
        _capture,
        description=(
            "Splits each event by the profile, signs in chunks and waits until each is proven. Progress stands in a\n"
            "journal beside the file: run the same command again after an interruption and it goes on, writing\n"
            "nothing twice. One refused event undoes its own chunk only."
        ),
    ),
)
