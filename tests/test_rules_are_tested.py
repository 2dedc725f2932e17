"""Every rule that the product can refuse by is named in a test.

What is collected is what the code says: a text that is given, as such, to whatever takes a parameter ``rule`` or
``code``. What is compared is a search for texts: that a test names a rule does not show that it reaches it, nor that it
asserts anything. So this finds the rule that was added and forgotten, and nothing else: a rule's
name in a test that does not reach it passes here. Reasons of receipts are numbers, not texts: that each of them
occurs is held in ``tests/golden/test_coverage.py``.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tallystick.errors import DecodeError, EventError
from tallystick.proofs import ProofCode
from tallystick.remedies import remedy_of

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("tallystick", "consensus", "contracts", "node", "client_sdk", "explorer")
PARAMETERS = ("rule", "code")
CALLBACKS = {"report": (0, 3), "notice": (0, 3)}  # parameters that are called with a rule, a detail and a path
OTHERS = {"schedule"}  # takes the name of a piece of due work, which the contracts call a rule as well
RULE = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
# Where a rule comes from a variable, so that it must be collected where that gets its value.
PASSED_ON = {
    "tallystick/archive/verify.py": "the rule of the error that is caught",
    "tallystick/epcis/digital_link.py": "note(rule, …)",
    "tallystick/epcis/issues.py": "raise_issue(rule, …)",
    "tallystick/epcis/json_diagnosis.py": "_fault(rule, …)",
    "tallystick/proofs/events.py": "a ProofCode",
    "tallystick/proofs/receivable.py": "a ProofCode",
    "node/api/problems.py": "_of_rule(rule, …)",
    "explorer/codes.py": "_link(code, hosts): what was scanned",
}
# No verifier raises it: pages say in words of their own that a code belongs to nobody here.
WITHOUT_RAISING = {ProofCode.NOT_OUR_CODE}

Takers: TypeAlias = dict[str, tuple[int, int]]


@cache
def parsed(path: Path) -> ast.Module:
    """A file's tree."""
    return ast.parse(path.read_text(), str(path))


def sources() -> list[Path]:
    """Every Python file of the product."""
    return [path for package in PRODUCT for path in sorted((ROOT / package).rglob("*.py"))]


def takes_a_rule(trees: Iterable[ast.AST]) -> Takers:
    """Functions and classes with a parameter that is a rule: its place in a call, and how many arguments that needs."""
    found = dict(CALLBACKS)
    for tree in trees:
        classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        makers = {id(node): owner.name for owner in classes for node in owner.body if is_maker(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                texts = {one.arg: ast.unparse(one.annotation or ast.Constant("")) for one in node.args.args}
                names = [name for name in texts if name not in ("self", "cls")]
                for name in PARAMETERS:
                    if texts.get(name) == "str" and node.name not in OTHERS:
                        needed = len(names) - len(node.args.defaults)
                        found[makers.get(id(node), node.name)] = names.index(name), needed
    return found


def is_maker(node: ast.stmt) -> bool:
    """Whether a statement of a class defines what calling the class, or one of its objects, means."""
    return isinstance(node, ast.FunctionDef) and node.name in ("__init__", "__call__")


def rules_given(tree: ast.AST, takers: Takers) -> Iterator[tuple[str | None, int]]:
    """Each rule that a tree gives to a taker, or None where it is no text that stands there; and the line."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        place, needed = takers.get(name, (0, 1_000))
        if len(node.args) + len(node.keywords) < needed:
            continue  # to something else of that name
        named = [keyword.value for keyword in node.keywords if keyword.arg in PARAMETERS]
        for argument in named or node.args[place : place + 1]:
            for choice in (argument.body, argument.orelse) if isinstance(argument, ast.IfExp) else (argument,):
                if isinstance(choice, ast.Constant) and isinstance(choice.value, str):
                    yield choice.value, node.lineno
                elif not isinstance(choice, ast.Attribute):  # error.rule, ProofCode.UNREADABLE
                    yield None, node.lineno


@cache
def collected() -> dict[str, list[str]]:
    """Every rule of the product with where it is given; under the empty text, where it is a variable."""
    takers = takes_a_rule(map(parsed, sources()))
    found: dict[str, list[str]] = {"": []}
    for path in sources():
        for rule, line in rules_given(parsed(path), takers):
            found.setdefault(rule or "", []).append(f"{path.relative_to(ROOT).as_posix()}:{line}")
    return found


def texts_of(tree: ast.Module) -> Iterator[str]:
    """The texts of a test that are no docstring; regular expressions without their backslashes."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    first = [node.body[0] for node in ast.walk(tree) if isinstance(node, documented) and node.body]
    skipped = {id(node.value) for node in first if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value.replace("\\", "")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ProofCode":
            yield getattr(ProofCode, node.attr, "")


def texts_within(value: Any) -> Iterator[str]:
    """Every text of a JSON value but the names of fields."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts_within(item)


@cache
def named_in_tests() -> frozenset[str]:
    """What tests name: whole texts, also of vectors; what stands in brackets, as errors print it; and within texts all
    that is more than a mere word.
    """
    files = [path for path in sorted((ROOT / "tests").rglob("*.py")) if path != Path(__file__).resolve()]
    written = {text for path in files for text in texts_of(parsed(path))}
    found = {text for text in written if RULE.fullmatch(text)}
    for text in written:
        found.update(re.findall(r"\[([a-z0-9.-]+)(?:\]| at )", text))
        found.update(name for name in re.findall(r"[\w-]+(?:\.[\w-]+)*", text) if not name.isalnum())
    for path in sorted((ROOT / "tests" / "vectors").rglob("*.json")):
        found.update(text for text in texts_within(json.loads(path.read_text())) if RULE.fullmatch(text))
    return frozenset(found)


def is_named(rule: str) -> bool:
    """Whether a test names a rule."""
    return rule in named_in_tests()


def test_every_rule_that_the_product_refuses_by_is_named_in_a_test() -> None:
    rules = {rule: places for rule, places in collected().items() if rule}
    assert {rule: places for rule, places in rules.items() if RULE.fullmatch(rule) and not is_named(rule)} == {}


def test_every_rule_about_bytes_or_events_says_what_to_do() -> None:
    """Of rules that other errors name, those errors say it."""
    raised = {"DecodeError", "EventError", "report", "notice", "note", "raise_issue", "_fault", "fault"}
    takers = {name: place for name, place in takes_a_rule(map(parsed, sources())).items() if name in raised}
    rules = {rule for path in sources() for rule, _ in rules_given(parsed(path), takers) if rule}
    assert len(rules) > 120
    assert {rule for rule in rules if not remedy_of(DecodeError(rule, ""))} == set()
    assert remedy_of(EventError("gs1.key", "", "", "its own")) == "its own"
    assert remedy_of(DecodeError("no.such-rule", "")) == ""


@pytest.mark.parametrize(
    "code", [code for code in ProofCode if code not in WITHOUT_RAISING], ids=lambda code: code.name
)
def test_every_code_of_a_proof_that_does_not_hold_is_named_in_a_test(code: ProofCode) -> None:
    assert is_named(code.value)


def test_rules_are_written_where_they_are_given_or_passed_on_in_places_that_are_known() -> None:
    assert {place.rpartition(":")[0] for place in collected()[""]} == set(PASSED_ON)


def test_a_rule_has_the_form_of_one() -> None:
    assert {rule: places for rule, places in collected().items() if rule and not RULE.fullmatch(rule)} == {}


def test_the_collection_sees_every_way_in_which_rules_are_given() -> None:
    rules = collected()
    assert len(rules) > 200
    for rule in (
        "frame.size",  # to DecodeError
        "archive.hash",  # to ArchiveError
        "not-our-chain",  # to CopyError
        "slow-body",  # to ProblemError
        "read-model",  # to a function that answers
        "cbv.word",  # to a callback
        "lenient.type",  # to another
        "json.trailing",  # to a method
        "gs1.query",  # to a function inside a function
    ):
        assert rule in rules, rule
    tree = ast.parse("raise DecodeError('a' if x else 'b', y); report(rule='c'); DecodeError(d, y); DecodeError(e.f)")
    assert [rule for rule, _ in rules_given(tree, {"DecodeError": (0, 1), "report": (0, 1)})] == ["a", "b", "c", None]
    assert not is_named("no.such-rule") and not is_named("suchword")
