"""Both languages are complete and agree in what is filled in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from explorer.i18n import Words, choose_language, iso
from explorer.texts import TEXTS
from tallystick.epcis.vocabulary import BIZ_STEPS, DISPOSITIONS, ERROR_REASONS
from tallystick.proofs import ProofCode
from tallystick.reasons import Reason
from tallystick.records.goods import HistoryKind, ItemStatus, Origin
from tallystick.records.members import ROLES

FOLDER = Path(__file__).resolve().parents[3] / "explorer"


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_every_text_is_there_in_both_languages(key: str) -> None:
    english, chinese = TEXTS[key]
    assert english.strip() and chinese.strip()
    assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", chinese))
    assert not re.search(r"[\u4e00-\u9fff]", english) or key in ("site.language",)
    if key not in ("site.language", "item.gtin"):
        assert re.search(r"[\u4e00-\u9fff]", chinese), chinese


def test_every_standard_word_is_translated() -> None:
    needed = {f"step.{word}" for word in BIZ_STEPS} | {f"disposition.{word}" for word in DISPOSITIONS}
    needed |= {f"error.{word}" for word in ERROR_REASONS} | {f"role.{role}" for role in ROLES}
    needed |= {f"history.{kind.name.lower()}" for kind in HistoryKind}
    needed |= {f"status.{status.name.lower()}" for status in ItemStatus}
    needed |= {f"origin.{origin.name.lower()}" for origin in Origin}
    needed |= {f"reason.{reason.name}" for reason in Reason}
    assert needed <= set(TEXTS)


def test_every_text_that_a_template_or_module_asks_for_exists() -> None:
    asked: set[str] = set()
    for file in [*FOLDER.glob("templates/*.html"), *FOLDER.glob("*.py")]:
        asked |= set(
            re.findall(r"""(?:\bt|words|voice\.words)\(\s*["']([a-z_]+\.[a-z_.-]+)["']\s*[,)]""", file.read_text())
        )
    assert len(asked) > 100
    assert asked <= set(TEXTS)


def test_a_reason_on_a_public_page_does_not_address_the_signer() -> None:
    for reason in Reason:
        assert not re.search(r"\byour?\b", TEXTS[f"reason.{reason.name}"][0].replace("nobody", "")) or reason > 69


def test_a_proofs_sentence_leaves_the_verdict_to_the_headline() -> None:
    english, chinese = Words("en"), Words("zh")
    assert english.proof(ProofCode.QUORUM_SHORT) == "Too few nodes signed."
    assert chinese.proof(ProofCode.QUORUM_SHORT) == "签署的节点不足。"
    for code in ProofCode:
        assert english.proof(code) and chinese.proof(code)


@pytest.mark.parametrize(
    ("asked", "header", "language"),
    [
        (None, "", "en"),
        (None, "zh", "zh"),
        (None, "zh-TW, en;q=0.5", "zh"),
        (None, "fr, de", "en"),
        (None, "en;q=0.2, zh;q=0.8", "zh"),
        (None, ";;;,q=,zh;q=x", "en"),
        ("en", "zh", "en"),
        ("fr", "zh", "zh"),
        (None, "*" * 10_000, "en"),
    ],
)
def test_the_language_follows_the_address_then_the_browser(asked: str | None, header: str, language: str) -> None:
    assert choose_language(asked, header) == language


def test_times_are_the_same_in_every_locale_and_zone() -> None:
    assert Words("en").time(1_767_225_600_000) == "1 January 2026, 00:00 UTC"
    assert Words("zh").time(1_767_225_600_000) == "2026年1月1日 00:00 UTC"
    assert iso(1_767_225_600_123) == "2026-01-01T00:00:00.123Z"
