"""A bulk upload cut off at any step and run again ends in the same ledger, each event once."""

from __future__ import annotations

from pathlib import Path

import pytest

from client_sdk import event_builder as build
from client_sdk.bulk import BulkCapture, BulkResult
from client_sdk.client import Client
from client_sdk.journal import Journal
from client_sdk.member import Member
from client_sdk.transport import Request, Response
from client_sdk.values import read_goods
from tallystick.errors import ConfigError, EventError
from tallystick.limits import TRANSACTION_SIZE_MAX
from tallystick.records.goods import EventStatus
from tallystick.transactions import Event
from tests.unit.client_sdk.ledger import FakeNode, Ledger
from tests.unit.client_sdk.test_member_flow import LOT, at
from tests.world import gtin, seed

SEEDS = [seed("org:grower", "CAPTURE")]
CLASS = gtin("9521111")


class Crash(BaseException):
    """The process ends here."""


class CrashPoint:
    """Counts steps that the outside could notice and ends the process before the chosen one."""

    def __init__(self, step: int | None) -> None:
        self.step = step
        self.count = 0

    def pass_by(self) -> None:
        if self.count == self.step:
            raise Crash
        self.count += 1


def events(ledger: Ledger, grower: Member, count: int) -> tuple[Event, ...]:
    """Lots that come into being."""
    made = [
        build.commission([read_goods(f"{CLASS}/10/L{number}=5KGM")], at(ledger, f"event {number}"))
        for number in range(count)
    ]
    return grower.prepare(made).events


def upload(
    client: Client, what: tuple[Event, ...], journal: Path, point: CrashPoint, monkeypatch: pytest.MonkeyPatch
) -> BulkResult:
    """Run an upload whose disk writes pass the crash point."""

    def sync(descriptor: int) -> None:
        point.pass_by()

    original = Journal.__init__
    monkeypatch.setattr(Journal, "__init__", lambda self, path, head: original(self, path, head, sync=sync))
    try:
        return BulkCapture(client, what, SEEDS, journal, events_max=2).run()
    finally:
        monkeypatch.setattr(Journal, "__init__", original)


def run_with_crash(step: int | None, tmp_path: Path, member, monkeypatch: pytest.MonkeyPatch) -> tuple[Ledger, int]:
    """One upload that ends before ``step``, then another that is left alone; returns the steps of the first."""
    ledger = Ledger()
    node = FakeNode(ledger)
    grower = make_member(member, ledger, node)
    what = events(ledger, grower, 5)
    point = CrashPoint(step)

    def before(request: Request) -> Response | None:
        point.pass_by()
        return None

    def after(request: Request, response: Response) -> Response:
        point.pass_by()
        return response

    node.before, node.after = before, after
    journal = tmp_path / f"upload-{step}.journal"
    try:
        upload(grower.client, what, journal, point, monkeypatch)
    except Crash:
        node.before = node.after = None
        result = upload(grower.client, what, journal, CrashPoint(None), monkeypatch)
        assert result.events_recorded == 5
    return ledger, point.count


def make_member(member, ledger: Ledger, node: FakeNode) -> Member:
    """The grower on this ledger rather than the fixture's."""
    from tests.unit.client_sdk.ledger import Dice, nodes_for

    dice = Dice("journal")
    nodes = nodes_for("org:grower", node, dice=dice)
    template: Member = member("org:grower")
    client = Client(nodes, ledger.world.chain_id, dice.environment())
    return Member("org:grower", client, template.seeds, template.capture_secret)


def effective(ledger: Ledger) -> list[bytes]:
    """Commitments of every event that took effect, in order."""
    return [
        outcome.commitment
        for result in ledger.world.results
        for receipt in result.receipts
        for outcome in receipt.events
        if outcome.status is EventStatus.EFFECTIVE
    ]


def test_an_upload_cut_off_at_any_step_writes_each_event_once(
    tmp_path: Path, member, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, steps = run_with_crash(None, tmp_path, member, monkeypatch)
    wanted = sorted(effective(whole))
    assert len(wanted) == 5
    assert steps > 15
    for step in range(steps):
        ledger, _ = run_with_crash(step, tmp_path, member, monkeypatch)
        assert sorted(effective(ledger)) == wanted, f"cut off before step {step}"


def test_a_finished_upload_run_again_sends_nothing(ledger: Ledger, node: FakeNode, member, tmp_path: Path) -> None:
    grower = member("org:grower")
    what = events(ledger, grower, 3)
    first = BulkCapture(grower.client, what, SEEDS, tmp_path / "j", events_max=2).run()
    sent = len(node.requests)
    again = BulkCapture(grower.client, what, SEEDS, tmp_path / "j", events_max=2).run()
    assert len(node.requests) == sent
    assert (first.resumed, again.resumed) == (0, 2)
    assert again.settled == first.settled


def test_a_refused_chunk_is_reported_and_tried_again_by_the_next_run(ledger: Ledger, member, tmp_path: Path) -> None:
    grower, carrier = member("org:grower"), member("org:carrier")
    lot = [read_goods(LOT)]
    grower.capture([build.commission([read_goods(f"{LOT}=5KGM")], at(ledger, "h"))])
    received = build.receive(lot, at(ledger, "r"), sender="org:grower", receiver="org:carrier")
    what = carrier.prepare([received]).events
    seeds = [seed("org:carrier", "CAPTURE")]
    early = BulkCapture(carrier.client, what, seeds, tmp_path / "j").run()
    assert [outcome.reason.name for outcome in early.refused.values()] == ["NOT_IN_TRANSIT"]
    grower.capture([build.ship(lot, at(ledger, "s"), sender="org:grower", receiver="org:carrier")])
    later = BulkCapture(carrier.client, what, seeds, tmp_path / "j").run()
    assert (later.events_recorded, later.refused) == (1, {})


def test_a_chunk_whose_validity_has_passed_unseen_is_signed_anew(
    ledger: Ledger, node: FakeNode, member, tmp_path: Path
) -> None:
    grower = member("org:grower")
    what = events(ledger, grower, 1)

    def crash_on_post(request: Request) -> Response | None:
        if request.method == "POST":
            raise Crash
        return None

    node.before = crash_on_post
    with pytest.raises(Crash):
        BulkCapture(grower.client, what, SEEDS, tmp_path / "j").run()
    node.before = None
    ledger.world.time_ms += 2 * 3_600_000
    assert BulkCapture(grower.client, what, SEEDS, tmp_path / "j").run().events_recorded == 1
    assert (tmp_path / "j").read_text().count('"signed"') == 2


def test_the_journal_of_another_upload_is_not_taken(ledger: Ledger, member, tmp_path: Path) -> None:
    grower = member("org:grower")
    BulkCapture(grower.client, events(ledger, grower, 2), SEEDS, tmp_path / "j").run()
    with pytest.raises(ConfigError, match="another upload"):
        BulkCapture(grower.client, events(ledger, grower, 3), SEEDS, tmp_path / "j")


def test_a_line_cut_off_by_a_crash_is_forgotten(ledger: Ledger, member, tmp_path: Path) -> None:
    grower = member("org:grower")
    what = events(ledger, grower, 2)
    path = tmp_path / "j"
    BulkCapture(grower.client, what, SEEDS, path).run()
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    again = BulkCapture(grower.client, what, SEEDS, path).run()
    assert again.events_recorded == 2
    assert path.read_bytes().endswith(b"\n")


def test_a_journal_holds_no_secret(ledger: Ledger, member, tmp_path: Path) -> None:
    grower = member("org:grower")
    BulkCapture(grower.client, events(ledger, grower, 2), SEEDS, tmp_path / "j").run()
    text = (tmp_path / "j").read_text()
    assert SEEDS[0].hex() not in text and grower.capture_secret.hex() not in text
    assert (tmp_path / "j").stat().st_mode & 0o777 == 0o600


def test_an_event_too_large_for_any_transaction_is_named_before_anything_is_sent(
    ledger: Ledger, node: FakeNode, member, tmp_path: Path
) -> None:
    grower: Member = member("org:grower")
    large = Event(bytes(TRANSACTION_SIZE_MAX))  # made by hand: what is prepared from EPCIS is bounded part by part
    asked = len(node.requests)
    with pytest.raises(EventError, match="bytes in one event") as caught:
        BulkCapture(grower.client, (*events(ledger, grower, 1), large), SEEDS, tmp_path / "journal")
    assert (caught.value.rule, caught.value.path, caught.value.remedy) == ("capture.event-size", "/1", "split it")
    assert len(node.requests) == asked and not (tmp_path / "journal").exists()
