"""The port of the HTTP doors. It is taken before anything else starts, so that a busy one is known in time."""

from __future__ import annotations

import socket

from node.toml_reader import Address
from tallystick.errors import ConfigError

BACKLOG = 512


def bind_listener(address: Address, key: str) -> socket.socket:
    """A bound, not yet listening socket.

    Raises:
        ConfigError: the port is busy or the address is not this machine's; names the configuration key.
    """
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ConfigError(f"{key}: {address.host} is no known host: {error.strerror}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        remedy = "another program holds the port, perhaps this node itself: stop it, or choose another port"
        raise ConfigError(f"{key}: cannot listen at {address}: {error.strerror}; {remedy}") from error
    listener.setblocking(False)
    return listener
