"""Values of a node's configuration beyond those of every file: addresses, paths, heights, epochs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tallystick.settings import Complaint, Reader, kind_of, text, whole


class Address(NamedTuple):
    """Where to listen or to connect; ``str()`` gives ``host:port``, IPv6 hosts in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def count_or_all(minimum: int, maximum: int) -> Reader[int | None]:
    """A whole number between the bounds, or ``"all"``, which is None."""

    def read(value: object) -> int | None:
        if value == "all":
            return None
        if isinstance(value, str):
            raise Complaint(f'write "all", or a whole number from {minimum} on')
        return whole(minimum, maximum)(value)

    return read


def epoch_pin(value: object) -> tuple[int, bytes] | None:
    """An epoch and the hash of its validators: ``"3:<64 hex digits>"``."""
    number, colon, digest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (colon and number.isascii() and number.isdigit() and len(number) < 10 and len(digest) == 64):
        raise Complaint('write "<epoch>:<hash of its validators, 64 hex digits>"')
    try:
        return int(number), bytes.fromhex(digest)
    except ValueError:
        raise Complaint(f"{digest!r} is no hash in hex") from None


def path_from(folder: Path) -> Reader[Path]:
    """A path; a relative one starts at ``folder``, and ``~`` is a home folder."""

    def read(value: object) -> Path:
        try:
            return (folder / Path(text(value)).expanduser()).absolute()
        except RuntimeError as error:
            raise Complaint(f"{value!r} begins with the home folder of nobody here") from error

    return read


def listen_address(value: object) -> Address:
    """``host:port`` to listen at; port 0 takes a free one."""
    return _address(value, port_min=0)


def peer_address(value: object) -> Address:
    """``host:port`` to connect to."""
    return _address(value, port_min=1)


def _address(value: object, port_min: int) -> Address:
    example = 'write "host:port", for instance "127.0.0.1:7101" or "[::1]:7101"'
    if not isinstance(value, str):
        raise Complaint(f"{example}, not {kind_of(value)}")
    host, colon, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if not colon or not _is_host(host, bracketed):
        raise Complaint(f"{example}, not {value!r}")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and port_min <= int(port) <= 65_535):
        raise Complaint(f"port {port!r} is not between {port_min} and 65535; {example}")
    return Address(host, int(port))


def _is_host(host: str, bracketed: bool) -> bool:
    if not host or len(host) > 253 or not host.isascii():
        return False
    return all(char.isalnum() or char in (":.%" if bracketed else ".-_") for char in host)
