"""prove: fetch a proof, check it, keep it for others. And how proofs of all but goods and records read."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any, TypeAlias

from client_sdk import secure_files
from client_sdk.commands.base import Command, Context, Parser
from client_sdk.errors import ExitCode
from client_sdk.freshness import freshness_of
from client_sdk.trust_file import Newest
from client_sdk.values import read_id
from tallystick.epcis import format_timestamp
from tallystick.errors import ConfigError
from tallystick.evidence import read_evidence_file, verify_evidence
from tallystick.money import format_amount
from tallystick.plain_text import one_line
from tallystick.proofs import (
    ProofCode,
    ShownSlice,
    VerifiedBlock,
    VerifiedEvidence,
    VerifiedReceipt,
    VerifiedReceivable,
)
from tallystick.reasons import Reason
from tallystick.records.membership import evidence_key

HEIGHT_MAX = 2**53 - 1
_EVIDENCE_FILE_SIZE_MAX = 16_384  # bytes; a file is below two thousand

Shown: TypeAlias = VerifiedBlock | VerifiedReceipt | VerifiedReceivable | VerifiedEvidence


def _add_prove(parser: Parser) -> None:
    parser.add_argument("kind", choices=("block", "receipt", "receivable", "evidence"), help="what is to be proven")
    parser.add_argument(
        "what", help="height of the block, id of the transaction or obligation, evidence: its file or its record's key"
    )
    parser.add_argument("--grant", metavar="ID", help="the grant that lets you see the receivable")
    parser.add_argument(
        "--at", metavar="HEIGHT", help="receivable, evidence: as things stood after this height, while a node keeps it"
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the proof, which anybody can verify offline")


def _prove(context: Context, arguments: argparse.Namespace) -> int:
    reader = context.reader()
    at = read_height(arguments.at) if arguments.at is not None else None
    if at is not None and arguments.kind in ("block", "receipt"):
        raise ConfigError(f"a {arguments.kind} has its own height; leave --at out")
    secure_files.require_new(arguments.save)
    verified: Shown
    if arguments.kind == "block":
        verified, bundle = reader.block(read_height(arguments.what))
    elif arguments.kind == "receipt":
        verified, bundle = reader.receipt(read_id(arguments.what))
    elif arguments.kind == "evidence":
        verified, bundle = reader.evidence(_evidence_key(arguments.what), at)
    else:
        grant = read_id(arguments.grant) if arguments.grant is not None else None
        verified, bundle = reader.receivable(read_id(arguments.what), grant, at)
    if arguments.save is not None:
        secure_files.write_new(arguments.save, bundle)
    show_chain_proof(context, verified, reader.trust.newest)
    return ExitCode.OK


def _evidence_key(text: str) -> bytes:
    """Key of the record of evidence: as such in hex, or of the evidence in a file.

    Raises:
        ConfigError: neither.
        DecodeError, ProofError, SignatureError: the file holds no evidence that convicts anybody.
    """
    if re.fullmatch(r"([0-9a-f]{2}){50}", text):
        return bytes.fromhex(text)
    data = secure_files.read(Path(text), "evidence", size_max=_EVIDENCE_FILE_SIZE_MAX)
    file, found = read_evidence_file(data)
    kind = verify_evidence(found, bytes.fromhex(file.chain_id))
    return evidence_key(found.key, found.epoch, found.view, kind)


def read_height(text: str) -> int:
    """A height as it is typed. Raises: ConfigError."""
    if not text.isascii() or not text.isdecimal() or int(text[:20]) > HEIGHT_MAX:
        raise ConfigError(f"{text!r} is not a height; write a number, for instance 42")
    return int(text)


def show_chain_proof(context: Context, verified: Shown, newest: Newest | None) -> None:
    """What a proof of a block, a receipt, a receivable or of evidence says, for programs and for people.

    Args:
        newest: the newest header seen; blocks and receipts stay what they are, a receivable may have changed since.
    """
    if isinstance(verified, VerifiedEvidence):
        context.output.result(_evidence_fields(verified), _evidence_words(verified))
        return
    if isinstance(verified, VerifiedReceivable):
        executed = verified.as_of or verified.anchor.executed
        fresh = freshness_of(executed.height, executed.time_ms, newest, context.environment.now_ms())
        context.output.result({**_receivable_fields(verified), **fresh.fields()}, _receivable_words(verified))
        context.output.warn(fresh.words())
        return
    if isinstance(verified, VerifiedBlock):
        context.output.result({"kind": "block", **_fields(verified)}, _block_words(verified))
        return
    receipt = verified.receipt
    fields = {
        "kind": "receipt",
        **_fields(verified),
        "subject": receipt.subject.hex(),
        "reason": receipt.reason.name,
        "detail": receipt.detail,
        "events": [
            {"commitment": one.commitment.hex(), "status": one.status.name.lower(), "reason": one.reason.name}
            for one in receipt.events
        ],
        "changes": len(receipt.changes),
    }
    context.output.result(fields, _receipt_words(verified))


def _fields(verified: VerifiedBlock | VerifiedReceipt) -> dict[str, Any]:
    leaf = verified.leaf
    return {
        "verdict": ProofCode.PROVEN.value,
        "height": leaf.height,
        "time_ms": leaf.time_ms,
        "block_hash": leaf.block_hash.hex(),
        "state_root": leaf.state_root.hex(),
        "receipts_root": leaf.receipts_root.hex(),
        "receipt_count": leaf.receipt_count,
        "certified_by_height": verified.anchor.header.height,
        "signed_by": list(verified.anchor.signers),
    }


def _block_words(verified: VerifiedBlock) -> str:
    leaf, header = verified.leaf, verified.header
    lines = [
        f"block {leaf.height}, {format_timestamp(leaf.time_ms)}: in the chain",
        f"  block     {leaf.block_hash.hex()}",
        f"  state     {leaf.state_root.hex()}",
        f"  receipts  {leaf.receipts_root.hex()} ({leaf.receipt_count})",
    ]
    if header is not None:
        lines.append(f"  {header.transaction_count} transactions, proposed by validator {header.proposer}")
    return "\n".join([*lines, _signed(verified)])


def _receipt_words(verified: VerifiedReceipt) -> str:
    receipt = verified.receipt
    why = one_line(f"{receipt.reason.name} {receipt.detail}".rstrip())
    outcome = "took effect" if receipt.reason is Reason.NONE else why
    lines = [
        f"transaction {receipt.subject.hex()}: {outcome}",
        f"  height {receipt.height}, {format_timestamp(verified.leaf.time_ms)}",
    ]
    lines += [
        f"  event {one.commitment.hex()}: {one.status.name.lower()}"
        + (f", {one.reason.name}" if one.reason is not Reason.NONE else "")
        for one in receipt.events
    ]
    return "\n".join([*lines, _signed(verified)])


def _evidence_fields(verified: VerifiedEvidence) -> dict[str, Any]:
    evidence, recorded, state = verified.evidence, verified.recorded, verified.as_of or verified.anchor.executed
    return {
        "kind": "evidence",
        "verdict": ProofCode.PROVEN.value,
        "organisation": verified.organisation,
        "contradiction": verified.kind.name,
        "epoch": evidence.epoch,
        "view": evidence.view,
        "validator_key": evidence.key.hex(),
        "record": verified.key.hex(),
        "recorded_height": recorded.height if recorded is not None else None,
        "reporter": recorded.reporter if recorded is not None else None,
        "height": state.height,
        "time_ms": state.time_ms,
        "signed_by": list(verified.anchor.signers),
    }


def _evidence_words(verified: VerifiedEvidence) -> str:
    evidence, recorded, state = verified.evidence, verified.recorded, verified.as_of or verified.anchor.executed
    told = "not on the ledger" if recorded is None else f"on the ledger since height {recorded.height}"
    reporter = f", reported by {recorded.reporter}" if recorded is not None else ""
    return "\n".join(
        (
            f"{verified.organisation} contradicted itself: {verified.kind.name} in view {evidence.view} "
            f"of epoch {evidence.epoch}",
            f"  validator key {evidence.key.hex()}",
            f"  {told}{reporter}",
            f"  as of height {state.height}, {format_timestamp(state.time_ms)}",
            _signed(verified),
        )
    )


def _receivable_fields(verified: VerifiedReceivable) -> dict[str, Any]:
    terms, state = verified.terms, verified.as_of or verified.anchor.executed
    names = ("creditor", "debtor", "bank", "currency", "face", "confirmed", "paid", "due_ms")
    return {
        "kind": "receivable",
        "verdict": ProofCode.PROVEN.value,
        "obligation": verified.obligation.hex(),
        "state": verified.state.name.lower(),
        "height": state.height,
        "time_ms": state.time_ms,
        "terms": {name: getattr(terms, name) for name in names},
        "only_claim_since_height": verified.tag_height,
        "slices": [
            {
                "id": one.id.hex(),
                "state": one.state.name.lower(),
                "owner": one.members.owner,
                "outstanding": one.members.outstanding,
                "lien": one.lien.state.name.lower() if one.lien is not None else "never",
                "lien_holder": one.holder,
            }
            for one in verified.slices
        ],
        "lien_holders": list(verified.lien_holders),
        "signed_by": list(verified.anchor.signers),
    }


def _receivable_words(verified: VerifiedReceivable) -> str:
    terms, executed = verified.terms, verified.as_of or verified.anchor.executed
    owed = terms.confirmed if verified.tag_height is not None else terms.face
    claim = "not confirmed yet" if verified.tag_height is None else "confirmed; no other obligation under this invoice"
    lines = [
        f"obligation {verified.obligation.hex()}: {verified.state.name.lower()}",
        f"  {terms.debtor} owes {terms.creditor} {format_amount(owed, terms.currency)} {terms.currency}, "
        f"due {format_timestamp(terms.due_ms)}: {claim}",
    ]
    lines += [f"  slice {one.id.hex()}: {_lien_words(one)}" for one in verified.slices]
    holders = ", ".join(verified.lien_holders)
    lines.append(f"  liens held by {holders}, by nobody else" if holders else "  nobody holds a lien on any of it")
    lines.append(f"  as of height {executed.height}, {format_timestamp(executed.time_ms)}")
    return "\n".join([*lines, _signed(verified)])


def _lien_words(one: ShownSlice) -> str:
    if one.lien is None:
        return f"{one.state.name.lower()}, nobody ever held a lien on it"
    return f"{one.state.name.lower()}, " + (f"lien held by {one.holder}" if one.holder else "its lien was released")


def _signed(verified: Shown) -> str:
    return f"  certified by height {verified.anchor.header.height}, signed by {', '.join(verified.anchor.signers)}"


COMMANDS: tuple[Command, ...] = (
    Command(
        "prove",
        "fetch, check and keep the proof of a block, a receipt, a receivable or evidence",
        (
            "prove block 42",
            "prove receipt 5f… --save receipt.proof.json",
            "prove receivable 7c… --grant 3a…",
            "prove evidence epoch-0-view-71-DOUBLE_NOTARIZE-9f31c2.json --save guilty.proof.json",
        ),
        _add_prove,
        _prove,
        description="Blocks and receipts of any height, however old, under the newest certified header. A receivable\n"
        "shows every lien on it, and no other obligation under its invoice number. Evidence shows two statements of a\n"
        "validator that exclude each other, that it sat in that epoch, and since when the ledger says so.\n"
        "What is kept, verify accepts.",
    ),
)
