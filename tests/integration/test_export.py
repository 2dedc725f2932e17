"""A part of a real ledger is exported; then the network ends, its data is deleted, and the archive still proves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from client_sdk import event_builder as build
from client_sdk.event_builder import Circumstances, event_id_of
from client_sdk.export import Wish, export
from client_sdk.values import read_goods
from scripts.story.cast import CARRIER, FOUNDERS, GROWER, Cast
from scripts.story.network import ROOT, Network
from tallystick.archive import Audience, HeightsScope, ItemsScope, OrganisationScope, Scope, VerifiedArchive
from tests.world import gtin

LOT = gtin("9521001") + "/10/LOT7"
pytestmark = pytest.mark.process


def command(*words: object) -> tuple[int, dict[str, object]]:
    """Type ``tallystick`` in a process of its own."""
    texts = [sys.executable, "-m", "client_sdk", *map(str, words), "--json"]
    result = subprocess.run(texts, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert "Traceback" not in result.stderr
    return result.returncode, json.loads(result.stdout)


def work(cast: Cast) -> int:
    """A harvest that is shipped and received; returns the height of the last of it."""
    grower, carrier = cast[GROWER], cast[CARRIER]
    lot, height = read_goods(f"{LOT}=1000KGM"), 0
    parties = {"sender": GROWER, "receiver": CARRIER}
    for member, name, make in (
        (grower, "harvest", lambda at: build.commission([lot], at)),
        (grower, "ship", lambda at: build.ship([read_goods(LOT)], at, **parties)),
        (carrier, "receive", lambda at: build.receive([read_goods(LOT)], at, **parties)),
    ):
        client = member.client
        at = Circumstances(client.chain_time_ms(), event_id_of(name.encode().ljust(16, b".")))
        height = member.capture([make(at)]).outcome.height or 0
    return height


def test_an_archive_proves_what_was_when_no_node_exists_any_more(tmp_path: Path) -> None:
    network = Network(tmp_path / "network", FOUNDERS)
    cast = Cast(network)
    archives: dict[Path, VerifiedArchive] = {}
    try:
        network.found("ended")
        network.start_all()
        cast.open_founders()
        last = work(cast)
        scopes: tuple[tuple[Scope, Audience], ...] = (
            (ItemsScope((LOT,), 1), Audience.PUBLIC),
            (ItemsScope((LOT,), 1), Audience.MEMBERS),
            (OrganisationScope(GROWER, 1, last), Audience.MEMBERS),
            (HeightsScope(1, last), Audience.MEMBERS),
        )
        reader = cast.reader(GROWER)
        for number, (scope, audience) in enumerate(scopes):
            data, archive = export(Wish(scope, audience), cast[GROWER].client.nodes, reader)
            path = tmp_path / f"{number}.zip"
            path.write_bytes(data)
            archives[path] = archive
        chain_id = network.chain_id
    finally:
        cast.close()
        network.stop()
    shutil.rmtree(network.folder)
    for path, archive in archives.items():
        code, said = command("verify", path, "--genesis", chain_id)
        assert (code, said["verdict"], said["height"]) == (0, "proven", archive.proven.height), said
        assert said["time_ms"] == archive.proven.time_ms and said["state_root"] == archive.manifest.state_root
    (items, _, ours, blocks) = archives.values()
    assert len(items.proven.items[LOT].events) == 3
    assert [event.status.name for one in ours.proven.outcomes for event in one.events] == ["EFFECTIVE"] * 2
    assert sorted(blocks.proven.blocks) == list(range(1, last + 1))
    code, said = command("verify", next(iter(archives)), "--genesis", "00" * 32)
    assert (code, said["code"]) == (4, "wrong-chain")
