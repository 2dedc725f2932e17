"""How far the nodes are, asked often: the first commit after a moment, and when everybody is there again."""

from __future__ import annotations

import time
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import msgspec

from scripts.nemesis_run.cluster import Cluster
from tallystick.api import HEALTH, METRICS, HealthAnswer

POLL_S = 0.025  # forty questions a second and node, below what a node takes from one address
TIMEOUT_S = 10.0  # on a busy machine an answer may take a while; a node that is down refuses at once


class Watch:
    """One kept connection per node; a node that does not answer has no height."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._connections: dict[str, HTTPConnection] = {}

    def get(self, organisation: str, path: str, timeout_s: float = TIMEOUT_S) -> bytes | None:
        """The body of an answer, or None."""
        connection = self._connections.pop(organisation, None)
        if connection is None:
            address = urlsplit(self._cluster.nodes[organisation].url)
            connection = HTTPConnection(address.hostname or "", address.port, timeout=timeout_s)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        except (OSError, HTTPException):
            connection.close()
            return None
        self._connections[organisation] = connection
        return body if response.status == 200 else None

    def health(self, organisation: str) -> HealthAnswer | None:
        """What a node says of itself, or None."""
        body = self.get(organisation, HEALTH)
        return None if body is None else msgspec.json.decode(body, type=HealthAnswer)

    def executed(self, organisations: Iterable[str]) -> dict[str, int]:
        """Executed height of each of these nodes that answers."""
        answers = {name: self.health(name) for name in organisations}
        return {name: answer.executed_height for name, answer in answers.items() if answer is not None}

    def highest(self, organisations: Iterable[str]) -> int:
        """The greatest executed height among these nodes."""
        return max(self.executed(organisations).values(), default=0)

    def counters(self, organisation: str) -> dict[str, float]:
        """Every plain counter of a node; empty when it does not answer."""
        values = {}
        for line in (self.get(organisation, METRICS) or b"").decode().splitlines():
            name, _, value = line.rpartition(" ")
            if name and not name.startswith("#") and "{" not in name:
                values[name.removeprefix("tallystick_")] = float(value)
        return values

    def until_above(
        self, height: int, organisations: Iterable[str], *, everybody: bool, timeout_s: float
    ) -> float | None:
        """Monotonic time at which one of these nodes (or ``everybody``) has executed more; None: too long."""
        waiting = list(organisations)
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            for name in list(waiting):
                health = self.health(name)
                if health is not None and health.executed_height > height:
                    waiting.remove(name)
                    if not everybody or not waiting:
                        return time.monotonic()
            time.sleep(POLL_S)
        return None

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
