"""The product page in a real browser: the tick, the reason when there is none, and nothing from anywhere else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.encoding import decode, encode
from tallystick.proofs import build_item, write_bundle
from tallystick.records.base import Space
from tallystick.votes import Certificate, certificate_of
from tests.browser.chromium import Chromium, Page
from tests.browser.serving import serving
from tests.proof_bytes import b64, unb64
from tests.proof_entries import written_out
from tests.proof_trees import as_neighbour
from tests.unit.explorer.chain import BATCH, FOREIGN, NEVER, PACK, PALLET, node_of, story
from tests.unit.explorer.sites import Explorer, explorer_over

pytestmark = pytest.mark.browser

Edit = Callable[[dict[str, Any]], None]
VERDICT = "document.getElementById('verdict').dataset.code"
NO_ED25519 = """
const original = SubtleCrypto.prototype.importKey;
SubtleCrypto.prototype.importKey = function (format, key, algorithm, ...rest) {
  if ((algorithm.name ?? algorithm) === 'Ed25519') return Promise.reject(new DOMException('no', 'NotSupportedError'));
  return original.call(this, format, key, algorithm, ...rest);
};
"""


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Explorer:
    """An explorer over the whole story with its recall."""
    return explorer_over(node_of(story(recall=True)), tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def site(explorer: Explorer) -> Iterator[str]:
    """Its address."""
    with serving(explorer.app) as address:
        yield address


def open_page(chromium: Chromium, address: str, **options: Any) -> Page:
    """Open a product page and wait for the verdict of its script."""
    page = chromium.page(**options)
    page.goto(address)
    page.wait_for(VERDICT)
    return page


def verdict(page: Page) -> tuple[str, str, str]:
    """Code, headline and reason that the page shows."""
    word = page.evaluate("document.querySelector('#result strong').textContent")
    reason = page.evaluate("document.querySelector('#result .reason').textContent")
    return str(page.evaluate(VERDICT)), str(word), str(reason)


@pytest.mark.parametrize("thing", [PACK, BATCH, PALLET])
def test_a_good_page_gets_its_tick(chromium: Chromium, site: str, thing: str) -> None:
    page = open_page(chromium, f"{site}/en/{thing}")
    code, word, reason = verdict(page)
    assert (code, word) == ("proven", "Proven")
    assert "Checked in this browser: 3 of 4 members’ nodes signed this record" in reason
    assert page.evaluate("document.querySelectorAll('.seal:not([hidden])').length") == page.evaluate(
        "document.querySelectorAll('li.step').length"
    )
    assert page.errors == []
    page.close()


def test_the_tick_speaks_chinese(chromium: Chromium, site: str) -> None:
    page = open_page(chromium, f"{site}/{PACK}", language="zh-CN")
    code, word, reason = verdict(page)
    assert (code, word) == ("proven", "已证明")
    assert "已在此浏览器中核验：4 个成员节点中有 3 个签署了该记录" in reason
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    page.close()


def test_stated_and_never_issued_are_not_called_proven(chromium: Chromium, site: str) -> None:
    page = open_page(chromium, f"{site}/en/{FOREIGN}")
    assert verdict(page)[:2] == ("stated", "Stated only")
    assert page.evaluate("document.querySelectorAll('.seal:not([hidden])').length") == 0
    page.close()
    page = open_page(chromium, f"{site}/en/{NEVER}")
    assert verdict(page)[:2] == ("unknown-item", "Never issued")
    page.close()


def test_nothing_is_asked_of_anybody_else_and_no_policy_is_broken(chromium: Chromium, site: str) -> None:
    for path in (f"/en/{PACK}", f"/zh/{PACK}", f"/en/{FOREIGN}", "/en/", "/zh/blocks", "/en/block/20",
                 "/en/about/checking"):  # fmt: skip
        page = chromium.page()
        page.goto(site + path)
        if "/01/" in path:
            page.wait_for(VERDICT)
        assert page.requests and all(url.startswith(site) for url in page.requests), page.requests
        assert page.errors == [], (path, page.errors)
        assert page.command("Network.getCookies")["cookies"] == []
        page.close()


def test_the_page_with_its_proof_is_small(chromium: Chromium, site: str) -> None:
    page = open_page(chromium, f"{site}/en/{PACK}")
    bodies = page.evaluate(
        "performance.getEntriesByType('resource').reduce((sum, entry) => sum + entry.encodedBodySize, 0)"
        " + performance.getEntriesByType('navigation')[0].encodedBodySize"
    )
    assert page.evaluate("document.querySelectorAll('li.step').length") == 14
    assert "proof" in page.evaluate("[...document.querySelectorAll('script')].map((one) => one.id)")
    assert bodies <= 40 * 1_024
    page.close()


@pytest.mark.parametrize(("language", "scripts_off"), [("en", "scripts are off"), ("zh", "脚本已关闭")])
def test_every_fact_is_there_without_scripts(chromium: Chromium, site: str, language: str, scripts_off: str) -> None:
    silent = chromium.page(scripts=False)
    silent.goto(f"{site}/{language}/{PACK}")
    html = silent.html_text()
    lively = open_page(chromium, f"{site}/{language}/{PACK}")
    facts = lively.evaluate(
        "(document.querySelectorAll('.seal, #result').forEach((e) => e.remove()), "
        "[...document.querySelectorAll('h1, h2, h3, dt, dd, p, figcaption, td, .keys li')]"
        ".map((e) => e.textContent.trim()).filter((text) => text))"
    )
    text = " ".join(_text(html).split())
    assert len(facts) > 90
    for fact in facts:
        assert " ".join(fact.split()) in text, fact
    assert scripts_off in text
    silent.close()
    lively.close()


def _text(html: str) -> str:
    import re
    from html import unescape

    html = re.sub(r'<script.*?</script>|<span class="seal".*?</span>', " ", html, flags=re.S)
    inline = re.sub(r"</?(?:a|span|strong|time|code|del)\b[^>]*>", "", html)
    return unescape(re.sub(r"<[^>]+>", " ", inline))


# --- broken proofs: the page must say why, exactly ------------------------------------------------------------


def _certificate(edit: Callable[[Certificate], Certificate]) -> Edit:
    def change(bundle: dict[str, Any]) -> None:
        old = decode(unb64(bundle["anchor"]["finalisation"]), Certificate, size_max=8_192)
        bundle["anchor"]["finalisation"] = b64(encode(edit(old)))

    return change


def _two_signers(certificate: Certificate) -> Certificate:
    signatures = dict(zip(certificate.signer_indices(), certificate.signatures, strict=True))
    return certificate_of(certificate.statement, dict(list(signatures.items())[:2]))


def _forged_vote(certificate: Certificate) -> Certificate:
    signatures = dict(zip(certificate.signer_indices(), certificate.signatures, strict=True))
    first = min(signatures)
    signatures[first] = signatures[first][:-1] + bytes((signatures[first][-1] ^ 1,))
    return certificate_of(certificate.statement, signatures)


def _drop_entry(bundle: dict[str, Any]) -> None:
    max(bundle["histories"], key=lambda history: len(history["entries"]))["entries"].pop()


def _alter_event(bundle: dict[str, Any]) -> None:
    event = bundle["events"][0]
    event["public"] = b64(unb64(event["public"]).replace(b"+00:00", b"+01:00"))


def _alter_record(bundle: dict[str, Any]) -> None:
    bundle["records"][0]["members_hash"] = b64(b"\x11" * 32)


def _hide_record(bundle: dict[str, Any]) -> None:
    (recall,) = (at for at, record in enumerate(bundle["records"]) if unb64(record["key"])[0] == Space.RECALL)
    bundle |= as_neighbour(bundle, recall)


def _forge_event_signature(bundle: dict[str, Any]) -> None:
    signed = bundle["signed"][0]
    signed["signatures"] = [b64(b"\x05" * 64)]


def _foreign_chain(bundle: dict[str, Any]) -> None:
    bundle["anchor"]["chain_id"] = b64(b"\x22" * 32)


def _other_state(bundle: dict[str, Any]) -> None:
    data = bytearray(unb64(bundle["state"]))
    data[-1] ^= 1
    bundle["state"] = b64(bytes(data))


def _rubbish(bundle: dict[str, Any]) -> None:
    bundle["surprise"] = 1


def _earlier_header(bundle: dict[str, Any]) -> None:
    bundle["anchor"]["descendants"] = [bundle["anchor"]["header"]]


_OTHER_STATE = "The state shown is not the one that the nodes signed."
_OTHER_STATE_ZH = "所示状态并非节点所签署的状态。"
# edit, code, and the one sentence in English and in Chinese
BROKEN: dict[str, tuple[Edit, str, str, str]] = {
    "two-signers": (_certificate(_two_signers), "quorum-short", "Too few nodes signed.", "签署的节点不足。"),
    "forged-vote": (
        _certificate(_forged_vote), "bad-vote-signature", "A node's signature is wrong.", "某节点的签名无效。",
    ),
    "entry-left-out": (
        _drop_entry, "history-altered", "Events were added, left out or reordered.", "事件被添加、遗漏或调换了顺序。",
    ),
    "event-altered": (
        _alter_event, "event-altered", "An event differs from the one that was signed.", "某事件与所签署的不同。",
    ),
    "record-altered": (_alter_record, "not-in-state", _OTHER_STATE, _OTHER_STATE_ZH),
    "event-signature-forged": (
        _forge_event_signature, "bad-event-signature", "The signature of an event is wrong.", "某事件的签名无效。",
    ),
    "foreign-chain": (_foreign_chain, "wrong-chain", "The proof is from another ledger.", "该证明来自另一账本。"),
    "other-state": (_other_state, "not-in-state", _OTHER_STATE, _OTHER_STATE_ZH),
    "unknown-member": (_rubbish, "unreadable", "The proof cannot be read.", "无法读取证明。"),
    "wrong-descendant": (
        _earlier_header, "not-in-chain", "The signatures are for another block.", "签名属于另一区块。",
    ),
    "recall-hidden": (
        _hide_record, "partly", "What is shown is genuine, but it is not shown that it is everything.",
        "所示内容真实，但未能证明已展示全部内容。",
    ),
}  # fmt: skip
HEADLINES = {"en": ("Not proven", "Partly proven"), "zh": ("未证明", "部分证明")}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_proof_gets_its_exact_reason(
    chromium: Chromium, explorer: Explorer, site: str, name: str, language: str
) -> None:
    edit, code, *reasons = BROKEN[name]
    reason = reasons[language == "zh"]
    bundle = written_out(json.loads(write_bundle(build_item(PACK, explorer.node.state))))
    edit(bundle)
    page = _with_proof(chromium, explorer, site, PACK, json.dumps(bundle).encode(), language)
    shown_code, word, shown_reason = verdict(page)
    assert shown_code == code
    assert word == HEADLINES[language][code == "partly"]
    assert shown_reason.startswith(reason)
    if code != "partly":
        assert shown_reason == reason  # on failure the reason, and nothing that could be taken for a proof
        assert page.evaluate("document.querySelectorAll('.seal:not([hidden])').length") == 0
    assert page.errors == []
    page.close()


def test_the_proof_of_another_thing_proves_nothing_here(chromium: Chromium, explorer: Explorer, site: str) -> None:
    other = write_bundle(build_item(BATCH, explorer.node.state))
    page = _with_proof(chromium, explorer, site, PACK, other)
    assert verdict(page)[0] == "wrong-subject"
    page.close()


def _with_proof(
    chromium: Chromium, explorer: Explorer, site: str, thing: str, proof: bytes, language: str = "en"
) -> Page:
    explorer.node.proofs[thing] = proof
    explorer.site.proofs.forget()
    try:
        return open_page(chromium, f"{site}/{language}/{thing}")
    finally:
        del explorer.node.proofs[thing]
        explorer.site.proofs.forget()


def test_a_proof_too_large_for_the_page_is_asked_for(
    chromium: Chromium, explorer: Explorer, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explorer.site, "html_max", 8_000)
    page = open_page(chromium, f"{site}/en/{PACK}")
    assert verdict(page)[0] == "proven"
    assert any("/v1/proofs/item" in url for url in page.requests)
    page.close()


# --- a page that lies beside a genuine proof ------------------------------------------------------------------

LIES = {  # many more: test_page_binding.py
    "event-left-out": "document.querySelector('.journey li').remove()",
    "event-repeated": "document.querySelector('.step').after(document.querySelector('.step').cloneNode(true))",
    "time-altered": "document.querySelector('.journey time').textContent = '1 January 2020, 00:00 UTC'",
    "correction-hidden": "document.querySelector('li.struck .correction').remove()",
    "recall-hidden": "document.querySelector('.recall').remove()",
}


@pytest.mark.parametrize("name", sorted(LIES))
def test_a_page_that_shows_something_else_than_its_proof_is_not_proven(
    chromium: Chromium, site: str, name: str
) -> None:
    lie = LIES[name]
    page = chromium.page()
    # The lie is told as soon as the parser has passed the last element, before the page's module runs.
    watcher = (
        "new MutationObserver((_, observer) => { if (document.getElementById('pinned')) "
        f"{{ observer.disconnect(); {lie} }} }}).observe(document, {{ childList: true, subtree: true }});"
    )
    page.command("Page.addScriptToEvaluateOnNewDocument", {"source": watcher})
    page.goto(f"{site}/en/{PACK}")
    page.wait_for(VERDICT)
    code, word, reason = verdict(page)
    assert (code, word) == ("page-altered", "Not proven")
    assert reason == "The proof holds, but this page shows something else than it proves."
    assert page.evaluate("document.querySelectorAll('.seal:not([hidden])').length") == 0
    page.close()


def test_a_browser_without_ed25519_is_told_so_and_offered_other_ways(chromium: Chromium, site: str) -> None:
    page = chromium.page()
    page.command("Page.addScriptToEvaluateOnNewDocument", {"source": NO_ED25519})
    page.goto(f"{site}/en/{PACK}")
    page.wait_for(VERDICT)
    code, word, reason = verdict(page)
    assert (code, word) == ("no-crypto", "Not checked in this browser")
    assert "another browser" in reason and "tallystick verify" in reason
    page.close()


def test_a_page_opened_without_https_has_no_crypto_and_says_what_helps(chromium: Chromium, site: str) -> None:
    page = chromium.page()
    missing = "Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })"  # as on a plain http origin
    page.command("Page.addScriptToEvaluateOnNewDocument", {"source": missing})
    page.goto(f"{site}/en/{PACK}")
    page.wait_for(VERDICT)
    code, word, reason = verdict(page)
    assert (code, word) == ("no-crypto", "Not checked in this browser")
    assert "https" in reason and not page.errors
    page.close()


# --- how it looks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [320, 360, 1_280])
@pytest.mark.parametrize("path", [PACK, "", "blocks", "block/20", "about/checking", NEVER])
def test_nothing_overflows_at_any_width(chromium: Chromium, site: str, width: int, path: str) -> None:
    page = chromium.page(width=width)
    for language in ("en", "zh"):
        page.goto(f"{site}/{language}/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (language, width)
    page.close()


def test_the_phone_page_can_be_looked_at(chromium: Chromium, site: str, tmp_path: Path) -> None:
    page = open_page(chromium, f"{site}/zh/{PACK}", width=360, height=740)
    page.screenshot(tmp_path / "phone.png")
    assert (tmp_path / "phone.png").stat().st_size > 50_000
    page.close()


CONTRAST = """
(() => {
  const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const background = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll('main *, header *, footer *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest('svg, script, noscript') || !element.checkVisibility()) continue;
    const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(background(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${element.className || element.tagName}: ${ratio.toFixed(2)}`);
  }
  return poor;
})()
"""


@pytest.mark.parametrize("media", ["screen", "print"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(chromium: Chromium, site: str, scheme: str, media: str) -> None:
    page = chromium.page()
    page.media(prefers_color_scheme=scheme, prefers_reduced_motion="reduce", media=media)
    for path in (PACK, FOREIGN, NEVER, "", "block/20"):
        page.goto(f"{site}/en/{path}")
        if "/" in path and path[0] == "0":
            page.wait_for(VERDICT)
        assert page.evaluate(CONTRAST) == [], path
    page.close()


def test_what_is_folded_is_printed(chromium: Chromium, site: str) -> None:
    page = open_page(chromium, f"{site}/en/{PACK}")
    visible = "document.querySelector('details table').checkVisibility({ contentVisibilityAuto: true })"
    assert page.evaluate(visible) is False
    page.media(media="print")
    page.wait_for(visible)  # with the next frame
    page.close()


def test_every_control_shows_that_it_has_the_keyboard(chromium: Chromium, site: str) -> None:
    page = open_page(chromium, f"{site}/en/{PACK}")
    reached = set()
    for _ in range(80):
        for kind in ("keyDown", "keyUp"):
            key = {"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
            page.command("Input.dispatchKeyEvent", key)
        focus = (
            "(() => { const one = document.activeElement, style = getComputedStyle(one); "
            "return [one.outerHTML.slice(0, 200), one === document.body || style.outline.includes('solid 3px')] })()"
        )
        element, shown = page.evaluate(focus)
        assert shown, element
        reached.add(element)
    assert len(reached) > 40
    page.close()


def test_controls_are_large_enough_for_a_thumb(chromium: Chromium, site: str) -> None:
    page = chromium.page(width=360)
    for path in ("", PACK):
        page.goto(f"{site}/en/{path}")
        small = page.evaluate(
            "[...document.querySelectorAll('nav a, .brand, button, .button, input, summary')]"
            ".filter((e) => e.getBoundingClientRect().height < 44).map((e) => e.outerHTML)"
        )
        assert small == []
    page.close()


def test_headings_landmarks_and_names_are_in_order(chromium: Chromium, site: str) -> None:
    page = open_page(chromium, f"{site}/en/{PACK}")
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((e) => Number(e.tagName[1]))")
    assert levels.count(1) == 1
    assert page.evaluate("document.querySelectorAll('main').length") == 1
    assert page.evaluate("[...document.querySelectorAll('a')].filter((e) => !e.textContent.trim()).length") == 0
    assert page.evaluate("document.querySelectorAll('[aria-live=polite]').length") == 1
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    targets = page.evaluate(
        "[...document.querySelectorAll('[aria-labelledby]')].map((e) => e.getAttribute('aria-labelledby'))"
    )
    assert set(targets) <= set(ids)
    page.close()
