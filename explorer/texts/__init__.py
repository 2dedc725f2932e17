"""Every sentence of the pages, once, in English and Chinese side by side: ``{key: (English, Chinese)}``."""

from __future__ import annotations

from explorer.texts.pages import PAGES
from explorer.texts.reasons import REASONS
from explorer.texts.vocabulary import VOCABULARY

TEXTS: dict[str, tuple[str, str]] = {**PAGES, **VOCABULARY, **REASONS}

__all__ = ["TEXTS"]
