"""Rows say what the ledger's own records say, although no rule was run to write them."""

from __future__ import annotations

import pytest
from sqlalchemy import Table, select, update

from explorer import schema
from explorer.facts_from_proof import facts_from_proof
from explorer.facts_from_rows import facts_from_rows
from explorer.founding import founding_of
from explorer.read_model import ReadModel
from explorer.rebuild import check
from tallystick.epcis import parse_key
from tallystick.records.base import Space, read_public
from tallystick.records.goods import HistoryKind, ItemPublic, ItemStatus
from tests.unit.explorer.chain import BATCH, EVENT_ID, LOT_A, NEVER, OTHER_PACK, PACK, PALLET, PRODUCT
from tests.unit.explorer.sites import Explorer


@pytest.mark.parametrize("name", ["explorer", "recalled"])
def test_item_events_are_the_ledgers_item_histories(name: str, request: pytest.FixtureRequest) -> None:
    explorer: Explorer = request.getfixturevalue(name)
    state = explorer.node.state
    with explorer.engine.connect() as connection:
        rows = connection.execute(select(schema.item_events)).all()
    found: dict[str, set[tuple[object, ...]]] = {}
    for row in rows:
        place = (row.height, row.transaction_index, row.event_index)
        found.setdefault(row.identifier, set()).add((row.commitment, place, row.kind))
    true = {
        owner[1:].decode(): {
            (entry.commitment, (entry.height, entry.transaction_index, entry.event_index), int(entry.kind))
            for entry in entries
            if entry.kind is not HistoryKind.RECALL
        }
        for owner, entries in state.histories.items()
        if owner[0] == Space.ITEM
    }
    assert found == true


def test_items_lots_and_statuses_are_the_ledgers(recalled: Explorer) -> None:
    state = recalled.node.state
    with recalled.engine.connect() as connection:
        model = ReadModel(connection)
        for key, record in state.records.items():
            if key[0] != Space.ITEM:
                continue
            identifier, public = key[1:].decode(), read_public(record, ItemPublic)
            row = model.item(identifier)
            assert row is not None
            assert (row["status"], row["origin"]) == (int(public.status), int(public.origin))
            assert model.lots_of(identifier) == ([public.lot] if public.lot else [])
            assert {recall["recall_id"] for recall in model.recalls_on([identifier])} == set(public.recalls)


def test_the_same_page_comes_from_rows_and_from_a_proof(recalled: Explorer) -> None:
    with recalled.engine.connect() as connection:
        model = ReadModel(connection)
        for key in (PACK, OTHER_PACK, LOT_A, PALLET, BATCH):
            identifier = parse_key(key)
            proof = recalled.site.proofs.item(key)
            assert proof.verified is not None
            ours, proven = facts_from_rows(model, identifier), facts_from_proof(proof.verified, identifier)
            for field in ("status", "origin", "lots", "first_height", "made_from", "inspections"):
                assert getattr(ours, field) == getattr(proven, field), (key, field)
            assert {step.commitment for step in ours.shown} == {step.commitment for step in proven.shown}, key
            assert [r.recall_id for r in ours.recalls] == [r.recall_id for r in proven.recalls]
            signers = {step.commitment: step.organisation for step in proven.shown}
            assert all(step.organisation == signers[step.commitment] for step in ours.shown)


def test_everything_can_be_asked_as_of_an_earlier_height(recalled: Explorer) -> None:
    with recalled.engine.connect() as connection:
        now = ReadModel(connection)
        made = now.item(PACK)
        assert made is not None
        born, newest = made["from_height"], now.newest
        counts = [len(facts_from_rows(ReadModel(connection, at), parse_key(PACK)).journey) for at in range(newest + 1)]
        assert counts == sorted(counts)
        assert counts[born - 1] == 0 < counts[born]
        assert ReadModel(connection, born - 1).item(PACK) is None
        wrong = next(step for step in facts_from_rows(now, parse_key(PACK)).journey if step.correction)
        assert wrong.correction is not None
        before = facts_from_rows(ReadModel(connection, wrong.correction.height - 1), parse_key(PACK))
        assert all(step.correction is None for step in before.journey)
        assert wrong.public["eventID"] == EVENT_ID
        recall = facts_from_rows(now, parse_key(PACK)).recalls[0]
        assert facts_from_rows(ReadModel(connection, recall.height - 1), parse_key(PACK)).recalls == ()


def test_what_was_never_issued_is_not_on_record(explorer: Explorer) -> None:
    with explorer.engine.connect() as connection:
        model = ReadModel(connection)
        assert model.item(NEVER) is None
        issuer = model.issuer_of(PRODUCT)
        assert issuer is not None and issuer["organisation"] == "org:processor"
        assert model.issued_under(PRODUCT[3:]) == 3
        assert model.lots_under(PRODUCT[3:]) == [BATCH]


def test_a_sound_read_model_passes_the_check(explorer: Explorer) -> None:
    result = check(explorer.engine, founding_of(explorer.node.chain.world.genesis))
    assert result.differences == ()
    assert result.height == explorer.follower.status.height
    assert result.rows > 300


TAMPERED: list[tuple[Table, str, object]] = [
    (schema.blocks, "proposer", "org:nobody"),
    (schema.blocks, "state_root", b"\x01" * 32),
    (schema.transactions, "organisation", "org:nobody"),
    (schema.events, "status", 1),
    (schema.events, "public", b"{}"),
    (schema.item_events, "kind", 12),
    (schema.items, "origin", 2),
    (schema.item_states, "status", int(ItemStatus.SOLD)),
    (schema.corrections, "reason", "another"),
    (schema.lineage, "from_height", 3),
    (schema.inspections, "verdict", 2),
    (schema.organisations, "name", "Another"),
    (schema.organisation_keys, "organisation", "org:nobody"),
    (schema.accreditations, "until_ms", 1),
    (schema.members_events, "members", b"{}"),
    (schema.members_leaves, "leaf", b"\x01" * 32),
    (schema.session_contents, "to_height", None),
    (schema.sessions, "from_height", 2),
    (schema.statements, "commitment", b"\x01" * 32),
]


@pytest.mark.parametrize(("table", "column", "value"), TAMPERED, ids=lambda part: getattr(part, "name", str(part))[:20])
def test_the_check_finds_a_tampered_row(explorer: Explorer, table: Table, column: str, value: object) -> None:
    founding = founding_of(explorer.node.chain.world.genesis)
    with explorer.engine.connect() as connection:
        keys = [key.name for key in table.primary_key]
        first = connection.execute(select(table).where(table.c[column].is_distinct_from(value)).limit(1)).one()
        same = [table.c[name] == first._mapping[name] for name in keys]
        old = first._mapping[column]
        with explorer.engine.begin() as writer:
            writer.execute(update(table).where(*same).values({column: value}))
    try:
        found = check(explorer.engine, founding).differences
    finally:
        with explorer.engine.begin() as writer:
            changed = [table.c[name] == (value if name == column else first._mapping[name]) for name in keys]
            writer.execute(update(table).where(*changed).values({column: old}))
    assert len(found) >= 1
    assert any(sentence.startswith(f"{table.name}: ") and "differs in" in sentence for sentence in found)
    assert check(explorer.engine, founding).differences == ()


def test_the_check_finds_a_tampered_chain(explorer: Explorer) -> None:
    founding, table = founding_of(explorer.node.chain.world.genesis), schema.members_receipts
    with explorer.engine.connect() as connection:
        row = connection.execute(select(table).where(table.c.height == 12)).first()
    assert row is not None
    same = (table.c.height == row.height, table.c.receipt_index == row.receipt_index)
    with explorer.engine.begin() as writer:
        writer.execute(update(table).where(*same).values(raw=b"\x90"))
    found = check(explorer.engine, founding).differences
    with explorer.engine.begin() as writer:
        writer.execute(update(table).where(*same).values(raw=row.raw))
    assert found[0].startswith("the copied chain does not verify: height 12")
