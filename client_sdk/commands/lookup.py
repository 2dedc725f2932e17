"""trace and verify: what can be believed, and why."""

from __future__ import annotations

import argparse
from hashlib import sha256
from pathlib import Path
from typing import Any

from client_sdk import secure_files
from client_sdk.commands import archives, compact
from client_sdk.commands.base import Command, Context, Parser
from client_sdk.commands.prove import read_height, show_chain_proof
from client_sdk.errors import ExitCode
from client_sdk.freshness import freshness_of
from client_sdk.second_opinion import Verdict, check_opinions, fork_evidence, second_opinion
from client_sdk.story import EventFact, Story, tell
from client_sdk.trust import load_trust
from client_sdk.trust_file import Newest
from client_sdk.values import read_identifier
from tallystick.epcis import format_timestamp
from tallystick.errors import ConfigError, ProofError
from tallystick.limits import ARCHIVE_SIZE_MAX
from tallystick.plain_text import one_line
from tallystick.proofs import (
    WORDS,
    Anchor,
    EventBundle,
    ItemBundle,
    ProofCode,
    Trust,
    VerifiedBlock,
    VerifiedEvent,
    VerifiedEvidence,
    VerifiedItem,
    VerifiedReceipt,
    VerifiedReceivable,
    VerifiedRecord,
    read_bundle,
    verify_bundle,
)
from tallystick.records.goods import RecallState

# --- trace ------------------------------------------------------------------------------------------------


def _add_trace(parser: Parser) -> None:
    parser.add_argument("id", help="key text, Digital Link or EPC URN: a serial, lot, class or container")
    parser.add_argument(
        "--at", metavar="HEIGHT", help="as things stood after this height, while a node keeps its state"
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the proof, which anybody can verify offline")


def _trace(context: Context, arguments: argparse.Namespace) -> int:
    at = read_height(arguments.at) if arguments.at is not None else None
    secure_files.require_new(arguments.save)
    reader = context.reader()
    item, bundle = reader.item_with_bundle(read_identifier(arguments.id).uri, at)
    if arguments.save is not None:
        secure_files.write_new(arguments.save, bundle)
    _show_item(context, item, reader.trust.newest, {})
    return ExitCode.OK


def _show_item(context: Context, item: VerifiedItem, newest: Newest | None, more: dict[str, Any]) -> None:
    story = tell(item)
    fresh = freshness_of(story.height, story.time_ms, newest, context.environment.now_ms())
    context.output.result({**more, **story_fields(story), **fresh.fields()}, story_words(story))
    context.output.warn(fresh.words())


def story_fields(story: Story) -> dict[str, Any]:
    """A story as stable fields."""
    return {
        "id": story.subject,
        "verdict": story.verdict,
        "status": story.status,
        "height": story.height,
        "time_ms": story.time_ms,
        "signed_by": list(story.signers),
        "recalls": [
            {"id": r.id, "issuer": r.issuer, "reason": r.reason, "severity": r.severity, "state": r.state.name.lower()}
            for r in story.recalls
        ],
        "events": [
            {
                "of": event.of,
                "kind": event.kind.name.lower(),
                "commitment": event.commitment.hex(),
                "height": event.height,
                "time": event.time,
                "step": event.step,
                "disposition": event.disposition,
                "place": event.place,
                "signer": event.signer,
                "corrected": event.corrected,
                "correction_reason": event.correction_reason,
                "declares_error": event.declares_error,
                "event_id": event.event_id,
                "readings": list(event.readings),
            }
            for event in story.events
        ],
        "missing": list(story.missing),
    }


def story_words(story: Story) -> str:
    """A story for people: recalls first."""
    lines = [
        f"!! RECALL {one_line(recall.id)} by {recall.issuer}: {one_line(recall.reason)} (severity {recall.severity})"
        for recall in story.recalls
        if recall.state is not RecallState.LIFTED
    ]
    lines.append(f"{story.subject}{f' ({story.status})' if story.status else ''}")
    lines.append(f"  {WORDS[ProofCode(story.verdict)][0]}")
    lines.append(
        f"  as of height {story.height}, {format_timestamp(story.time_ms)}, signed by {', '.join(story.signers)}"
    )
    lines += [_event_line(event, story.subject) for event in story.events]
    lines += [f"  not shown: {words}" for words in story.missing]
    lines += [f"  recall {one_line(r.id)} was lifted" for r in story.recalls if r.state is RecallState.LIFTED]
    return "\n".join(lines)


def _event_line(event: EventFact, subject: str) -> str:
    of = "" if event.of == subject else f" [{event.of}]"
    step = event.step or event.kind.name.lower()
    if event.declares_error:
        step = f"takes back: {step}"
    parts = [event.time or "time not shown", step, event.signer or "signer not shown"]
    if event.place:
        parts.append(event.place.removeprefix("https://id.gs1.org/"))
    parts += event.readings
    mark = "x" if event.corrected else "-" if event.declares_error else "·"
    line = one_line(f"  {mark} " + "  ".join(parts) + of)
    reason = one_line(event.correction_reason) or "no reason given"
    return line + (f"\n      declared erroneous: {reason}" if event.corrected else "")


# --- verify -----------------------------------------------------------------------------------------------


def _add_verify(parser: Parser) -> None:
    parser.add_argument(
        "file",
        type=Path,
        help="proof bundle (JSON), compact proof (bytes, or a QR's text), or an archive",
    )
    parser.add_argument("--trust", type=Path, metavar="FILE", help="trust file (default: beside the configuration)")
    parser.add_argument(
        "--genesis",
        metavar="FILE_OR_ID",
        help="for archives, and papers (FILE): trust this genesis, not a trust file",
    )
    parser.add_argument("--id", help="the identifier that the proof should be about; another one is refused")
    parser.add_argument(
        "--second-opinion", action="append", metavar="URL", help="ask this node or explorer too (repeatable)"
    )
    parser.add_argument("--newest", action="store_true", help="also refuse what is older than the newest state seen")


def _verify(context: Context, arguments: argparse.Namespace) -> int:
    data = secure_files.read(arguments.file, "proof", size_max=ARCHIVE_SIZE_MAX)
    if archives.is_archive(data):
        return archives.verify_file(context, arguments, data)
    if compact.is_compact(data):
        return compact.verify_paper(context, arguments, data, arguments.trust or context.config.trust_file)
    if arguments.genesis is not None:
        raise ConfigError("--genesis is for archives and papers; a bundle is checked against a trust file (--trust)")
    store = load_trust(arguments.trust or context.config.trust_file)
    bundle = read_bundle(data)
    if arguments.id is not None:
        subject = read_identifier(arguments.id).key
        if not isinstance(bundle, ItemBundle | EventBundle) or bundle.subject != subject:
            raise ProofError(ProofCode.WRONG_SUBJECT, f"the proof is not about {subject}")
    verified = verify_bundle(data, store.trust(refuse_older=arguments.newest))
    if arguments.second_opinion:
        _ask_others(context, data, verified.anchor, arguments.second_opinion, store.trust())
    match verified:
        case VerifiedItem():
            _show_item(context, verified, store.newest, {"kind": "item"})
        case VerifiedEvent():
            _show_event(context, verified, bundle.subject if isinstance(bundle, EventBundle) else "", store.newest)
        case VerifiedRecord():
            _show_record(context, verified, store.newest)
        case VerifiedBlock() | VerifiedReceipt() | VerifiedReceivable() | VerifiedEvidence():
            show_chain_proof(context, verified, store.newest)
    return ExitCode.OK


def _show_record(context: Context, verified: VerifiedRecord, newest: Newest | None) -> None:
    executed = verified.as_of or verified.anchor.executed
    fresh = freshness_of(executed.height, executed.time_ms, newest, context.environment.now_ms())
    public = verified.public.hex() if verified.public is not None else None
    words = f"public half {public}" if public is not None else "no such record"
    fields = {"kind": "record", "key": verified.key.hex(), "public": public, "height": executed.height}
    words = f"record {verified.key.hex()}: {words}, proven as of height {executed.height}"
    context.output.result({**fields, **fresh.fields()}, words)
    context.output.warn(fresh.words())


def _ask_others(context: Context, proof: bytes, anchor: Anchor, urls: list[str], trust: Trust) -> None:
    """Compare with other members' heads; what they say goes to the error stream, a fork ends the command.

    What contradicts the proof is kept beside the trust file: it may never be shown again.
    """
    ca_file = str(context.config.ca_file) if context.config.ca_file is not None else None
    sources = [context.make_transport(url, ca_file) for url in urls]
    try:
        opinions = second_opinion(anchor, sources, trust, environment=context.environment)
    finally:
        for source in sources:
            source.close()
    for one in opinions:
        newest = f", its newest height is {one.height}, {format_timestamp(one.time_ms)}" if one.height else ""
        stale = " (STALE)" if one.stale else ""
        detail = f": {one.detail}" if one.detail else ""
        context.output.note(one_line(f"{one.source} {one.organisation}: {one.verdict}{newest}{stale}{detail}"))
        if one.verdict is Verdict.FORK:
            _keep_evidence(context, anchor.executed.height, fork_evidence(proof, one))
    check_opinions(opinions)


def _keep_evidence(context: Context, height: int, evidence: bytes) -> None:
    digest = sha256(evidence).hexdigest()[:16]
    path = context.config.trust_file.parent / f"fork-{height}-{digest}.json"
    if not path.exists():
        secure_files.write_new(path, evidence)
    context.output.note(f"  evidence of both sides is kept in {path}")


def _show_event(context: Context, verified: VerifiedEvent, subject: str, newest: Newest | None) -> None:
    executed = verified.as_of or verified.anchor.executed
    fresh = freshness_of(executed.height, executed.time_ms, newest, context.environment.now_ms())
    corrected = verified.correction is not None
    fields = {
        "kind": "event",
        "id": subject,
        "verdict": ProofCode.PROVEN.value,
        "commitment": verified.event.commitment.hex(),
        "event": verified.event.public.decode(),
        "height": executed.height,
        "time_ms": executed.time_ms,
        "signer": verified.signer.organisation if verified.signer is not None else "",
        "corrected": corrected,
        **fresh.fields(),
    }
    mark = "declared erroneous later" if corrected else "not declared erroneous"
    words = f"event {verified.event.commitment.hex()} of {subject}: proven as of height {executed.height}, {mark}"
    context.output.result(fields, f"{words}\n  {one_line(verified.event.public.decode())}")
    context.output.warn(fresh.words())


COMMANDS: tuple[Command, ...] = (
    Command(
        "trace",
        "the verified history of an identifier",
        ("trace 01/09521234543220/21/A1", "trace 01/09521234543213/10/LOT7 --save lot7.proof.json"),
        _add_trace,
        _trace,
        description="Fetches the proof and checks it against the pinned validators. Recalls come first.",
    ),
    Command(
        "verify",
        "verify a proof file or an archive, offline",
        (
            "verify lot7.proof.json --trust trust.json",
            "verify lot7.proof.json --id 01/09521234543213/10/LOT7",
            "verify lot7.proof.json --second-opinion https://node.carrier.example",
            "verify lot7.zip --genesis 9f…",
        ),
        _add_verify,
        _verify,
        online=False,
        description="Asks no node but those of --second-opinion. Exit status 4 and a code when it does not hold.",
    ),
)
