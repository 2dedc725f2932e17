"""A network on this machine, founded and run through the same commands that strangers would use."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import repeat
from pathlib import Path
from typing import Any, BinaryIO

from scripts.story.uninterrupted import uninterrupted

ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0  # for what takes a second or two: on the slowest machine in time
STOP_S = 30.0
ANSWER_S = 20.0  # for one answer of a node or explorer
HELD_MAX = 256  # ports that stay bound, of those that were given last

_held: deque[int] = deque()  # descriptors of sockets


class NetworkError(Exception):
    """A process of the network did not do what it must; the message ends with its last words."""


@dataclass(frozen=True, slots=True)
class Founder:
    """One organisation that runs a node."""

    organisation: str
    name: str
    roles: tuple[str, ...]
    prefixes: tuple[str, ...] = ()


@dataclass(slots=True)
class NodeProcess:
    """One running (or stopped) node."""

    founder: Founder
    folder: Path
    api_port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of its HTTP doors."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.folder / "node.log"


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, and that the system gives to nobody else who asks for any.

    They stay bound here, by sockets that do not listen: a server names its port and sets SO_REUSEADDR, and so gets it.
    """
    ports = []
    for _ in range(count):
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        ports.append(holder.getsockname()[1])
        if _lets_others_listen(ports[-1]):
            _held.append(holder.detach())
        else:
            holder.close()
    while len(_held) > HELD_MAX:
        os.close(_held.popleft())
    return ports


def _lets_others_listen(port: int) -> bool:
    """Whether this system lets a server listen on a port that is bound by a socket which does not (Linux does)."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


def run_command(*arguments: str) -> dict[str, Any]:
    """Run one of the product's commands that answers with one JSON object."""
    result = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise NetworkError(f"{' '.join(arguments[:2])} failed: {result.stderr.strip() or result.stdout.strip()}")
    value: dict[str, Any] = json.loads(result.stdout)
    return value


def node_environment() -> dict[str, str]:
    """Ours, but that Python keeps compiled files: an installed node has them, and starts twice as fast."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def http_bytes(url: str, path: str, timeout_s: float = ANSWER_S) -> tuple[int, bytes]:
    """Status and body of a GET to a node or explorer."""
    host, _, port = url.removeprefix("http://").partition(":")
    connection = HTTPConnection(host, int(port), timeout=timeout_s)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def http_json(url: str, path: str, timeout_s: float = ANSWER_S) -> dict[str, Any]:
    """GET a JSON object from a node or explorer."""
    status, body = http_bytes(url, path, timeout_s)
    if status != 200:
        raise NetworkError(f"{url}{path} answered {status}: {body[:200].decode(errors='replace')}")
    value: dict[str, Any] = json.loads(body)
    return value


@dataclass(slots=True)
class Network:
    """Folders, keys and processes of a network below ``folder``; with ``seals`` its nodes make compact proofs."""

    folder: Path
    founders: tuple[Founder, ...]
    passphrase: str = "a passphrase for the demonstration only"
    seals: bool = False
    nodes: dict[str, NodeProcess] = field(default_factory=dict)
    chain_id: str = ""
    explorer: subprocess.Popen[bytes] | None = None
    explorer_url: str = ""

    @property
    def genesis(self) -> Path:
        """The founding document."""
        return self.folder / "genesis.bin"

    def found(self, name: str, *, allow_clock_advance: bool = True) -> str:
        """Each founder makes its keys and card; each merges all cards; all find the same chain id."""
        self.folder.mkdir(parents=True, exist_ok=True)
        secret = self.folder / "passphrase.txt"
        secret.touch(mode=0o600)
        secret.write_text(self.passphrase + "\n")
        ports = free_ports(2 * len(self.founders))
        for index, founder in enumerate(self.founders):
            folder = self.folder / founder.organisation.removeprefix("org:")
            self.nodes[founder.organisation] = NodeProcess(founder, folder, ports[2 * index + 1])
        with ThreadPoolExecutor(len(self.founders)) as pool:
            list(pool.map(self._init, self.nodes.values(), ports[::2], repeat(secret)))
        cards = [str(node.folder / "card.bin") for node in self.nodes.values()]
        common = ["--network", name, "--time-ms", str(time.time_ns() // 1_000_000)]
        common += ["--allow-clock-advance"] if allow_clock_advance else []
        with ThreadPoolExecutor(len(self.founders)) as pool:
            chain_ids = set(pool.map(self._merge, self.nodes.values(), repeat(cards), repeat(common)))
        if len(chain_ids) != 1:
            raise NetworkError("the founders found different chain ids")
        self.genesis.write_bytes((next(iter(self.nodes.values())).folder / "genesis.bin").read_bytes())
        self.chain_id = chain_ids.pop()
        return self.chain_id

    def _init(self, node: NodeProcess, peer_port: int, secret: Path) -> None:
        founder = node.founder
        options = [option for role in founder.roles for option in ("--role", role)]
        options += [option for prefix in founder.prefixes for option in ("--prefix", prefix)]
        options += ["--seals"] if self.seals else []
        run_command(
            *("node", "init", "--json", "--org", founder.organisation, "--name", founder.name, *options),
            *("--dir", str(node.folder), "--passphrase-file", str(secret)),
            *("--peer-address", f"127.0.0.1:{peer_port}", "--api-address", f"127.0.0.1:{node.api_port}"),
        )

    def _merge(self, node: NodeProcess, cards: list[str], common: list[str]) -> str:
        out = str(node.folder / "genesis.bin")
        found = run_command("node", "genesis", "--json", *cards, *common, "--out", out)
        return str(found["chain_id"])

    def configure(self, organisation: str, setting: str) -> None:
        """Put one line on top of a node's configuration, before its start."""
        config = self.nodes[organisation].folder / "node.toml"
        config.write_text(f"{setting}\n{config.read_text()}")

    def start_all(self) -> None:
        """Start every node and wait until all are at work."""
        for organisation in self.nodes:
            self.start(organisation)
        self.wait_for_height(1)

    def start(self, organisation: str) -> None:
        """Start one node."""
        node = self.nodes[organisation]
        arguments = ("node", "run", "--config", str(node.folder / "node.toml"))
        with node.log.open("ab") as log, uninterrupted():
            node.process = _process(arguments, log, self.environment(organisation))

    def environment(self, organisation: str) -> dict[str, str]:
        """What a node's process is started with."""
        return node_environment()

    def kill(self, organisation: str) -> None:
        """End one node without warning."""
        process = self.nodes[organisation].process
        assert process is not None
        process.send_signal(signal.SIGKILL)
        process.wait()

    def wait_for_height(self, height: int, organisations: Sequence[str] = (), timeout_s: float = START_S) -> None:
        """Wait until these nodes (all by default) have executed a height."""
        deadline = time.monotonic() + timeout_s
        waiting = list(organisations) or list(self.nodes)
        while waiting:
            node = self.nodes[waiting[0]]
            if node.process is not None and node.process.poll() is not None:
                raise NetworkError(f"{node.founder.organisation} ended: {last_words(node.log)}")
            try:
                reached = http_json(node.url, "/health")["executed_height"] >= height
            except (OSError, NetworkError, ValueError):
                reached = False
            if reached:
                waiting.pop(0)
            elif time.monotonic() > deadline:
                raise NetworkError(f"{node.founder.organisation} is below height {height}: {last_words(node.log)}")
            else:
                time.sleep(0.05)

    def start_explorer(self, organisation: str, products: str = "") -> str:
        """Start the explorer of one member beside its node; returns its address."""
        node = self.nodes[organisation]
        (port,) = free_ports(1)
        folder = self.folder / "explorer"
        folder.mkdir(exist_ok=True)
        token = (node.folder / "read_tokens").read_text().split()[1]
        token_file = folder / "explorer.token"
        token_file.touch(mode=0o600)
        token_file.write_text(token + "\n")
        config = folder / "explorer.toml"
        config.write_text(
            f'node = "{node.url}"\nread_token = "explorer.token"\ngenesis = "{self.genesis}"\n'
            f'database = "explorer.db"\nlisten = "127.0.0.1:{port}"\npoll_ms = 100\n{products}'
        )
        with (folder / "explorer.log").open("ab") as log, uninterrupted():
            self.explorer = _process(("explorer", "run", "--config", str(config)), log, dict(os.environ))
        self.explorer_url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_S
        while True:
            if self.explorer.poll() is not None:
                raise NetworkError(f"the explorer ended: {last_words(folder / 'explorer.log')}")
            try:
                http_json(self.explorer_url, "/health")
                return self.explorer_url
            except (OSError, NetworkError, ValueError) as error:
                if time.monotonic() > deadline:
                    words = last_words(folder / "explorer.log")
                    raise NetworkError(f"the explorer does not answer ({error}): {words}") from error
                time.sleep(0.05)

    def stop(self) -> None:
        """End every process that this network started, first politely."""
        processes = [node.process for node in self.nodes.values()] + [self.explorer]
        alive = [process for process in processes if process is not None and process.poll() is None]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + STOP_S
        for process in alive:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time that each node has used."""
        times = {}
        for organisation, node in self.nodes.items():
            assert node.process is not None
            times[organisation] = cpu_seconds(node.process.pid)
        return times

    def resident_mb(self) -> dict[str, float]:
        """Resident memory of each node in MB."""
        sizes = {}
        for organisation, node in self.nodes.items():
            assert node.process is not None
            pages = int(Path(f"/proc/{node.process.pid}/statm").read_text().split()[1])
            sizes[organisation] = pages * os.sysconf("SC_PAGESIZE") / 1e6
        return sizes


def cpu_seconds(process: int) -> float:
    """Processor time that a process has used, all of its threads, to the system's tick."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _process(arguments: Sequence[str], log: BinaryIO, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """One of the product's programs, which a Ctrl-C on our terminal does not reach."""
    command = [sys.executable, "-m", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True, env=environment)


def last_words(log: Path) -> str:
    """The end of a log."""
    try:
        return log.read_text(errors="replace")[-2_000:].strip()
    except OSError:
        return "(no log)"
