"""The same bytes in every process: hash seeds, locales and time zones change nothing; nothing reads the world."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[4]
PACKAGE = REPOSITORY / "tallystick" / "epcis"
PROGRAM = """
import hashlib, json, sys
from tallystick.epcis import *
root = read_json(open("tests/vectors/epcis/events.json", "rb").read(), size_max=10**6)
digest = hashlib.sha256()
for entry in root["events"]:
    event = {**entry["event"], "@context": root["context"] + [entry.get("prefixes", {}) | {"unused": "urn:unused:"}]}
    for profile in PROFILES.values():
        parts = split_event(event, profile)
        digest.update(repr((parts, parse_parts(parts.public, parts.members))).encode())
    broken = {**event, "b:1": 1, "a:2": 2, "zz": [], "epcList": ["x", "y"], "bizStep": 3, "sourceList": [{}]}
    digest.update(repr(collect_issues(broken)).encode())
print(digest.hexdigest())
"""
ALLOWED = {"__future__", "collections", "enum", "functools", "hashlib", "json", "msgspec", "re", "typing"}


def test_another_process_gives_the_same_bytes() -> None:
    found = set()
    for seed, locale, zone in (("1", "C", "UTC"), ("77", "tr_TR.UTF-8", "Asia/Kolkata")):
        environment = os.environ | {"PYTHONHASHSEED": seed, "LC_ALL": locale, "TZ": zone, "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1 and all(len(text) == 65 for text in found)


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_module_imports_nothing_that_reads_the_world_and_uses_no_float(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            allowed = (
                name.split(".")[0] in ALLOWED or name == "tallystick.errors" or name.startswith("tallystick.epcis")
            )
            assert allowed, f"{path.name} imports {name}"
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"{path.name} has a float"
        assert not (isinstance(node, ast.Name) and node.id in ("float", "open", "id")), f"{path.name}: {node}"
        assert not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)), f"{path.name} divides"
