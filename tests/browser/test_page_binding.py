"""What a reader sees beside the tick is what was proven: every other page is found out, however it came about.

Each lie is told to a page whose proof holds, and judged by the page's own comparison.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Chromium, Page
from tests.browser.serving import serving
from tests.unit.explorer.chain import BATCH, COPIED, NEVER, OTHER_PACK, PACK, node_of, story
from tests.unit.explorer.sites import Explorer, explorer_over
from tests.world import World, founding

pytestmark = pytest.mark.browser

VERDICT = "document.getElementById('verdict').dataset.code"
# Verifies the page's own proof, and keeps the honest contents.
PREPARE = """
(async () => {
  const scripts = document.querySelector('script[type=module]').src.replace(/page\\.js$/, '');
  const { compare } = await import(`${scripts}compare.js`);
  const { verifyBundle } = await import(`${scripts}verify.js`);
  const pinned = JSON.parse(document.getElementById('pinned').textContent);
  const bundle = await (await fetch(`/v1/proofs/item?id=${encodeURIComponent(pinned.subject)}`)).json();
  const result = await verifyBundle(bundle, pinned.trust, pinned.subject);
  const [honest, address] = [document.querySelector('main').cloneNode(true), location.href];
  globalThis.judge = (lie) => {
    document.querySelector('main').replaceWith(honest.cloneNode(true));
    const first = (selector, words = '') => {
      const found = [...document.querySelectorAll(selector)].find((one) => one.textContent.includes(words));
      if (!found) throw new Error(`nothing to lie about: ${selector} ${words}`);
      return found;
    };
    const add = (where, name, text = 'Certified', more = {}) => {
      const element = Object.assign(document.createElement(name), more);
      element.textContent = text;
      first(where).append(element);
      return element;
    };
    lie(first, add);
    try {
      compare(result, pinned);
      return 'proven';
    } catch (error) {
      return error.code ?? String(error);
    } finally {
      history.replaceState(null, '', address);
      document.querySelectorAll('meta[http-equiv]').forEach((one) => one.remove());
    }
  };
})()
"""
STEP = ".journey .step"
STRUCK = ".step.struck"
LIES = {
    # events
    "an event left out": f"first('{STEP}').remove()",
    "an event repeated": f"first('{STEP}').after(first('{STEP}').cloneNode(true))",
    "events in another order": f"first('{STEP}').before(first('{STEP}', 'Unpacked'))",
    "an event among the ingredients'": f"first('.journey.quiet').prepend(first('{STEP}'))",
    "an event of nobody": "add('.journey', 'li', 'Certified organic ✓ proven', { className: 'step own' })",
    "an event without any mark of ours": "add('.journey', 'li', 'Certified organic ✓ proven')",
    "a word more at an event": "add('.step', 'p', 'Withdrawn')",
    "another correction": "first('.step').append(first('.step .correction').cloneNode(true))",
    "a correction without its words": "add('.step', 'p', 'Declared erroneous.', { className: 'correction' })",
    "a second seal": "add('.step', 'span', '✓ proven', { className: 'seal' })",
    "another step": f"first('{STEP} [data-p]').textContent = 'Sold to a customer'",
    "another state afterwards": "first('.then').textContent = 'damaged'",
    "another day": "first('.step time').textContent = '1 February 2026, 00:00 UTC'",
    "another hour": "first('.step time').textContent = '1 January 2026, 01:00 UTC'",
    "another zone": "first('.step time').textContent = '1 January 2026, 00:00 EST'",
    "another signer": "first('.step code').textContent = 'org:retailer'",
    "a signer left out": "first('.step code').remove()",
    "a link to another event": f"first('{STEP} a[href*=event]').href = '/en/event/' + '00'.repeat(32)",
    "a link to another block": f"first('{STEP} a[href*=block]').href = '/en/block/1'",
    "a link to another site": f"first('{STEP} a[href*=event]').host = 'other.example'",
    "an event of another container": "first('.step.container .key').textContent = '00/095212345000000018'",
    "a link to another container": "first('.step.container .key').href = '/en/00/095212345000000018'",
    "an event of no container": "first('.step.container .key').remove()",
    "what it is to the thing": "first('.step.container .who [data-p]').textContent = 'about the lot'",
    # corrections
    "an error not struck out": f"first('{STRUCK} del').replaceWith(Object.assign(first('.then').cloneNode(), "
    "{ textContent: 'Transported' }))",
    "an error without its note": f"first('{STRUCK} .correction').remove()",
    "an event struck out": f"const del = document.createElement('del'); del.dataset.p = ''; "
    f"del.textContent = first('{STEP} [data-p]').textContent; first('{STEP} [data-p]').replaceWith(del)",
    "a declaration without its note": "first('.step:not(.struck) .correction').remove()",
    # recalls
    "a recall left out": "first('.recall').remove()",
    "a recall without its reason": "first('.recall .why').textContent = ''",
    "another reason": "first('.recall .why').textContent = 'A typing error on the label'",
    "a recall below everything": "first('main').append(first('.recall'))",
    "a recall below the name": "first('.subject').after(first('.recall'))",
    "a recall folded away": "const fold = document.createElement('details'); first('.recall').replaceWith(fold); "
    "fold.append(document.createElement('summary'))",
    "a lesser severity": "first('.recall [data-p]', 'Class I').textContent = 'Class III: precaution'",
    "a recall by another": "first('.recall code').textContent = 'org:retailer'",
    "a recall of something else": "first('.recall .key').href = '/en/01/09521111010005/10/H2'",
    "a recall that names something else": "first('.recall .key').textContent = '01/09521111010005/10/H2'",
    "a recall of nobody": "first('.recall').after(first('.recall').cloneNode(true))",
    # numbers and facts
    "another serial number": "first('.ids code').textContent = 'P2'",
    "another product's number": "first('.ids .key').textContent = '09521234510017'",
    "a number more": "first('.ids').append(first('.ids code').cloneNode(true))",
    "another status": "first('.facts [data-p]').textContent = 'Sold'",
    "another origin": "first('.facts [data-p]', 'Made here').textContent = 'Declared when it first came here'",
    "another count": "first('.facts [data-p]', '14').textContent = '15'",
    "a fact of nobody": "const row = first('.facts > div').cloneNode(true); const dd = row.querySelector('dd'); "
    "dd.textContent = 'Organic'; delete dd.dataset.p; delete dd.dataset.fact; first('.facts').append(row)",
    # what it was made from, containers, inspection
    "an ingredient left out": "first('.keys li').remove()",
    "an ingredient more": "first('.keys').append(first('.keys li').cloneNode(true))",
    "another ingredient": "first('.keys code').textContent = '01/09521111010005/10/H9'",
    "a link to another ingredient": "first('.keys a').href = '/en/01/09521111010005/10/H9'",
    "another container": "first('section p .key', '00/').textContent = '00/095212345000000018'",
    "an inspection failed": "first('.inspection strong').textContent = 'Failed'",
    "another mark of an inspection": "first('.inspection .mark').textContent = '✕'",
    "an inspection by another": "first('.inspection code').textContent = 'org:grower'",
    "an inspection of something else": "first('.inspection .key').href = '/en/01/09521111010005/10/H1'",
    "no inspection": "first('.inspection').remove()",
    "two inspections": "first('.inspection').after(first('.inspection').cloneNode(true))",
    # temperatures
    "a reading left out": "first('tbody tr').remove()",
    "a reading more": "first('tbody').append(first('tbody tr').cloneNode(true))",
    "another reading": "first('[data-reading]').textContent = '3.3 °C'",
    "another unit": "first('[data-reading]').textContent = first('[data-reading]').textContent.replace('°C', '°F')",
    "a reading in other words": "first('[data-reading]').append(' or less')",
    "a reading of another hour": "first('tbody td').textContent = '2026-01-01 12:00'",
    "a reading without its alarm": "first('[data-reading] strong').remove()",
    "an alarm of nobody": "first('[data-reading]').append(first('[data-reading] strong').cloneNode(true))",
    "a row that is no reading": "add('tbody', 'tr').append(document.createElement('td'))",
    "a calmer curve": "const line = first('.line'); line.setAttribute('points', "
    "line.getAttribute('points').replace(/,[\\d.]+/g, ',100'))",
    "a curve that goes back": "const line = first('.line'); line.setAttribute('points', "
    "line.getAttribute('points').replace(/ [\\d.]+/, ' 390'))",
    "a curve without its alarm": "first('.chart .alarm').remove()",
    "an alarm elsewhere": "first('.chart .alarm').setAttribute('cy', '140')",
    "another scale": "first('.chart text').textContent = '-18'",
    "a text in the curve": "first('.chart').append(first('.chart text').cloneNode(true))",
    "another caption": "first('figcaption').textContent = '8 readings, lowest 3.2 °C, highest 4.6 °C'",
    # hiding, and other voices
    "an event that is hidden": "first('.step').hidden = true",
    "an event that is not displayed": "first('.step').style.display = 'none'",
    "an event that is transparent": "first('.step').style.opacity = 0",
    "a recall that is invisible": "first('.recall').style.visibility = 'hidden'",
    "a recall that is not read aloud": "first('.recall').setAttribute('aria-hidden', 'true')",
    "a recall that is inert": "first('.recall').inert = true",
    "another name for those who listen": "first('.recall').setAttribute('aria-label', 'No recall')",
    "a text that appears under the pointer": "first('.recall').title = 'Lifted'",
    "another language": "first('.recall').lang = 'la'",
    "another direction": "first('.recall .why').dir = 'rtl'",
    "a sign that turns what follows": "first('.recall bdi').textContent += '\\u202e'",
    "a part of nobody": "add('main', 'section')",
    "a paragraph of nobody": "add('main', 'p')",
    "one part twice": "first('main').append(first('.limits').cloneNode(true))",
    "a picture": "add('.subject', 'img', '')",
    "a frame": "add('.subject', 'iframe', '')",
    "a form": "add('.subject', 'form', '')",
    "a style": "add('main', 'style', '.recall { display: none }')",
    "a page that leaves by itself": "document.head.append(Object.assign(document.createElement('meta'), "
    "{ httpEquiv: 'default-style', content: 'none' }))",
}


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Explorer:
    """An explorer over the whole story with its recall."""
    return explorer_over(node_of(story(recall=True)), tmp_path_factory.mktemp("binding"))


@pytest.fixture(scope="module")
def site(explorer: Explorer) -> Iterator[str]:
    """Its address."""
    with serving(explorer.app) as address:
        yield address


@pytest.fixture(scope="module")
def page(chromium: Chromium, site: str) -> Page:
    """An honest page, ready to be lied to."""
    return prepared(chromium, f"{site}/en/{PACK}")


def prepared(chromium: Chromium, address: str) -> Page:
    page = chromium.page()
    page.goto(address)
    page.wait_for(VERDICT)
    page.evaluate(PREPARE)
    return page


def code_of(page: Page, lie: str) -> str:
    return str(page.evaluate(f"judge((first, add) => {{ {lie} }})"))


@pytest.mark.parametrize("name", sorted(LIES))
def test_a_page_that_lies_is_found_out(page: Page, name: str) -> None:
    assert code_of(page, LIES[name]) == "page-altered"


def test_an_honest_page_is_not_and_the_proof_of_one_thing_is_none_at_the_address_of_another(page: Page) -> None:
    assert code_of(page, "") == "proven"
    for address, code in (
        (f"/en/{OTHER_PACK}", "wrong-subject"),
        (f"/en/en/{PACK}", "wrong-subject"),
        (f"/{PACK}?at=5", "wrong-height"),
        (f"/zh/{PACK}?at=no", "proven"),
        (f"/{PACK}", "proven"),
    ):
        assert code_of(page, f"history.replaceState(null, '', {json.dumps(address)})") == code, address


def odd_things() -> World:
    """Deep-frozen goods told of in every unit and zone, more readings than a page shows, and steps without a word."""
    world = World(founding(clock_advance_allowed=False))
    world.make("org:grower", COPIED)
    moment = "2025-12-31T23:59:59.9996+02:00"  # rounds up to another minute
    units = [
        {"type": "Temperature", "uom": "CEL", "value": -20.125, "time": moment},
        {"type": "Temperature", "uom": "KEL", "minValue": 250.375, "maxValue": 255.15},
        {"type": "Temperature", "uom": "FAH", "value": 10.4, "exception": "ALARM_CONDITION", "time": moment},
        {"type": "Temperature", "uom": "CEL", "value": 0},
        {"type": "RelativeHumidity", "uom": "P1", "value": 40},
    ]
    sensors = [{"sensorMetadata": {"time": "2025-12-31T12:00:00-05:30"}, "sensorReport": units}]
    many = [{"type": "Temperature", "uom": "CEL", "value": round(-18 + (i % 37) / 8, 3)} for i in range(701)]
    for fields in (
        {"bizStep": "https://grower.example/steps/deep-freezing", "sensorElementList": sensors},
        {"eventTime": "2026-01-01T01:00:00.0005+01:00", "disposition": "https://grower.example/states/cold"},
        {"bizStep": "storing", "sensorElementList": [{"sensorReport": many[:350]}]},
        {"bizStep": "storing", "sensorElementList": [{"sensorReport": many[350:]}]},
    ):
        world.must(world.capture("org:grower", world.event(action="OBSERVE", epcList=[COPIED], **fields)))
    return world


def test_odd_but_honest_pages_are_proven(chromium: Chromium, tmp_path: Path) -> None:
    explorer = explorer_over(node_of(odd_things()), tmp_path)
    with serving(explorer.app) as site:
        for language in ("en", "zh"):
            page = prepared(chromium, f"{site}/{language}/{COPIED}")
            assert code_of(page, "") == "proven"
            assert page.evaluate(VERDICT) == "proven"
            assert page.evaluate("document.querySelectorAll('[data-reading]').length") <= 500
            assert "22:00-12.0 °C" in page.evaluate("document.querySelector('table').textContent")
            assert code_of(page, "first('tbody tr').remove()") == "page-altered"  # the caption counts them
            page.close()


def test_in_chinese_it_is_the_same(chromium: Chromium, site: str) -> None:
    page = prepared(chromium, f"{site}/zh/{BATCH}")
    assert code_of(page, "") == "proven"
    assert code_of(page, "first('.step time').textContent = '2026年1月2日 00:00 UTC'") == "page-altered"
    assert code_of(page, "first('.step [data-p]').textContent = '零售售出'") == "page-altered"
    page.close()


def test_a_code_that_was_never_issued_has_no_events(chromium: Chromium, site: str) -> None:
    page = prepared(chromium, f"{site}/en/{NEVER}")
    assert code_of(page, "") == "proven"  # as compared; its verdict is another
    assert code_of(page, "add('.subject', 'div', 'Packed', { className: 'step' })") == "page-altered"
    assert code_of(page, f"first('.ids code').textContent = '{PACK}'") == "page-altered"
    page.close()
