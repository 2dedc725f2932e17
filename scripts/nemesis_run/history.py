"""Clients at work while everything goes wrong, and what they were answered.

Each client signs one capture after the other, hands it to some node and waits until it is final. In any doubt it hands
the same transaction to another node, until it has an answer.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from client_sdk.client import Client
from client_sdk.nodes import Nodes, RequestKey
from client_sdk.outcome import Outcome
from client_sdk.transport import HttpTransport
from scripts.benchmark.load import Batch, make_batch
from scripts.story.cast import PROCESSOR, Cast
from tallystick.api import TransactionState
from tallystick.errors import TallystickError
from tallystick.records.members import KeyUse
from tallystick.transactions import decode_transaction

PATIENCE_S = 1.5  # until another node is asked
PAUSE_S = 0.2  # before a doubtful transaction is handed to the next node
SERIALS_PER_CLIENT = 1_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A transaction was said to be final at a place.

    Attributes:
        sent_s, final_s: monotonic times of the first try and of the answer.
        tries: how often it was handed in.
    """

    id: bytes
    height: int
    index: int
    sent_s: float
    final_s: float
    tries: int
    node: str


class History:
    """Clients and their answers.

    Attributes:
        answers: in the order in which they came.
        open: transactions handed in and not answered; they may or may not take effect.
        failures: what ended a client; must stay empty.
    """

    def __init__(self, cast: Cast, file: Path, *, clients: int, per_second: float) -> None:
        self.answers: list[Answer] = []
        self.open: dict[bytes, float] = {}
        self.failures: list[str] = []
        self._cast = cast
        self._file: TextIO = file.open("w")
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._give_up = threading.Event()
        self._interval_s = clients / per_second
        self._threads = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(clients)]

    def begin(self) -> None:
        """Start all clients."""
        for thread in self._threads:
            thread.start()

    def end(self, patience_s: float) -> None:
        """Begin nothing new; wait for answers that are due, then give up the rest."""
        self._stop.set()
        deadline = time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()))
        self._give_up.set()
        for thread in self._threads:
            thread.join(10)
        with self._lock:
            self._file.close()

    def _work(self, number: int) -> None:
        member = self._cast[PROCESSOR]
        seed, secret = member.seed_for(KeyUse.CAPTURE), member.capture_secret
        clients = [(name, client_of(self._cast, seed, name, PATIENCE_S)) for name in self._cast.network.nodes]
        serial, turn = number * SERIALS_PER_CLIENT, number
        try:
            while not self._stop.wait(self._interval_s):
                batch = Batch(self._cast.chain_id, seed, secret, time.time_ns() // 1_000_000, serial, 1, 1)
                serial += 1
                turn += 1
                self._one(make_batch(batch)[0], clients, turn)
        except Exception as error:
            self.failures.append(f"client {number}: {type(error).__name__}: {error}")
        finally:
            for _, client in clients:
                client.nodes.close()

    def _one(self, raw: bytes, clients: list[tuple[str, Client]], turn: int) -> None:
        transaction = decode_transaction(raw, self._cast.chain_id)
        sent_s = time.monotonic()
        self.open[transaction.id] = sent_s
        tries = 0
        while not self._give_up.is_set():
            name, client = clients[(turn + tries) % len(clients)]
            tries += 1
            try:
                outcome = client.submit(transaction, wait=TransactionState.FINAL)
            except TallystickError:  # nobody there, still waiting, or a node whose clock is wrong: ask the next one
                self._give_up.wait(PAUSE_S)
                continue
            self._note(outcome, sent_s, tries, name)
            return

    def _note(self, outcome: Outcome, sent_s: float, tries: int, node: str) -> None:
        assert outcome.height is not None and outcome.index is not None
        answer = Answer(outcome.id, outcome.height, outcome.index, sent_s, time.monotonic(), tries, node)
        row = {"id": answer.id.hex(), "height": answer.height, "index": answer.index, "tries": tries, "node": node}
        with self._lock:
            self.answers.append(answer)
            self.open.pop(outcome.id, None)
            if not self._file.closed:
                self._file.write(json.dumps({**row, "ms": round((answer.final_s - sent_s) * 1_000)}) + "\n")


def client_of(cast: Cast, seed: bytes, node: str, patience_s: float) -> Client:
    """A client of one node alone, which does not wait long: there are others."""
    transport = HttpTransport(cast.network.nodes[node].url)
    nodes = Nodes([transport], RequestKey(seed, cast.chain_id), patience_s=patience_s, timeout_s=patience_s)
    return Client(nodes, cast.chain_id, wait_s=patience_s)
