"""What must fail, each with its reason. Every check raises when the ledger or a verifier lets it through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from client_sdk import event_builder as build
from client_sdk.intents import finance, trade
from client_sdk.receivables import Query
from scripts.story import forgeries
from scripts.story.cast import BACKYARD, CARRIER, GROWER, LENDER_A, LENDER_B, PROCESSOR, RETAILER, Cast
from scripts.story.goods import BATCH_A, NEVER_ISSUED, PACKS_A, PACKS_B, PALLET_A, GoodsStory, item
from scripts.story.money import FACE, MoneyStory
from tallystick.api import TRANSACTIONS, TransactionState
from tallystick.epcis import JsonObject, parse_parts
from tallystick.errors import ProofError, RefusedError
from tallystick.proofs import verify_bundle
from tallystick.records.goods import correction_key
from tallystick.records.members import KeyUse
from tallystick.transactions import SignedTransaction


class NotRefused(Exception):
    """Something that must fail did not, or failed for another reason."""


@dataclass(slots=True)
class Refusals:
    """The checks; ``reasons`` keeps what each was refused with."""

    cast: Cast
    goods: GoodsStory
    money: MoneyStory
    reasons: dict[str, str] = field(default_factory=dict)

    def expect(self, name: str, reasons: tuple[str, ...], attempt: Callable[[], object]) -> str:
        """Run an attempt that must be refused with one of these reasons or codes."""
        try:
            attempt()
        except RefusedError as error:
            found = error.reason
        except ProofError as error:
            found = str(error.code)
        else:
            raise NotRefused(f"{name}: nobody refused it")
        if found not in reasons:
            raise NotRefused(f"{name}: refused with {found}, expected {' or '.join(reasons)}")
        self.reasons[name] = found
        return found

    # --- goods --------------------------------------------------------------------------------------------

    def unaccredited_laboratory(self) -> str:
        """A laboratory without accreditation passes the batch."""
        event = build.inspect([item(BATCH_A)], self.goods.at(), passed=True)
        return self.expect("unaccredited laboratory", ("NOT_ACCREDITED",), lambda: self.cast[BACKYARD].capture([event]))

    def shipment_by_a_stranger(self) -> str:
        """The grower ships a batch that the processor holds."""
        event = build.ship([item(BATCH_A)], self.goods.at(), sender=GROWER, receiver=RETAILER)
        return self.expect("shipment by a stranger", ("NOT_HOLDER",), lambda: self.cast[GROWER].capture([event]))

    def recalled_shipment(self) -> str:
        """The retailer ships a recalled pack on."""
        event = build.ship([item(PACKS_B[1])], self.goods.at(), sender=RETAILER, receiver=CARRIER)
        return self.expect("recalled goods shipped", ("RECALLED",), lambda: self.cast[RETAILER].capture([event]))

    def altered_event(self) -> str:
        """One byte of a signed event is changed on the way."""
        forged = forgeries.with_altered_event(self.goods.done["harvest-a"].transaction)
        return self.expect("event altered by one byte", ("transaction.digest",), lambda: self._post(GROWER, forged))

    def replayed(self) -> str:
        """The same bytes again: answered with the first place, executed no second time."""
        done = self.goods.done["harvest-a"]
        again = self.cast[RETAILER].client.submit(done.transaction, wait=TransactionState.EXECUTED)
        if (again.height, again.index) != (done.outcome.height, done.outcome.index):
            raise NotRefused("a replayed transaction was executed at another place")
        self.reasons["transaction replayed"] = f"executed once, at height {again.height}"
        return self.reasons["transaction replayed"]

    def never_issued(self) -> str:
        """A code that nobody issued is scanned; its absence is proven."""
        verdict = str(self.cast.reader(RETAILER).item(NEVER_ISSUED).verdict)
        if verdict != "unknown-item":
            raise NotRefused(f"a never-issued serial is called {verdict}")
        self.reasons["never-issued serial"] = verdict
        return verdict

    # --- money --------------------------------------------------------------------------------------------

    def paid_twice(self) -> str:
        """The paid milestone is claimed again."""
        return self.expect(
            "payment triggered twice",
            ("ALREADY_PAID", "WRONG_STATE"),
            lambda: self.cast[PROCESSOR].do(trade.claim_milestone(self.money.escrow, 0)),
        )

    def same_invoice(self) -> str:
        """The invoice comes again under another spelling of its number."""
        second = self.money.present()
        retailer = self.cast[RETAILER]
        tag = retailer.invoice_tag(PROCESSOR, "INV001")
        return self.expect(
            "same invoice as INV001",
            ("OBLIGATION_DUPLICATE",),
            lambda: retailer.do(finance.confirm(second, tag, FACE)),
        )

    def stripped_confirmation(self) -> str:
        """The checker's signature is stripped from a confirmation."""
        retailer = self.cast[RETAILER]
        tag = retailer.invoice_tag(PROCESSOR, "INV-002")
        signed = retailer.sign(finance.confirm(self.money.obligation, tag, FACE))
        forged = forgeries.without_last_signature(signed)
        return self.expect(
            "confirmation with one signature stripped",
            ("transaction.signatures",),
            lambda: self._post(RETAILER, forged),
        )

    def second_pledge(self) -> str:
        """The financed payable is offered to lender B."""
        processor = self.cast[PROCESSOR]
        return self.expect(
            "second pledge",
            ("ALREADY_PLEDGED",),
            lambda: processor.do(finance.offer(self.money.terms(LENDER_B, self.money.grant))),
        )

    def lender_without_grant(self) -> str:
        """Lender B asks for what was granted to lender A."""
        query = Query(self.cast.reader(LENDER_B), LENDER_B)
        shown, denied = query.receivables([self.money.grant])
        if shown or self.money.grant not in denied:
            raise NotRefused("a lender without a grant was shown a receivable")
        self.reasons["lender without a grant"] = denied[self.money.grant].reason
        if self.reasons["lender without a grant"] != "GRANT_MISSING":
            raise NotRefused(f"lender without a grant: {self.reasons['lender without a grant']}")
        granted, _ = Query(self.cast.reader(LENDER_A), LENDER_A).receivables([self.money.grant])
        if len(granted) != 1:
            raise NotRefused("the lender with the grant sees nothing")
        return self.reasons["lender without a grant"]

    # --- proofs -------------------------------------------------------------------------------------------

    def refused_event_shown(self) -> str:
        """A refused event, genuinely in a block, is shown as if it held."""
        event = build.ship([item(BATCH_A)], self.goods.at(), sender=CARRIER, receiver=RETAILER)
        refused = self._refused_capture(CARRIER, event)
        reader = self.cast.reader(RETAILER)
        harvest = self.goods.done["harvest-a"].transaction.commitments[0]
        _, genuine = reader.event_with_bundle(harvest, self.goods_of("harvest-a"))
        forged = forgeries.refused_event_as_proof(genuine, refused)
        return self.expect("refused event shown as proof", ("refused",), lambda: self._verify(forged))

    def hidden_correction(self) -> str:
        """A reading that was declared erroneous is shown without its correction: alone, and in a pack's story."""
        wrong = self.goods.done["warm-wrong"].transaction.commitments[0]
        reader = self.cast.reader(RETAILER)
        whole, genuine = reader.item_with_bundle(PACKS_A[0])
        if (wrong, CARRIER) not in whole.closure.corrections:
            raise NotRefused("the correction is not part of the pack's story")
        forged = forgeries.without_entries(genuine, whole.closure.corrections[wrong, CARRIER].declared_by)
        self.expect("pack's story without a correction", ("history-altered",), lambda: self._verify(forged))
        _, alone = reader.event_with_bundle(wrong, PALLET_A)
        forged = forgeries.without_record(alone, correction_key(CARRIER, wrong))
        return self.expect(
            "erroneous event without its correction", ("correction-hidden",), lambda: self._verify(forged)
        )

    def goods_of(self, name: str) -> str:
        """Key text of the first thing that a captured event names."""
        event = self.goods.done[name].transaction.events[0]
        parsed = parse_parts(event.public, event.members)
        return (parsed.epcs or tuple(quantity.item for quantity in parsed.quantities))[0].key

    # --- helpers ------------------------------------------------------------------------------------------

    def _refused_capture(self, organisation: str, event: JsonObject) -> SignedTransaction:
        member = self.cast[organisation]
        prepared = member.prepare([event])
        transaction = member.client.sign_events(prepared.events, [member.seed_for(KeyUse.CAPTURE)])
        outcome = member.client.submit(transaction)
        if outcome.receipt is None or not any(one.reason for one in outcome.events):
            raise NotRefused("an event that must be refused was not")
        return transaction

    def _post(self, organisation: str, raw: bytes) -> None:
        self.cast[organisation].client.nodes.post(TRANSACTIONS, raw)

    def _verify(self, bundle: bytes) -> None:
        verify_bundle(bundle, self.cast.reader(RETAILER).trust.trust())
