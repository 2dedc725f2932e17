"""A lean load generator: signed bulk posts, long-polls, and the counters of every node."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlsplit

import msgspec

from tallystick.api import METRICS, TRANSACTION, TRANSACTIONS, TRANSACTIONS_BULK, BulkAnswer
from tallystick.encoding import encode
from tallystick.http_signatures import sign_request


class LoadError(Exception):
    """A node refused or failed to answer something that the benchmark needs."""


class UnknownError(Exception):
    """A node has not seen what was asked for."""


class Door:
    """Signed requests to one node, one connection per thread."""

    def __init__(self, url: str, seed: bytes, chain_id: bytes) -> None:
        self._address = urlsplit(url)
        self._seed = seed
        self._chain_id = chain_id
        self._local = threading.local()
        self._connections: list[HTTPConnection] = []  # of all threads

    def close(self) -> None:
        """Close the connections of all threads, none of which asks any more."""
        for connection in self._connections:
            connection.close()

    def call(self, method: str, path: str, query: str = "", body: bytes = b"") -> bytes:
        """One signed exchange; the answer's body."""
        headers = sign_request(
            self._seed,
            self._chain_id,
            method,
            path,
            query,
            body,
            created_s=int(time.time()),
            nonce=os.urandom(16),
        )
        if body:
            headers["content-type"] = "application/msgpack"
        target = f"{path}?{query}" if query else path
        try:
            response, data = self._exchange(method, target, body, headers)
        except (ConnectionError, HTTPException):  # a node closes connections that were idle for a while
            self._local.connection = None
            response, data = self._exchange(method, target, body, headers)
        if response.status == 404:
            raise UnknownError(path)
        if response.status not in (200, 202):
            raise LoadError(f"{method} {path}: {response.status} {data[:300].decode(errors='replace')}")
        return bytes(data)

    def _exchange(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> tuple[HTTPResponse, bytes]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = HTTPConnection(self._address.hostname or "", self._address.port, timeout=60)
            self._local.connection = connection
            self._connections.append(connection)
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return response, response.read()

    def submit(self, raw: bytes) -> None:
        """One transaction."""
        self.call("POST", TRANSACTIONS, body=raw)

    def submit_many(self, raws: Sequence[bytes]) -> list[bool]:
        """Many at once; which were admitted."""
        answer = msgspec.json.decode(self.call("POST", TRANSACTIONS_BULK, body=encode(tuple(raws))), type=BulkAnswer)
        return [item.admitted for item in answer.items]

    def wait(self, id_: str, state: str) -> None:
        """Until a transaction has come that far."""
        while True:
            try:
                data = self.call("GET", TRANSACTION.replace("{id}", id_), f"wait={state}&timeout_ms=20000")
            except UnknownError:  # the watcher was faster than the post
                time.sleep(0.002)
                continue
            reached = msgspec.json.decode(data)["state"]
            if reached == state or reached == "proven" or (state == "final" and reached == "executed"):
                return

    def counters(self) -> dict[str, float]:
        """Every counter of the node by name."""
        values = {}
        for line in self.call("GET", METRICS).decode().splitlines():
            name, _, value = line.rpartition(" ")
            if name and not name.startswith("#") and "{" not in name:
                values[name] = float(value)
        return values


def executed(counters: dict[str, float]) -> int:
    """Transactions executed, from a node's counters."""
    return int(counters["tallystick_transactions_executed_total"])


def at_rate(count: int, rate: float, send: Callable[[int, float], None]) -> None:
    """Call ``send(number, due)`` at a fixed rate; ``due`` is the monotonic time at which it should have been sent.

    Latency is counted from ``due``, so a stall of sender or node is not hidden by sending later.
    """
    start = time.monotonic()
    for number in range(count):
        due = start + number / rate
        delay = due - time.monotonic()
        if delay > 0:
            time.sleep(delay)
        send(number, due)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(len(ordered) * share * 1_000) // 1_000) - 1))]


class Watchers:
    """Threads that wait for states and note when they were reached."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads)
        self._futures: list[Future[None]] = []
        self.latencies: dict[str, list[float]] = {"final": [], "executed": [], "proven": []}

    def post(self, door: Door, raws: Sequence[bytes]) -> None:
        """Send transactions without waiting for the answer."""
        self._futures.append(self._pool.submit(self._post, door, raws))

    def _post(self, door: Door, raws: Sequence[bytes]) -> None:
        if len(raws) == 1:
            door.submit(raws[0])
        elif not all(door.submit_many(raws)):
            raise LoadError("a node did not admit a transaction")

    def watch(self, door: Door, id_: str, due: float) -> None:
        """Note when a transaction becomes final, executed, proven."""
        for state in self.latencies:
            self._futures.append(self._pool.submit(self._wait, door, id_, state, due))

    def _wait(self, door: Door, id_: str, state: str, due: float) -> None:
        door.wait(id_, state)
        self.latencies[state].append((time.monotonic() - due) * 1_000)

    def join(self) -> None:
        """Wait for all, raising what any of them raised."""
        for future in self._futures:
            future.result(timeout=120)
        self._pool.shutdown()


class Feed:
    """Bulk posts to several nodes at once, one sender per node, no more than ``outstanding`` not yet executed.

    Attributes:
        executed: transactions executed so far; whoever watches the nodes keeps it current.
        sent: transactions admitted so far.
    """

    def __init__(self, doors: Sequence[Door], raws: Sequence[bytes], bulk: int, outstanding: int) -> None:
        self.executed = 0
        self.sent = 0
        self._taken = 0
        self._raws, self._bulk, self._outstanding = raws, bulk, outstanding
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._errors: list[Exception] = []
        self._threads = [threading.Thread(target=self._send, args=(door,), daemon=True) for door in doors]

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send nothing more."""
        self._stopped.set()

    def finished(self) -> bool:
        """Whether no sender is at work any more; raises what one of them raised."""
        if self._errors:
            raise LoadError(str(self._errors[0])) from self._errors[0]
        return not any(thread.is_alive() for thread in self._threads)

    def join(self) -> None:
        """Wait for the senders."""
        for thread in self._threads:
            thread.join()

    def _send(self, door: Door) -> None:
        try:
            while not self._stopped.is_set():
                part = self._take()
                if part is None:
                    return
                if not part:
                    time.sleep(0.005)
                    continue
                if not all(door.submit_many(part)):
                    raise LoadError("a node did not admit a transaction")
                with self._lock:
                    self.sent += len(part)
        except Exception as error:  # told to the main thread, which ends the run
            self._errors.append(error)

    def _take(self) -> Sequence[bytes] | None:
        """The next bulk; empty while enough are outstanding, None at the end."""
        with self._lock:
            if self._taken >= len(self._raws):
                return None
            if self._taken - self.executed >= self._outstanding:
                return ()
            part = self._raws[self._taken : self._taken + self._bulk]
            self._taken += len(part)
            return part
