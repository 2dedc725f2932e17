"""The file around an archive: one spelling, and nothing that a zip file may otherwise do to its reader."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.archive import container
from tallystick.archive.container import read_container, write_container
from tallystick.archive.errors import ArchiveError

NAMES = st.from_regex(r"\A(?:[a-z0-9-]{1,8}/)?[A-Za-z0-9-]{1,8}\.[a-z]{1,4}\Z")
MEMBERS = st.dictionaries(NAMES, st.binary(max_size=200), min_size=1, max_size=8)
SMALL = {"a.txt": b"one", "b/c.json": b"{}"}


def refused(data: bytes) -> ArchiveError:
    with pytest.raises(ArchiveError) as caught:
        read_container(data)
    assert caught.value.rule.startswith("archive.") and caught.value.remedy
    return caught.value


@given(MEMBERS)
def test_what_is_written_is_read_back_and_by_any_zip_tool(members: dict[str, bytes]) -> None:
    data = write_container(members)
    assert read_container(data) == members
    assert data == write_container(dict(reversed(members.items())))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == members


@given(MEMBERS, st.data())
def test_no_changed_byte_cut_or_added_one_is_read(members: dict[str, bytes], data: st.DataObject) -> None:
    whole = write_container(members)
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[place] ^= data.draw(st.integers(1, 255))
    refused(bytes(flipped))
    refused(whole[:place])
    refused(whole[:place] + b"\x00" + whole[place:])
    refused(whole + b"\x00")


@given(st.binary(max_size=300))
def test_any_bytes_give_one_error(data: bytes) -> None:
    refused(data)
    refused(container.SIGNATURE + data)


def foreign(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED, comment: bytes = b"") -> bytes:
    """A zip as other tools make it, of members as this format dates them."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", compression) as made:
        warnings.simplefilter("ignore")  # about names that come twice
        made.comment = comment
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type, info.create_version, info.extract_version = compression, 30, 10
            info.external_attr = 0o100644 << 16
            made.writestr(info, content)
    return file.getvalue()


def test_a_bomb_is_not_unfolded() -> None:
    bomb = foreign(("a.txt", b"\x00" * 10_000_000), compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 20_000
    assert "uncompressed" in refused(bomb).detail


@pytest.mark.parametrize(
    "name",
    [
        "../a.txt",
        "/a.txt",
        "a/../b.txt",
        "a/b/c.txt",
        "A:/b.txt",
        "a\\b.txt",
        ".txt",
        "a.",
        "a b.txt",
        "ä.txt",
        "a/",
        "CON",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    assert refused(foreign((name, b"x"))).rule == "archive.name"
    with pytest.raises(ArchiveError) as caught:
        write_container({name: b"x"})
    assert caught.value.rule == "archive.name"


def test_a_name_twice_or_out_of_order_is_refused_by_name() -> None:
    for members in ((("a.txt", b"1"), ("a.txt", b"2")), (("b.txt", b"1"), ("a.txt", b"2"))):
        error = refused(foreign(*members))
        assert error.rule == "archive.container" and error.path == "a.txt"


def test_comments_hidden_members_and_a_second_directory_are_refused() -> None:
    whole = write_container(SMALL)
    refused(foreign(*SMALL.items(), comment=b"hello"))
    refused(whole + whole)
    refused(b"#!/bin/sh\n" + whole)
    one = write_container({"a.txt": b"one"})
    end = struct.unpack_from("<I", whole, len(whole) - 6)[0]
    refused(whole[:end] + one[struct.unpack_from("<I", one, len(one) - 6)[0] :])  # a directory of fewer members


def test_bounds_hold_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = write_container(SMALL)
    for name, bound in (
        ("ARCHIVE_SIZE_MAX", len(whole) - 1),
        ("ARCHIVE_MEMBERS_MAX", 1),
        ("ARCHIVE_MEMBER_SIZE_MAX", 2),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(container, name, bound)
            assert refused(whole).rule == "archive.too-large"
            with pytest.raises(ArchiveError) as caught:
                write_container(SMALL)
            assert caught.value.rule == "archive.too-large"
    huge = bytearray(whole)
    huge[18:26] = struct.pack("<2I", 2**31, 2**31)  # sizes that the header only says
    assert refused(bytes(huge)).rule == "archive.too-large"
