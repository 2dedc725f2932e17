"""The search for secrets finds what was put there, however it is written, and nothing where there is nothing."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.story.secrets_scan import LeakError, scan_answers, scan_files

SECRETS = ("37.4159", "Li Wei 李伟")
SEED = bytes(range(32))
ADDRESS = "http://127.0.0.1:1/v1/genesis"
HIDDEN = [
    b'{"unitPrice":"37.4159"}',
    json.dumps({"contact": "Li Wei 李伟"}).encode(),
    "Li Wei 李伟".encode(),
    "37.4159".encode("utf-16-le"),
    b"\x00\x01" + SEED + b"\xff",
    b"key=" + SEED.hex().encode(),
]


@pytest.mark.parametrize("data", HIDDEN)
def test_a_secret_in_a_file_is_found_in_every_spelling(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "000005.log").write_bytes(bytes(5_000) + data)
    with pytest.raises(LeakError, match=r"000005\.log"):
        scan_files(tmp_path, SECRETS, [SEED], skip=set())


@pytest.mark.parametrize("data", HIDDEN)
@pytest.mark.parametrize("encode", [None, urlsafe_b64encode, b64encode])
def test_a_secret_in_an_answer_is_found_also_where_it_is_encoded(
    data: bytes, encode: Callable[[bytes], bytes] | None
) -> None:
    hidden = b"\xfb\xff\xbf" * 8 + data  # of letters in which the two spellings differ
    body = data if encode is None else b'{"public":"' + encode(hidden).rstrip(b"=") + b'"}'
    with pytest.raises(LeakError, match="v1/genesis"):
        scan_answers({ADDRESS: body}, SECRETS, [SEED])


def test_what_holds_no_secret_passes_and_is_counted(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b'{"price":"37.415"}')
    assert scan_files(tmp_path, SECRETS, [SEED], skip=set()) == 2
    scan_answers({ADDRESS: b'{"contact":"Li"}'}, SECRETS, [SEED])
