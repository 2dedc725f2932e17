"""``tallystick-node run``: one node until it is told to stop, or something ends it."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import socket
from importlib import import_module

import uvloop

from node.api.listener import bind_listener
from node.api.tokens import read_tokens
from node.app import Node
from node.commands import EXIT_DAMAGED, Subparsers, add_config_option, new_parser
from node.config import NodeConfig, load_config
from node.logs import configure_logging, log_fields
from node.snapshots.joining import SnapshotReadyError
from node.toml_reader import Address
from tallystick.errors import TallystickError

EXAMPLES = """
tallystick-node run --config grower/node.toml
"""

# Its libraries take as long to import as everything else: a node votes before its doors open.
DOORS = "node.api.server"
DOORS_WAIT_S = 1.0  # while its peers are asked; where they do not answer, the doors open all the same

_log = logging.getLogger("node")


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = new_parser(commands, "run", run, "run a node until SIGTERM or Ctrl-C", EXAMPLES)
    add_config_option(parser)


def run(options: argparse.Namespace) -> int:
    """Run in the foreground; logs go to standard error.

    Raises:
        ConfigError: something of the operator's is wrong; nothing was signed.
        StorageError: the disk failed or disagrees with itself.
    """
    config = load_config(options.config)
    configure_logging(config.log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        while isinstance(failure := runner.run(_serve(config)), SnapshotReadyError):
            gc.unfreeze()  # the next run stands on another database: nothing of this one is needed
            gc.collect()
    if isinstance(failure, TallystickError):
        raise failure
    if failure is not None:
        raise NodeEnded(failure)
    return 0


class NodeEnded(TallystickError):
    """Something that nobody foresaw ended the node; its exit code is that of damage, so nobody restarts blindly."""

    exit_code = EXIT_DAMAGED

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"the node ended: {type(error).__name__}: {error}; the log says where")


async def _serve(config: NodeConfig) -> BaseException | None:
    """Start everything, wait, stop everything in order; returns what ended the node, or None for a signal."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    read_tokens(config.read_tokens)  # a mistake there must be told before anything starts
    with bind_listener(config.api_listen, "api_listen") as listener:
        address = Address(*listener.getsockname()[:2])
        node = Node(config)
        await node.start()  # on failure it has released everything itself
        try:
            await node.asked(DOORS_WAIT_S)
            await asyncio.to_thread(import_module, DOORS)
            return await _serve_doors(config, node, listener, address, stop)
        finally:
            await node.stop()
            _log.info("stopped")


async def _serve_doors(
    config: NodeConfig, node: Node, listener: socket.socket, address: Address, stop: asyncio.Event
) -> BaseException | None:
    """Open the HTTP doors of a node that takes part already, and wait for its end."""
    from node.api.server import ApiServer, build_application

    node.metrics.watch(node.queries.status, lambda: node.queries.counters)
    application = build_application(
        node.queries, node.proofs, config, node.metrics, on_fatal=node.fatal, seals=node.sealer
    )
    server = ApiServer(listener)
    try:
        await server.start(application)
        gc.freeze()  # nor are the libraries of the doors looked through again
        _log.info("serving", extra=log_fields(api_at=str(address), peers_at=str(node.peer_address)))
        return await _first_of(stop, node)
    finally:
        await server.stop()


async def _first_of(stop: asyncio.Event, node: Node) -> BaseException | None:
    """Wait for a signal or for the node's end."""
    signalled = asyncio.create_task(stop.wait())
    failed = asyncio.create_task(node.failure())
    try:
        await asyncio.wait((signalled, failed), return_when=asyncio.FIRST_COMPLETED)
        return failed.result() if failed.done() else None
    finally:
        signalled.cancel()
        failed.cancel()
