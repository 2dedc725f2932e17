"""The acts in their order, each with what must hold after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from client_sdk.intents import trade
from scripts.story.cast import ADMISSIONS, CARRIER, LENDER_A, PROCESSOR, RETAILER, Cast
from scripts.story.display import Display
from scripts.story.goods import BATCH_A, BATCH_B, FIELD_A, PACKS_A, PACKS_B, PALLET_A, GoodsStory
from scripts.story.money import (
    ADVANCE,
    ESCROW_AMOUNT,
    FACE,
    FREIGHT,
    INTEREST,
    ORDER_TERMS,
    PERSON,
    TENOR_DAYS,
    UNIT_PRICE,
    MoneyStory,
    expected_interest,
)
from scripts.story.network import Network, http_bytes, http_json
from scripts.story.pages import Pages
from scripts.story.paper import Paper
from scripts.story.refusals import Refusals
from scripts.story.secrets_scan import scan_answers, scan_files
from tallystick.api import GENESIS, HEAD, HEALTH, ITEM_PROOF, METRICS
from tallystick.money import format_amount

SECRETS = (UNIT_PRICE, ORDER_TERMS, PERSON)


class StoryError(Exception):
    """An outcome is not as told."""


def require(condition: bool, words: str) -> None:
    """Raise when an outcome is not as told; unlike an assertion also under ``python -O``."""
    if not condition:
        raise StoryError(words)


@dataclass(slots=True)
class Story:
    """Everything from the founding to the repaid loan."""

    network: Network
    display: Display
    cast: Cast = field(init=False)
    goods: GoodsStory = field(init=False)
    money: MoneyStory = field(init=False)
    refusals: Refusals = field(init=False)
    paper: Paper = field(init=False)
    pages: Pages = field(init=False)
    files_scanned: int = 0

    def __post_init__(self) -> None:
        self.cast = Cast(self.network)
        self.goods = GoodsStory(self.cast)
        self.money = MoneyStory(self.cast)
        self.refusals = Refusals(self.cast, self.goods, self.money)
        self.paper = Paper(self.cast, self.refusals)

    def play(self) -> None:
        """All acts."""
        self.founding()
        self.members()
        self.from_field_to_batch()
        self.agreements()
        self.on_the_road()
        self.on_the_shelf()
        self.the_loan()
        self.the_recall()
        self.maturity()
        self.on_paper()
        self.looking_back()

    def founding(self) -> None:
        """Strangers found a network."""
        step = self.display.step
        self.display.act("1 · Four strangers found a network")
        step("each makes keys and a card; each merges the cards; all compare the chain id", self._found)
        step("four nodes start and agree on a first block", self.network.start_all)
        self.pages = Pages(step("the retailer's explorer starts beside its node", self._start_explorer))

    def members(self) -> None:
        """Members without nodes."""
        step = self.display.step
        self.display.act("2 · Members are admitted by a quorum")
        step("founders register working keys with their root keys", self.cast.open_founders)
        for admission in ADMISSIONS:
            step(f"{admission.name} is admitted", partial(self.cast.admit, admission))
        step("the bank opens accounts and credits deposits", self.money.fund_accounts)

    def from_field_to_batch(self) -> None:
        """Harvest to inspected batch."""
        step = self.display.step
        self.display.act("3 · From the field to an inspected batch")
        step("the grower harvests two lots", self.goods.harvest)
        step("the harvest is shipped and received", self.goods.deliver_to_plant)
        step("the processor turns them into serialised packs", self.goods.make_packs)
        step("a laboratory is accredited", self.goods.accredit)
        self._refused("an unaccredited laboratory passes the batch", self.refusals.unaccredited_laboratory)
        step("the accredited laboratory passes both batches", self.goods.inspect)
        self._refused("the grower ships what it no longer holds", self.refusals.shipment_by_a_stranger)
        self._refused("one byte of a signed event is changed", self.refusals.altered_event)
        self._refused("a transaction is sent again", self.refusals.replayed)

    def agreements(self) -> None:
        """Documents and escrows."""
        step = self.display.step
        self.display.act("4 · Order, escrow, freight")
        step("order, despatch advice, receipt advice, invoice as commitments", self.money.exchange_documents)
        step("the retailer locks the price: paid when received and inspection passed", self.money.agree_escrow)
        step("the freight is locked: paid a day after the pallet was shipped", self.money.agree_freight)

    def on_the_road(self) -> None:
        """Packing, transport, a correction, a killed node."""
        step = self.display.step
        self.display.act("5 · On the road, one node fails")
        step("packs go onto pallets, pallets to the carrier", self.goods.load)
        step("kill -9 of the carrier's node", lambda: self.network.kill(CARRIER))
        step("temperatures on the way, through another node", self.goods.travel)
        step("the carrier declares one reading erroneous", self.goods.correct)
        step("the carrier ships to the store", self.goods.ship_to_store)
        step("the freight's condition holds; the objection window runs", self._freight_latches)
        step("the carrier's node starts again and catches up", self._restart)
        step("the carrier declares the shipment itself erroneous: the condition un-latches", self._freight_unlatches)

    def on_the_shelf(self) -> None:
        """Receipt and payment."""
        step = self.display.step
        self.display.act("6 · On the shelf; the escrow pays")
        before = self.money.balance(PROCESSOR)
        step("the retailer receives and unpacks", self.goods.receive_at_store)
        step("received and passed: the escrow pays the processor", self._escrow_pays)
        require(self.money.balance(PROCESSOR) - before == ESCROW_AMOUNT, "the escrow paid another amount")
        self._refused("the payment is triggered again", self.refusals.paid_twice)
        self._refused("a code that nobody issued is scanned", self.refusals.never_issued)
        self._refused("a refused event is shown as if it held", self.refusals.refused_event_shown)
        self._refused("an erroneous reading is shown without its correction", self.refusals.hidden_correction)

    def the_loan(self) -> None:
        """Confirmation, grant, offer, financing."""
        step = self.display.step
        self.display.act("7 · The payable becomes a loan")
        step("two persons of the retailer get keys", self.money.equip_confirmers)
        step("maker and checker confirm the payable", self.money.confirm)
        self._refused("one signature is stripped from a confirmation", self.refusals.stripped_confirmation)
        self._refused("the same invoice again as INV001", self.refusals.same_invoice)
        step("the processor lets lender A see the evidence", self.money.give_view)
        self._refused("lender B asks without a grant", self.refusals.lender_without_grant)
        before = self.money.balance(PROCESSOR)
        step("the processor offers the payable to lender A", self.money.offer)
        step("lender A advances the money and takes the only lien", self.money.finance)
        require(self.money.balance(PROCESSOR) - before == ADVANCE, "the advance is another amount")
        self._refused("the payable is pledged to lender B as well", self.refusals.second_pledge)

    def the_recall(self) -> None:
        """Recall and its effects."""
        step = self.display.step
        self.display.act("8 · One lot is recalled")
        step("the grower recalls one field lot", self.goods.recall)
        step("every pack made of it carries the recall", self._recall_spreads)
        self._refused("a recalled pack is shipped on", self.refusals.recalled_shipment)
        step("a recalled pack goes back", self.goods.send_back)

    def maturity(self) -> None:
        """Thirty days later."""
        step = self.display.step
        self.display.act("9 · Thirty days later")
        lender, processor = self.money.balance(LENDER_A), self.money.balance(PROCESSOR)
        retailer, carrier = self.money.balance(RETAILER), self.money.balance(CARRIER)
        step("a quorum advances the chain's clock", lambda: self.money.advance_clock(TENOR_DAYS))
        step("the debt is paid at maturity, to the cent", lambda: self._repaid(lender))
        require(expected_interest() == INTEREST, "the interest is not what a pocket calculator gives")
        require(self.money.balance(PROCESSOR) - processor == FACE - ADVANCE - INTEREST, "the residual is wrong")
        step("the freight whose evidence was withdrawn went back", lambda: self._freight_refunded(retailer, carrier))

    def on_paper(self) -> None:
        """A consignment in one QR code, checked by somebody who reaches no node."""
        step = self.display.step
        self.display.act("10 · A pallet on paper")
        step(
            "the retailer has the newest state sealed, and prints pallet and contents as one QR code",
            self.paper.print_code,
            after=str,
        )
        step(
            "a buyer who has the genesis file photographs it and checks it without any node",
            self.paper.check_photograph,
            after=str,
        )
        self._refused("a pack that is not on the pallet is written onto its paper", self.paper.other_contents)
        self._refused("the code is stuck onto another pallet", self.paper.other_pallet)
        self._refused("one node seals what it made up, in the names of two others", self.paper.sealed_alone)

    def looking_back(self) -> None:
        """The same chain everywhere, pages, no secret anywhere."""
        step = self.display.step
        self.display.act("11 · Looking back")
        step("all four nodes hold the same state", self._same_everywhere)
        step("the pages show it, in Chinese and English", self._pages_show_it)
        step("a pack's whole story verifies against the pinned validators", self._verify_pack)
        step("no price, term, name or key in any data folder, log or public answer", self._scan)

    def figures(self) -> dict[str, object]:
        """What ``--check`` prints."""
        head = http_json(self.network.nodes[RETAILER].url, "/.well-known/head")
        return {
            "chain_id": self.network.chain_id,
            "height": head["height"],
            "steps": self.display.steps,
            "refused": self.refusals.reasons,
            "interest": format_amount(INTEREST, "CNY"),
            **self.paper.figures,
            "files_scanned": self.files_scanned,
        }

    # --- steps with something to check ----------------------------------------------------------------------

    def _refused(self, words: str, attempt: object) -> None:
        assert callable(attempt)
        self.display.step(f"must fail: {words}", attempt, after=lambda reason: f"refused: {reason}")

    def _found(self) -> None:
        self.network.found("orchard-demo")

    def _start_explorer(self) -> str:
        products = Path(__file__).with_name("products.toml").read_text()
        return self.network.start_explorer(RETAILER, products)

    def _restart(self) -> None:
        height = http_json(self.network.nodes[RETAILER].url, "/health")["executed_height"]
        self.network.start(CARRIER)
        self.network.wait_for_height(height, [CARRIER])

    def _freight_latches(self) -> None:
        self._claim(CARRIER, self.money.freight)
        require(self.money.escrow_state(self.money.freight) == "LATCHED", "the freight's condition did not latch")

    def _freight_unlatches(self) -> None:
        self.goods.withdraw_shipment()
        self._claim(RETAILER, self.money.freight)
        require(self.money.escrow_state(self.money.freight) == "WAITING", "the freight's condition is still latched")

    def _claim(self, organisation: str, escrow: bytes) -> None:
        self.cast[organisation].do(trade.claim_milestone(escrow, 0))

    def _escrow_pays(self) -> None:
        self._claim(PROCESSOR, self.money.escrow)
        require(self.money.escrow_state(self.money.escrow) == "RELEASED", "the escrow did not pay")

    def _recall_spreads(self) -> None:
        for pack in self.goods.recalled_packs():
            self.goods.wait_until(partial(self._is_recalled, pack))

    def _is_recalled(self, pack: str) -> bool:
        item = self.cast.reader(RETAILER).item(pack).closure.parts[pack].item
        return item is not None and bool(item.recalls)

    def _repaid(self, before: int) -> None:
        self.goods.wait_until(lambda: self.money.balance(LENDER_A) != before)
        require(self.money.balance(LENDER_A) - before == ADVANCE + INTEREST, "the lender got another amount")

    def _freight_refunded(self, retailer: int, carrier: int) -> None:
        self.goods.wait_until(lambda: self.money.escrow_state(self.money.freight) == "REFUNDED")
        require(self.money.balance(CARRIER) == carrier, "the carrier was paid for a shipment it withdrew")
        require(self.money.balance(RETAILER) == retailer - FACE + FREIGHT, "the retailer's balance is wrong")

    def _same_everywhere(self) -> None:
        seen: list[dict[str, object]] = []

        def at_one_height() -> bool:
            seen[:] = [http_json(node.url, "/.well-known/head") for node in self.network.nodes.values()]
            return len({head["height"] for head in seen}) == 1

        self.goods.wait_until(at_one_height)
        require(all(head["chain_id"] == self.network.chain_id for head in seen), "a node follows another chain")
        same = all((head["header"], head["executed"]) == (seen[0]["header"], seen[0]["executed"]) for head in seen)
        require(same, "the nodes do not hold the same block and state")

    def _pages_show_it(self) -> None:
        wrong, right = (self.goods.done[name].transaction.commitments[0].hex() for name in ("warm-wrong", "warm-right"))
        self.pages.check(wrong, right)

    def _verify_pack(self) -> None:
        verified = self.cast.reader(RETAILER).item(PACKS_A[0])
        require(verified.verdict == "proven", f"the pack is {verified.verdict}: {verified.closure.missing}")
        require(BATCH_A in verified.closure.parts, "the batch is not part of the pack's story")

    def _scan(self) -> None:
        seeds = [*self.cast.root_seeds.values()]
        for member in self.cast.members.values():
            seeds += [*member.seeds.values(), member.capture_secret, member.invoice_secret]
        seeds = [seed for seed in seeds if seed]
        self.files_scanned = scan_files(self.network.folder, SECRETS, seeds, skip=set())
        scan_answers(self.pages.answers | self._said_by_nodes(), SECRETS, seeds)

    def _said_by_nodes(self) -> dict[str, bytes]:
        """What the nodes tell anybody about the network and about everything in the story."""
        paths = [HEAD, HEALTH, METRICS, GENESIS]
        paths += [f"{ITEM_PROOF}?id={key}" for key in (FIELD_A, BATCH_A, BATCH_B, *PACKS_A, *PACKS_B, PALLET_A)]
        answers = {}
        for node in self.network.nodes.values():
            for path in paths:
                status, answers[node.url + path] = http_bytes(node.url, path)
                require(status == 200, f"{node.url}{path} answered {status}")
        return answers
