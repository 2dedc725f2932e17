"""The explorer's pages as a reader without JavaScript gets them, and what must stand on them."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection

from scripts.story.goods import FIELD_B, NEVER_ISSUED, PACKS_A, PACKS_B
from scripts.story.network import START_S


class PageError(Exception):
    """A page lacks what it must show."""


@dataclass(slots=True)
class Pages:
    """A reader of one explorer; ``answers`` keeps every body for the search for secrets."""

    url: str
    answers: dict[str, bytes] = field(default_factory=dict)

    def get(self, path: str, language: str = "en") -> tuple[int, str]:
        """Status and body of a page."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        connection = HTTPConnection(host, int(port), timeout=START_S)
        try:
            connection.request("GET", path, headers={"Accept-Language": language, "Accept": "text/html"})
            response = connection.getresponse()
            body = response.read()
            if response.status in (302, 303, 307, 308):
                location = response.getheader("Location", "")
                return self.get(location.removeprefix(self.url), language)
        finally:
            connection.close()
        self.answers[f"{path} ({language})"] = body
        return response.status, body.decode()

    def wait_until_shown(self, path: str, text: str, timeout_s: float = START_S) -> str:
        """Ask until a page shows a text; the explorer follows the chain a moment behind."""
        deadline = time.monotonic() + timeout_s
        while True:
            _, body = self.get(path)
            if text in body:
                return body
            if time.monotonic() > deadline:
                raise PageError(f"{self.url}{path} does not show {text!r}")
            time.sleep(0.1)

    def check(self, wrong: str, right: str) -> None:
        """The pages of the story, in both languages.

        Args:
            wrong, right: commitments of the reading that was declared erroneous and of the one that corrects it.
        """
        self.wait_until_shown(f"/{PACKS_B[0]}", "Salmonella")
        for language in ("en", "zh"):
            status, good = self.get(f"/{PACKS_A[0]}", language)
            if status != 200 or PACKS_A[0].rsplit("/", 1)[1] not in good:
                raise PageError(f"the page of a good pack is missing ({language})")
            if not shows_both_versions(good, wrong, right):
                raise PageError(f"an erroneous event and its correction are not both shown ({language})")
            status, recalled = self.get(f"/{PACKS_B[0]}", language)
            if status != 200 or not recall_comes_first(recalled, "Salmonella"):
                raise PageError(f"the recall does not stand above everything ({language})")
            status, unknown = self.get(f"/{NEVER_ISSUED}", language)
            if status != 404 or "Z999" not in unknown:
                raise PageError(f"a never-issued serial is not called so ({language})")
        status, lot = self.get(f"/{FIELD_B}")
        if status != 200 or "FIELD-B" not in lot:
            raise PageError("the page of a lot is missing")


def recall_comes_first(page: str, reason: str) -> bool:
    """Whether a recall with its reason stands above a page's heading and everything below it."""
    banner, why = page.find('<section class="recall"'), page.find(reason)
    return -1 < banner < why < page.find("<h1") < page.find("<ol")


def shows_both_versions(page: str, wrong: str, right: str) -> bool:
    """Whether an event is struck through and leads to its correction, and the correction is shown as well."""
    struck = re.search(rf'<li class="step struck[^>]*data-commitment="{wrong}".*?</li>', page, re.DOTALL)
    corrected = re.search(rf'<li class="step (?!struck)[^>]*data-commitment="{right}"', page)
    return struck is not None and f"/event/{right}" in struck[0] and corrected is not None
