"""Bundles whose anchor is an epoch later than the verifier pinned, good and with one defect each."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise
from typing import Any

import msgspec

from scripts.proof_vectors.edits import change
from scripts.proof_vectors.making import Bundle, record, record_in_pieces
from tallystick import epochs, keys
from tallystick.blocks import Header
from tallystick.bls import KEY_SIZE, SIGNATURE_SIZE
from tallystick.encoding import encode
from tallystick.proofs import show_anchor
from tallystick.proofs.bundle import AnchorShown
from tallystick.validators import Validator, ValidatorSet, validator_set
from tallystick.votes import Certificate, Statement, VoteKind, certificate_of
from tests import proof_world as w
from tests.proof_bytes import b64
from tests.proof_entries import written_out_anchor


def next_validators() -> ValidatorSet:
    """The set of epoch 1: one has left, one has joined."""
    names = (*w.VALIDATOR_NAMES[:3], "org:laboratory")
    return validator_set(tuple(Validator(name, keys.public_key_of(w.seed(name))) for name in names))


def certify_by(validators: ValidatorSet, header: Header | epochs.ClosingHeader, count: int = 3) -> Certificate:
    """A finalisation of a header or closing header by the first members of a set."""
    statement = Statement(header.epoch, VoteKind.FINALIZE, header.view, header.block_hash())
    signatures = {}
    for index, member in enumerate(validators.members[:count]):
        seed = w.seed(member.organisation)
        signatures[index] = keys.sign(seed, keys.Purpose.VOTE, header.chain_id, statement.signing_bytes())
    return certificate_of(statement, signatures)


def crossed(
    bundle: Bundle,
    *,
    closed: bool = False,
    count: int = 3,
    of: w.ProofWorld | None = None,
    in_pieces: bool = False,
    **boundary: Any,
) -> Bundle:
    """The bundle under a header of epoch 1, with the end of epoch 0.

    Args:
        closed: the boundary block is final only through a closing header.
        count: signers of that end.
        of: the world that the bundle shows.
        in_pieces: whether the anchor names what follows from its own parts.
        boundary: changed fields of the boundary block.
    """
    world, following = of or w.finished_world(), next_validators()
    last = world.header(**{"next_validators_hash": following.digest(), **boundary})
    hash_ = last.block_hash()
    closing = epochs.ClosingHeader(last.chain_id, 0, last.view + 1, hash_, last.view, 1, hash_) if closed else None
    proof = epochs.EpochProof(last, closing, certify_by(w.validators(), closing or last, count), following)
    digest = following.digest()
    header = world.header(epoch=1, view=3, validators_hash=digest, next_validators_hash=digest)
    steps = (epochs.EpochStep(w.validators(), proof),)
    shown = show_anchor(header.chain_id, header, (), certify_by(following, header), following, steps)
    return under(bundle, shown, in_pieces)


def under(bundle: Bundle, anchor: AnchorShown, in_pieces: bool) -> Bundle:
    """The bundle under another anchor."""
    return {**bundle, "anchor": msgspec.to_builtins(anchor) if in_pieces else written_out_anchor(anchor)}


def with_seals() -> ValidatorSet:
    """The set of epoch 2: one has left, one has joined with a key for seals, of which only the form is right."""
    bls_key, possession = (b"\x80" + bytes(size - 2) + b"\1" for size in (KEY_SIZE, SIGNATURE_SIZE))
    joined = Validator("org:bank", keys.public_key_of(w.seed("org:bank")), bls_key, possession)
    return validator_set((*next_validators().members[1:], joined))


def crossed_twice(bundle: Bundle, *, in_pieces: bool = False) -> Bundle:
    """The bundle under a header of epoch 2, with the ends of epochs 0 and 1."""
    world, sets = w.finished_world(), (w.validators(), next_validators(), with_seals())
    steps = []
    for epoch, (ending, following) in enumerate(pairwise(sets)):
        last = world.header(
            epoch=epoch,
            height=22 + epoch,
            validators_hash=ending.digest(),
            next_validators_hash=following.digest(),
        )
        proof = epochs.EpochProof(last, None, certify_by(ending, last), following)
        steps.append(epochs.EpochStep(ending, proof))
    digest = sets[-1].digest()
    header = world.header(epoch=2, height=25, validators_hash=digest, next_validators_hash=digest)
    shown = show_anchor(header.chain_id, header, (), certify_by(sets[-1], header), sets[-1], steps)
    return under(bundle, shown, in_pieces)


def with_defaults(bundle: Bundle) -> Bundle:
    """The bundle with everything that may be left out, and was."""
    return {**bundle, "as_of": None, "anchor": {**bundle["anchor"], "descendants": [], "epochs": []}}


def with_first_set(bundle: Bundle, validators: Any) -> Bundle:
    """The bundle with another set for the first epoch that it shows."""
    bundle["anchor"]["validators"] = validators
    return bundle


def with_next_set(edit: Callable[[list[Any]], Any], end: int = 1) -> Bundle:
    """A bundle in pieces, two epochs later, with the pieces of a set edited: its beginning, then members."""
    bundle = crossed_twice(record_in_pieces(), in_pieces=True)
    edit(bundle["anchor"]["epochs"][end]["next_validators"])
    return bundle


def exchange(pieces: list[Any]) -> None:
    """Exchange two members of a set."""
    first, second = [place for place, piece in enumerate(pieces) if isinstance(piece, int)][:2]
    pieces[first], pieces[second] = pieces[second], pieces[first]


def other_middle_set() -> Bundle:
    """Between two ends of epochs a set that neither names: strangers who sign the second end."""
    bundle = crossed_twice(record())
    bundle["anchor"]["epochs"][0]["next_validators"] = b64(encode(w.validators()))
    return bundle


def with_end(bundle: Bundle, **parts: Any) -> Bundle:
    """The bundle with parts of its end of an epoch replaced, or (None) left out."""
    (end,) = bundle["anchor"]["epochs"]
    for name, value in parts.items():
        if value is None:
            del end[name]
        else:
            end[name] = value
    return bundle


def trust_changes() -> dict[str, dict[str, Any]]:
    """What the verifier of some vectors pinned, where that is not epoch 0 alone."""
    both = {"0": w.validators().digest().hex(), "1": next_validators().digest().hex()}
    return {
        "record-pinned-at-the-later-epoch": {"validators_hashes": {"1": both["1"]}},
        "record-of-the-last-height-of-its-epoch": {"validators_hashes": both, "last_heights": {"0": 22}},
        "record-of-a-height-after-its-epoch": {"validators_hashes": both, "last_heights": {"0": 21}},
        "record-other-validators-pinned-later": {"validators_hashes": {"1": both["0"]}},
    }


def broken_epochs() -> dict[str, tuple[str, Bundle]]:
    """Ends of epochs with one defect each."""
    other = sha256(b"other").digest()
    ours = w.validators()
    return {
        "epoch-end-not-shown": (
            "unknown-validators",
            change(crossed(record()), lambda b: b["anchor"].update(epochs=[])),
        ),
        "record-of-a-height-after-its-epoch": ("unknown-validators", record()),
        "record-other-validators-pinned-later": ("unknown-validators", crossed(record())),
        "epoch-end-of-another-chain": ("wrong-chain", crossed(record(), chain_id=other)),
        "epoch-end-by-others": (
            "unknown-validators",
            with_first_set(crossed(record()), b64(encode(next_validators()))),
        ),
        "epoch-end-for-others": ("unknown-validators", with_end(crossed(record()), next_validators=b64(encode(ours)))),
        "epoch-end-that-is-none": ("unknown-validators", crossed(record(), next_validators_hash=ours.digest())),
        "epoch-end-of-a-later-epoch": ("unknown-validators", crossed(record(), epoch=1)),
        "epoch-end-in-pieces-that-names-a-later-block": (
            "unreadable",
            with_end(crossed(record(), in_pieces=True), boundary=["", 99]),
        ),
        "epoch-end-set-between-of-others": ("unknown-validators", other_middle_set()),
        "epoch-end-with-a-set-of-its-own": (
            "unreadable",
            with_end(crossed(record()), validators=b64(encode(ours))),
        ),
        "epoch-end-left-out-between": (
            "unknown-validators",
            change(crossed_twice(record()), lambda b: b["anchor"]["epochs"].pop(0)),
        ),
        "epoch-end-in-pieces-members-exchanged": ("bad-vote-signature", with_next_set(exchange)),
        "epoch-end-in-pieces-another-member": (
            "bad-vote-signature",
            with_next_set(lambda pieces: pieces.__setitem__(-1, 3)),
        ),
        "epoch-end-in-pieces-member-left-out": ("unreadable", with_next_set(lambda pieces: pieces.pop())),
        "epoch-end-in-pieces-member-not-known-yet": (
            "unreadable",
            with_next_set(lambda pieces: pieces.__setitem__(-1, 7), end=0),
        ),
        "epoch-end-in-pieces-set-names-itself": (
            "unreadable",
            with_first_set(crossed(record(), in_pieces=True), ["kZQ=", 3, 4, 5, 6]),
        ),
        "epoch-end-in-pieces-hash-for-a-member": (
            "unreadable",
            with_next_set(lambda pieces: pieces.__setitem__(-1, 1)),
        ),
        "record-in-pieces-key-of-another": (
            "not-shown",
            change(crossed(record_in_pieces(), in_pieces=True), lambda b: b["record"].update(key=[1])),
        ),
        "record-in-pieces-key-not-known-yet": (
            "unreadable",
            change(crossed(record_in_pieces(), in_pieces=True), lambda b: b["record"].update(key=[4])),
        ),
        "epoch-end-in-pieces-of-others": (
            "unknown-validators",
            with_first_set(crossed(record(), in_pieces=True), b64(encode(next_validators()))),
        ),
        "epoch-end-two-signers": ("quorum-short", crossed(record(), count=2)),
        "epoch-end-certificate-of-another": (
            "not-in-chain",
            with_end(crossed(record()), finalisation=crossed(record(), view=99)["anchor"]["epochs"][0]["finalisation"]),
        ),
        "epoch-end-closing-left-out": ("not-in-chain", with_end(crossed(record(), closed=True), closing=None)),
        "epoch-end-closing-of-another": (
            "not-in-chain",
            with_end(
                crossed(record(), closed=True),
                closing=crossed(record(), closed=True, view=99)["anchor"]["epochs"][0]["closing"],
            ),
        ),
    }
