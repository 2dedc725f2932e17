"""The file around an archive's members: a plain zip with exactly one byte string for given members.

Nothing is compressed, so nothing can unfold into more than it is, and no compressor's version changes a byte. Members
stand in the order of their names, one behind the other, each described once in front of its bytes and once in the
directory at the end; dates, owners, comments and extra fields do not exist. A reader that walks from the first byte to
the last therefore meets every byte, and refuses whatever is not as a writer puts it: a second member of one name, one
that only the directory knows, bytes between members or behind the end, a name that leads out of a folder.

Source: APPNOTE.TXT 6.3 of PKWARE, sections 4.3.7, 4.3.12 and 4.3.16. Specification: docs/spec/export.md, section 2.
"""

from __future__ import annotations

import re
import struct
from binascii import crc32
from collections.abc import Mapping

from tallystick.archive.errors import ArchiveError
from tallystick.limits import ARCHIVE_MEMBER_SIZE_MAX, ARCHIVE_MEMBERS_MAX, ARCHIVE_SIZE_MAX

SIGNATURE = b"PK\x03\x04"  # of the first member; how a file is seen to be an archive
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_VERSION = 10  # needed to extract: 1.0, for nothing is compressed
_MADE_BY = 3 << 8 | 30  # Unix, 3.0: so that the mode below counts
_DATE = 1 << 5 | 1  # 1980-01-01, the first that the format can say
_MODE = 0o100644 << 16  # a plain file
_NAME_SIZE_MAX = 100  # bytes
# Folders and names of lower-case letters, digits, hyphens and inner dots: nothing that leads elsewhere on any system.
_NAME = re.compile(r"(?:[a-z0-9-]+/)?[A-Za-z0-9-]+(?:\.[a-z0-9]+)+")


def write_container(members: Mapping[str, bytes]) -> bytes:
    """The one archive file of these members.

    Raises:
        ArchiveError: ``archive.too-large`` or ``archive.name``.
    """
    if len(members) > ARCHIVE_MEMBERS_MAX:
        raise _too_large(f"{len(members)} members, at most {ARCHIVE_MEMBERS_MAX} allowed")
    pieces: list[bytes] = []
    directory: list[bytes] = []
    at = 0
    for name in sorted(members):
        data = members[name]
        if not _is_name(name):
            raise ArchiveError("archive.name", f"{name!r} is no name of a member", name[:_NAME_SIZE_MAX])
        if len(data) > ARCHIVE_MEMBER_SIZE_MAX:
            raise _too_large(f"{len(data)} bytes, at most {ARCHIVE_MEMBER_SIZE_MAX} allowed", name)
        directory.append(_directory_entry(name, data, at))
        pieces += [_local_header(name, data), data]
        at += len(pieces[-2]) + len(data)
    pieces.append(_end(directory, at))
    size = at + len(pieces[-1])
    if size > ARCHIVE_SIZE_MAX:
        raise _too_large(f"{size} bytes, at most {ARCHIVE_SIZE_MAX} allowed")
    return b"".join(pieces)


def read_container(data: bytes) -> dict[str, bytes]:
    """The members of an archive file, by name.

    Raises:
        ArchiveError: ``archive.too-large``, ``archive.name`` or ``archive.container``, naming the member.
    """
    if len(data) > ARCHIVE_SIZE_MAX:
        raise _too_large(f"{len(data)} bytes, at most {ARCHIVE_SIZE_MAX} allowed")
    members: dict[str, bytes] = {}
    directory: list[bytes] = []
    at, previous = 0, ""
    while data[at : at + 4] == SIGNATURE:
        name, content, after = _member(data, at)
        if name <= previous:
            raise _broken("stands a second time, or before one whose name comes first", name)
        if len(members) == ARCHIVE_MEMBERS_MAX:
            raise _too_large(f"more than {ARCHIVE_MEMBERS_MAX} members")
        directory.append(_directory_entry(name, content, at))
        members[name], previous, at = content, name, after
    if not members:
        raise _broken("this is no archive")
    if data[at:] != _end(directory, at):
        raise _broken("what follows the last member is not the directory of exactly these members")
    return members


def _member(data: bytes, at: int) -> tuple[str, bytes, int]:
    """Name and bytes of the member that begins at ``at``, and where it ends."""
    if len(data) - at < _LOCAL.size:
        raise _broken(f"is cut off at byte {at}")
    fields = _LOCAL.unpack_from(data, at)
    size, name_size = fields[8], fields[9]
    name_end = at + _LOCAL.size + name_size
    raw = data[at + _LOCAL.size : name_end]
    name = raw.decode("ascii", errors="backslashreplace")
    if len(raw) != name_size or not _is_name(name):
        raise ArchiveError("archive.name", f"{name[:_NAME_SIZE_MAX]!r} is no name of a member", name[:_NAME_SIZE_MAX])
    if fields[3] != 0:
        raise _broken("is compressed; members of an archive are uncompressed", name)
    if size > ARCHIVE_MEMBER_SIZE_MAX:
        raise _too_large(f"{size} bytes, at most {ARCHIVE_MEMBER_SIZE_MAX} allowed", name)
    content = data[name_end : name_end + size]
    if len(content) != size:
        raise _broken(f"is cut off: {len(content)} of {size} bytes are there", name)
    if data[at:name_end] != _local_header(name, content):
        raise _broken("is not described as a plain, uncompressed member of these bytes", name)
    return name, content, name_end + size


def _is_name(name: str) -> bool:
    return len(name) <= _NAME_SIZE_MAX and _NAME.fullmatch(name) is not None


def _local_header(name: str, data: bytes) -> bytes:
    size = len(data)
    return _LOCAL.pack(SIGNATURE, _VERSION, 0, 0, 0, _DATE, crc32(data), size, size, len(name), 0) + name.encode()


def _directory_entry(name: str, data: bytes, at: int) -> bytes:
    size = len(data)
    shared = (_VERSION, 0, 0, 0, _DATE, crc32(data), size, size, len(name))
    return _CENTRAL.pack(b"PK\x01\x02", _MADE_BY, *shared, 0, 0, 0, 0, _MODE, at) + name.encode()


def _end(directory: list[bytes], at: int) -> bytes:
    listed = b"".join(directory)
    count = len(directory)
    return listed + _END.pack(b"PK\x05\x06", 0, 0, count, count, len(listed), at, 0)


def _broken(detail: str, path: str = "") -> ArchiveError:
    return ArchiveError("archive.container", detail, path)


def _too_large(detail: str, path: str = "") -> ArchiveError:
    return ArchiveError(
        "archive.too-large", detail, path, "export a smaller scope: fewer identifiers, heights or depth"
    )
