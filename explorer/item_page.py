"""From facts to what a product page says, in the reader's language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from explorer.codes import has_page
from explorer.facts import CLASS, CONTAINER, INPUT, LOT, OWN, CorrectionFact, ItemFacts, StepFact
from explorer.i18n import Words
from explorer.proof_source import ProofAnswer
from explorer.read_model import Fact, ReadModel
from explorer.site import Site
from explorer.temperatures import chart_of, readings_of
from explorer.texts import TEXTS
from tallystick.epcis import Identifier, IdentifierKind, parse_key
from tallystick.plain_text import harmless
from tallystick.proofs import ProofCode
from tallystick.records.goods import HistoryKind, Verdict

_ABOUT = {
    LOT: "journey.of_lot",
    CLASS: "journey.of_class",
    CONTAINER: "journey.of_container",
    INPUT: "journey.of_input",
}
# What a page's script may come to although this site's own check came to something else, or to nothing.
_BY_ITSELF = (
    ProofCode.PROVEN,
    ProofCode.PARTLY,
    ProofCode.STATED,
    ProofCode.UNKNOWN,
    ProofCode.UNREADABLE,
    ProofCode.WRONG_SUBJECT,
    ProofCode.WRONG_HEIGHT,
    ProofCode.NO_CRYPTO,
)
MARKS = {"checked": "✓", "partly": "◐", "stated": "“", "unknown": "✕", "unproven": "✕", "server": "·"}


@dataclass(frozen=True, slots=True)
class Voice:
    """What turns facts into words: language, display names, the copy they are looked up in."""

    site: Site
    model: ReadModel
    words: Words
    organisations: dict[str, Fact]

    def organisation(self, organisation: str) -> str:
        """Name of an organisation with what it is, or empty."""
        known = self.organisations.get(organisation)
        if known is None:
            return organisation
        roles = [self.words.of("role", role) for role in known["roles"] if role != "governor"]
        return self.words.aside(known["name"], self._join(roles)) if roles else str(known["name"])

    def thing(self, key: str) -> str:
        """Display name of a thing, or its key text."""
        class_key = parse_key(key).class_key or key
        return self.site.product_name(key, class_key, language=self.words.language) or key

    def step_title(self, biz_step: str, kind: HistoryKind) -> str:
        """What happened, in a word or two."""
        if biz_step:
            return self.words.of("step", biz_step)
        return self.words(f"history.{kind.name.lower()}")

    def correction(self, fact: CorrectionFact) -> dict[str, Any]:
        """A correction with the commitments of the events that replace the erroneous one."""
        found = [self.model.event_by_id(event_id) for event_id in fact.corrective]
        reason = self.words.of("error", fact.reason) if fact.reason else self.words("error.incorrect_data")
        return {
            "declared_by": fact.declared_by,
            "height": fact.height,
            "reason": reason,
            "replacements": [commitment.hex() for commitment in found if commitment is not None],
        }

    def _join(self, names: list[str]) -> str:
        return ("、" if self.words.language == "zh" else ", ").join(names)


def voice_of(site: Site, model: ReadModel, words: Words) -> Voice:
    """The voice for one answer. Members chose their names themselves: none may turn the sentence around it round."""
    organisations = model.organisations()
    named: dict[str, Fact] = {id_: {**known, "name": harmless(known["name"])} for id_, known in organisations.items()}
    return Voice(site, model, words, named)


def item_page(voice: Voice, facts: ItemFacts) -> dict[str, Any]:
    """Everything that ``item.html`` shows of the facts."""
    words, model = voice.words, voice.model
    identifier = parse_key(facts.identifier)
    issuer = model.issuer_of(facts.identifier)
    kind = words(f"kind.{identifier.kind.name.lower()}")
    times = model.block_times([facts.first_height])
    return {
        "key": facts.identifier,
        "file_name": file_name(facts.identifier),
        "title": title_of(voice, identifier),
        "level": words("item.level", kind=kind),
        "ids": _ids(words, identifier, facts.lots),
        "known": facts.known,
        "status": words(f"status.{facts.status.name.lower()}"),
        "origin": words(f"origin.{facts.origin.name.lower()}"),
        "origin_words": harmless(facts.origin_words),
        "issuer": harmless(issuer["name"]) if issuer else "",
        "first_time": times.get(facts.first_height, 0),
        "journey": [step_view(voice, step) for step in facts.journey],
        "inputs": [step_view(voice, step) for step in facts.inputs],
        "statements": [step_view(voice, step) for step in facts.statements],
        "made_from": [(key, voice.thing(key)) for key in facts.made_from if has_page(key)],
        "used_for": [(key, voice.thing(key)) for key in facts.used_for if has_page(key)],
        "containers": facts.containers,
        "contents": facts.contents,
        "inspections": [_inspection(voice, facts, index) for index in range(len(facts.inspections))],
        "recalls": _recalls(voice, facts),
        "chart": chart_of(readings_of(facts.journey)),
    }


def title_of(voice: Voice, identifier: Identifier) -> str:
    """Display name of a thing, or what its code is."""
    keys = [identifier.key, identifier.class_key or identifier.key]
    named = voice.site.product_name(*keys, language=voice.words.language)
    if named:
        return named
    if identifier.kind is IdentifierKind.LOGISTIC_UNIT:
        return f"{voice.words('item.sscc')} {identifier.key[3:]}"
    return voice.words("item.title_unnamed", gtin=identifier.gtin)


def step_view(voice: Voice, step: StepFact) -> dict[str, Any]:
    """What one ``<li>`` of a journey shows."""
    disposition = voice.words.of("disposition", step.disposition) if step.disposition else ""
    about = step.about if step.relation != OWN else ""
    return {
        "commitment": step.commitment,
        "recorder": step.recorder,
        "relation": step.relation,
        "title": voice.step_title(step.biz_step, step.kind),
        "disposition": disposition,
        "time_ms": step.event_time_ms,
        "place": voice.site.place_name(step.read_point, voice.words.language) if step.read_point else "",
        "signer": voice.organisation(step.organisation) if step.organisation else "",
        "about": about if about and has_page(about) else "",
        "about_words": voice.words(_ABOUT[step.relation]) if step.relation != OWN else "",
        "height": step.height,
        "correction": None if step.correction is None else voice.correction(step.correction),
        "declares_error": "errorDeclaration" in step.public,
    }


def verdict_of(words: Words, facts: ItemFacts, proof: ProofAnswer, at: int | None) -> dict[str, str]:
    """What this site says by itself; the page's script puts the reader's own verdict in its place.

    *Proven* is for the reader's own browser to say: whoever reads without scripts trusts this site.
    """
    if proof.verified is None:
        if proof.code is None:
            told = words("verdict.server_none" if at is None else "verdict.at")
            return _verdict("server", words("verdict.no-crypto"), told)
        return _verdict("unproven", words("verdict.unproven"), words("verdict.server_bad", code=proof.code))
    anchor = proof.verified.anchor
    signed, total = len(anchor.signers), anchor.validators.count
    told = words(
        "verdict.server_ok", signed=signed, total=total, height=(proof.verified.as_of or anchor.executed).height
    )
    if proof.verified.verdict is ProofCode.PROVEN:
        return _verdict("checked", words("verdict.checked"), told)
    state = {ProofCode.PARTLY: "partly", ProofCode.STATED: "stated"}.get(proof.verified.verdict, "unknown")
    return _verdict(state, words(f"verdict.{state}"), f"{words.proof(proof.verified.verdict)} {told}")


def _verdict(state: str, word: str, reason: str) -> dict[str, str]:
    return {"state": state, "word": word, "reason": reason, "mark": MARKS[state]}


def pinned_of(site: Site, words: Words, facts: ItemFacts, proof: ProofAnswer, at: int | None) -> dict[str, Any]:
    """What the page's script needs: what this site pins, what was asked for, and its sentences.

    Of the sentences about proofs that do not hold there is the one that this site's own check came to.
    """
    trust = site.trust
    codes = {*_BY_ITSELF, proof.code or ProofCode.UNREADABLE}
    return {
        "subject": facts.identifier,
        **({"at": at} if at is not None else {}),
        "trust": {
            "chainId": trust.chain_id.hex(),
            "validatorsHashes": {str(epoch): digest.hex() for epoch, digest in trust.validators_hashes.items()},
        },
        "words": {
            "codes": {str(code): words.proof(code) for code in ProofCode if code in codes}
            | {"page-altered": words("verdict.page_altered")},
            "other": _raw(words, "verdict.other"),
            "terms": _terms(words, facts),
            "verdicts": {
                name: words(f"verdict.{name}")
                for name in ("proven", "partly", "stated", "unknown", "unproven", "no-crypto")
            },
            "waiting": words("verdict.waiting"),
            "checkedHere": _raw(words, "verdict.checked_here"),
            "asOf": _raw(words, "verdict.as_of"),
            "stale": _raw(words, "verdict.stale"),
            "otherWays": words("verdict.other_ways"),
        },
    }


def _terms(words: Words, facts: ItemFacts) -> dict[str, str]:
    """The words that the page has for what is proven, by what they stand for; without those that it does not know."""
    terms = {
        f"status.{facts.status.value}": words(f"status.{facts.status.name.lower()}"),
        f"origin.{facts.origin.value}": words(f"origin.{facts.origin.name.lower()}"),
    }
    for step in facts.shown:
        if step.relation != OWN:
            terms[f"about.{step.relation}"] = words(_ABOUT[step.relation])
        if step.correction is not None:
            terms["correction.title"] = words("correction.title")
        if "errorDeclaration" in step.public:
            terms["correction.declares"] = words("correction.declares")
        for family, word in (("step", step.biz_step), ("disposition", step.disposition)):
            if word and f"{family}.{word}" in TEXTS:
                terms[f"{family}.{word}"] = words(f"{family}.{word}")
        if not step.biz_step:
            terms[f"history.{step.kind.value}"] = words(f"history.{step.kind.name.lower()}")
    for recall in facts.recalls:
        terms[f"severity.{recall.severity}"] = words(f"severity.{recall.severity}")
    for inspection in facts.inspections:
        terms[f"inspection.{inspection.verdict.value}"] = _verdict_word(words, inspection.verdict)
    return terms


def _verdict_word(words: Words, verdict: Verdict) -> str:
    return words("verdict.pass" if verdict is Verdict.PASS else "verdict.fail")


def file_name(key: str) -> str:
    """A plain file name for a downloaded proof."""
    return f"proof-{re.sub(r'[^A-Za-z0-9]+', '-', key)}.json"


def _raw(words: Words, key: str) -> str:
    """A text with its placeholders, which the script fills."""
    return TEXTS[key][0 if words.language == "en" else 1]


def _ids(words: Words, identifier: Identifier, lots: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Label, value and page of each identifying number."""
    if identifier.kind is IdentifierKind.LOGISTIC_UNIT:
        return [(words("item.sscc"), identifier.key[3:], "")]
    found = []
    if identifier.serial is not None:
        found.append((words("item.serial"), identifier.serial, ""))
    if identifier.kind is IdentifierKind.LOT:
        found.append((words("item.lot"), identifier.lot or "", ""))
    for lot in lots:
        found.append((words("item.lot"), parse_key(lot).lot or lot, lot))
    class_page = "" if identifier.kind is IdentifierKind.CLASS else identifier.class_key or ""
    return [*found, (words("item.gtin"), identifier.gtin or "", class_page)]


def _inspection(voice: Voice, facts: ItemFacts, index: int) -> dict[str, Any]:
    inspection = facts.inspections[index]
    passed = inspection.verdict is Verdict.PASS
    known = voice.organisations.get(inspection.inspector)
    return {
        "about": inspection.about,
        "commitment": inspection.commitment,
        "verdict": _verdict_word(voice.words, inspection.verdict),
        "mark": "✓" if passed else "✕",
        "css": "pass" if passed else "fail",
        "inspector": known["name"] if known else inspection.inspector,
        "inspector_id": inspection.inspector,
    }


def _recalls(voice: Voice, facts: ItemFacts) -> list[dict[str, Any]]:
    times = voice.model.block_times([recall.height for recall in facts.recalls])
    shown = []
    for recall in facts.recalls:
        known = voice.organisations.get(recall.issuer)
        since = times.get(recall.height)
        shown.append(
            {
                "recall_id": recall.recall_id,
                "reason": harmless(recall.reason),
                "severity": voice.words(f"severity.{recall.severity}"),
                "issuer": known["name"] if known else recall.issuer,
                "issuer_id": recall.issuer,
                "since": voice.words.time(since) if since else str(recall.height),
                "roots": [root for root in recall.roots if has_page(root)],
                "spreading": recall.spreading,
            }
        )
    return shown
