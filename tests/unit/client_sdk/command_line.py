"""Runs commands of ``tallystick`` in process, over the fake nodes, each organisation with its own folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from client_sdk.cli import main
from client_sdk.config import Config, write_config
from client_sdk.keystore import Keystore
from client_sdk.transport import Transport
from tallystick.keyfile import open_keyfile
from tallystick.records.members import organisation_key
from tests.unit.client_sdk.ledger import Dice, FakeNode
from tests.world import seed

PASSPHRASE = "known to all tests"
USES = {
    "root": "ROOT",
    "capture": "CAPTURE",
    "trade": "TRADE",
    "maker": "CONFIRM_MAKER",
    "checker": "CONFIRM_CHECKER",
    "read": "READ",
}


@dataclass
class Answer:
    """What a command printed, and its exit status."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every JSON object printed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object printed."""
        (line,) = self.lines
        return line


class CommandLine:
    """One organisation at a terminal.

    Args:
        node: the only node it knows.
    """

    def __init__(
        self, folder: Path, organisation: str, node: FakeNode, capsys: pytest.CaptureFixture[str], location: str = ""
    ) -> None:
        self.folder = folder / organisation.replace(":", "-")
        self.config = self.folder / "config.toml"
        self._node = node
        self._capsys = capsys
        self._dice = Dice(f"terminal of {organisation}")
        store = Keystore(self.folder / "keys", self._dice.environment())
        if node.ledger.record(organisation_key(organisation)) is not None:
            node.ledger.let_read(organisation)
        for name, use in USES.items():
            store.create(name, PASSPHRASE, seed=seed(organisation, use), cheap=True)
        for name, secret in (("capture.secret", "11" * 32), ("invoice.secret", "22" * 32)):
            (self.folder / name).touch(mode=0o600)
            (self.folder / name).write_text(secret)
        (self.folder / "pass").touch(mode=0o600)
        (self.folder / "pass").write_text(PASSPHRASE)
        write_config(
            Config(
                self.config,
                node.ledger.world.chain_id,
                (node.url,),
                organisation=organisation,
                location=location,
                capture_secret=Path("capture.secret"),
                invoice_secret=Path("invoice.secret"),
                keys={name: name for name in USES},
            )
        )

    def reseal(self, path: Path, passphrase: str) -> None:
        """Put a key file into the keystore again, under another passphrase."""
        store = Keystore(self.folder / "keys", self._dice.environment())
        store.create(path.stem, passphrase, seed=open_keyfile(path.read_bytes(), PASSPHRASE), cheap=True)

    def run(self, *words: object, json_output: bool = True) -> Answer:
        """Type a command."""
        environment = self._dice.environment()
        texts = [str(word) for word in words]
        if "--config" not in texts:
            texts += ["--config", str(self.config)]
        if json_output:
            texts.append("--json")
        self._capsys.readouterr()
        code = main(texts, environment=environment, make_transport=self._transport)
        printed = self._capsys.readouterr()
        assert "Traceback" not in printed.err
        return Answer(int(code), printed.out, printed.err)

    def send(self, *words: object) -> Answer:
        """Type a command that signs."""
        return self.run(*words, "--passphrase-file", self.folder / "pass")

    def must(self, *words: object) -> dict[str, Any]:
        """As ``send``, for a command that succeeds; its JSON."""
        answer = self.send(*words)
        assert answer.code == 0, (answer.out, answer.err)
        return answer.json

    def _transport(self, url: str, ca_file: str | None) -> Transport:
        assert url == self._node.url
        return self._node
