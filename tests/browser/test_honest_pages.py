"""An honest page is never called altered, whatever legal things its members record, and however it is looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from explorer.proof_source import ProofAnswer
from tests.browser.chromium import Chromium, Page
from tests.browser.odd_histories import Odd
from tests.browser.serving import serving
from tests.unit.explorer.chain import COPIED, FOREIGN, NEVER, PACK, node_of, story
from tests.unit.explorer.sites import Explorer, explorer_over
from tests.world import World, founding, gtin

pytestmark = pytest.mark.browser

SEEDS, ACTS, PAGES = (5, 11, 15), 90, 20
VERDICT = "document.getElementById('verdict').dataset.code"
HOT = f"{gtin('952111101')}/21/HOT"
DOTTED = f"{gtin('952111101')}/21/DOTTED"
GOOD = {"held", "none"}
# The scripts of a page, for many pages in turn: their text stands in for that of the page they were loaded with.
PREPARE = """
(async () => {
  const scripts = document.querySelector('script[type=module]').src.replace(/page\\.js$/, '');
  const { compare } = await import(`${scripts}compare.js`);
  const { verifyBundle } = await import(`${scripts}verify.js`);
  globalThis.judge = async (address) => {
    const shown = new DOMParser().parseFromString(await (await fetch(address)).text(), 'text/html');
    if (!shown.getElementById('pinned')) return 'none';
    history.replaceState(null, '', address);
    document.documentElement.lang = shown.documentElement.lang;
    document.body.replaceWith(document.adoptNode(shown.body));
    const pinned = JSON.parse(document.getElementById('pinned').textContent);
    const at = pinned.at === undefined ? '' : `&at=${pinned.at}`;
    const bundle = await (await fetch(`/v1/proofs/item?id=${encodeURIComponent(pinned.subject)}${at}`)).json();
    try {
      compare(await verifyBundle(bundle, pinned.trust, pinned.subject, pinned.at), pinned);
      return 'held';
    } catch (error) {
      return `${error.code ?? ''} ${error.stack}`;
    }
  };
})()
"""


def ready(chromium: Chromium, site: str) -> Page:
    """A page whose scripts judge others."""
    page = chromium.page()
    page.command("Page.setBypassCSP", {"enabled": True})
    page.goto(f"{site}/en/{NEVER}")
    page.wait_for(VERDICT)
    page.evaluate(PREPARE)
    return page


def judged(page: Page, address: str) -> str:
    return str(page.evaluate(f"judge({json.dumps(address)})"))


def addresses(things: list[str], height: int) -> list[str]:
    """Pages of things in both languages, with what readers, phones and links add to an address."""
    queries = (
        "",
        "?utm_source=a%20b&17=261231",
        "",
        "?lang=zh",
        f"?at={height}",
        "?q=%25&x=/zh/",
        "?at=00" + str(height),
    )
    prefixes = ("/en/", "/zh/", "/")
    return [f"{prefixes[i % 3]}{thing}{queries[i % len(queries)]}" for i, thing in enumerate(dict.fromkeys(things))]


@pytest.mark.parametrize("seed", SEEDS)
def test_pages_of_odd_histories_are_as_their_proofs(
    chromium: Chromium, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    odd = Odd(seed)
    odd.run(ACTS)
    explorer = explorer_over(node_of(odd.world), tmp_path_factory.mktemp("odd"))
    with serving(explorer.app) as site:
        page = ready(chromium, site)
        found = {one: judged(page, one) for one in addresses(odd.things, len(odd.world.results) * 2 // 3)[:PAGES]}
        page.close()
    assert {one: code for one, code in found.items() if code not in GOOD} == {}
    assert list(found.values()).count("held") > PAGES / 2


def warm(*reports: dict[str, Any]) -> dict[str, Any]:
    """A sensor element list of temperatures."""
    return {"sensorElementList": [{"sensorReport": [{"type": "Temperature", **one} for one in reports]}]}


def measured() -> World:
    """Readings that rounding brings near one another, in units of nobody's, and about a stranger's thing."""
    world = World(founding(clock_advance_allowed=False))
    world.make("org:grower", COPIED)
    moment = "2025-12-31T12:00:{:02d}Z"
    for reports in (
        [
            {"value": value, "time": moment.format(at)}
            for at, value in enumerate((3.214, 3.2045, 3.2049, 3.2255, 3.216))
        ],
        [{"value": 40 + at / 100, "uom": "FAH", "time": moment.format(9 - at)} for at in range(9)],
        [{"value": 5, "uom": "constructor"}, {"value": 5, "uom": "__proto__"}, {"value": 5, "uom": ""}, {"value": 4}],
        [{"minValue": -1e-6, "maxValue": 0, "exception": "urn:vendor:alert:odd"}, {}],
    ):
        event = world.event(action="OBSERVE", bizStep="storing", epcList=[COPIED], **warm(*reports))
        world.must(world.capture("org:grower", event))
    world.must(world.capture("org:grower", world.event(action="OBSERVE", epcList=[FOREIGN], **warm({"value": 4}))))
    world.make("org:grower", HOT)
    world.make("org:grower", DOTTED.replace("/21/", "/10/./21/"))  # a lot whose page no address leads to
    glowing = warm({"value": 999_999_999_999_999, "uom": "FAH"}, {"value": -999_999_999_999_999, "uom": "FAH"})
    world.must(world.capture("org:grower", world.event(action="OBSERVE", epcList=[HOT], **glowing)))
    return world


def test_readings_are_told_apart_and_those_in_statements_have_no_curve(chromium: Chromium, tmp_path: Path) -> None:
    explorer = explorer_over(node_of(measured()), tmp_path)
    with serving(explorer.app) as site:
        page = ready(chromium, site)
        for thing, readings in ((COPIED, 17), (FOREIGN, 0), (HOT, 2), (DOTTED, 0)):
            for language in ("en", "zh"):
                assert judged(page, f"/{language}/{thing}") == "held"
                assert page.evaluate("document.querySelectorAll('[data-reading]').length") == readings
        page.close()


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Explorer:
    """An explorer over the whole story with its recall."""
    return explorer_over(node_of(story(recall=True)), tmp_path_factory.mktemp("honest"))


@pytest.fixture(scope="module")
def site(explorer: Explorer) -> Iterator[str]:
    """Its address."""
    with serving(explorer.app) as address:
        yield address


def settled(page: Page, address: str) -> str:
    """What a page comes to by itself, also where it asks for itself once more. The address is another than before."""
    found = f"location.href === {json.dumps(address)} ? document.getElementById('verdict')?.dataset.code ?? '' : ''"

    def code() -> str:
        with suppress(RuntimeError):  # between two documents
            return str(page.evaluate(found))
        return ""

    page.command("Page.navigate", {"url": address})
    page.wait(lambda: code() != "", "the verdict")
    return code()


def test_however_a_page_is_looked_at_it_is_proven(chromium: Chromium, site: str) -> None:
    looks: tuple[tuple[tuple[int, int, float], dict[str, str]], ...] = (
        ((200, 400, 3.0), {}),
        ((1_280, 900, 1.0), {"prefers_color_scheme": "dark", "forced_colors": "active"}),
        ((1_280, 900, 0.5), {"media": "print"}),
        ((1, 1, 1.0), {"prefers_reduced_motion": "reduce"}),
    )
    page = chromium.page()
    for look, ((width, height, scale), features) in enumerate(looks):
        page.size(width, height, scale=scale)
        page.media(**features)
        assert settled(page, f"{site}/en/{PACK}?look={look}#main") == "proven", (width, features)
    source = "delete Element.prototype.checkVisibility"
    page.command("Page.addScriptToEvaluateOnNewDocument", {"source": source})
    assert settled(page, f"{site}/zh/{PACK}") == "proven"
    assert page.evaluate("document.body.checkVisibility === undefined")
    page.close()


def test_no_telephone_makes_links_of_numbers_and_dates(explorer: Explorer) -> None:
    # It would do so inside what is compared, whenever it likes.
    assert '<meta name="format-detection" content="telephone=no' in explorer.get(f"/en/{PACK}").text


def test_a_thing_that_goes_on_between_the_page_and_its_proof_is_asked_for_once_more(
    chromium: Chromium, explorer: Explorer, site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier, asked = explorer_over(node_of(story()), tmp_path).site.proofs.item(PACK), 0
    early: set[int] = set()
    newest = explorer.site.proofs.item

    def item(identifier: str, at: int | None = None) -> ProofAnswer:
        nonlocal asked
        asked += 1
        return earlier if asked in early else newest(identifier, at)

    monkeypatch.setattr(explorer.site, "html_max", 8_000)
    monkeypatch.setattr(explorer.site.proofs, "item", item)
    page = chromium.page()
    for outrun, code, questions in (({1}, "proven", 4), ({1, 3}, "page-altered", 4), (set[int](), "proven", 2)):
        early, asked = outrun, 0
        assert (settled(page, f"{site}/en/{PACK}?early={len(early)}"), asked) == (code, questions)
    page.command("Page.addScriptToEvaluateOnNewDocument", {"source": "performance.getEntriesByType = () => []"})
    early, asked = {1}, 0
    assert (settled(page, f"{site}/zh/{PACK}"), asked) == ("page-altered", 2)  # rather than again and again
    page.close()
