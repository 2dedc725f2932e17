"""``tallystick capture FILE`` on a real network: documents of others land as stated events, with no field lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from client_sdk.cli import main
from client_sdk.config import Config, write_config
from client_sdk.keystore import Keystore
from client_sdk.transport import HttpTransport
from scripts.story.acts import Story
from scripts.story.cast import FOUNDERS, GROWER, PROCESSOR, Cast
from scripts.story.network import ROOT, Network
from tallystick.encoding import decode
from tallystick.epcis import JsonObject, canonical_json, merge_event, read_document, read_json
from tallystick.errors import DecodeError
from tallystick.reasons import Reason
from tallystick.receipts import EventStatus, Receipt
from tallystick.records.members import KeyUse
from tallystick.transactions import decode_transaction
from tests.integration.chains import blocks_of, executed_heights

SHARED = Path(os.environ.get("TALLYSTICK_SHARED", ROOT.parent / "shared" / "data")) / "epcis"
PUBLISHED = sorted(p for p in SHARED.glob("*/**/*.json*") if not {"Queries", "Invalid"} & set(p.parts))
STANDARD = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
OWN = [
    json.dumps(
        {
            "@context": [STANDARD, {"orchard": "https://orchard.example/ns#"}],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-03-04T05:06:07Z",
            "epcisBody": {"eventList": events},
        },
        indent=1,
    ).encode()
    for events in (
        [
            {
                "type": "ObjectEvent",
                "eventTime": "2026-03-04T13:06:07.5+08:00",
                "eventTimeZoneOffset": "+08:00",
                "action": "ADD",
                "bizStep": "commissioning",
                "epcList": ["https://id.gs1.org/01/09506000134352/21/12345"],
                "readPoint": {"id": "urn:epc:id:sgln:0614141.07346.1234", "orchard:row": "12"},
                "ilmd": {"orchard:variety": "Fuji", "orchard:sugar": 13.25, "orchard:tags": ["a", "b", None, True]},
                "sensorElementList": [
                    {
                        "sensorMetadata": {"time": "2026-03-04T05:06:07Z"},
                        "sensorReport": [{"type": "Temperature", "value": -3.5, "uom": "CEL", "orchard:probe": 7}],
                    }
                ],
            },
            {
                "type": "TransactionEvent",
                "eventTime": "2026-03-05T05:06:07Z",
                "eventTimeZoneOffset": "+00:00",
                "action": "OBSERVE",
                "parentID": "urn:epc:id:sscc:0614141.1234567890",
                "epcList": ["urn:epc:id:sgtin:0614141.107346.12345"],
                "quantityList": [
                    {"epcClass": "urn:epc:class:lgtin:4012345.012345.998877", "quantity": 20.5, "uom": "KGM"}
                ],
                "bizTransactionList": [{"type": "po", "bizTransaction": "urn:epc:id:gdti:0614141.00001.1618034"}],
                "sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:0614141.00001"}],
                "destinationList": [{"type": "owning_party", "destination": "urn:epc:id:pgln:0614141.00002"}],
                "orchard:remark": {"orchard:by": "\u674e", "orchard:list": [[1], []]},
            },
        ],
    )
]
PASSPHRASE = "a passphrase for tests"
RECEIPT_SIZE_MAX = 1_048_576
pytestmark = pytest.mark.process


@dataclass
class Desk:
    """A member's command line: configuration, key and secret as files."""

    network: Network
    cast: Cast
    folder: Path

    def set_up(self) -> None:
        for founder in FOUNDERS:
            self._set_up(founder.organisation)

    def config(self, organisation: str) -> Path:
        """The configuration file of a member's command line."""
        return self.folder / organisation.removeprefix("org:") / "config.toml"

    def _set_up(self, organisation: str) -> None:
        folder = self.config(organisation).parent
        store = Keystore(folder / "keys")
        folder.mkdir(parents=True)
        store.create("desk", PASSPHRASE, seed=self.cast[organisation].seed_for(KeyUse.CAPTURE), cheap=True)
        for name, text in (("capture.secret", "11" * 32), ("passphrase", PASSPHRASE)):
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(text + "\n")
        write_config(
            Config(
                folder / "config.toml",
                self.cast.chain_id,
                tuple(node.url for node in self.network.nodes.values()),
                organisation=organisation,
                capture_secret=Path("capture.secret"),
                keys={"capture": "desk"},
            )
        )

    def arguments(self, organisation: str, path: Path) -> list[str]:
        """``capture PATH`` with all that it needs."""
        config = self.config(organisation)
        passphrase = str(config.parent / "passphrase")
        return [
            "capture",
            str(path),
            "--json",
            "--config",
            str(config),
            "--timeout",
            "90",
            "--passphrase-file",
            passphrase,
        ]

    def run(self, path: Path) -> tuple[int, list[Any], str]:
        """``capture`` as a process: exit code, the JSON objects printed, and what was said beside them."""
        command = [sys.executable, "-m", "client_sdk.cli", *self.arguments(GROWER, path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.fixture(scope="module")
def desk(played: Story, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    one = Desk(played.network, played.cast, tmp_path_factory.mktemp("capture") / "desk")
    one.set_up()
    return one


def refused_as_a_whole(path: Path) -> bool:
    """Whether the reader refuses the document, or says that the ledger would."""
    try:
        return any(warning.refused for warning in read_document(path.read_bytes()).warnings)
    except DecodeError:
        return True


def original_events(data: bytes) -> list[JsonObject]:
    """The events as they stand in a file, read by the strict reader alone."""
    root: Any = read_json(data, size_max=10**7)
    body = root.get("epcisBody")
    if body is None:
        return [root]
    if "queryResults" in body:
        body = body["queryResults"]["resultsBody"]
    events: list[JsonObject] = body.get("eventList") or [body["event"]]
    return events


def in_this_process(arguments: list[str]) -> int:
    """The command's exit code; what a process would close by ending is closed."""
    transports: list[HttpTransport] = []

    def transport(url: str, ca_file: str | None) -> HttpTransport:
        transports.append(HttpTransport(url, ca_file))
        return transports[-1]

    try:
        return main(arguments, make_transport=transport)
    finally:
        for one in transports:
            one.close()


def shared_out(documents: dict[Path, list[JsonObject]]) -> dict[Path, str]:
    """Who captures which document: a member uses an event id once, and published examples share theirs."""
    used: dict[str, set[bytes]] = {founder.organisation: set() for founder in FOUNDERS}
    shares = {}
    for path, events in documents.items():
        marks = {canonical_json(event.get("eventID", event)) for event in events}
        free = [organisation for organisation, taken in used.items() if not marks & taken]
        if free:
            shares[path] = free[0]
            used[free[0]] |= marks
    return shares


@dataclass
class OnChain:
    """What blocks and receipts of one node say about events: merged parts by commitment, and what became of them."""

    events: dict[bytes, JsonObject]
    outcomes: dict[bytes, EventStatus]

    @classmethod
    def read(cls, desk: Desk, organisation: str) -> OnChain:
        heights = executed_heights(desk.network)
        desk.network.wait_for_height(max(heights.values()), [organisation], 60)
        one = cls({}, {})
        for block in blocks_of(desk.cast, organisation, GROWER, max(heights.values())):
            for raw in block.transactions:
                for event in decode_transaction(raw, desk.cast.chain_id).events:
                    one.events[event.commitment()] = merge_event(event.public, event.members)
            for encoded in block.receipts:
                for outcome in decode(encoded, Receipt, size_max=RECEIPT_SIZE_MAX).events:
                    if outcome.reason is not Reason.DUPLICATE:
                        one.outcomes[outcome.commitment] = outcome.status
        return one


def test_every_document_of_others_lands_as_stated_with_no_field_lost(desk: Desk, tmp_path: Path) -> None:
    contents = {f"own-{number}.json": data for number, data in enumerate(OWN)}
    good = [path for path in PUBLISHED if not refused_as_a_whole(path)]
    contents |= {f"{number:03}-{path.name}": path.read_bytes() for number, path in enumerate(good)}
    documents = {tmp_path / name: original_events(data) for name, data in contents.items()}
    shares = shared_out(documents)
    assert len(shares) > 0.6 * len(documents), "too few documents can stand on one chain"
    for path in shares:
        path.write_bytes(contents[path.name])
    # In this process: an interpreter for each of so many documents would take minutes.
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda path: in_this_process(desk.arguments(shares[path], path)), shares))
    assert {path.name: code for path, code in zip(shares, codes, strict=True) if code} == {}
    chain = OnChain.read(desk, PROCESSOR)
    found = {canonical_json({**event, "@context": ""}): commitment for commitment, event in chain.events.items()}
    for path in shares:
        for original in documents[path]:
            commitment = found.get(canonical_json({**original, "@context": ""}))
            assert commitment is not None, f"{path.name}: the chain holds no event with exactly these fields"
            assert chain.outcomes[commitment] is EventStatus.STATED, path.name


def test_the_command_says_what_it_did_and_a_second_run_writes_nothing_twice(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_bytes(OWN[0].replace(b"12345", b"98765"))
    code, (answer,), said = desk.run(path)
    assert (code, said) == (0, "") and answer["recorded"] == answer["events"] == 2
    path.with_name(path.name + ".journal").unlink()
    before = len(OnChain.read(desk, PROCESSOR).outcomes)
    code, (answer,), said = desk.run(path)
    assert (code, said) == (0, "") and answer["recorded"] == 2
    assert len(OnChain.read(desk, PROCESSOR).outcomes) == before


def test_a_wrong_event_is_refused_with_its_place_before_anything_is_sent(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    path.write_bytes(OWN[0].replace(b'"action": "ADD"', b'"action": "PERHAPS"'))
    code, answers, said = desk.run(path)
    assert code in (1, 2) and "Traceback" not in said
    assert "/epcisBody/eventList/0" in json.dumps(answers)
    assert [entry.name for entry in tmp_path.iterdir()] == ["wrong.json"]
