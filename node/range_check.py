"""Judging a peer's answer to a range request: blocks of one epoch, proven final by one certificate or by a recovery."""

from __future__ import annotations

from consensus.chain import is_boundary
from node.epochs import Epochs
from node.executor import FinalBlock
from node.fetcher import Fetcher
from node.network.messages import RangeMessage
from node.network.peers import PeerFault
from tallystick.blocks import Header
from tallystick.epochs import ClosingHeader
from tallystick.votes import Certificate, VoteKind, verify_certificate


async def check_range(
    answer: RangeMessage, first_height: int, chain_id: bytes, epochs: Epochs, fetcher: Fetcher
) -> list[FinalBlock]:
    """The blocks of an answer, each proven final and verified.

    Where a recovery stands behind them, that is left to be judged by ``RecoveryJudge``: it needs the state below.

    Raises:
        DecodeError, VerificationError, PeerFault: the answer proves nothing, or is not what was asked for. That it
            begins at ``first_height`` matters: proven blocks that do not stand on ours would mean a broken quorum.
    """
    headers = [block.header for block in answer.blocks]
    if headers[0].height != first_height:
        raise PeerFault(f"a range from height {headers[0].height} where {first_height} was asked for")
    chain = [*headers, *answer.descendants]
    hashes = [header.block_hash() for header in chain]
    if answer.recovery is not None:
        proof = answer.recovery.chosen
        if not is_boundary(headers[-1]) or answer.descendants:
            raise PeerFault("a recovered range that does not reach to the boundary block")
    else:
        proof = _checked_certificate(answer, chain[-1], hashes[-1], epochs, chain_id)
    for parent, parent_hash, child in zip(chain, hashes, chain[1:], strict=False):
        if child.parent_hash != parent_hash or child.height != parent.height + 1 or child.epoch != parent.epoch:
            raise PeerFault("a range whose blocks are not a chain of one epoch")
    if headers[0].epoch != epochs.number:
        raise PeerFault("a range of another epoch")
    blocks: list[FinalBlock] = []
    for message, block_hash in zip(answer.blocks, hashes, strict=False):
        transactions = await fetcher.verified(message.header, message.transactions)
        closing, recovery = (answer.closing, answer.recovery) if is_boundary(message.header) else (None, None)
        blocks.append(FinalBlock(message.header, block_hash, transactions, proof, closing, recovery))
    return blocks


def _checked_certificate(
    answer: RangeMessage, last: Header, last_hash: bytes, epochs: Epochs, chain_id: bytes
) -> Certificate:
    proof = answer.finalisation
    if proof is None or proof.statement.kind is not VoteKind.FINALIZE:
        raise PeerFault("a range without a finalisation")
    if proof.statement.epoch != epochs.number:
        raise PeerFault("a range whose finalisation is of another epoch")
    _check_named(proof, last, last_hash, answer.closing)
    verify_certificate(proof, epochs.validators, chain_id)
    return proof


def _check_named(proof: Certificate, last: Header, last_hash: bytes, closing: ClosingHeader | None) -> None:
    """The certificate names the last header or, of a boundary block, a closing header that names it."""
    if closing is not None and (not is_boundary(last) or closing.boundary_hash != last_hash):
        raise PeerFault("a range with a closing header of another block")
    named = (last_hash, last.view) if closing is None else (closing.block_hash(), closing.view)
    if (proof.statement.block_hash, proof.statement.view) != named:
        raise PeerFault("a range whose finalisation is of another block")
