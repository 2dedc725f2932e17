"""Which lines of the engine a batch of runs reached: every branch names its rule, so every line must be.

A trace function that forgets a function once all its lines were seen, so that it costs little in the end.
"""

from __future__ import annotations

import dis
import re
import sys
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import consensus

FOLDER = Path(consensus.__file__).parent
LABEL = re.compile(r"\b([LNVE][1-9]|I[1-4])\b|[Rr]ules? ([LNAFXZCS])(?: and ([LNAFXZCS]))?\b")

# What no cluster with at most f traitors can reach, or only the node's own shell does; each with the reason. The text
# is looked for in the line; the unit tests reach these.
UNREACHABLE = {
    "assert_never(input)": "the type checker's",
    "case _:": "the type checker's",
    "core.halt(Halt(reason": "more than f validators are faulty, or our own ledger is broken",
    'core.halt(Halt("our own roots': "our own ledger is broken",
    'self.halt(Halt("a certified header': "our own ledger is broken",
    'reason = f"two quorums': "more than f validators are faulty",
    'reason = f"a finalised block': "more than f validators are faulty",
    "if self.halted is None:": "as above",
    "self.halted = halt": "as above",
    'return "another chain or epoch"': "the shell hands over messages of its own epoch alone",
    "does not lead view": "wants_proposal refuses it before its signature is checked",
    "core.halt(Halt(reason, core.chain.final.height, None, None)) return": "as above",
    'return "not this parent"': "the certified parent was looked up by view and hash",
    "if at and view <= self._ends[at - 1]: return": "a certificate is installed once",
    "if vote.validator != core.config.me: return": "a log holds one validator's votes",
    "if block.height <= self.final.height: return None": "more than f validators are faulty",
    "if block.block_hash != self.final.block_hash: return None": "more than f validators are faulty",
    "if held.own: return": "an own vote ends the building of a block",
    "if not self._settled: wake_ms = now_ms": "the simulated shell answers Build between two turns",
    "# pruned by a finalisation inside this loop continue": "three messages in one order: once in a thousand seeds",
    "_publish(core, header, block_hash) return": "a crash in the turn of a closing header: once in a thousand seeds",
    "if isinstance(header, ClosingHeader): _publish(core, header, block_hash)": "as above",
    "wall_ms = max(wall_ms, due_ms)": "the made-up ledger has no due work",
    "due_ms = now_ms + due_ms - core.now.wall_ms": "the made-up ledger has no due work",
    "wake_ms = due_ms if wake_ms is None": "the made-up ledger has no due work",
}
NO_RULES = ("status.py", "config.py", "inputs.py", "effects.py")  # words and data, no rules


class Probe:
    """Lines reached while it is entered."""

    def __init__(self) -> None:
        self._missing: dict[CodeType, set[int]] = {}

    def __enter__(self) -> Probe:
        sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        missing = self._missing.get(code)
        if missing is None:
            if not code.co_filename.startswith(str(FOLDER)):
                return None
            name = Path(code.co_filename).name
            missing = self._missing[code] = {line for line in lines_of(code) if not excused((name, line))}
        return self._line if missing else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self._missing[frame.f_code].discard(frame.f_lineno)
        return self._line

    def unreached(self) -> set[tuple[str, int]]:
        """File name and line number of every line of a function that did not run."""
        found: set[tuple[str, int]] = set()
        for name, code in codes():
            if name in NO_RULES:
                continue
            places = {(name, line) for line in self._missing.get(code, lines_of(code))}
            found |= {place for place in places if not excused(place)}
        return found


def lines_of(code: CodeType) -> set[int]:
    """Lines of a function's body, without nested functions' and without its ``def``."""
    return {line for _, line in dis.findlinestarts(code) if line is not None and line != code.co_firstlineno}


def codes() -> list[tuple[str, CodeType]]:
    """All functions of the engine, by file."""
    found: list[tuple[str, CodeType]] = []
    for module in sorted(sys.modules):
        file = getattr(sys.modules[module], "__file__", None)
        if not module.startswith("consensus.") or file is None:
            continue
        path = Path(file)
        todo = [compile(path.read_text(), str(path), "exec")]
        while todo:
            code = todo.pop()
            inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
            todo += inner
            found += [(path.name, one) for one in inner if one.co_name[0] != "<" and not _is_class(code, one)]
    return found


def _is_class(outer: CodeType, code: CodeType) -> bool:
    return "__module__" in code.co_names and "__qualname__" in code.co_names


def text_of(place: tuple[str, int]) -> str:
    """A line of the engine."""
    return (FOLDER / place[0]).read_text().splitlines()[place[1] - 1].strip()


@cache
def _text(name: str) -> list[str]:
    return (FOLDER / name).read_text().splitlines()


@cache
def excused(place: tuple[str, int]) -> bool:
    """Whether an unreached line is known to be out of reach: an entry is in it, or in it and the line before."""
    text = _text(place[0])
    two = " ".join(line.strip() for line in text[place[1] - 2 : place[1]])
    line = text[place[1] - 1].strip()
    return any(words in line or (two.endswith(words) and line == words[-len(line) :]) for words in UNREACHABLE)


def rules() -> dict[str, list[tuple[str, int]]]:
    """Rule to the lines that a comment or docstring says implement it.

    A label on a condition stands for the line that follows it: the branch, not the question. A label in a docstring
    stands for the function's first line after it.
    """
    executable = {(name, line) for name, code in codes() for line in lines_of(code)}
    found: dict[str, list[tuple[str, int]]] = {}
    for path in sorted(FOLDER.glob("*.py")):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines, 1):
            comment = line.partition("#")[2] if "#" in line else line if line.strip().startswith('"""') else ""
            labels = [group for match in LABEL.finditer(comment) for group in match.groups() if group]
            if not labels:
                continue
            start = number if line.strip().startswith(("#", "core.", "held.")) else number + 1
            place = next(
                ((path.name, at) for at in range(start, len(lines) + 1) if (path.name, at) in executable), None
            )
            for label in labels:
                if place is not None and number > 4:
                    found.setdefault(label, []).append(place)
    return found


def report_rules(unreached: set[tuple[str, int]], runs: int) -> list[str]:
    """Print how much of the engine and which rules a probed batch reached; what it should have reached and did not."""
    total = sum(len(lines_of(code)) for name, code in codes() if name not in NO_RULES)
    out = sum(excused((name, line)) for name, code in codes() if name not in NO_RULES for line in lines_of(code))
    missing = sorted(unreached)
    print(
        f"  lines of the engine reached in {runs} probed seeds: {total - out - len(missing)} of {total}; "
        f"{out} out of reach of any cluster, {len(missing)} missing"
    )
    for name, line in missing:
        print(f"    not reached: consensus/{name}:{line} {text_of((name, line))[:90]}")
    words = []
    for rule, places in sorted(rules().items()):
        reached = sum(place not in unreached for place in places)
        words.append(f"{rule} {reached}/{len(places)}")
    print("  places of rules reached: " + ", ".join(words))
    return [f"consensus/{name}:{line} {text_of((name, line))}" for name, line in missing]
