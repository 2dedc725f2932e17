"""``tallystick sign``: the second signer sees whose money is promised, in words, before the signature is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from client_sdk.drafts import load_draft
from client_sdk.errors import ExitCode
from client_sdk.transport import Request, Response
from tallystick.records.members import KeyUse
from tests.unit.client_sdk.command_line import CommandLine
from tests.unit.client_sdk.ledger import FakeNode, Ledger, lost
from tests.unit.client_sdk.test_cli import ESCROW_TERMS
from tests.world import public_key

SIGNERS = [word for use in ("CONFIRM_MAKER", "CONFIRM_CHECKER")
           for word in ("--signer", public_key("org:retailer", use).hex())]  # fmt: skip
TRADER = ("--signer", public_key("org:retailer", "TRADE").hex())


class Deal:
    """A presented invoice, and the two who work on it."""

    def __init__(self, ledger: Ledger, node: FakeNode, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        ledger.world.admit("org:bank", "bank", currencies=("CNY",))
        ledger.world.add_keys("org:retailer", KeyUse.CONFIRM_MAKER, KeyUse.CONFIRM_CHECKER)
        at = {name: CommandLine(folder, name, node, capsys) for name in ("org:bank", "org:retailer", "org:processor")}
        self.bank, self.retailer, self.processor = at.values()
        for owner in ("org:retailer", "org:processor"):
            self.bank.must("account", "open", owner, "CNY")
        self.bank.must("account", "deposit", "org:retailer", "50000.00 CNY")
        self.draft = folder / "a.draft"
        (folder / "invoice.json").write_text('{"number": "INV-001"}')
        self.invoice = self.processor.must("invoice", folder / "invoice.json", "--to", "org:retailer")["commitment"]
        self.obligation = self.processor.must(
            "present", "org:retailer", "15000.00 CNY", "--bank", "org:bank", "--due", "2026-03-01T00:00:00Z",
            "--invoice", self.invoice,
        )["created"]  # fmt: skip

    def confirm_later(self) -> None:
        """A confirmation that both persons are yet to sign."""
        self.retailer.must("confirm", self.obligation, "--invoice-number", "INV-001", "--draft", self.draft, *SIGNERS)

    def shown(self, *words: object) -> dict[str, Any]:
        """What is shown of a draft that one person is to sign, beside its contents."""
        self.draft.unlink(missing_ok=True)
        self.retailer.must(*words, "--draft", self.draft, *TRADER)
        return self.retailer.must("sign", self.draft, "--check")


@pytest.fixture
def deal(ledger: Ledger, node: FakeNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Deal:
    return Deal(ledger, node, tmp_path, capsys)


def test_the_second_signer_reads_parties_amount_due_date_and_invoice(deal: Deal) -> None:
    deal.confirm_later()
    pass_file = deal.retailer.folder / "pass"
    answer = deal.retailer.run(
        "sign", deal.draft, "--key", "checker", "--passphrase-file", pass_file, json_output=False
    )
    assert answer.code == ExitCode.OK
    for words in ("org:retailer owes org:processor 15000.00 CNY", "due 2026-03-01T00:00:00", "at org:bank",
                  f"invoice {deal.invoice}", "amount: 15000.00 CNY", "ConfirmObligation"):  # fmt: skip
        assert words in answer.err
    assert "still to be signed by" in answer.out


def test_with_json_one_object_holds_contents_and_terms(deal: Deal) -> None:
    deal.confirm_later()
    said = deal.retailer.must("sign", deal.draft, "--key", "checker")
    assert said["contents"]["value"]["amount"] == 1_500_000 and said["amounts"] == {"amount": "15000.00 CNY"}
    (terms,) = said["terms"]
    assert (terms["kind"], terms["id"], terms["state"]) == ("obligation", deal.obligation, "presented")
    parties = {name: terms[name] for name in ("debtor", "creditor", "bank", "currency", "face", "invoice")}
    assert parties == {"debtor": "org:retailer", "creditor": "org:processor", "bank": "org:bank", "currency": "CNY",
                       "face": 1_500_000, "invoice": deal.invoice}  # fmt: skip
    assert said["not_looked_up"] == "" and len(said["missing"]) == 1


def test_a_draft_can_be_looked_at_without_signing_it(deal: Deal) -> None:
    deal.confirm_later()
    before = deal.draft.read_bytes()
    said = deal.retailer.must("sign", deal.draft, "--check")
    assert said["terms"][0]["creditor"] == "org:processor" and len(said["missing"]) == 2
    assert deal.draft.read_bytes() == before


def test_without_a_node_it_says_so_shows_the_payload_and_signs(deal: Deal, node: FakeNode) -> None:
    deal.confirm_later()
    node.before = lost
    pass_file = deal.retailer.folder / "pass"
    answer = deal.retailer.run(
        "sign", deal.draft, "--key", "checker", "--passphrase-file", pass_file, json_output=False
    )
    assert answer.code == ExitCode.OK and len(load_draft(deal.draft).missing()) == 1
    assert "could not be looked up" in answer.err and '"amount": 1500000' in answer.err
    said = deal.retailer.must("sign", deal.draft, "--key", "maker")
    assert said["terms"] == [] and "no node answered" in said["not_looked_up"] and said["missing"] == []


def test_offline_asks_nobody(deal: Deal, node: FakeNode) -> None:
    deal.confirm_later()
    node.requests.clear()
    said = deal.retailer.must("sign", deal.draft, "--key", "checker", "--offline")
    assert node.requests == [] and "--offline" in said["not_looked_up"] and said["contents"]["value"]


def test_nothing_is_signed_on_terms_that_a_node_falsifies(deal: Deal, node: FakeNode) -> None:
    deal.confirm_later()
    before = deal.draft.read_bytes()

    def altered(request: Request, response: Response) -> Response:
        false = request.path.endswith("/record") or "record" in request.path
        return Response(response.status, response.headers, b"\x00" + response.body[1:]) if false else response

    node.after = altered
    answer = deal.retailer.send("sign", deal.draft, "--key", "checker")
    assert answer.code == ExitCode.UNPROVEN and answer.json["error"] == "unproven"
    assert deal.draft.read_bytes() == before


def test_an_object_that_does_not_exist_is_said_to(deal: Deal) -> None:
    deal.draft.unlink(missing_ok=True)
    said = deal.shown("reject", "ab" * 32, "--reason", "other")
    assert said["terms"][0]["exists"] is False
    words = deal.retailer.run("sign", deal.draft, "--check", "--passphrase-file", deal.retailer.folder / "pass",
                              json_output=False).err  # fmt: skip
    assert f"there is no obligation {'ab' * 32}" in words


def test_a_payment_and_a_transfer_are_shown_in_their_currency(deal: Deal, ledger: Ledger) -> None:
    paid = deal.shown("pay", deal.obligation, "100.50 CNY")
    assert paid["amounts"] == {"amount": "100.50 CNY"} and paid["terms"][0]["debtor"] == "org:retailer"
    moved = deal.shown("account", "transfer", "org:bank", "org:processor", "800.00 CNY")
    assert moved["amounts"] == {"amount": "800.00 CNY"}
    (account,) = moved["terms"]
    assert (account["kind"], account["owner"], account["balance"]) == ("account", "org:retailer", 5_000_000)


def test_an_escrow_is_shown_with_its_parties_and_milestones(deal: Deal, ledger: Ledger, tmp_path: Path) -> None:
    ledger.world.admit("org:court", "arbitrator")
    (tmp_path / "terms.json").write_text(json.dumps(ESCROW_TERMS))
    created = deal.shown("escrow", "create", tmp_path / "terms.json")
    assert created["amounts"] == {"milestones": ["100.00 CNY"]} and created["terms"] == []
    escrow = deal.retailer.must("escrow", "create", tmp_path / "terms.json")["created"]
    settled = deal.shown("escrow", "settle", escrow, "--to-payee", "40.00 CNY")
    assert settled["amounts"] == {"to_payee": "40.00 CNY"}
    (terms,) = settled["terms"]
    assert (terms["payer"], terms["payee"], terms["milestones"][0]["amount"]) == (
        "org:retailer", "org:processor", 10_000,
    )  # fmt: skip


def test_slices_deals_and_grants_lead_to_the_obligation(deal: Deal, ledger: Ledger) -> None:
    ledger.world.admit("org:lender-a", "lender")
    deal.bank.must("account", "open", "org:lender-a", "CNY")
    deal.retailer.must("confirm", deal.obligation, "--invoice-number", "INV-001", "--key", "maker", "--key", "checker")
    deal.retailer = deal.processor  # whose drafts these are
    granted = deal.shown("grant", "org:lender-a", "--obligation", deal.obligation, "--until", "+60d")
    assert [one["kind"] for one in granted["terms"]] == ["obligation"]
    grant = deal.processor.must("grant", "org:lender-a", "--obligation", deal.obligation, "--until", "+60d")["created"]
    parts = deal.shown("split", deal.obligation, "--part", "5000.00 CNY", "--part", "10000.00 CNY")
    assert parts["amounts"] == {"parts": ["5000.00 CNY", "10000.00 CNY"]}
    assert [one["kind"] for one in parts["terms"]] == ["slice", "obligation"]
    offer = ("offer", deal.obligation, "--grant", grant, "--advance", "12000.00 CNY", "--rate-bps", 600,
             "--lender", "org:lender-a")  # fmt: skip
    assert deal.shown(*offer)["amounts"] == {"advance": "12000.00 CNY"}
    made = deal.processor.must(*offer)["created"]
    withdrawn = deal.shown("withdraw", made)
    assert [one["kind"] for one in withdrawn["terms"]] == ["deal", "slice", "obligation"]
    assert (withdrawn["terms"][0]["lender"], withdrawn["terms"][0]["advance"]) == ("org:lender-a", 1_200_000)
    revoked = deal.shown("revoke-grant", grant)
    assert [one["kind"] for one in revoked["terms"]] == ["grant", "obligation"]
