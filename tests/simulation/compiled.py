"""The engine compiled by mypyc, for long runs: the same source, several times as fast.

Made from a copy of the files of ``consensus/`` that hold rules and of the two beside them that every message passes,
kept in ``build/`` by the hash of what it was made from, and believed only after runs of it have the very traces, byte
for byte, that the interpreted engine has. The product is never compiled. Without a C compiler or mypyc the simulator
goes on with the interpreted engine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "consensus"
PLAIN = ("__init__.py", "config.py", "effects.py", "inputs.py", "recovery.py", "status.py")  # data, or seldom run
COPIED = ("consensus", "node", "tests/simulation")
BESIDE = ("node/ballots.py", "tests/simulation/world.py")
COMPARED = (*range(24), 52, 59, 62, 73, 89)  # seeds of all sizes
TIMEOUT_S = 900
TRACES = (
    "import sys; from tests.simulation.plan import draw; from tests.simulation.shrink import trace_hash; "
    "print(*(trace_hash(draw(int(seed))) for seed in sys.argv[1:])); "
    "import consensus.engine, node.ballots, tests.simulation.world as world; "
    "print(consensus.engine.__file__, node.ballots.__file__, world.__file__)"
)


class CannotCompileError(Exception):
    """The reason, in words for a person."""


class NotTheSameError(AssertionError):
    """The compiled engine does not do what the interpreted one does: a finding."""


def digest_of(*folders: Path) -> str:
    """Of all Python files there, and of this Python."""
    digest = sha256(sys.version.encode())
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def compiled_engine() -> Path:
    """A folder whose ``consensus`` is compiled; to be the first of ``sys.path``.

    Raises:
        CannotCompileError: no compiler here, or it fails.
        NotTheSameError: see there.
    """
    place = ROOT / "build" / f"consensus-{digest_of(*(ROOT / package for package in COPIED))}"
    if place.exists():
        return place
    with TemporaryDirectory(prefix="compiled-") as name:
        folder = Path(name)
        for package in COPIED:
            shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "tallystick").symlink_to(ROOT / "tallystick")
        _compile(folder)
        _compare(folder)
        place.parent.mkdir(exist_ok=True)
        (folder / "tallystick").unlink()
        shutil.rmtree(folder / "build", ignore_errors=True)
        shutil.copytree(folder, place.with_suffix(".new"), dirs_exist_ok=True)
        place.with_suffix(".new").rename(place)
    return place


def _compile(folder: Path) -> None:
    files = [f"consensus/{path.name}" for path in sorted(PACKAGE.glob("*.py")) if path.name not in PLAIN]
    files += BESIDE
    program = "import sys; from mypyc.__main__ import main; main()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, "--explicit-package-bases", *files],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotCompileError(str(error)) from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise CannotCompileError(words[-1] if words else "mypyc failed")


def _compare(folder: Path) -> None:
    """The same seeds by both engines."""
    plain, ours = _traces(ROOT), _traces(folder)
    for file in ours[-1 - len(BESIDE) :]:
        if not file.endswith((".so", ".pyd")):
            raise CannotCompileError(f"{file} was taken for a compiled one")
    if plain[: len(COMPARED)] != ours[: len(COMPARED)]:
        raise NotTheSameError("the compiled engine has other traces than the interpreted one; run with --interpreted")


def _traces(first: Path) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(first), str(ROOT)))}
    done = subprocess.run(
        [sys.executable, "-c", TRACES, *map(str, COMPARED)],
        cwd=first, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise CannotCompileError(done.stderr.strip()[-400:])
    return done.stdout.split()
