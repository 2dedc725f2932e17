"""export: a part of the ledger in one file that outlives the network. And how ``verify`` reads such a file."""

from __future__ import annotations

import argparse
from hashlib import sha256
from pathlib import Path
from typing import Any

from client_sdk import secure_files
from client_sdk.commands.base import Command, Context, Parser
from client_sdk.commands.prove import read_height
from client_sdk.config import parse_chain_id
from client_sdk.errors import ExitCode
from client_sdk.export import Wish, export
from client_sdk.freshness import freshness_of
from client_sdk.trust import GENESIS_SIZE_MAX, load_trust
from client_sdk.values import read_id, read_identifier
from tallystick.archive import (
    SIGNATURE,
    ArchiveError,
    Audience,
    HeightsScope,
    ItemsScope,
    OrganisationScope,
    ReceivableScope,
    Scope,
    VerifiedArchive,
    scope_words,
    verify_archive,
)
from tallystick.encoding import decode
from tallystick.epcis import format_timestamp, parse_key
from tallystick.epcis.key_types import IdentifierKind
from tallystick.errors import ConfigError, DecodeError
from tallystick.genesis import Genesis
from tallystick.limits import ARCHIVE_DEPTH_MAX, ARCHIVE_HEIGHTS_MAX
from tallystick.plain_text import one_line
from tallystick.proofs import WORDS, ProofCode, Trust
from tallystick.reasons import Reason
from tallystick.records.goods import RecallState

PUBLIC_MODE = 0o644


def is_archive(data: bytes) -> bool:
    """Whether a file begins as archives do."""
    return data.startswith(SIGNATURE)


# --- export -----------------------------------------------------------------------------------------------


def _add_export(parser: Parser) -> None:
    parser.add_argument("scope", choices=("items", "receivable", "organisation", "heights"), help="what is exported")
    parser.add_argument(
        "what", nargs="*", help="identifiers; id of the obligation and identifiers of its goods; id of the organisation"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the archive to write")
    parser.add_argument("--force", action="store_true", help="write over a file of that name")
    parser.add_argument(
        "--depth", type=int, default=1, metavar="N", help="steps from each thing to what belongs to it (default 1)"
    )
    parser.add_argument("--from", dest="first", metavar="HEIGHT", help="first height of a period")
    parser.add_argument("--to", dest="last", metavar="HEIGHT", help="last height of a period")
    parser.add_argument("--at", metavar="HEIGHT", help="things as they stood after this height, while a node keeps it")
    parser.add_argument("--grant", metavar="ID", help="the grant that lets you see the receivable")
    parser.add_argument(
        "--members", action="store_true", help="with the members' halves that your key for reading opens"
    )


def _export(context: Context, arguments: argparse.Namespace) -> int:
    wish = _wish(arguments)
    out: Path = arguments.out
    if out.exists() and not arguments.force:
        raise ConfigError(f"{out} exists already: choose another name, or give --force to write over it")
    secure_files.require_folder(out)
    progress = context.output.progress("members", None)
    with progress:
        data, archive = export(
            wish,
            context.reading_nodes(),
            context.reader(),
            environment=context.environment,
            on_member=lambda count: progress.advance(),
        )
    mode = PUBLIC_MODE if wish.audience is Audience.PUBLIC else 0o600
    if arguments.force:
        secure_files.replace(out, data, mode=mode)
    else:
        secure_files.write_new(out, data, mode=mode)
    fields = {"file": str(out), **archive_fields(archive, data)}
    words = f"{out}: {len(data):,} bytes, SHA-256 {fields['sha256']}\n{archive_words(archive)}"
    advice = f"  to check it anywhere: tallystick verify {out} --genesis {archive.manifest.chain_id}"
    context.output.result(fields, f"{words}\n{advice}")
    return ExitCode.OK


def _wish(arguments: argparse.Namespace) -> Wish:
    audience = Audience.MEMBERS if arguments.members else Audience.PUBLIC
    at = read_height(arguments.at) if arguments.at is not None else None
    scope = _scope(arguments)
    if at is not None and isinstance(scope, ReceivableScope | HeightsScope):
        raise ConfigError(f"--at is not for {arguments.scope}: " + (
            "a receivable is shown as it stands now" if isinstance(scope, ReceivableScope) else "--to says the height"
        ))  # fmt: skip
    grant = read_id(arguments.grant) if arguments.grant is not None else None
    if isinstance(scope, ReceivableScope):
        audience = Audience.MEMBERS  # amounts and parties stand in members' halves, and nothing else proves a lien
    return Wish(scope, audience, at, grant)


def _scope(arguments: argparse.Namespace) -> Scope:
    what: list[str] = arguments.what
    if not 0 <= arguments.depth <= ARCHIVE_DEPTH_MAX:
        raise ConfigError(f"--depth is 0 to {ARCHIVE_DEPTH_MAX}")
    if arguments.scope == "items":
        if not what:
            raise ConfigError("which things? name identifiers, for instance: export items 01/09521234543213/10/LOT7")
        return ItemsScope(_identifiers(what), arguments.depth)
    if arguments.scope == "receivable":
        if not what:
            raise ConfigError("which receivable? name the id of the obligation, and the goods behind it after it")
        return ReceivableScope(read_id(what[0]).hex(), _identifiers(what[1:]), arguments.depth)
    first, last = _period(arguments)
    if arguments.scope == "heights":
        if what:
            raise ConfigError("a period of all blocks takes --from and --to only")
        return HeightsScope(first, last)
    if len(what) != 1:
        raise ConfigError("whose transactions? name one organisation, for instance: export organisation org:grower")
    return OrganisationScope(what[0], first, last)


def _identifiers(texts: list[str]) -> tuple[str, ...]:
    return tuple(sorted({read_identifier(text).key for text in texts}))


def _period(arguments: argparse.Namespace) -> tuple[int, int]:
    if arguments.first is None or arguments.last is None:
        raise ConfigError("which period? give --from HEIGHT and --to HEIGHT")
    first, last = read_height(arguments.first), read_height(arguments.last)
    if not 1 <= first <= last < first + ARCHIVE_HEIGHTS_MAX:
        raise ConfigError(
            f"heights {first} to {last}: give 1 to {ARCHIVE_HEIGHTS_MAX} of them, the lower one first, from 1 on; "
            "several archives cover more"
        )
    return first, last


# --- verify -----------------------------------------------------------------------------------------------


def verify_file(context: Context, arguments: argparse.Namespace, data: bytes) -> int:
    """What ``verify`` does with an archive."""
    if arguments.second_opinion:
        raise ConfigError("--second-opinion is for single proofs; an archive is as old as it says")
    newest = None
    if arguments.genesis is not None:
        trust = trusted_genesis(arguments.genesis)
    else:
        store = load_trust(arguments.trust or context.config.trust_file)
        trust, newest = store.trust(refuse_older=arguments.newest), store.newest
    archive = verify_archive(data, trust)
    if arguments.id is not None:
        subject = read_identifier(arguments.id).key
        if subject not in archive.proven.items:
            remedy = "ask for an archive of it; --json lists what is in this one"
            raise ArchiveError(ProofCode.WRONG_SUBJECT, f"the archive is not about {subject}", "", remedy)
    proven = archive.proven
    fresh = freshness_of(proven.height, proven.time_ms, newest, context.environment.now_ms())
    fields = {"kind": "archive", **archive_fields(archive, data), **fresh.fields()}
    context.output.result(fields, archive_words(archive))
    context.output.warn(fresh.words())
    return ExitCode.OK


def trusted_genesis(text: str) -> Trust:
    """What a reader trusts who names a genesis: the file of it, or its chain id. Raises: ConfigError."""
    path = Path(text)
    if not path.exists():
        try:
            return Trust(parse_chain_id(text))
        except ConfigError as error:
            raise ConfigError(
                f"{text[:80]!r} is neither a genesis file nor a chain id (64 hexadecimal digits)"
            ) from error
    try:
        genesis = decode(
            secure_files.read(path, "genesis", size_max=GENESIS_SIZE_MAX), Genesis, size_max=GENESIS_SIZE_MAX
        )
    except DecodeError as error:
        raise ConfigError(f"{path} is not a genesis file: {error}") from error
    return Trust(genesis.chain_id(), {0: genesis.validators().digest()})


# --- how both show an archive -----------------------------------------------------------------------------


def archive_fields(archive: VerifiedArchive, data: bytes) -> dict[str, Any]:
    """What an archive proves, as stable fields."""
    manifest, proven = archive.manifest, archive.proven
    receivable = proven.receivable
    return {
        "verdict": (ProofCode.PROVEN if proven.complete else ProofCode.PARTLY).value,
        "sha256": sha256(data).hexdigest(),
        "size": len(data),
        "network": manifest.network,
        "chain_id": manifest.chain_id,
        "height": proven.height,
        "time_ms": proven.time_ms,
        "state_root": manifest.state_root,
        "protocol_version": manifest.protocol_version,
        "epochs": len(archive.founding.epochs),
        "audience": manifest.audience.value,
        "scope": scope_words(manifest)[0],
        "members": len(manifest.members),
        "halves": proven.halves,
        "signed_by": sorted(proven.signers),
        "items": [
            {
                "id": identifier,
                "verdict": item.verdict.value,
                "events": len(item.events),
                "recalled": any(one.state is not RecallState.LIFTED for one in item.closure.recalls.values()),
                "missing": list(item.closure.missing),
            }
            for identifier, item in sorted(proven.items.items())
        ],
        "blocks": len(proven.blocks),
        "transactions": [
            {
                "id": one.transaction.hex(),
                "height": one.height,
                "reason": one.reason.name,
                "events": [
                    {
                        "commitment": event.commitment.hex(),
                        "status": event.status.name.lower(),
                        "reason": event.reason.name,
                        "corrected": event.correction is not None,
                    }
                    for event in one.events
                ],
            }
            for one in proven.outcomes
        ],
        "obligation": receivable.obligation.hex() if receivable is not None else None,
        "lien_holders": list(receivable.lien_holders) if receivable is not None else None,
    }


def archive_words(archive: VerifiedArchive) -> str:
    """What an archive proves, for people."""
    manifest, proven = archive.manifest, archive.proven
    epochs = len(archive.founding.epochs)
    changes = f"{epochs - 1} changes of validators" if epochs != 2 else "one change of validators"
    lines = [
        f"archive of {one_line(manifest.network)}: {scope_words(manifest)[0]}",
        f"  ledger {manifest.chain_id}",
        f"  as of height {proven.height}, {format_timestamp(proven.time_ms)}; nothing later is known from it",
        f"  signed by {', '.join(sorted(proven.signers))}; {changes} since the founding",
    ]
    lines += [_item_line(identifier, item) for identifier, item in sorted(proven.items.items())]
    if proven.receivable is not None:
        holders = ", ".join(proven.receivable.lien_holders)
        held = f"liens held by {holders}, by nobody else" if holders else "nobody holds a lien on any of it"
        lines.append(
            f"  obligation {proven.receivable.obligation.hex()}: {proven.receivable.state.name.lower()}; {held}"
        )
    if proven.outcomes:
        events = [event for one in proven.outcomes for event in one.events]
        refused = sum(one.reason is not Reason.NONE for one in proven.outcomes)
        corrected = sum(event.correction is not None for event in events)
        lines.append(
            f"  {len(proven.outcomes)} transactions, {refused} of them refused; {len(events)} events, "
            f"{corrected} of them declared erroneous"
        )
    elif proven.blocks:
        lines.append(f"  {len(proven.blocks)} blocks")
    whole = "complete: nothing of this scope was left out" if proven.complete else "some closures are only partly shown"
    lines.append(f"  {whole}")
    lines.append(
        f"  with {proven.halves} members' halves: CONFIDENTIAL"
        if manifest.audience is Audience.MEMBERS
        else "  public: members' halves are not in it"
    )
    return "\n".join(lines)


def _item_line(identifier: str, item: Any) -> str:
    recalled = any(one.state is not RecallState.LIFTED for one in item.closure.recalls.values())
    said = WORDS[ProofCode(item.verdict)][0]
    if item.verdict is ProofCode.UNKNOWN and parse_key(identifier).kind is IdentifierKind.CLASS:
        said = "Proven: nothing was said of this product as such, only of its lots and pieces."
    return f"  {'!! RECALL ' if recalled else ''}{identifier}: {said}"


COMMANDS: tuple[Command, ...] = (
    Command(
        "export",
        "write a part of the ledger, with all that proves it, into one archive",
        (
            "export items 01/09521234543213/10/LOT7 --depth 2 --out lot7.zip",
            "export receivable 7c… 01/09521234543213/10/LOT7 --grant 3a… --out claim.zip",
            "export organisation org:grower --from 1 --to 5000 --out ours.zip",
            "export heights --from 1 --to 5000 --members --out all.zip",
        ),
        _add_export,
        _export,
        description="The archive shows one height, holds everything that its scope needs and nothing else, and is\n"
        "verified before it is written: 'tallystick verify FILE --genesis CHAIN_ID' accepts it when no node exists\n"
        "any more. Without --members it holds what anybody may see. A file appears whole or not at all.",
    ),
)
