"""compact: a consignment on paper. What such a paper shows is told here too, for ``verify``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from client_sdk import qr, secure_files
from client_sdk.commands.base import Command, Context, Parser
from client_sdk.commands.keys import read_genesis
from client_sdk.errors import AnswerError, ExitCode
from client_sdk.nodes import MSGPACK, read_json
from client_sdk.trust import GENESIS_SIZE_MAX, VALIDATOR_SET_SIZE_MAX, TrustStore, load_trust, pin
from client_sdk.values import read_identifier
from tallystick import api
from tallystick.api import unb64
from tallystick.bls import bls
from tallystick.compact import (
    COMPACT_SIZE_MAX,
    QR_SIGNS_MAX,
    QR_SIZE_MAX,
    VerifiedConsignment,
    compact_text,
    is_compact,
    open_contents,
    read_compact,
    verify_compact,
    write_compact,
)
from tallystick.encoding import decode, encode
from tallystick.epcis import format_timestamp
from tallystick.errors import ConfigError, DecodeError, UnavailableError
from tallystick.limits import RECORD_SIZE_MAX
from tallystick.plain_text import one_line
from tallystick.records.base import Record
from tallystick.records.goods import session_key
from tallystick.seals import SealKeys
from tallystick.validators import ValidatorSet

NOW_S = 60.0  # what a seal on request is given at least; in pure Python on a busy machine it takes half a minute


def _add_compact(parser: Parser) -> None:
    parser.add_argument("id", help="a container (SSCC) as key text, Digital Link or EPC URN; or a file of --out")
    parser.add_argument("--now", action="store_true", help="have the validators seal the newest state; do not wait")
    parser.add_argument("--contents", action="store_true", help="also show what lies inside, to all who scan it")
    parser.add_argument("--out", type=Path, metavar="FILE", help="keep the proof as bytes")
    parser.add_argument("--qr", type=Path, metavar="FILE", help="write the QR code as PNG")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the QR code as SVG")
    parser.add_argument(
        "--host",
        default="",
        metavar="URL",
        help="an explorer: the code is then a link to its page about it",
    )
    parser.add_argument("--scale", type=int, default=4, metavar="N", help="pixels of the PNG per module (4)")
    parser.add_argument(
        "--module-mm", default="0.5", metavar="MM", help="size of the SVG per module (0.5; 0.396 or more)"
    )


def _compact(context: Context, arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.scale <= 64:
        raise ConfigError("--scale is 1 to 64 pixels")
    secure_files.require_new(arguments.out, arguments.qr, arguments.svg)
    store = context.trust()
    path = Path(arguments.id)
    if path.is_file():
        data = secure_files.read(path, "compact proof", size_max=2 * COMPACT_SIZE_MAX)
    else:
        data = _fetch(context, store, read_identifier(arguments.id).key, now=arguments.now)
    if arguments.contents:
        data = _with_contents(context, data)
    shown = _verify(data, store)
    data = write_compact(read_compact(data))  # whatever form it came in
    text = compact_text(data, arguments.host)
    if (arguments.qr or arguments.svg) and len(text) > QR_SIGNS_MAX:
        less = "leave out --contents, or use --out alone" if arguments.contents else "use --out alone"
        raise ConfigError(f"{len(data)} bytes do not fit into one QR code, which holds {QR_SIZE_MAX}; {less}")
    fields = {"size": len(data), "files": _write(arguments, data, text), **consignment_fields(shown)}
    if arguments.qr or arguments.svg:
        fields["modules"] = len(qr.compact_matrix(text)) - 2 * qr.QUIET_ZONE
    words = consignment_words(shown) + f"\n  {len(data)} bytes" + "".join(f"\n  {name}" for name in fields["files"])
    context.output.result(fields, words)
    return ExitCode.OK


def _fetch(context: Context, store: TrustStore, subject: str, *, now: bool) -> bytes:
    """A node's proof; validators of a later epoch are learnt from the ends of those before."""
    if not subject.startswith("00/"):
        raise ConfigError(f"{subject} is no container; a compact proof is about an SSCC (00/…)")
    data = _sealed_now(context, subject) if now else _ask(context, subject)
    proof = read_compact(data)
    if proof.subject != subject:
        raise AnswerError(f"asked for {subject}, a node answered about {proof.subject}")
    if proof.epoch > store.newest_epoch:
        context.reader().walk()
    if proof.epoch not in store.compact_trust().validators:
        head = context.client().head()  # who pinned a later epoch by its hash has not seen its set yet
        store.take_set(decode(unb64(head.validators), ValidatorSet, size_max=VALIDATOR_SET_SIZE_MAX))
    return data


def _ask(context: Context, subject: str) -> bytes:
    return context.nodes().get(api.CONSIGNMENT_PROOF, {"id": subject}, accept=MSGPACK).body


def _sealed_now(context: Context, subject: str) -> bytes:
    """Have the validators seal the newest height, and wait for it.

    Raises:
        UnavailableError: no quorum sealed it in time, or the container changed meanwhile.
    """
    asked = read_json(context.nodes().post(api.SEALS, encode(())), api.SealAsked)
    deadline_s = context.environment.monotonic_s() + max(context.arguments.timeout, NOW_S)
    why = UnavailableError(f"no quorum of validators sealed height {asked.height} in time; ask again")
    while context.environment.monotonic_s() < deadline_s:
        try:
            data = _ask(context, subject)
            if read_compact(data).height >= asked.height:
                return data
        except UnavailableError as error:
            why = error
        context.environment.sleep(0.5)
    raise why


def _verify(data: bytes, store: TrustStore, subject: str | None = None) -> VerifiedConsignment:
    """Check a paper. In an epoch's first one all keys of the set are checked, which later ones need not be again."""
    trust, scheme = store.compact_trust(), bls()
    shown = verify_compact(data, trust, scheme, subject=subject)
    if shown.epoch not in trust.possessions_checked:
        keys = SealKeys(trust.validators[shown.epoch], shown.epoch, trust.chain_id, scheme)
        if not keys.bad_keys():
            store.note_possessions(shown.epoch)
    return shown


def _with_contents(context: Context, data: bytes) -> bytes:
    """The proof with the members' half of its session, which a signed request fetches."""
    proof = read_compact(data)
    key = session_key(proof.subject, proof.session.number)
    answer = context.reading_nodes().get(api.RECORD, {"key": key.hex()}, members=True, accept=MSGPACK)
    try:
        record = decode(answer.body, Record, size_max=3 * RECORD_SIZE_MAX)
    except DecodeError as error:
        raise AnswerError(f"a node answered something that is no record: {error}") from error
    if len(record.members_salt) != 32:
        raise AnswerError("a node answered without the contents")
    return write_compact(open_contents(proof, record.members_salt, record.members))


def _write(arguments: argparse.Namespace, data: bytes, text: str) -> list[str]:
    written = []
    matrix = qr.compact_matrix(text) if arguments.qr or arguments.svg else ()
    if arguments.out is not None:
        secure_files.write_new(arguments.out, data, mode=0o644)
        written.append(str(arguments.out))
    if arguments.qr is not None:
        secure_files.write_new(arguments.qr, qr.to_png(matrix, arguments.scale), mode=0o644)
        written.append(str(arguments.qr))
    if arguments.svg is not None:
        secure_files.write_new(arguments.svg, qr.to_svg(matrix, arguments.module_mm), mode=0o644)
        written.append(str(arguments.svg))
    return written


# --- what verify shows ------------------------------------------------------------------------------------


def verify_paper(context: Context, arguments: argparse.Namespace, data: bytes, trust_file: Path) -> int:
    """Check a compact proof offline and tell what it shows.

    Raises:
        ProofError: it does not hold.
        ConfigError: the pinned validators sign no seals.
    """
    if arguments.genesis is not None:
        genesis = secure_files.read(Path(arguments.genesis), "genesis file", size_max=GENESIS_SIZE_MAX)
        store = pin(genesis, read_genesis(genesis, arguments.genesis).chain_id())
    else:
        store = load_trust(trust_file)
    subject = None if arguments.id is None else read_identifier(arguments.id).key
    if not store.compact_trust().validators:
        raise ConfigError("the pinned validators name no BLS keys, so nothing can be checked that they sealed")
    shown = _verify(data, store, subject)
    context.output.result(consignment_fields(shown), consignment_words(shown))
    return ExitCode.OK


def consignment_fields(shown: VerifiedConsignment) -> dict[str, Any]:
    """A verified consignment as stable fields."""
    return {
        "kind": "consignment",
        "id": shown.subject,
        "session": shown.session.number,
        "open": shown.session.open,
        "events": shown.session.history.count,
        "contents_digest": shown.contents_digest.hex(),
        "contents": list(shown.contents.contents) if shown.contents is not None else None,
        "recalls": list(shown.item.recalls),
        "height": shown.height,
        "time_ms": shown.time_ms,
        "signed_by": list(shown.signers),
    }


def consignment_words(shown: VerifiedConsignment) -> str:
    """A verified consignment for people: recalls first."""
    lines = [
        f"!! RECALL {one_line(recall)} reached this container; ask the ledger whether it is in force"
        for recall in shown.item.recalls
    ]
    lines.append(f"{shown.subject}, filling {shown.session.number} ({'closed' if not shown.session.open else 'open'})")
    time = format_timestamp(shown.time_ms)
    lines.append(f"  proven as of height {shown.height}, {time}, sealed by {', '.join(shown.signers)}")
    lines.append(f"  {shown.session.history.count} events; contents digest {shown.contents_digest.hex()}")
    if shown.contents is not None:
        lines += [f"  contains {identifier}" for identifier in shown.contents.contents]
    return "\n".join(lines)


COMMANDS: tuple[Command, ...] = (
    Command(
        "compact",
        "a consignment as one QR code",
        (
            "compact 00/095212345678901234 --now --qr pallet.png",
            "compact 00/095212345678901234 --qr pallet.png --host https://id.example.org",
            "compact 00/095212345678901234 --contents --out pallet.tsc --svg pallet.svg",
        ),
        _add_compact,
        _compact,
        description="Proven as of the last seal, which the validators make every heartbeat, and with --now at once.\n"
        "'verify' checks it offline, from the file or from the text that the QR code holds.",
    ),
)

__all__ = ["COMMANDS", "consignment_fields", "consignment_words", "is_compact", "verify_paper"]
