"""Planted bugs: each breaks one rule of the engine for as long as its context lasts. The seeds must catch every one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from consensus import core, finality, recovery, timeouts, views, voter
from consensus.effects import Effect
from tallystick.votes import Certificate, Vote, VoteKind

Mutant = Callable[[], Any]
MUTANTS: dict[str, Mutant] = {}


def planted(target: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a replacement for ``target.name``; it gets the original as its first argument."""

    def register(replacement: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def plant() -> Iterator[None]:
            original = getattr(target, name)
            setattr(target, name, lambda *a, **k: replacement(original, *a, **k))
            try:
                yield
            finally:
                setattr(target, name, original)

        MUTANTS[replacement.__name__] = plant
        return replacement

    return register


@planted(views.Round, "count")
def quorum_one_short(original: Any, self: Any, vote: Vote, quorum: int) -> Any:
    return original(self, vote, quorum - 1)


@planted(recovery, "_replay_vote")
def own_vote_forgotten_at_restart(original: Any, core_: Any, vote: Vote) -> None:
    return None


@planted(recovery, "_replay_vote")
def own_vote_not_counted_again_at_restart(original: Any, core_: Any, vote: Vote) -> None:
    core_.views.at(vote.statement.view).own[vote.statement.kind] = vote
    core_.reached = max(core_.reached, vote.statement.view)


@planted(recovery, "replay")
def resume_from_the_last_record(original: Any, core_: Any, records: Any) -> None:
    original(core_, records)
    if records:
        last = records[-1]
        view = last.header.view if hasattr(last, "header") else last.statement.view
        core_.reached = max(core_.views.pinned.view + 1, view)


@planted(core.Core, "take_effects")
def sent_before_durable(original: Any, self: Any) -> list[Effect]:
    effects = self._others + self._persists
    self._persists, self._others = [], []
    return effects  # type: ignore[no-any-return]


@planted(core.Core, "persist")
def votes_written_without_sync(original: Any, self: Any, record: Any, *, lazy: bool = False) -> None:
    original(self, record, lazy=True)


@planted(voter, "finalize")
def finalize_after_nullify(original: Any, core_: Any) -> None:
    for view in list(core_.views.open):
        if view > core_.views.pinned.view:
            held = core_.views.at(view)
            if VoteKind.NULLIFY in held.own and VoteKind.FINALIZE not in held.own:
                core_.cast(VoteKind.FINALIZE, view, held.certificates[VoteKind.NOTARIZE].statement.block_hash)
    original(core_)


@planted(voter, "finalize")
def finalize_without_notarisation(original: Any, core_: Any) -> None:
    original(core_)
    held = core_.views.rounds.get(core_.view)
    if held is not None and held.own.keys() == {VoteKind.NOTARIZE}:
        core_.cast(VoteKind.FINALIZE, core_.view, held.own[VoteKind.NOTARIZE].statement.block_hash)


@planted(voter, "finalize")
def finalize_waits_for_execution(original: Any, core_: Any) -> None:
    tip = core_.tip()
    if tip is None or core_.chain.executed.height >= tip.height:
        original(core_)


@planted(views.Views, "unproven")
def gap_without_nullification(original: Any, self: Any, parent_view: int, view: int) -> None:
    return None


@planted(views.Views, "install")
def one_certificate_per_view(original: Any, self: Any, certificate: Certificate) -> None:
    statement = certificate.statement
    other = {VoteKind.NOTARIZE: VoteKind.NULLIFY, VoteKind.NULLIFY: VoteKind.NOTARIZE}.get(statement.kind)
    if other is None or self.holds(statement.view, other) is None:
        original(self, certificate)


@planted(voter, "own_fault")
def lag_bound_without_the_exception(original: Any, header: Any, config: Any, validators_hash: bytes) -> Any:
    if header.height - header.executed.height > config.execution_lag_max:
        return "too far above its tuple"
    return original(header, config, validators_hash)


@planted(voter, "beyond_clocks")
def parent_plus_one_judged_by_the_clock(original: Any, header: Any, parent: Any) -> bool:
    return False


@planted(voter, "_roots")
def roots_not_compared(original: Any, *arguments: Any) -> None:
    return None


@planted(voter, "_contents")
def contents_not_awaited(original: Any, *arguments: Any) -> None:
    return None


@planted(voter, "child_fault")
def parent_not_compared(original: Any, header: Any, parent: Any, *, finalisation: bool) -> None:
    return None


@planted(timeouts, "_words")
def nothing_is_sent_again(original: Any, core_: Any) -> list[Any]:
    return []


@planted(timeouts, "expire")
def views_never_time_out(original: Any, core_: Any) -> None:
    return None


@planted(finality, "deliver")
def ancestors_left_out(original: Any, core_: Any) -> None:
    pinned = core_.views.pinned
    block = core_.chain.get(pinned.block_hash)
    if block is None or not block.at_hand or block.height == core_.chain.final.height + 1:
        original(core_)
    elif block.height > core_.chain.final.height:
        core_.chain._walked = None
        core_.chain.final = block
