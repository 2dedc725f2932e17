"""Every broken vector, by name, with the code of its refusal and what it is asked about."""

from __future__ import annotations

from collections.abc import Callable

from scripts.proof_vectors.attacks import broken_trees
from scripts.proof_vectors.chain import broken_chain, broken_earlier
from scripts.proof_vectors.epochs import broken_epochs
from scripts.proof_vectors.evidence import SUBJECT, broken_evidence
from scripts.proof_vectors.histories import broken_histories, subject_of
from scripts.proof_vectors.items import broken_items
from scripts.proof_vectors.making import Bundle, transaction_of
from scripts.proof_vectors.receivables import broken_receivables
from tallystick.records.goods import item_key
from tests import proof_world as w

Cases = dict[str, tuple[str, Bundle]]


def _about_item(name: str) -> str:
    return w.FIELD_LOT if name.startswith("event") else w.SERIAL


def _about_any(name: str) -> str:
    if name.startswith("record"):
        return item_key(w.LOT).hex()
    return _about_item(name) if name.startswith(("item", "event")) else _about_chain(name)


def _about_chain(name: str) -> str:
    return transaction_of(9) if name.startswith("receipt") else "9"


PARTS: tuple[tuple[Callable[[], Cases], Callable[[str], str]], ...] = (
    (broken_items, _about_item),
    (broken_epochs, lambda _: item_key(w.LOT).hex()),
    (broken_chain, _about_chain),
    (broken_earlier, lambda _: w.SERIAL),
    (broken_receivables, lambda _: w.OBLIGATION.hex()),
    (broken_evidence, lambda _: SUBJECT),
    (broken_trees, _about_any),
    (broken_histories, subject_of),
)


def broken() -> dict[str, tuple[str, str, Bundle]]:
    """Name to (expected code, subject, bundle); each has one defect."""
    return {name: (code, about(name), bundle) for make, about in PARTS for name, (code, bundle) in make().items()}
