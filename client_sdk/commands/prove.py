"""prove: fetch a proof, check it, keep it for others. And how proofs of blocks and receipts read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from client_sdk import secure_files
from client_sdk.commands.base import Command, Context, Parser
from client_sdk.errors import ExitCode
from client_sdk.values import read_id
from tallystick.epcis import format_timestamp
from tallystick.errors import ConfigError
from tallystick.proofs import ProofCode, VerifiedBlock, VerifiedReceipt
from tallystick.reasons import Reason

HEIGHT_MAX = 2**53 - 1


def _add_prove(parser: Parser) -> None:
    parser.add_argument("kind", choices=("block", "receipt"), help="what is to be proven")
    parser.add_argument("what", help="height of the block, or id of the transaction")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the proof, which anybody can verify offline")


def _prove(context: Context, arguments: argparse.Namespace) -> int:
    reader = context.reader()
    verified: VerifiedBlock | VerifiedReceipt
    if arguments.kind == "block":
        verified, bundle = reader.block(read_height(arguments.what))
    else:
        verified, bundle = reader.receipt(read_id(arguments.what))
    if arguments.save is not None:
        secure_files.replace(arguments.save, bundle)
    show_chain_proof(context, verified)
    return ExitCode.OK


def read_height(text: str) -> int:
    """A height as it is typed. Raises: ConfigError."""
    if not text.isascii() or not text.isdecimal() or int(text[:20]) > HEIGHT_MAX:
        raise ConfigError(f"{text!r} is not a height; write a number, for instance 42")
    return int(text)


def show_chain_proof(context: Context, verified: VerifiedBlock | VerifiedReceipt) -> None:
    """What a proof of a block or a receipt says, for programs and for people."""
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
    outcome = "took effect" if receipt.reason is Reason.NONE else f"{receipt.reason.name} {receipt.detail}".rstrip()
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


def _signed(verified: VerifiedBlock | VerifiedReceipt) -> str:
    return f"  certified by height {verified.anchor.header.height}, signed by {', '.join(verified.anchor.signers)}"


COMMANDS: tuple[Command, ...] = (
    Command(
        "prove",
        "fetch, check and keep the proof of a block or a receipt",
        ("prove block 42", "prove receipt 5f… --save receipt.proof.json"),
        _add_prove,
        _prove,
        description="Any height, however old, under the newest certified header. What is kept, verify accepts.",
    ),
)
