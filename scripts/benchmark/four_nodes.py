"""Four nodes under load: throughput, latency, processor time and memory, beside the machine's own speed of checking."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from statistics import median
from typing import Any

from scripts.benchmark.client import Door, Feed, LoadError, Watchers, at_rate, executed, percentile
from scripts.benchmark.load import Batch, make_captures
from scripts.story.cast import PROCESSOR, Cast
from scripts.story.network import Network, http_json
from tallystick import keys
from tallystick.api import TRANSACTION
from tallystick.records.members import KeyUse
from tallystick.transactions import decode_transaction

BULK = 100  # transactions per post
SIGNATURES = 1_000  # that the machine's speed of checking is measured with
OUTSTANDING = 1_600  # transactions sent and not yet executed
SAMPLE = 24  # transactions of a phase whose receipts are read
ASK_S = 0.25  # between two questions for a node's counters: its answer takes it as long as some ten transactions


@dataclass(slots=True)
class Bench:
    """Four nodes and what was measured of them."""

    network: Network
    seconds: float
    check_threads: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    checks_per_s: list[float] = field(default_factory=list)
    checks_beside_load: list[float] = field(default_factory=list)
    _next_serial: int = 0
    _seed: bytes = b""
    _secret: bytes = b""
    _chain_id: bytes = b""
    _doors: list[Door] = field(default_factory=list)

    def open(self) -> None:
        """Found and start the nodes, with an organisation that may capture."""
        self.network.found("bench", allow_clock_advance=False)
        for organisation in self.network.nodes:
            self.network.configure(organisation, f"check_threads = {self.check_threads}")
        self.figures["check_threads"] = self.check_threads
        self.network.start_all()
        self.enter()

    def enter(self) -> None:
        """Give an organisation of a running network a key with which it captures."""
        cast = Cast(self.network)
        cast.open_founders()
        member = cast[PROCESSOR]
        self._seed, self._secret = member.seed_for(KeyUse.CAPTURE), member.capture_secret
        self._chain_id = cast.chain_id
        self._doors = [Door(node.url, self._seed, self._chain_id) for node in self.network.nodes.values()]
        cast.close()

    def close(self) -> None:
        """Close the connections to the nodes."""
        for door in self._doors:
            door.close()

    def run(self) -> None:
        """All phases, with the machine's own speed measured between them."""
        self.open()
        self.calibrate()
        for rate in (50, 300):
            self.latency(rate, min(self.seconds, 15))
            self.calibrate()
        self.throughput("committed_tx_per_s", 1)
        self.calibrate()
        self.throughput("events_per_s", 50)
        self.calibrate()
        idle, loaded = median(self.checks_per_s), median(self.checks_beside_load)
        self.figures["ed25519_checks_per_s"] = round(idle)
        self.figures["ed25519_checks_per_s_beside_load"] = round(loaded)
        cpu_us = self.figures["cpu_us_per_tx_and_node"]
        self.figures["cpu_per_tx_in_own_checks"] = round(cpu_us / self.figures["own_check_us"], 2)
        self.figures["cpu_per_tx_in_checks"] = round(cpu_us * loaded / 1e6, 2)
        self.figures["cpu_per_tx_in_idle_checks"] = round(cpu_us * idle / 1e6, 2)
        share = self.figures["committed_tx_per_s"] * 4 / (idle * (os.cpu_count() or 1))
        self.figures["share_of_machine"] = round(share, 3)
        resident = self.network.resident_mb()
        self.figures["resident_mb_max"] = round(max(resident.values()), 1)

    def calibrate(self) -> None:
        """How many signatures one core checks in a second just now, with nothing else to do."""
        self.checks_per_s.append(checks_per_second(0.4))

    def captures(self, count: int, events: int) -> list[bytes]:
        """So many transactions of so many events, each of which commissions a new serial."""
        time_ms = int(http_json(next(iter(self.network.nodes.values())).url, "/.well-known/head")["time_ms"])
        template = Batch(self._chain_id, self._seed, self._secret, time_ms, self._next_serial, 0, events)
        self._next_serial += count * events
        return make_captures(template, count)

    def latency(self, rate: int, seconds: float) -> None:
        """Submit at a fixed rate for so long, and note how long it took until transactions were final and executed."""
        for state, values in self.load(rate, self.captures(int(rate * seconds), 1)).items():
            self.figures[f"{state}_ms_p50_at_{rate}"] = round(percentile(values, 0.50), 1)
            self.figures[f"{state}_ms_p99_at_{rate}"] = round(percentile(values, 0.99), 1)

    def load(self, rate: int, raws: Sequence[bytes]) -> dict[str, list[float]]:
        """Submit at a fixed rate to all nodes in turn, in at most fifty posts a second; watch about fifteen a second.

        A post does not wait for the one before it, as those of different clients do not.

        Returns:
            Milliseconds by the state that a watched transaction had come to, all of them executed.
        """
        group = max(1, rate // 50)
        posts = len(raws) // group
        every = max(1, rate // group // 15)
        watchers = Watchers(96)

        def send(number: int, due: float) -> None:
            door, first = self._doors[number % 4], number * group
            watchers.post(door, raws[first : first + group])
            if number % every == 0:
                watchers.watch(door, decode_transaction(raws[first], self._chain_id).id.hex(), due)

        at_rate(posts, rate / group, send)
        watchers.join()
        return watchers.latencies

    def throughput(self, name: str, events: int) -> None:
        """Bulk ingress through all four nodes at once, outstanding bounded; then all must agree."""
        guess = 2_600 if events == 1 else 340
        raws = self.captures(int(guess * self.seconds), events)
        feed = Feed(self._doors, raws, BULK if events == 1 else 8, OUTSTANDING if events == 1 else 160)
        before = self.executed()
        own_checks = self.own_checks()
        cpu = self.network.cpu_seconds()
        started = time.monotonic()
        done = 0
        feed.start()
        while not feed.finished() or done < feed.sent:
            time.sleep(0.05 if feed.finished() else ASK_S)
            done = self.executed() - before
            feed.executed = done
            if events == 1 and not feed.finished():
                self.checks_beside_load.append(checks_per_second(0.025))
            if time.monotonic() - started > self.seconds:
                feed.stop()
            if time.monotonic() - started > self.seconds + 60:
                raise LoadError("not everything that was sent was executed")
        elapsed = time.monotonic() - started
        feed.join()
        used = sum(value - cpu[organisation] for organisation, value in self.network.cpu_seconds().items())
        self.figures[name] = round(feed.sent * events / elapsed)
        suffix = "tx" if events == 1 else "event"
        self.figures[f"cpu_us_per_{suffix}_and_node"] = round(used / 4 / (feed.sent * events) * 1e6, 1)
        if events == 1:
            checks, seconds = (now - then for now, then in zip(self.own_checks(), own_checks, strict=True))
            self.figures["own_check_us"] = round(seconds / checks * 1e6, 1)
        self.agree()
        self.took_effect(raws[: feed.sent])

    def executed(self) -> int:
        """Transactions that the first node has executed."""
        return executed(self._doors[0].counters())

    def counters(self) -> list[dict[str, float]]:
        """Every node's counters by name."""
        return [door.counters() for door in self._doors]

    def own_checks(self) -> tuple[float, float]:
        """How many signatures of transactions the nodes have checked, and the seconds of processor time it took them.

        Same processor, same caches, same moment as everything else they do: the fairest measure of a machine that
        changes its speed.
        """
        told = self.counters()
        checks = sum(counters["tallystick_signature_checks_total"] for counters in told)
        return checks, sum(counters["tallystick_signature_check_seconds_total"] for counters in told)

    def agree(self) -> None:
        """All four nodes executed the same, with the same root at the same height.

        Raises:
            LoadError: they did not, or were never seen at one height.
        """
        height = int(http_json(next(iter(self.network.nodes.values())).url, "/health")["executed_height"])
        self.network.wait_for_height(height)
        for door in self._doors[1:]:
            deadline = time.monotonic() + 30
            while executed(door.counters()) < self.executed() and time.monotonic() < deadline:
                time.sleep(0.05)
        deadline = time.monotonic() + 30
        heads = self._heads()
        while len({head["height"] for head in heads}) != 1:
            if time.monotonic() > deadline:
                raise LoadError(f"the nodes were never seen at one height: {heads}")
            time.sleep(0.02)
            heads = self._heads()
        if len({head["state_root"] for head in heads}) != 1:
            raise LoadError(f"nodes disagree: {heads}")

    def _heads(self) -> list[dict[str, Any]]:
        """What each node executed last."""
        return [http_json(node.url, "/.well-known/head")["executed"] for node in self.network.nodes.values()]

    def took_effect(self, raws: Sequence[bytes]) -> None:
        """A sample of what was sent is executed with a receipt that refuses nothing, at every node."""
        for number, raw in enumerate(raws[:: max(1, len(raws) // SAMPLE)]):
            id_ = decode_transaction(raw, self._chain_id).id.hex()
            answer = json.loads(self._doors[number % len(self._doors)].call("GET", TRANSACTION.format(id=id_)))
            if answer.get("reason") != "NONE":
                raise LoadError(f"transaction {id_} is {answer['state']} with reason {answer.get('reason')}")


def checks_per_second(cpu_seconds: float) -> float:
    """Ed25519 checks per second of processor time, every one of another signature, as a node has them to check.

    The same signature again and again is faster, for the processor learns the way through it. Beside busy
    nodes a check costs more than on an idle machine: virtual processors share caches and often one core.
    """
    public, chain, signed = _signatures()
    used, count = 0.0, 0
    while used < cpu_seconds:
        some = [signed[(count + index) % len(signed)] for index in range(50)]
        started = time.process_time()
        for message, signature in some:
            keys.verify(public, signature, keys.Purpose.TRANSACTION, chain, message)
        used += time.process_time() - started
        count += 50
    return count / used


@cache
def _signatures() -> tuple[bytes, bytes, list[tuple[bytes, bytes]]]:
    """A public key, a chain id, and messages with their signatures."""
    seed, chain = keys.generate(), bytes(32)
    messages = [number.to_bytes(32, "big") for number in range(SIGNATURES)]
    signed = [(message, keys.sign(seed, keys.Purpose.TRANSACTION, chain, message)) for message in messages]
    return keys.public_key_of(seed), chain, signed
