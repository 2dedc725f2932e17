"""Who may see a receivable's proof: those with business in it, and those whom an owner granted it, for its term."""

from __future__ import annotations

from hashlib import sha256

import pytest

from node.entitled import check_entitled
from tallystick.errors import RefusedError
from tallystick.records.finance import Grant, GrantField, GrantPublic, GrantPurpose, grant_key, obligation_subject
from tests.proof_world import OBLIGATION, PRESENTED, TIME_MS, ProofWorld, finished_world

GRANT = sha256(b"grant").digest()
NOW = TIME_MS


@pytest.fixture
def world() -> ProofWorld:
    return finished_world()


def put_grant(world: ProofWorld, **changes: object) -> None:
    fields: dict[str, object] = {
        "owner": "org:processor", "grantee": "org:lender-c", "subjects": (obligation_subject(OBLIGATION),),
        "purpose": GrantPurpose.CREDIT, "fields": (GrantField.OBLIGATION,), "not_before_ms": NOW - 1,
        "until_ms": NOW + 1, "revocable": True, "revoked_ms": 0, **changes,
    }  # fmt: skip
    world.put(grant_key(GRANT), GrantPublic(3), Grant(**fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["org:processor", "org:retailer", "org:bank", "org:lender-a"])
def test_parties_and_lien_holders_need_no_grant(world: ProofWorld, name: str) -> None:
    check_entitled(world.record, OBLIGATION, None, name, NOW)


@pytest.mark.parametrize("obligation", [OBLIGATION, PRESENTED])
@pytest.mark.parametrize("grant", [None, GRANT, bytes(32)])
def test_a_stranger_is_refused_whatever_grant_it_names(
    world: ProofWorld, obligation: bytes, grant: bytes | None
) -> None:
    put_grant(world)
    with pytest.raises(RefusedError) as caught:
        check_entitled(world.record, obligation, grant, "org:grower", NOW)
    assert caught.value.reason == "GRANT_MISSING"


def test_a_grant_opens_its_obligation_to_its_grantee_for_its_term(world: ProofWorld) -> None:
    put_grant(world)
    check_entitled(world.record, OBLIGATION, GRANT, "org:lender-c", NOW)
    for obligation, now_ms, reason in (
        (PRESENTED, NOW, "GRANT_MISSING"),
        (OBLIGATION, NOW - 2, "GRANT_MISSING"),
        (OBLIGATION, NOW + 1, "GRANT_EXPIRED"),
    ):
        with pytest.raises(RefusedError) as caught:
            check_entitled(world.record, obligation, GRANT, "org:lender-c", now_ms)
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"revoked_ms": NOW}, "GRANT_EXPIRED"), ({"fields": (GrantField.QUALITY,)}, "GRANT_MISSING")],
)
def test_a_revoked_grant_and_one_of_other_fields_open_nothing(
    world: ProofWorld, changes: dict[str, object], reason: str
) -> None:
    put_grant(world, **changes)
    with pytest.raises(RefusedError) as caught:
        check_entitled(world.record, OBLIGATION, GRANT, "org:lender-c", NOW)
    assert caught.value.reason == reason
