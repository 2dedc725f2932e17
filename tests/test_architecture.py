"""The house rules as tests: who may import whom, and what the pure packages may not touch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("tallystick", "consensus", "contracts", "node", "client_sdk", "explorer", "scripts", "tests")

MAY_IMPORT: dict[str, set[str]] = {
    "tallystick": set(),
    "consensus": {"tallystick"},
    "contracts": {"tallystick"},
    "node": {"tallystick", "consensus", "contracts"},
    "client_sdk": {"tallystick"},
    "explorer": {"tallystick", "client_sdk"},
}
MAY_NOT_TOUCH: dict[str, set[str]] = {
    "client_sdk": {"plyvel", "fastapi", "uvicorn", "sqlalchemy", "jinja2"},
    "explorer": {"plyvel"},
}
PURE = ("tallystick", "consensus", "contracts")
# Modules of the standard library that a pure package may use: values, types, arithmetic. Everything else is the world.
PURE_STANDARD = {
    "__future__",
    "abc",
    "base64",
    "binascii",
    "bisect",
    "collections",
    "dataclasses",
    "difflib",  # which known name a misspelt one looks like
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "hmac",
    "itertools",
    "json",
    "operator",
    "re",
    "struct",
    "tomllib",
    "types",
    "typing",
    "urllib",
}
PURE_LIBRARIES = {"msgspec", "msgpack", "nacl", "py_ecc", "blspy"}
# What one file may import besides, and why.
PURE_EXCEPTIONS = {
    "tallystick/bls_libraries.py": {"sys"}
}  # it undoes what py-ecc does to the interpreter's recursion limit
# Names whose use makes a result depend on something else than the arguments.
FORBIDDEN_CALLS = {"hash", "id", "open", "input", "print", "float", "eval", "exec", "globals", "vars"}


def sources(package: str) -> list[Path]:
    """Every Python file of a package."""
    return sorted((ROOT / package).rglob("*.py"))


def imported_roots(path: Path) -> set[str]:
    """First parts of every module that a file imports."""
    roots: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used here"
            assert node.module is not None
            roots.add(node.module.split(".")[0])
    return roots


def outside_dunder_hash(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those of ``__hash__`` methods, which serve dictionaries of one process only."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.FunctionDef) and node.name == "__hash__"):
            yield node
            yield from outside_dunder_hash(node)


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_packages_import_only_what_lies_below_them(package: str) -> None:
    wrong = {
        str(path.relative_to(ROOT)): sorted(roots)
        for path in sources(package)
        if (roots := (imported_roots(path) & set(OURS)) - MAY_IMPORT[package] - {package})
    }
    assert wrong == {}


@pytest.mark.parametrize("package", sorted(MAY_NOT_TOUCH))
def test_packages_stay_clear_of_libraries_that_are_not_theirs(package: str) -> None:
    wrong = {
        str(path.relative_to(ROOT)): sorted(roots)
        for path in sources(package)
        if (roots := imported_roots(path) & MAY_NOT_TOUCH[package])
    }
    assert wrong == {}


@pytest.mark.parametrize("package", PURE)
def test_pure_packages_import_no_clock_network_disk_or_chance(package: str) -> None:
    allowed = PURE_STANDARD | PURE_LIBRARIES | set(OURS)
    wrong = {
        str(path.relative_to(ROOT)): sorted(roots)
        for path in sources(package)
        if (roots := imported_roots(path) - allowed - PURE_EXCEPTIONS.get(path.relative_to(ROOT).as_posix(), set()))
    }
    assert wrong == {}


@pytest.mark.parametrize("package", PURE)
def test_pure_packages_use_no_float_and_no_call_that_depends_on_the_process(package: str) -> None:
    wrong: list[str] = []
    for path in sources(package):
        for node in outside_dunder_hash(ast.parse(path.read_text(), str(path))):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Constant) and isinstance(node.value, float):
                wrong.append(f"{where}: the float {node.value}")
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                wrong.append(f"{where}: true division gives a float")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
                wrong.append(f"{where}: {node.func.id}()")
    assert wrong == []


def test_no_package_is_imported_by_scripts_or_tests_from_the_product() -> None:
    for package in MAY_IMPORT:
        for path in sources(package):
            assert not imported_roots(path) & {"scripts", "tests"}, path


def test_the_sdk_imports_without_the_libraries_of_node_and_explorer() -> None:
    code = (
        "import sys; import client_sdk, client_sdk.cli; "
        "loaded = {'fastapi', 'plyvel', 'sqlalchemy', 'uvicorn', 'jinja2', 'py_ecc'} & set(sys.modules); "
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=240)


def test_consensus_stays_small_enough_to_read() -> None:
    assert sum(code_lines(path) for path in sources("consensus")) <= 1_500


def test_no_function_of_consensus_is_longer_than_fifty_lines() -> None:
    functions = [
        (node.name, (node.end_lineno or 0) - node.lineno + 1)
        for path in sources("consensus")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(functions) > 100
    assert [(name, lines) for name, lines in functions if lines > 50] == []


def code_lines(path: Path) -> int:
    """Lines of a file that hold code: neither blank, nor comment, nor docstring."""
    tree = ast.parse(path.read_text())
    documented: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                assert first.end_lineno is not None
                documented |= set(range(first.lineno, first.end_lineno + 1))
    return sum(
        1
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.strip() and not line.strip().startswith("#") and number not in documented
    )
