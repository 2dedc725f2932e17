"""Which rule works which kind of transaction, from which height on.

A rule changes its meaning only by a new entry with the height from which it holds; older heights keep the older
entry, or old blocks would replay differently. What has no entry is refused: deny by default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import contracts.finance
import contracts.trade
from contracts import governance, membership
from contracts.authority import SignerPolicy
from contracts.goods import recall
from contracts.goods.opening import open_item
from contracts.workspace import Workspace
from tallystick.payloads.goods import LiftRecall, OpenItem, RecallItems

RuleFunction: TypeAlias = Callable[[Workspace, Any], None]
DueFunction: TypeAlias = Callable[[Workspace, bytes], None]
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule for one type of payload, and whose signatures it takes."""

    apply: RuleFunction
    policy: SignerPolicy = SignerPolicy.ONE_ORGANISATION


@dataclass(frozen=True, slots=True)
class Versions(Generic[V]):
    """Values by the height from which each holds, ascending."""

    entries: tuple[tuple[int, V], ...]

    def at(self, height: int) -> V | None:
        """The value at a height, or None before the first."""
        current: V | None = None
        for since, value in self.entries:
            if since <= height:
                current = value
        return current


class Registry:
    """Rules by payload type and due-work rules by name, each with its versions."""

    def __init__(
        self, rules: Mapping[type[Any], Versions[Rule]], due_rules: Mapping[str, Versions[DueFunction]]
    ) -> None:
        self._rules = dict(rules)
        self._due_rules = dict(due_rules)

    def rule_for(self, payload_type: type[Any], height: int) -> Rule | None:
        """The rule for a type of payload at a height."""
        versions = self._rules.get(payload_type)
        return None if versions is None else versions.at(height)

    def due_rule_for(self, name: str, height: int) -> DueFunction | None:
        """The rule that works off due work of this name at a height."""
        versions = self._due_rules.get(name)
        return None if versions is None else versions.at(height)


def since_genesis(rules: Mapping[type[Any], Rule], due_rules: Mapping[str, DueFunction]) -> Registry:
    """A registry in which every rule has held since genesis."""
    return Registry(
        {type_: Versions(((0, rule),)) for type_, rule in rules.items()},
        {name: Versions(((0, rule),)) for name, rule in due_rules.items()},
    )


RULES: dict[type[Any], Rule] = {
    **{type_: Rule(apply, policy) for type_, (apply, policy) in governance.RULES.items()},
    **{type_: Rule(apply, policy) for type_, (apply, policy) in membership.RULES.items()},
    OpenItem: Rule(open_item),
    RecallItems: Rule(recall.recall_items),
    LiftRecall: Rule(recall.lift_recall),
    **{type_: Rule(apply) for type_, apply in contracts.trade.RULES.items()},
    **{type_: Rule(apply) for type_, apply in contracts.finance.RULES.items()},
}

DUE_RULES: dict[str, DueFunction] = {
    recall.SPREAD: recall.spread_recall,
    **contracts.trade.DUE_RULES,
    **contracts.finance.DUE_RULES,
}

REGISTRY = since_genesis(RULES, DUE_RULES)
