"""The validator set changes: one joins, one leaves, one gets another key, in one epoch; a joiner never ready."""

from __future__ import annotations

from contracts.switch import KNOWN_ROOTS_KEY, decided_validators, sitting_validators
from tallystick import keys
from tallystick.encoding import ZERO32
from tallystick.evidence import Evidence, Said, evidence_of
from tallystick.limits import SWITCH_DISTANCE_MAX, SWITCH_DISTANCE_MIN
from tallystick.payloads.governance import RevokeKey
from tallystick.payloads.membership import ChangeValidators, NewSeat, Ready, RotateValidator, SubmitEvidence
from tallystick.reasons import Reason
from tallystick.records.base import read_public
from tallystick.records.membership import KnownRoots
from tallystick.votes import Statement, VoteKind
from tests.golden.author import Author, Story
from tests.golden.founders import named, public_key, seed

JOINER, LEAVER, ROTATED = "org:newcomer", "org:retailer", "org:carrier"


def new_seat(organisation: str, key: str = "VALIDATOR") -> NewSeat:
    """The seat that an organisation would take."""
    certificate = b"golden certificate of " + organisation.encode()
    return NewSeat(organisation, public_key(organisation, key), certificate, "127.0.0.1:3", "127.0.0.1:4")


def evidence_against(author: Author, organisation: str, first: int, second: int) -> Evidence:
    """Two votes of an organisation's validator in view 5 of epoch 0; ``first`` and ``second`` are their kinds."""

    def said(kind: int, what: str) -> Said:
        block_hash = ZERO32 if kind == VoteKind.NULLIFY else named("block", what)
        message = Statement(0, VoteKind(kind), 5, block_hash).signing_bytes()
        return Said(
            kind,
            block_hash,
            keys.sign(seed(organisation, "VALIDATOR"), keys.Purpose.VOTE, author.chain_id, message),
        )

    return evidence_of(public_key(organisation, "VALIDATOR"), 0, 5, said(first, "one"), said(second, "other"))


def epochs(author: Author) -> Story:
    """Two planned changes: the first makes epoch 1, the second comes to nothing."""
    yield from _orders(author)
    yield from _readiness(author)
    yield from _accusations(author)
    while decided_validators(author.run.state) is None and not sitting_validators(author.run.state).epoch:
        yield 0
    author.govern(ChangeValidators((new_seat(LEAVER, "VALIDATOR-2"),), (), _height(author) + SWITCH_DISTANCE_MIN))
    yield 0
    old = ((ROTATED, "ROOT"), (ROTATED, "VALIDATOR-2"))
    author.govern(RotateValidator(new_seat(ROTATED, "VALIDATOR-2"), _height(author) + 20), Reason.ALREADY_EXISTS, old)
    yield 0


def _orders(author: Author) -> Story:
    """What is planned for one switch, and what is refused of it."""
    far = _height(author) + SWITCH_DISTANCE_MIN
    author.payload(LEAVER, Ready(1, ZERO32), Reason.NOT_FOUND, ("VALIDATOR",))
    author.govern(ChangeValidators((), (LEAVER,), far - 1), Reason.SWITCH_HEIGHT_WRONG)
    author.govern(ChangeValidators((), (LEAVER,), far + SWITCH_DISTANCE_MAX), Reason.SWITCH_HEIGHT_WRONG)
    author.govern(ChangeValidators((), (), far), Reason.TERMS_INVALID)
    author.govern(ChangeValidators((), ("org:bank",), far), Reason.NOT_FOUND)
    author.govern(ChangeValidators((new_seat("org:grower"),), (), far), Reason.ALREADY_EXISTS)
    author.govern(ChangeValidators((new_seat("org:nobody"),), (), far), Reason.NOT_FOUND)
    author.govern(ChangeValidators((), (LEAVER, "org:grower"), far), Reason.TOO_MANY_CHANGES)
    author.govern(ChangeValidators((new_seat(JOINER),), (LEAVER,), far))
    author.govern(ChangeValidators((new_seat("org:bank"),), (), far), Reason.TOO_MANY_CHANGES)
    author.govern(ChangeValidators((new_seat(JOINER, "TRADE"),), (), far), Reason.ALREADY_EXISTS)
    rotation = RotateValidator(new_seat(ROTATED, "VALIDATOR-2"), far + 1)
    author.govern(rotation, Reason.KEY_NOT_FOR_THIS, ((ROTATED, "ROOT"),))
    author.govern(rotation, signers=((ROTATED, "ROOT"), (ROTATED, "VALIDATOR-2")))
    author.payload(ROTATED, RevokeKey(public_key(ROTATED, "VALIDATOR")), Reason.WRONG_STATE, ("ROOT",))
    yield 0


def _readiness(author: Author) -> Story:
    """The joiner names a root that the chain keeps; others do not count."""
    yield 0
    (newest,) = read_public(author.run.state.records[KNOWN_ROOTS_KEY], KnownRoots).roots[-1:]
    author.payload(JOINER, Ready(newest.height, ZERO32), Reason.STATE_UNKNOWN, ("VALIDATOR",))
    author.payload(JOINER, Ready(newest.height, newest.state_root), Reason.KEY_NOT_FOR_THIS, ("TRADE",))
    author.payload(JOINER, Ready(newest.height, newest.state_root), keys=("VALIDATOR",))
    author.payload(JOINER, Ready(newest.height, newest.state_root), Reason.WRONG_STATE, ("VALIDATOR",))
    yield 0


def _accusations(author: Author) -> Story:
    """Evidence by its signatures alone; the first of its kind stays."""
    twice = evidence_against(author, "org:carrier", VoteKind.NOTARIZE, VoteKind.NOTARIZE)
    lawful = evidence_against(author, "org:carrier", VoteKind.NOTARIZE, VoteKind.NULLIFY)
    both = evidence_against(author, "org:carrier", VoteKind.FINALIZE, VoteKind.NULLIFY)
    author.payload("org:grower", SubmitEvidence(twice), keys=("VALIDATOR",))
    author.payload("org:processor", SubmitEvidence(twice), Reason.ALREADY_EXISTS, ("VALIDATOR",))
    author.payload("org:grower", SubmitEvidence(lawful), Reason.NO_CONTRADICTION, ("VALIDATOR",))
    author.payload("org:grower", SubmitEvidence(both), Reason.KEY_NOT_FOR_THIS, ("TRADE",))
    author.payload("org:processor", SubmitEvidence(both), keys=("VALIDATOR",))
    yield 0


def _height(author: Author) -> int:
    """The height of the block that is being filled."""
    return len(author.blocks) + 1
