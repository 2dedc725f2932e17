"""BLS keys and signatures: what may be one, on every library installed; rogue keys; bytes that both agree on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tallystick import bls_libraries
from tallystick.bls import GROUP_ORDER, Bls, bls, check_form
from tallystick.errors import ConfigError, SignatureError

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors/compact.json").read_text())
LIBRARIES = [library for library in (bls_libraries.reference(), bls_libraries.native()) if library is not None]
ONE, TWO = (1).to_bytes(32, "big"), (2).to_bytes(32, "big")

either = pytest.mark.parametrize("scheme", [Bls(library) for library in LIBRARIES], ids=lambda scheme: scheme.name)


def vector(name: str) -> tuple[bytes, bytes]:
    """Key and possession of a vector."""
    row = next(row for row in VECTORS["keys"] if row["name"] == name)
    return bytes.fromhex(row["key"]), bytes.fromhex(row["possession"])


def test_the_reference_library_is_there() -> None:
    assert LIBRARIES[0].name == "py-ecc"
    assert bls().name in ("py-ecc", "blspy")


def test_a_library_does_not_open_the_process_to_bytes_nested_thousands_deep() -> None:
    code = "import sys; from tallystick import bls_libraries as b; b.reference(); print(sys.getrecursionlimit())"
    limit = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240).stdout
    assert int(limit) == 1_000


@either
def test_only_a_key_with_its_own_possession_may_be_used(scheme: Bls) -> None:
    for row in VECTORS["keys"]:
        if row["name"] == "rogue":
            continue  # below
        key, possession = bytes.fromhex(row["key"]), bytes.fromhex(row["possession"])
        if row["good"]:
            scheme.check_possession(key, possession)
            continue
        with pytest.raises(SignatureError):
            scheme.check_possession(key, possession)


@either
def test_infinity_and_points_outside_the_group_are_refused_as_keys_and_signatures(scheme: Bls) -> None:
    good = vector("good")[0]
    for name, words in (("infinity", "infinity"), ("outside-the-group", "group"), ("not-on-the-curve", "group")):
        with pytest.raises(SignatureError, match=words):
            scheme.check_key(vector(name)[0])
    for name, words in (("possession-at-infinity", "infinity"), ("possession-outside-the-group", "group")):
        with pytest.raises(SignatureError, match=words):
            scheme.check([good], b"message", vector(name)[1])
        with pytest.raises(SignatureError, match=words):
            scheme.aggregate([vector(name)[1]])


@either
def test_a_rogue_key_passes_as_a_key_and_fails_for_want_of_its_possession(scheme: Bls) -> None:
    """With it, one signature of ours would pass for the aggregate of us and the other."""
    rogue, _ = vector("rogue")
    scheme.check_key(rogue)
    with pytest.raises(SignatureError, match="possession"):
        scheme.check_possession(rogue, vector("good")[1])


@either
def test_an_aggregate_holds_for_its_keys_and_its_message_alone(scheme: Bls) -> None:
    keys = [scheme.public_key(secret) for secret in (ONE, TWO)]
    total = scheme.aggregate([scheme.sign(secret, b"message") for secret in (ONE, TWO)])
    scheme.check(keys, b"message", total)
    for wrong_keys, message in (([keys[0]], b"message"), (keys, b"massage")):
        with pytest.raises(SignatureError, match="does not verify"):
            scheme.check(wrong_keys, message, total)
    for wrong_keys in ([], [keys[0], keys[0]]):
        with pytest.raises(SignatureError, match="each once"):
            scheme.check(wrong_keys, b"message", total)
    with pytest.raises(SignatureError, match="no signature"):
        scheme.aggregate([])


@pytest.mark.skipif(len(LIBRARIES) < 2, reason="blspy is not installed")
def test_both_libraries_make_the_same_bytes() -> None:
    first, second = (Bls(library) for library in LIBRARIES)
    assert first.public_key(TWO) == second.public_key(TWO)
    assert first.sign(TWO, b"message") == second.sign(TWO, b"message")
    assert first.prove_possession(TWO) == second.prove_possession(TWO)


@pytest.mark.parametrize("secret", [bytes(32), GROUP_ORDER.to_bytes(32, "big"), b"\xff" * 32, b"\x01" * 31])
def test_a_secret_is_a_number_below_the_order_and_not_zero(secret: bytes) -> None:
    with pytest.raises(ConfigError, match="BLS secret"):
        bls().sign(secret, b"message")


def test_form_alone_refuses_lengths_flags_infinity_and_large_coordinates() -> None:
    check_form(*vector("good"))
    for name in ("infinity", "possession-at-infinity", "uncompressed-flag", "coordinate-above-the-prime"):
        with pytest.raises(SignatureError):
            check_form(*vector(name))
    key, possession = vector("good")
    for wrong in ((key[:-1], possession), (key, possession + b"\x00")):
        with pytest.raises(SignatureError, match="bytes, not"):
            check_form(*wrong)
