"""With ``--json`` a command prints exactly one object, also where it is refused after a part of its work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from client_sdk.errors import ExitCode
from tests.unit.client_sdk.command_line import CommandLine
from tests.unit.client_sdk.ledger import FakeNode, Ledger
from tests.unit.client_sdk.test_member_flow import SITE
from tests.world import sscc

CONTEXT = ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"]


@pytest.fixture
def grower(node: FakeNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(tmp_path, "org:grower", node, capsys, location=SITE)


def event(serial: str, action: str, step: str) -> dict[str, object]:
    """An event about one pallet."""
    return {
        "type": "ObjectEvent", "action": action, "bizStep": step, "eventTime": "2025-09-01T00:00:00Z",
        "eventTimeZoneOffset": "+00:00", "bizLocation": {"id": SITE}, "epcList": [f"https://id.gs1.org/{serial}"],
    }  # fmt: skip


def document(path: Path, *events: dict[str, object]) -> Path:
    """A file of events."""
    path.write_text(json.dumps({
        "@context": CONTEXT, "type": "EPCISDocument", "schemaVersion": "2.0",
        "creationDate": "2025-09-01T00:00:00Z", "epcisBody": {"eventList": list(events)},
    }))  # fmt: skip
    return path


def test_a_capture_with_a_refused_chunk_is_one_object(grower: CommandLine, tmp_path: Path) -> None:
    path = document(
        tmp_path / "two.json",
        event(sscc("9521111"), "ADD", "commissioning"),
        event(sscc("9521111"), "ADD", "commissioning") | {"eventTime": "2025-09-01T00:00:01Z"},
    )
    answer = grower.send("capture", path, "--chunk", 1)
    assert answer.code == ExitCode.REFUSED
    said = answer.json
    assert said["error"] == "refused" and said["code"] and said["exit"] == 1
    assert (said["recorded"], len(said["chunks"]), said["events"]) == (1, 2, 2)
    assert said["chunks"][1]["reason"] == said["code"] and said["journal"]


def test_people_read_of_the_part_that_was_done_and_of_the_refusal(grower: CommandLine, tmp_path: Path) -> None:
    twice = event(sscc("9521111"), "ADD", "commissioning")
    path = document(tmp_path / "two.json", twice, twice | {"eventTime": "2025-09-01T00:00:01Z"})
    answer = grower.run("capture", path, "--chunk", 1, "--passphrase-file", grower.folder / "pass", json_output=False)
    assert "1 of 2 events are recorded" in answer.out and "events 1 to 1 were refused" in answer.err


def test_a_grant_that_is_none_is_one_object(grower: CommandLine, ledger: Ledger) -> None:
    answer = grower.send("receivables", "--grant", "ab" * 32)
    assert answer.code == ExitCode.REFUSED
    assert answer.json["denied"][0]["reason"] == answer.json["code"] == "GRANT_MISSING"


@pytest.mark.parametrize("words", [("--check",), ()])
def test_a_document_of_no_events_is_refused_alike_when_it_is_checked(
    grower: CommandLine, tmp_path: Path, words: tuple[str, ...]
) -> None:
    answer = grower.send("capture", document(tmp_path / "none.json"), *words)
    assert answer.code == ExitCode.USAGE and "no event" in answer.json["detail"]


@pytest.mark.parametrize("words", [("--check",), ()])
def test_a_document_of_refused_events_alone_names_them_in_the_one_object(
    grower: CommandLine, tmp_path: Path, words: tuple[str, ...]
) -> None:
    late = event(sscc("9521111"), "ADD", "commissioning") | {"eventTime": "1969-09-01T00:00:00Z"}
    answer = grower.send("capture", document(tmp_path / "late.json", late), "--lenient", "--skip-refused", *words)
    assert answer.code == ExitCode.USAGE and "left out" in answer.json["detail"]
    assert [warning["left_out"] for warning in answer.json["warnings"]] == [True]


@pytest.mark.parametrize("words", [("--check",), ()])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_in_another_encoding_says_what_to_do(
    grower: CommandLine, tmp_path: Path, encoding: str, words: tuple[str, ...]
) -> None:
    path = document(tmp_path / "one.json", event(sscc("9521111"), "ADD", "commissioning"))
    path.write_text(path.read_text(), encoding=encoding)
    answer = grower.send("capture", path, *words)
    assert answer.code == ExitCode.USAGE and "UTF-8" in answer.json["remedy"]
