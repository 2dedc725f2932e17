"""What ``./scripts/demo --check`` takes for a recall that stands first and for both versions of an event."""

from __future__ import annotations

import re

from scripts.story.pages import recall_comes_first, shows_both_versions
from tests.unit.explorer.chain import PACK
from tests.unit.explorer.sites import Explorer

REASON = "Salmonella"


def test_a_recall_counts_only_above_everything_else_and_with_its_reason(recalled: Explorer) -> None:
    page = recalled.get(f"/en/{PACK}").text
    banner = re.search(r'<section class="recall".*?</section>', page, re.DOTALL)
    assert banner is not None and REASON in banner[0]
    assert recall_comes_first(page, REASON)
    without = page.replace(banner[0], "")
    for lie in (without, without.replace("</main>", banner[0] + "</main>"), page.replace(REASON, "nothing")):
        assert lie != page and not recall_comes_first(lie, REASON)


def test_an_erroneous_event_counts_as_shown_only_struck_and_beside_its_correction(recalled: Explorer) -> None:
    page = recalled.get(f"/zh/{PACK}").text
    struck = re.search(r'<li class="step struck[^>]*data-commitment="(\w+)".*?class="correction".*?</li>', page, re.S)
    assert struck is not None
    wrong, right = struck[1], re.findall(r"/event/(\w+)", struck[0])[-1]
    assert wrong != right and shows_both_versions(page, wrong, right)
    lies = (
        page.replace(struck[0], ""),
        page.replace(struck[0], struck[0].replace("step struck", "step")),
        page.replace(struck[0], struck[0].replace(f"/event/{right}", "/event/" + "0" * 64)),
        page.replace(f'data-commitment="{right}"', 'data-commitment=""'),
    )
    for lie in lies:
        assert lie != page and not shows_both_versions(lie, wrong, right)
