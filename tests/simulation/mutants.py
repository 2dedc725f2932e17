"""Planted bugs: each is a change of text, applied to a copy of the code; the product has no switch for any of them.

The same seeds that every change must survive have to catch each one. A patch whose text is no longer found, once and
only once, is an error: then the code it breaks has changed, and the patch must follow.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("tallystick", "consensus", "node", "tests/simulation")  # of which a copy may be changed
TIMEOUT_S = 1_200
RUNS = {"found": "runs kept", "scenarios": "scenarios"}  # what is counted until a bug is caught, where not seeds


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug.

    Attributes:
        breaks: the rule, or where the idea comes from.
        file: relative to the repository.
        old, new: the text and what replaces it.
        kind: of runs that must catch it; ``gate``: those of ``gate.py``; ``found``: those that found it once;
            ``scenarios``: those of ``test_liveness.py``. Both for what too few seeds would find.
    """

    name: str
    breaks: str
    file: str
    old: str
    new: str
    kind: str = "consensus"


def _engine(name: str, breaks: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(name, breaks, f"consensus/{file}.py", old, new)


def _rare(name: str, breaks: str, file: str, old: str, new: str, kind: str = "scenarios") -> Mutant:
    return Mutant(name, breaks, f"consensus/{file}.py", old, new, kind)


def _shell(name: str, breaks: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(name, breaks, f"tests/simulation/{file}.py", old, new)


def _node(name: str, breaks: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(name, breaks, f"node/{file}.py", old, new, "full")


def _gate(name: str, breaks: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(name, breaks, f"tallystick/{file}.py", old, new, "gate")


MUTANTS: tuple[Mutant, ...] = (
    # --- quorums and certificates
    _engine(
        "a quorum is one short", "C", "core",
        "held.count(vote, self.quorum)", "held.count(vote, self.quorum - 1)",
    ),
    _engine(
        "a quorum is 2f + 1 whatever n is", "section 1", "core",
        "held.count(vote, self.quorum)", "held.count(vote, 2 * self.config.faults + 1)",
    ),
    _engine(
        "votes for different blocks add up", "C", "views",
        " for i, v in votes.items() if v.statement.block_hash == vote.statement.block_hash}",
        " for i, v in votes.items()}",
    ),
    _engine(
        "one certificate per view is kept", "section 2", "views",
        "        self.at(statement.view).certificates[statement.kind] = certificate\n",
        "        held = self.at(statement.view)\n"
        "        if statement.kind is VoteKind.NULLIFY and VoteKind.NOTARIZE in held.certificates:\n"
        "            return\n"
        "        held.certificates[statement.kind] = certificate\n",
    ),
    # --- what is durable, and when
    _engine(
        "a vote is sent before it is durable", "section 8", "core",
        "effects = self._persists + self._others", "effects = self._others + self._persists",
    ),
    _engine(
        "votes are written without a sync", "section 8", "core",
        "        self.persist(vote)\n", "        self.persist(vote, lazy=True)\n",
    ),
    _engine(
        "an own vote is forgotten at the restart", "I1, I2", "recovery",
        "            _replay_vote(core, record)\n", "            pass\n",
    ),
    _engine(
        "an own vote is not counted again at the restart", "section 8", "recovery",
        "    core.reached = max(core.reached, statement.view)\n    core.count(vote)\n",
        "    core.reached = max(core.reached, statement.view)\n",
    ),
    _engine(
        "the view is the last record's, not the highest", "section 8", "recovery",
        "    core.reached = max(core.reached, statement.view)\n    core.count(vote)\n",
        "    core.count(vote)\n    core.reached = statement.view\n",
    ),
    # --- the rules of voting
    _engine(
        "finalize after nullify", "I2", "voter",
        "core.config.me is None or VoteKind.NULLIFY in held.own or VoteKind.FINALIZE in held.own:",
        "core.config.me is None or VoteKind.FINALIZE in held.own:",
    ),
    _engine(
        "finalize without a notarisation", "I3", "voter",
        '    for view in list(core.views.open):\n',
        "    held = core.views.rounds.get(core.view)\n"
        "    if held is not None and held.own.keys() == {VoteKind.NOTARIZE}:\n"
        "        core.cast(VoteKind.FINALIZE, core.view, held.own[VoteKind.NOTARIZE].statement.block_hash)\n"
        "    for view in list(core.views.open):\n",
    ),
    _engine(
        "finalize waits for execution", "F", "voter",
        "        if block is None or not block.at_hand:\n            checking",
        "        if block is not None and core.chain.executed.height < block.height - 1:\n            continue\n"
        "        if block is None or not block.at_hand:\n            checking",
    ),
    _engine(
        "a gap without nullification", "I4, N2", "views",
        '        return (first, self._nullified.before(view - 1)) if first < view else None\n',
        '        return None\n',
    ),
    _engine(
        "a leader passes over views that nobody nullified", "L2", "views",
        'if block_hash is not None and self.unproven(below, view) is None else None',
        'if block_hash is not None else None',
    ),
    _engine(
        "the parent is not compared", "V4 to V9", "voter",
        "    held.fault = child_fault(header, parent, finalisation=finalisation)  # N1\n", "    held.fault = None\n",
    ),
    _engine(
        "roots are not compared", "N5", "voter",
        "    if ours != theirs:\n", "    if False:\n",
    ),
    _engine(
        "contents are not awaited", "N7", "voter",
        "contents = None if block.at_hand else (", "contents = None if True else (",
    ),
    _engine(
        "a bound on the lag without the exception", "V8", "validity",
        "    if lag > config.execution_lag_max and not empty:", "    if lag > config.execution_lag_max:",
    ),
    _engine(
        "no bound on the lag", "V8", "leader",
        "    if occasion.crowded or boundary:  # V8, E1\n", "    if boundary:\n",
    ),
    _engine(
        "parent + 1 ms judged by the clock", "section 6", "validity",
        "    return header.time_ms == parent.time_ms + 1\n", "    return False\n",
    ),
    # --- going on
    _engine(
        "views never time out", "X", "timeouts",
        "    if not late and not hopeless:\n", "    if not hopeless:\n",
    ),
    _engine(
        "the time-out grows without a cap", "section 6", "pacing",
        "        if timeout >= config.view_timeout_cap_ms:\n"
        "            break\n"
        "        timeout = timeout * 3 // 2\n"
        "    return min(timeout, config.view_timeout_cap_ms)\n",
        '        timeout = timeout * 3 // 2\n    return timeout\n',
    ),
    _engine(
        "nothing is sent again", "S", "timeouts",
        "    for message in _words(core):\n        core.emit(Broadcast(message))\n", "    return\n",
    ),
    _engine(
        "a claim of a high view moves us", "A", "engine",
        "        if view > core.views.pinned.view:\n            core.count(vote)\n",
        "        if view > core.views.pinned.view:\n            core.reached = max(core.reached, view)\n"
        "            core.changes += 1\n            core.count(vote)\n",
    ),
    _engine(
        "a question is asked once", "section 9", "fetches",
        "                asked.due_ms = now_ms + asked.delay_ms\n", "                asked.due_ms = now_ms + 10**9\n",
    ),
    _engine(
        "the same holder is asked again and again", "section 9", "fetches",
        "key=lambda holder: self._silent.get(holder, -1)", "key=lambda holder: -1",
    ),
    _engine(
        "ancestors of a finalised block are left out", "Z", "chain",
        "            path.append(block)\n"
        "            block = self._blocks[block.parent_hash]\n"
        "        if block.block_hash",
        "            if not path:\n"
        "                path.append(block)\n"
        "            block = self._blocks[block.parent_hash]\n"
        "        if block.block_hash",
    ),
    # --- bounds and evidence
    _engine(
        "votes of every view are kept", "section 10", "engine",
        "        if view > core.view + core.config.view_window or view < 1:\n", "        if view < 1:\n",
    ),
    _engine(
        "rounds below finality are kept", "section 10", "views",
        "            for view in [view for view in self.rounds if view <= statement.view]:\n",
        "            for view in [view for view in self.rounds if view == statement.view]:\n",
    ),
    _engine(
        "notarize and nullify is evidence", "section 4", "views",
        "            return self.votes[VoteKind.FINALIZE].get(vote.validator)\n        if kind is VoteKind.FINALIZE:",
        "            return self.votes[VoteKind.NOTARIZE].get(vote.validator)\n        if kind is VoteKind.FINALIZE:",
    ),
    # --- epochs
    _engine(
        "a closing header is counted as a height", "E2", "chain",
        "        while isinstance(block.header, ClosingHeader):\n"
        "            block = self._blocks[block.parent_hash]\n",
        "",
    ),
    _engine(
        "the next validators are those of the newest state", "E1", "chain",
        "switch.height <= executed_height else None", "switch.height <= self.executed.height else None",
    ),
    _engine(
        "the epoch is missing from a vote", "section 2", "core",
        "Statement(self.config.epoch, kind, view, block_hash)", "Statement(0, kind, view, block_hash)",
    ),
    _engine(
        "blocks go on above the boundary block", "E3", "validity",
        "    if parent.closes is not None:  # E3\n", "    if False:\n",
    ),
    _engine(
        "closing headers are not proposed", "E2", "leader",
        "    if tip.closes is not None:  # E2\n", "    if False:\n",
    ),
    _engine(
        "the engine goes on after its epoch", "E4", "finality",
        "        core.ended = True\n", "",
    ),
    # --- the simulated shell: what every shell must do
    _shell(
        "one answer in sync is trusted", "section 9", "doors",
        "        if self.cluster.hash_of(header) == block_hash and (", "        if closing is not None and (",
    ),
    _shell(
        "certificates are not checked", "section 9", "doors",
        "        if self.signatures.certificate_is_good(certificate, self.config.validators):\n",
        "        if certificate is not None:\n",
    ),
    _shell(
        "votes are not checked", "section 9", "doors",
        "            if not self.signatures.vote_is_good(vote):\n", "            if False:\n",
    ),
    _shell(
        "who is named in a bad vote is blamed, not who sent it", "section 9", "doors",
        "                self.judges.blamed(source)\n",
        "                self.judges.blamed(self.cluster.holder_of(vote.statement.epoch, vote.validator))\n",
    ),
    _shell(
        "a proposal is taken from anybody", "section 9", "doors",
        "        if self.cluster.machines[source].holder != self.cluster.holder_of(header.epoch, header.proposer):\n",
        "        if False:\n",
    ),
    _shell(
        "a vote leaves before the log is synced", "section 8", "machine",
        "        if self.unsynced:\n"
        "            self.sync()\n"
        "        if kind is Broadcast:\n"
        "            self.broadcast(effect.message)\n",
        "        if kind is Broadcast:\n            self.broadcast(effect.message)\n        elif self.unsynced:\n"
        "            self.sync()\n            self.perform(effect)\n",
    ),
    _shell(
        "the signer's record is restored with the backup", "section 8", "faults",
        "    machine.disk.database = restored\n",
        "    from tests.simulation.disk import place_of\n"
        "    machine.disk.database = restored\n"
        "    machine.disk.records = [r for r in machine.disk.records if place_of(r) <= (\n"
        "        restored.membership.epoch, restored.floor.view + 1)]\n"
        "    machine.disk.synced = len(machine.disk.records)\n",
    ),
    _shell(
        "a wiped disk signs again", "section 8", "machine",
        "None if self.disk.wiped else self.holder", "self.holder",
    ),
    _shell(
        "the set of executed transactions is lost at the restart", "exactly once", "work",
        "        disk = self.disk\n        self.pool = {}\n",
        "        disk = self.disk\n        disk.database.seen = {}\n        self.pool = {}\n",
    ),
    _shell(
        "executed transactions are not looked for when a block is executed", "exactly once", "work",
        "        fresh = [leaf for leaf in leaves if leaf not in database.seen]\n", "        fresh = list(leaves)\n",
    ),
    _shell(
        "the proof of an epoch's end is not checked", "E4", "doors",
        "        if not genuine or not self.signatures.certificate_is_good(certificate, self.config.validators):\n",
        "        if False:\n",
    ),
    # --- what too few seeds find
    _rare(
        "after a failed proposal the same time is tried again", "L", "leader",
        "    if any(core.views.proposed(view) for view in range(tip.view + 1, core.view)):\n"
        "        return max(wall_ms - core.config.clock_drift_max_ms, tip.time_ms + 1)\n",
        "",
    ),
    _rare(
        "a crowded leader waits for its execution on final parents only", "V8", "leader",
        "        awaited = core.chain.executed.height < core.chain.final.height\n",
        "        awaited = behind and tip.block_hash == core.views.pinned.block_hash\n",
        "found",
    ),
    _rare(
        "who left a question unanswered is the first to be asked the next", "section 9", "fetches",
        "                holders = self._in_order(need)\n",
        "                holders = self._in_order(need) if asked.holder is not None else need.holders\n",
    ),
    _rare(
        "newer finality ends the walk to what an older one lacks", "Z", "chain",
        "        return [first, deeper]\n", "        return [first]\n",
    ),
    # --- the node's storage, in full nodes
    _node(
        "the signer's log is written and not flushed", "section 8", "signer_log",
        "        before = self._log.mark().newest\n        self._log.sync()\n",
        "        before = self._log.mark().newest\n",
    ),
    _node(
        "checksums of the signer's log are not looked at", "section 8", "wal",
        '        if crc32(payload) != int.from_bytes(data[at + 4 : at + 8], "big"):\n            break\n', "",
    ),
    _node(
        "executed transactions are looked for in memory only", "exactly once", "state",
        "        if transaction_id in self._ids or self._ledger.place(transaction_id) is not None:\n",
        "        if transaction_id in self._ids:\n",
    ),
    _node(
        "executed transactions are looked for on the disk only", "exactly once", "state",
        "        if transaction_id in self._ids or self._ledger.place(transaction_id) is not None:\n",
        "        if self._ledger.place(transaction_id) is not None:\n",
    ),
    # --- the gate for transactions
    _gate(
        "a stripped co-signature is accepted", "transactions", "transactions",
        "    if len(head.signers) != len(wire.signatures):\n"
        "        raise DecodeError(\n"
        '            "transaction.signatures", '
        'f"{len(wire.signatures)} signatures for {len(head.signers)} named signers"\n'
        "        )\n",
        "    head = msgspec.structs.replace(head, signers=head.signers[: len(wire.signatures)])\n",
    ),
    _gate(
        "the first of several signatures is checked alone", "transactions", "transactions",
        "zip(self.head.signers, self.signatures, strict=True)", "[(self.head.signers[0], self.signatures[0])]",
    ),
)  # fmt: skip


def plant(mutant: Mutant, folder: Path) -> None:
    """A copy of the code in ``folder``, with this bug.

    Raises:
        AssertionError: the text to be changed is not there exactly once.
    """
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package)
    file = folder / mutant.file
    text = file.read_text()
    assert text.count(mutant.old) == 1, f"{mutant.name}: its text is {text.count(mutant.old)} times in {mutant.file}"
    file.write_text(text.replace(mutant.old, mutant.new))


def hunt(mutant: Mutant, seeds: int, first: int = 0) -> tuple[int | None, str]:
    """Number of seeds until the bug is caught (None: it survived), and the complaint."""
    with TemporaryDirectory(prefix="planted-") as name:
        folder = Path(name)
        plant(mutant, folder)
        paths = [str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")]
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation.hunt", mutant.kind, str(first), str(seeds)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    if done.returncode != 0:
        raise RuntimeError(f"{mutant.name}: {done.stderr[-2_000:]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    return (None if answer["seed"] is None else answer["seed"] - first + 1), answer["complaint"]


def run_mutants(seeds: int, jobs: int, only: str, *, as_json: bool = False) -> int:
    """After how many seeds each planted bug is caught; 0 when all were, 1 when one survived, 130 when stopped."""
    chosen = [mutant for mutant in MUTANTS if only in mutant.name]
    start, caught, survivors = time.perf_counter(), dict[str, int](), list[str]()
    with ThreadPoolExecutor(jobs) as pool:
        hunts = {pool.submit(hunt, mutant, seeds): mutant for mutant in chosen}
        try:
            for done in as_completed(hunts):
                mutant, (needed, complaint) = hunts[done], done.result()
                if needed is None:
                    survivors.append(mutant.name)
                else:
                    caught[mutant.name] = needed
                verdict = "SURVIVED" if needed is None else f"caught after {needed:4} {RUNS.get(mutant.kind, 'seeds')}"
                print(f"{verdict}  {mutant.name} ({mutant.breaks}): {complaint[:90]}", flush=True)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
    seconds, stopped = time.perf_counter() - start, len(caught) + len(survivors) < len(chosen)
    print(
        f"{len(caught)} of {len(chosen)} planted bugs caught, {len(survivors)} survived {seeds} seeds, {seconds:.0f} s"
    )
    if as_json:
        print(json.dumps({"caught_after": caught, "survived": survivors, "of": len(chosen), "seconds": round(seconds)}))
    return 1 if survivors else 130 if stopped else 0
