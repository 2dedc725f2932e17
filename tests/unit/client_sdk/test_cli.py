"""The command line: a trade typed command by command, refusals, exit codes, and never a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from client_sdk import cli
from client_sdk.commands import GROUPS
from client_sdk.errors import ExitCode
from client_sdk.transport import Request, Response
from tallystick import keys
from tallystick.encoding import encode
from tallystick.errors import UnavailableError
from tallystick.evidence import Said, evidence_of, write_evidence_file
from tallystick.payloads.membership import SubmitEvidence
from tallystick.records.members import KeyUse
from tallystick.votes import Statement, VoteKind
from tests.unit.client_sdk.command_line import CommandLine
from tests.unit.client_sdk.ledger import FakeNode, Ledger, lost
from tests.unit.client_sdk.test_member_flow import LOT, SITE
from tests.world import gtin, public_key, seed, sscc

PALLET = sscc("9521111")
LAB_SCOPE = gtin("9521111")
ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).with_name("help.txt")
ESCROW_TERMS = {
    "payer": "org:retailer", "payee": "org:processor", "bank": "org:bank", "currency": "CNY", "arbitrator": "org:court",
    "fund_by": "+2d", "refund_after": "+30d", "dispute_for": "7d", "otherwise": "refund",
    "milestones": [{"amount": "100.00", "when": {"signed_by": "org:retailer"}}],
}  # fmt: skip


@pytest.fixture
def terminal(ledger: Ledger, node: FakeNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Makes an organisation's terminal, once."""
    made: dict[str, CommandLine] = {}

    def at(organisation: str) -> CommandLine:
        if organisation not in made:
            made[organisation] = CommandLine(tmp_path, organisation, node, capsys, location=SITE)
        return made[organisation]

    return at


# --- goods ------------------------------------------------------------------------------------------------


def test_goods_are_made_shipped_inspected_received_and_traced(ledger: Ledger, terminal) -> None:
    ledger.world.admit_laboratory(LAB_SCOPE)
    grower, carrier, laboratory = terminal("org:grower"), terminal("org:carrier"), terminal("org:laboratory")
    made = grower.must("commission", f"{LOT}=1000KGM", "--at", SITE)
    assert made["state"] == "proven" and made["events"][0]["status"] == "effective"
    report = grower.folder / "report.pdf"
    report.write_bytes(b"all good")
    laboratory.must("inspect", LOT, "--pass", "--report", report, "--certificate", "https://lab.example/7")
    grower.must("ship", LOT, "--to", "org:carrier", "--temperature", "3.9")
    carrier.must("receive", LOT, "--from", "org:grower")
    story = carrier.run("trace", LOT).json
    assert story["verdict"] == "proven"
    assert [event["step"] for event in story["events"]] == [
        "creating_class_instance", "inspecting", "shipping", "receiving",
    ]  # fmt: skip
    words = carrier.run("trace", LOT, json_output=False).out
    assert words.splitlines()[1].startswith("  Proven:")
    assert "Temperature 3.9 CEL" in words


def test_a_shipment_by_somebody_who_does_not_hold_the_goods_is_refused_with_a_remedy(terminal) -> None:
    terminal("org:grower").must("commission", f"{LOT}=1000KGM")
    answer = terminal("org:carrier").send("ship", LOT, "--to", "org:retailer")
    assert answer.code == ExitCode.REFUSED
    assert (answer.json["error"], answer.json["code"]) == ("refused", "NOT_HOLDER")
    assert answer.json["remedy"] == "receive them first"


def test_an_unaccredited_laboratory_is_refused(ledger: Ledger, terminal) -> None:
    ledger.world.admit("org:backyard", "inspector")
    terminal("org:grower").must("commission", f"{LOT}=1000KGM")
    answer = terminal("org:backyard").send("inspect", LOT, "--pass")
    assert (answer.code, answer.json["code"]) == (ExitCode.REFUSED, "NOT_ACCREDITED")


def test_packing_recall_return_and_error_declaration(ledger: Ledger, terminal) -> None:
    grower, carrier = terminal("org:grower"), terminal("org:carrier")
    serial = gtin("9521111") + "/21/S1"
    grower.must("commission", serial, PALLET)
    grower.must("pack", PALLET, serial)
    grower.must("ship", PALLET, "--to", "org:carrier")
    carrier.must("receive", PALLET, "--from", "org:grower")
    wrong = carrier.folder / "wrong.json"
    carrier.must("observe", PALLET, "--temperature", "31.2", "--save", wrong)
    carrier.must("declare-error", wrong)
    carrier.must("unpack", PALLET)
    grower.must("recall", serial, "--id", "RC-1", "--reason", "may contain glass", "--severity", 1)
    ledger.world.work_off()
    refused = carrier.send("ship", serial, "--to", "org:retailer")
    assert refused.json["code"] == "RECALLED"
    carrier.must("return", serial, "--to", "org:grower")
    words = carrier.run("trace", serial, json_output=False).out
    assert words.startswith("!! RECALL RC-1 by org:grower: may contain glass")
    assert "declared erroneous: incorrect_data" in words
    said = {line[2] for line in words.splitlines() if "31.2" in line}
    assert said == {"x"}, "a reading that was taken back stands in no other line"
    (declaration,) = (e for e in carrier.run("trace", serial).json["events"] if e["declares_error"])
    assert (declaration["kind"], declaration["readings"]) == ("correct", [])
    assert f"  - {declaration['time']}  takes back: " in words


def test_what_is_only_stated_is_said_to_move_nothing(terminal, tmp_path: Path) -> None:
    """A declaration about an event that nobody recorded had read like one that took something back."""
    carrier, saved = terminal("org:carrier"), tmp_path / "seen.json"
    answer = carrier.run(
        "observe", PALLET, "--save", saved, "--passphrase-file", carrier.folder / "pass", json_output=False
    )
    assert answer.code == 0 and "only kept as your word: nothing of it is under control here" in answer.out
    other = tmp_path / "never.json"
    event = json.loads(saved.read_bytes())
    other.write_text(json.dumps(event | {"eventID": "urn:uuid:95211110-5a3b-4c1d-8e2f-000000000001"}))
    counted = carrier.must("capture", other)
    assert (counted["recorded"], counted["stated"]) == (1, 1)
    terminal("org:grower").must("commission", f"{LOT}=1000KGM", "--save", tmp_path / "lot.json")
    words = terminal("org:grower").run(
        "declare-error", tmp_path / "lot.json", "--passphrase-file", carrier.folder / "pass", json_output=False
    )
    assert words.code == 0 and "your word" not in words.out


def test_a_document_is_captured_once_however_often_it_is_typed(terminal, tmp_path: Path) -> None:
    grower = terminal("org:grower")
    event = {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "ObjectEvent", "action": "ADD", "bizStep": "commissioning", "eventTime": "2025-09-01T00:00:00Z",
        "eventTimeZoneOffset": "+00:00", "bizLocation": {"id": SITE}, "epcList": [f"https://id.gs1.org/{PALLET}"],
    }  # fmt: skip
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event))
    assert grower.run("capture", path, "--check").json["checked"] is True
    first, again = grower.must("capture", path), grower.must("capture", path)
    assert (first["recorded"], first["resumed"]) == (1, 0)
    assert (again["recorded"], again["resumed"]) == (1, 1)
    path.with_name("event.json.journal").unlink()
    assert grower.must("capture", path)["chunks"][0]["reason"] == "DUPLICATE"


def test_a_document_is_checked_where_nothing_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TALLYSTICK_CONFIG", str(tmp_path / "none.toml"))
    path = tmp_path / "event.json"
    good = b'{"@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"], "type": "ObjectEvent", ' \
        b'"action": "OBSERVE", "eventTime": "2025-09-01T00:00:00Z", "eventTimeZoneOffset": "+00:00", ' \
        b'"epcList": ["https://id.gs1.org/00/095211110000000013"]}'  # fmt: skip
    for data, code, word in ((good, ExitCode.OK, "checked"), (good[:-1], ExitCode.USAGE, "json.syntax"),
                             (good.replace(b"OBSERVE", b"PERHAPS"), ExitCode.USAGE, "epcis.action")):  # fmt: skip
        path.write_bytes(data)
        assert cli.main(["capture", str(path), "--check", "--json"]) == code
        said = capsys.readouterr()
        assert word in said.out + said.err
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_document_names_path_rule_and_remedy_and_sends_nothing(
    terminal, node: FakeNode, tmp_path: Path
) -> None:
    path = tmp_path / "event.json"
    path.write_text('{"@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"], "type": "X"}')
    answer = terminal("org:grower").send("capture", path)
    assert answer.code == ExitCode.USAGE
    assert answer.json["code"] and answer.json["detail"]
    assert not [request for request in node.requests if request.method == "POST"]


# --- membership and several signers -----------------------------------------------------------------------


def test_governors_admit_a_member_by_a_draft_that_goes_around(ledger: Ledger, terminal, tmp_path: Path) -> None:
    grower, processor, carrier = terminal("org:grower"), terminal("org:processor"), terminal("org:carrier")
    draft = tmp_path / "admit.draft"
    signers = [word for name in ("org:grower", "org:processor", "org:carrier")
               for word in ("--signer", public_key(name, "ROOT").hex())]  # fmt: skip
    grower.must(
        "admit",
        "org:shop",
        "Shop",
        public_key("org:shop", "ROOT").hex(),
        "--role",
        "retailer",
        "--draft",
        draft,
        *signers,
    )
    early = grower.send("submit", draft)
    assert early.code == ExitCode.USAGE and "not signed yet" in early.json["detail"]
    for person in (processor, grower, carrier):
        left = person.must("sign", draft, "--key", "root")["missing"]
    assert left == []
    assert carrier.must("submit", draft)["reason"] == "NONE"
    shop = terminal("org:shop")
    shop.must("register-key", "--key", "root", "--key", "trade", "--use", "trade", "--use", "read")
    assert carrier.must("submit", draft)["reason"] == "NONE"  # the same transaction: nothing happens twice


def test_a_quorum_that_is_short_is_refused(terminal) -> None:
    answer = terminal("org:grower").send("suspend", "org:carrier")
    assert (answer.code, answer.json["code"]) == (ExitCode.REFUSED, "QUORUM_SHORT")


# --- money ------------------------------------------------------------------------------------------------


@pytest.fixture
def bank(ledger: Ledger, terminal) -> CommandLine:
    """A bank where everybody has an account, the retailer and lender A one with money in it."""
    ledger.world.admit("org:bank", "bank", currencies=("CNY",))
    ledger.world.admit("org:court", "arbitrator")
    for lender in ("org:lender-a", "org:lender-b"):
        ledger.world.admit(lender, "lender")
    ledger.world.add_keys("org:retailer", KeyUse.CONFIRM_MAKER, KeyUse.CONFIRM_CHECKER)
    bank: CommandLine = terminal("org:bank")
    for owner in ("org:retailer", "org:processor", "org:lender-a", "org:lender-b"):
        bank.must("account", "open", owner, "CNY")
    for owner in ("org:retailer", "org:lender-a"):
        bank.must("account", "deposit", owner, "50000.00 CNY")
    return bank


def test_an_account_shows_its_balance_and_a_payment_works_once(bank: CommandLine, terminal) -> None:
    retailer = terminal("org:retailer")
    pay = ("account", "transfer", "org:bank", "org:processor", "800.00 CNY", "--payment-id", "ab" * 32)
    retailer.must(*pay)
    again = retailer.send(*pay)
    assert (again.code, again.json["code"]) == (ExitCode.REFUSED, "ALREADY_PAID")
    shown = retailer.send("account", "show", "org:bank", "CNY").json
    assert (shown["amount"], shown["exists"]) == ("49200.00", True)
    assert retailer.send("account", "show", "org:bank", "CNY", "org:grower").json["exists"] is False


def test_an_escrow_is_proposed_funded_and_refunded(bank: CommandLine, terminal, tmp_path: Path) -> None:
    retailer, processor = terminal("org:retailer"), terminal("org:processor")
    path = tmp_path / "terms.json"
    path.write_text(json.dumps(ESCROW_TERMS))
    escrow = retailer.must("escrow", "create", path)["created"]
    retailer.must("escrow", "fund", escrow)
    assert retailer.send("escrow", "show", escrow).json["state"] == "funded"
    processor.must("escrow", "refund", escrow)
    assert processor.send("escrow", "show", escrow).json["milestones"][0]["state"] == "refunded"
    assert processor.send("inbox", "escrow").json["found"][0]["id"] == escrow


def test_a_payable_is_confirmed_by_two_granted_offered_and_financed(
    ledger: Ledger, bank: CommandLine, terminal, tmp_path: Path
) -> None:
    processor, retailer = terminal("org:processor"), terminal("org:retailer")
    lender, rival = terminal("org:lender-a"), terminal("org:lender-b")
    paper = tmp_path / "invoice.json"
    paper.write_text('{"number": "INV-001", "total": "15000.00"}')
    invoice = processor.must("invoice", paper, "--to", "org:retailer")
    opened = retailer.run("open-document", invoice["sealed"], invoice["commitment"]).json
    assert json.loads(opened["document"])["number"] == "INV-001"
    present = ("present", "org:retailer", "15000.00 CNY", "--bank", "org:bank", "--due", "+30d",
               "--invoice", invoice["commitment"])  # fmt: skip
    obligation = processor.must(*present)["created"]
    confirm = ("--key", "maker", "--key", "checker")
    retailer.must("confirm", obligation, "--invoice-number", "INV-001", *confirm)
    twice = processor.must(*present)["created"]
    again = retailer.send("confirm", twice, "--invoice-number", "inv 001", *confirm)
    assert (again.code, again.json["code"]) == (ExitCode.REFUSED, "OBLIGATION_DUPLICATE")
    alone = retailer.send("confirm", twice, "--invoice-number", "INV-2", "--key", "maker")
    assert alone.code == ExitCode.USAGE
    grant = processor.must("grant", "org:lender-a", "--obligation", obligation, "--until", "+60d")["created"]
    offer = ("offer", obligation, "--grant", grant, "--advance", "12000.00 CNY", "--rate-bps", 600)
    deal = processor.must(*offer, "--lender", "org:lender-a")["created"]
    lender.must("finance", deal)
    second = processor.send(*offer, "--lender", "org:lender-b")
    assert second.json["code"] in ("ALREADY_PLEDGED", "GRANT_MISSING")
    shown = lender.send("receivables").json
    (receivable,) = shown["receivables"]
    assert receivable["terms"]["confirmed"] == 1_500_000
    assert receivable["slices"][0]["lien_holder"] == "org:lender-a"
    proof = tmp_path / "receivable.proof.json"
    proven = lender.send("prove", "receivable", obligation, "--grant", grant, "--save", proof).json
    assert (proven["terms"]["confirmed"], proven["lien_holders"]) == (1_500_000, ["org:lender-a"])
    assert proven["only_claim_since_height"] is not None
    assert lender.run("verify", proof).json == proven | {"command": "verify"}
    assert "held by org:lender-a, by nobody else" in lender.run("verify", proof, json_output=False).out
    waiting = processor.send("prove", "receivable", twice).json
    assert (waiting["only_claim_since_height"], waiting["slices"]) == (None, [])
    denied = rival.send("receivables", "--grant", grant)
    assert denied.code == ExitCode.REFUSED
    assert denied.json["denied"][0]["reason"] == "GRANT_MISSING"
    assert rival.send("receivables").json["receivables"] == []


def test_money_of_another_currency_than_the_claims_is_not_moved(
    bank: CommandLine, terminal, node: FakeNode, tmp_path: Path
) -> None:
    """Payloads hold minor units alone: '1.00 EUR' would have paid 1.00 CNY, and '100 JPY' too."""
    processor, retailer = terminal("org:processor"), terminal("org:retailer")
    paper = tmp_path / "invoice.json"
    paper.write_text('{"number": "INV-001", "total": "150.00"}')
    invoice = processor.must("invoice", paper, "--to", "org:retailer")["commitment"]
    obligation = processor.must(
        "present", "org:retailer", "150.00 CNY", "--bank", "org:bank", "--due", "+30d", "--invoice", invoice
    )["created"]
    retailer.must("confirm", obligation, "--invoice-number", "INV-001", "--key", "maker", "--key", "checker")
    (tmp_path / "terms.json").write_text(json.dumps(ESCROW_TERMS))
    escrow = retailer.must("escrow", "create", tmp_path / "terms.json")["created"]
    sent = [request for request in node.requests if request.method == "POST"]
    for who, words in (
        (retailer, ("pay", obligation, "1.00 EUR")),
        (retailer, ("pay", obligation, "100 JPY")),
        (retailer, ("confirm", obligation, "--invoice-number", "I", "--amount", "1.00 EUR", "--key", "maker",
                    "--key", "checker")),
        (processor, ("split", obligation, "--part", "75.00 CNY", "--part", "75.00 EUR")),
        (processor, ("offer", obligation, "--lender", "org:lender-a", "--grant", "ab" * 32, "--advance", "1.00 EUR",
                     "--rate-bps", 600)),
        (retailer, ("escrow", "settle", escrow, "--to-payee", "10", "--currency", "JPY")),
        (retailer, ("escrow", "settle", escrow, "--to-payee", "10 JPY")),
        (retailer, ("escrow", "settle", escrow, "--to-payee", "0 EUR")),
    ):  # fmt: skip
        answer = who.send(*words)
        assert answer.code == ExitCode.USAGE and "is in CNY, not in" in answer.json["detail"], answer
    assert [request for request in node.requests if request.method == "POST"] == sent
    for amount, said in (
        ("12000", "names no currency"),
        ("1 CNY", "--currency says EUR"),
        ("...", "'...' is not a plain"),
    ):
        currency = () if amount == "12000" else ("--currency", "EUR")
        answer = retailer.send("escrow", "settle", escrow, "--to-payee", amount, *currency)
        assert answer.code == ExitCode.USAGE and said in answer.json["detail"], answer
    bare = retailer.send("confirm", obligation, "--invoice-number", "I", "--amount", "1.00")
    assert bare.code == ExitCode.USAGE and "write for instance '15000.00 CNY'" in bare.json["detail"]
    retailer.must("pay", obligation, "1.00 CNY")
    one_part = processor.send("split", obligation, "--part", "75.00 CNY")
    assert one_part.code == ExitCode.USAGE and "--part twice or more" in one_part.json["detail"]
    for rate in ("-1", "10001", "9" * 30):
        offer = ("offer", obligation, "--lender", "org:lender-a", "--grant", "ab" * 32, "--advance", "1.00 CNY")
        answer = processor.send(*offer, f"--rate-bps={rate}")
        assert answer.code == ExitCode.USAGE and "--rate-bps is 0 to 10000" in answer.json["detail"]


def test_a_validator_that_contradicted_itself_is_proven_and_the_proof_kept(
    ledger: Ledger, node: FakeNode, terminal, tmp_path: Path
) -> None:
    chain_id = ledger.world.chain_id
    key = public_key("org:carrier", "VALIDATOR")

    def said(fill: int) -> Said:
        message = Statement(0, VoteKind.NOTARIZE, 7, bytes((fill,)) * 32).signing_bytes()
        seed_ = seed("org:carrier", "VALIDATOR")
        return Said(VoteKind.NOTARIZE, bytes((fill,)) * 32, keys.sign(seed_, keys.Purpose.VOTE, chain_id, message))

    found = evidence_of(key, 0, 7, said(1), said(2))
    ledger.world.must(ledger.world.payload(SubmitEvidence(found), ("org:grower", "VALIDATOR")))
    recorded_at = ledger.height
    file, proof = tmp_path / "evidence.json", tmp_path / "guilty.proof.json"
    file.write_bytes(write_evidence_file(found, "org:carrier", chain_id))
    retailer = terminal("org:retailer")
    proven = retailer.run("prove", "evidence", file, "--save", proof).json
    assert (proven["organisation"], proven["contradiction"]) == ("org:carrier", "DOUBLE_NOTARIZE")
    assert (proven["recorded_height"], proven["reporter"]) == (recorded_at, "org:grower")
    assert retailer.run("prove", "evidence", proven["record"], "--at", ledger.height).json == proven
    node.before = lost
    assert retailer.run("verify", proof).json == proven | {"command": "verify"}
    words = retailer.run("verify", proof, json_output=False).out
    assert words.startswith("org:carrier contradicted itself: DOUBLE_NOTARIZE in view 7 of epoch 0")
    assert retailer.run("prove", "block", 1, "--at", 1).code == ExitCode.USAGE


# --- proofs -----------------------------------------------------------------------------------------------


def test_a_proof_is_kept_verified_offline_and_refused_when_altered(terminal, node: FakeNode, tmp_path: Path) -> None:
    grower = terminal("org:grower")
    grower.must("commission", f"{LOT}=10KGM")
    proof = tmp_path / "lot.proof.json"
    grower.run("trace", LOT, "--save", proof)
    node.before = lost
    assert grower.run("verify", proof, "--id", LOT).json["verdict"] == "proven"
    other = grower.run("verify", proof, "--id", LOT + "X")
    assert (other.code, other.json["code"]) == (ExitCode.UNPROVEN, "wrong-subject")
    text = proof.read_text()
    public = re.search(r'"public":"([A-Za-z0-9+/=]{200,})"', text)
    assert public is not None
    proof.write_text(
        text.replace(public[1], public[1][:100] + ("A" if public[1][100] != "A" else "B") + public[1][101:])
    )
    broken = grower.run("verify", proof)
    assert (broken.code, broken.json["error"]) == (ExitCode.UNPROVEN, "unproven")
    assert grower.run("verify", proof, json_output=False).err.startswith("tallystick verify: unproven:")


def test_a_trace_as_of_a_height_is_proven_and_a_pruned_one_is_said_so(terminal, tmp_path: Path) -> None:
    grower = terminal("org:grower")
    height = grower.must("commission", f"{LOT}=10KGM")["height"]
    proof = tmp_path / "proof.json"
    story = grower.send("trace", LOT, "--at", height, "--save", proof).json
    assert (story["verdict"], story["height"], len(story["events"])) == ("proven", height, 1)
    assert grower.run("verify", proof).json["height"] == height
    assert grower.send("trace", LOT, "--at", height - 1).json["code"] == "pruned"
    assert grower.send("trace", LOT, "--at", height + 1).code != ExitCode.OK
    assert grower.send("trace", LOT, "--at", "x").code == ExitCode.USAGE


def test_blocks_and_receipts_of_any_height_are_proven_kept_and_verified_offline(
    terminal, node: FakeNode, tmp_path: Path
) -> None:
    grower = terminal("org:grower")
    made = grower.must("commission", f"{LOT}=10KGM")
    proof = tmp_path / "proof.json"
    receipt = grower.send("prove", "receipt", made["transaction"], "--save", proof).json
    assert (receipt["reason"], receipt["height"]) == ("NONE", made["height"])
    assert grower.run("verify", proof).json == receipt | {"command": "verify"}
    assert "took effect" in grower.run("verify", proof, json_output=False).out
    for height in (0, made["height"]):
        proof = tmp_path / f"{height}.proof.json"
        block = grower.send("prove", "block", height, "--save", proof).json
        assert (block["height"], block["verdict"]) == (height, "proven")
        assert grower.run("verify", proof).json == block | {"command": "verify"}
    assert grower.send("prove", "block", made["height"] + 1).json["code"] == "not-in-history"
    assert grower.send("prove", "block", "-1").code == ExitCode.USAGE
    proof.write_text(proof.read_text().replace('"path":["', '"path":["00', 1))
    assert grower.run("verify", proof).code == ExitCode.UNPROVEN


def test_what_was_pinned_beside_a_configuration_to_come_is_enough_offline(terminal, tmp_path: Path) -> None:
    """As the help of ``pin`` shows; afterwards ``trust`` and ``verify`` had asked for the configuration."""
    grower = terminal("org:grower")
    grower.must("commission", f"{LOT}=1000KGM")
    genesis, proof = tmp_path / "genesis.bin", tmp_path / "proof.json"
    genesis.write_bytes(encode(grower._node.ledger.world.genesis))
    grower.run("trace", LOT, "--save", proof)
    pocket = ("--config", tmp_path / "pocket" / "config.toml")
    assert grower.run("trust", *pocket).code == ExitCode.USAGE
    assert grower.run("pin", genesis, *pocket).code == 0
    assert grower.run("trust", *pocket).json["pinned_epoch"] == 0
    assert grower.run("verify", proof, *pocket).json["verdict"] == "proven"
    assert "'tallystick configure' writes one" in grower.run("trace", LOT, *pocket).json["detail"]


def test_a_serial_that_was_never_issued_is_unknown(terminal) -> None:
    story = terminal("org:retailer").run("trace", gtin("9521111") + "/21/NEVER").json
    assert story["verdict"] == "unknown-item"


# --- manners ----------------------------------------------------------------------------------------------


def test_nobody_answering_is_unavailable(terminal, node: FakeNode) -> None:
    terminal("org:grower").run("trace", LOT)
    node.before = lost
    answer = terminal("org:grower").run("trace", LOT)
    assert (answer.code, answer.json["error"]) == (ExitCode.UNAVAILABLE, "unavailable")


@pytest.mark.parametrize(
    "words",
    [
        ("trace", "hello"),
        ("trace", "01/09521234543214/21/A1"),
        ("ship", LOT, "--to", "carrier"),
        ("pay", "5f", "1 CNY"),
        ("qr", LOT, "--host", "nowhere"),
        ("decode", "/nonexistent"),
        ("verify", "/nonexistent"),
        ("commission", f"{LOT}=1", "--key", "no-such-key"),
        ("pack", f"{PALLET}=3", LOT),
        ("accredit", "org:laboratory", "hello", "--until", "+1d"),
        ("transaction", "zz"),
        ("admit", "org:new", "New", "zz"),
        ("escrow", "settle", "ab" * 32, "--to-payee", "x"),
    ],
)
def test_what_is_typed_wrong_is_usage(terminal, words: tuple[str, ...]) -> None:
    answer = (
        terminal("org:grower").send(*words)
        if words[0] not in ("qr", "decode", "verify")
        else terminal("org:grower").run(*words)
    )
    assert answer.code == ExitCode.USAGE, answer
    assert answer.json["exit"] == ExitCode.USAGE


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("trace", ""), "an argument is empty, after trace"),
        (("trace", "hello"), "is no identifier; write a GS1 key"),
        (("trace", f"{LOT}?x"), "write ? of a lot or serial as %3F"),
        (("account", "show", "bank", "CNY"), "is no organisation id"),
        (("account", "show", "org:bank", "cny"), "unknown currency 'cny'"),
        (("export", "items", "hello", "--out", "x.zip"), "is no identifier; write a GS1 key"),
        (("export", "heights", "--from", "5", "--to", "1", "--out", "x.zip"), "the lower one first"),
        (("export", "heights", "--from", "1", "--to", "999999", "--out", "x.zip"), "several archives cover more"),
        (("ship", LOT, "--to", "org:carrier", "--key", "nobody"), "'tallystick keys' lists those there are"),
        (("trace", LOT, "--config", "/nonexistent.toml"), "'tallystick configure' writes one"),
        (("recall", LOT, "--id", "R" * 200, "--reason", "spoilt"), "--id: write at most 128 characters"),
        (("recall", LOT, "--id", "R", "--reason", "spoilt\n  proven"), "--reason: write some words on one line"),
        (("open-document", __file__, "ab" * 32), "is no sealed document"),
        (("pin", __file__), "is no genesis"),
        (("qr", LOT, "--host", "https://例え.example"), "write the host in ASCII"),
        (("qr", LOT, "--host", "https://id.example", "--svg", "x.svg", "--module-mm", "nan"), "no size of a module"),
        (("qr", LOT, "--host", "https://id.example", "--svg", "x.svg", "--module-mm", "-1"), "no size of a module"),
        (("qr", LOT, "--host", "https://id.example", "--svg", "x.svg", "--module-mm", "0.0"), "no size of a module"),
    ],
)
def test_a_mistake_is_named_with_what_to_write_instead(
    terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    grower = terminal("org:grower")
    answer = grower.send(*words) if words[0] in ("ship", "recall") else grower.run(*words)
    assert answer.code == (ExitCode.UNPROVEN if words[0] == "pin" else ExitCode.USAGE), answer
    assert said in answer.json["detail"]
    assert not (tmp_path / "x.svg").exists() and not (tmp_path / "x.zip").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("fly",),
        ("ship", LOT),
        ("trace", LOT, "--nosuch"),
        ("trace", LOT, "--timeout", "soon"),
        ("escrow",),
        ("pay", "ab" * 32, "1.00 CNY", "--payment-id", ""),
        ("confirm", "ab" * 32, "--invoice-number", "INV-1", "--amount="),
        ("transfer", "", "x"),
    ],
)
def test_a_usage_error_is_one_object_with_json_and_two_lines_without(terminal, words: tuple[str, ...]) -> None:
    """An empty payment id would have been a new one each time, and an empty amount the whole face."""
    grower = terminal("org:grower")
    answer = grower.run(*words)
    assert answer.code == ExitCode.USAGE and answer.err == ""
    assert (answer.json["error"], answer.json["exit"]) == ("usage", ExitCode.USAGE)
    assert answer.json["command"] == (words[0] if words[0] not in ("fly", "transfer") else "")
    assert "_seconds" not in answer.json["detail"]
    told = grower.run(*words, json_output=False)
    assert told.code == ExitCode.USAGE and told.out == ""
    assert told.err.startswith("tallystick") and "  see: tallystick" in told.err


@pytest.mark.parametrize(
    ("words", "offset"),
    [
        (("--time", "2025-09-01T08:30:00+08:00"), "+08:00"),
        (("--time", "2025-09-01T08:30:00+08:00", "--offset=-03:00"), "-03:00"),
        (("--time", "2025-09-01T00:30:00Z"), "+00:00"),
        (("--time", "2025-09-01T00:30:00-00:00"), "+00:00"),
        ((), "+00:00"),
    ],
)
def test_an_event_keeps_the_zone_that_its_time_was_written_with(
    terminal, tmp_path: Path, words: tuple[str, ...], offset: str
) -> None:
    saved = tmp_path / "event.json"
    terminal("org:grower").must("commission", f"{LOT}=10KGM", *words, "--save", saved)
    assert json.loads(saved.read_bytes())["eventTimeZoneOffset"] == offset


@pytest.mark.parametrize("seconds", ["0", "-5", "nan", "inf", "1e9", "soon"])
def test_a_wait_that_is_no_time_is_not_begun(terminal, seconds: str) -> None:
    answer = terminal("org:grower").run("trace", LOT, f"--timeout={seconds}", json_output=False)
    assert answer.code == ExitCode.USAGE and "--timeout" in answer.err


def test_the_list_of_keys_names_every_use_of_each_and_a_file_that_is_none(terminal) -> None:
    grower = terminal("org:grower")
    text = grower.config.read_text()
    grower.config.write_text(text.replace('read = "read"', 'read = "trade"'))
    uses = {key["name"]: key["use"] for key in grower.run("keys").json["keys"]}
    assert uses["trade"] == "trade, read" and uses["read"] == ""
    (grower.folder / "keys" / "broken.key").write_text("nothing")
    answer = grower.run("keys")
    assert answer.code == ExitCode.USAGE and "broken.key: not a Tallystick key file" in answer.json["detail"]


def test_a_wrong_passphrase_is_said_so(terminal) -> None:
    grower = terminal("org:grower")
    (grower.folder / "wrong").touch(mode=0o600)
    (grower.folder / "wrong").write_text("no")
    answer = grower.run("ship", LOT, "--to", "org:carrier", "--passphrase-file", grower.folder / "wrong")
    assert answer.code == ExitCode.USAGE and "wrong passphrase" in answer.json["detail"]


def test_keygen_makes_a_key_once(terminal) -> None:
    grower = terminal("org:grower")
    made = grower.send("keygen", "desk").json
    assert len(made["public_key"]) == 64
    assert grower.send("keygen", "desk").code == ExitCode.USAGE
    assert "desk" in [key["name"] for key in grower.run("keys").json["keys"]]
    assert grower.run("keygen", "--secret", "new.secret").code == 0


def test_configure_pins_the_chain_that_people_agreed_on(
    terminal, ledger: Ledger, node: FakeNode, tmp_path: Path
) -> None:
    grower = terminal("org:grower")
    config = tmp_path / "new" / "config.toml"
    words = ("configure", "org:grower", "--node", node.url, "--use", "capture=desk", "--config", config)
    wrong = grower.run(*words, "--chain", "ab" * 32)
    assert wrong.code == ExitCode.UNPROVEN and not config.exists()
    done = grower.run(*words, "--chain", ledger.world.chain_id.hex()).json
    assert done["chain_id"] == ledger.world.chain_id.hex()
    assert (config.parent / "trust.json").exists() and (config.parent / "capture.secret").exists()
    assert grower.run(*words).code == ExitCode.USAGE  # never overwritten


def test_decode_and_qr_need_no_node(terminal, ledger: Ledger, node: FakeNode, tmp_path: Path) -> None:
    grower = terminal("org:grower")
    grower.must("commission", f"{LOT}=10KGM")
    raw = tmp_path / "transaction.bin"
    raw.write_bytes(ledger.raws[ledger.height][0])
    node.before = lost
    assert grower.run("decode", raw).json["kind"] == "transaction"
    label = tmp_path / "label.png"
    made = grower.run("qr", LOT, "--host", "https://id.example.org", "--png", label, "--svg", tmp_path / "l.svg").json
    assert made["link"] == f"https://id.example.org/{LOT}"
    assert label.read_bytes().startswith(b"\x89PNG")
    assert label.stat().st_mode & 0o077 == 0o044
    assert "█" in grower.run("qr", LOT, "--host", "https://id.example.org", "--plain", json_output=False).out


def test_a_transaction_is_looked_up_by_its_id(terminal) -> None:
    grower = terminal("org:grower")
    made = grower.must("commission", f"{LOT}=10KGM")
    assert grower.send("transaction", made["transaction"]).json["reason"] == "NONE"
    assert grower.send("transaction", "ab" * 32).json["state"] == "unknown"
    assert seed("org:grower", "CAPTURE").hex() not in json.dumps(made)


def test_a_name_that_no_node_would_take_is_refused_before_it_is_sent(terminal, node: FakeNode) -> None:
    answer = terminal("org:grower").send("admit", "org:new", "N" * 200, "ab" * 32)
    assert answer.code == ExitCode.USAGE and "at most 128 characters" in answer.json["detail"]
    assert not [request for request in node.requests if request.method == "POST"]
    undecodable = terminal("org:grower").send("recall", LOT, "--id", "R", "--reason", "\udcff")
    assert undecodable.code == ExitCode.USAGE


def unseen(node: FakeNode, end: type[BaseException]) -> None:
    """The node takes what is posted, and its answer is lost, or the person at the terminal has had enough."""

    def after(request: Request, response: Response) -> Response:
        if request.method == "POST":
            raise end("no answer")
        return response

    node.after = after


@pytest.mark.parametrize(
    ("end", "code", "kind"), [(UnavailableError, 3, "unavailable"), (KeyboardInterrupt, 130, "interrupted")]
)
def test_a_payment_whose_end_was_not_seen_is_repeated_as_told_and_paid_once(
    bank: CommandLine, terminal, node: FakeNode, end: type[BaseException], code: int, kind: str
) -> None:
    """ "Trying again is safe", said the help: the same command again had paid a second time, under a new payment id."""
    retailer = terminal("org:retailer")
    pay = ("account", "transfer", "org:bank", "org:processor", "800.00 CNY")
    unseen(node, end)
    first = retailer.send(*pay)
    node.after = None
    assert (first.code, first.json["error"]) == (code, kind)
    told = re.search(r"--payment-id ([0-9a-f]{64})", first.json["remedy"])
    assert told is not None
    again = retailer.send(*pay, "--payment-id", told[1])
    assert again.json.get("code") in (None, "ALREADY_PAID")
    assert retailer.send("account", "show", "org:bank", "CNY").json["amount"] == "49200.00"


def test_an_event_whose_end_was_not_seen_is_repeated_as_told_and_recorded_once(terminal, node: FakeNode) -> None:
    grower = terminal("org:grower")
    grower.must("commission", f"{LOT}=1000KGM")
    unseen(node, UnavailableError)
    first = grower.send("observe", LOT, "--temperature", "3.9")
    node.after = None
    told = re.search(r"--event-id (urn:uuid:[0-9a-f-]{36})", first.json["remedy"])
    assert first.code == ExitCode.UNAVAILABLE and told is not None
    grower.send("observe", LOT, "--temperature", "3.9", "--event-id", told[1])
    assert len([event for event in grower.run("trace", LOT).json["events"] if event["readings"]]) == 1
    unseen(node, UnavailableError)
    other = grower.send("recall", LOT, "--id", "R", "--reason", "glass")
    assert "the same again is another one" in other.json["remedy"]


def test_an_interrupted_command_says_so_in_json_too(terminal, node: FakeNode) -> None:
    def ctrl_c(*_: object) -> None:
        raise KeyboardInterrupt

    node.before = ctrl_c
    answer = terminal("org:grower").run("trace", LOT)
    assert (answer.code, answer.json["error"], answer.json["exit"]) == (130, "interrupted", 130)
    told = terminal("org:grower").run("trace", LOT, json_output=False)
    assert told.code == 130 and "whatever was sent may still take effect" in told.err and told.out == ""


@pytest.mark.parametrize("json_output", [True, False])
def test_an_output_that_cannot_be_written_is_no_refusal_and_no_traceback(tmp_path: Path, json_output: bool) -> None:
    """With a full disk behind ``>``, a payment that was made had ended with the exit status of a refused one."""
    words = ["qr", LOT, "--host", "https://id.example.org", *(["--json"] if json_output else [])]
    variables = os.environ | {"TALLYSTICK_CONFIG": str(tmp_path / "config.toml")}
    command = [sys.executable, "-m", "client_sdk", *words]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, cwd=ROOT, env=variables, check=False)
    assert done.returncode == ExitCode.UNWRITTEN
    assert b"cannot write the output: No space left on device" in done.stderr and b"Traceback" not in done.stderr


def test_a_code_is_drawn_without_colours_where_no_terminal_shows_it(terminal) -> None:
    answer = terminal("org:grower").run("qr", LOT, "--host", "https://id.example.org", json_output=False)
    assert answer.code == 0 and "\x1b" not in answer.out and "\u2588" in answer.out


def test_a_sealed_document_is_not_lost_to_another_one(bank: CommandLine, terminal, tmp_path: Path) -> None:
    processor, paper = terminal("org:processor"), tmp_path / "invoice.json"
    paper.write_text('{"number": "INV-001"}')
    first = processor.must("invoice", paper, "--to", "org:retailer")
    again = processor.send("invoice", paper, "--to", "org:retailer")
    assert again.json.get("code") in (None, "ALREADY_EXISTS"), "the same document may be sealed again"
    paper.write_text('{"number": "INV-002"}')
    other = processor.send("invoice", paper, "--to", "org:retailer")
    assert other.code == ExitCode.USAGE and "name another by --sealed" in other.json["detail"]
    assert processor.run("open-document", first["sealed"], first["commitment"]).code == 0
    processor.must("invoice", paper, "--to", "org:retailer", "--sealed", tmp_path / "second.sealed")


def test_a_bug_ends_in_a_sentence(terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: object) -> object:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("client_sdk.commands.tools.qr.matrix_of", broken)
    answer = terminal("org:grower").run("qr", LOT, "--host", "https://id.example.org", json_output=False)
    assert answer.code == ExitCode.FAULT
    assert "a fault of this program (ZeroDivisionError: a bug)" in answer.err


# --- help -------------------------------------------------------------------------------------------------


def all_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The help of the program and of every command, as on a terminal of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")
    pages = []
    for words in ([], *[[command.name] for _, group in GROUPS for command in group]):
        assert cli.main([*words, "--help"]) == 0
        pages.append(f"$ tallystick {' '.join([*words, '--help'])}\n{capsys.readouterr().out}")
    return "\n".join(pages)


def test_help_reads_as_approved(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """To approve a change: APPROVE=1 pytest, then read the difference."""
    text = all_help(monkeypatch, capsys)
    if os.environ.get("APPROVE"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_every_command_has_examples_that_parse() -> None:
    import shlex

    parser, _ = cli.build_parser()
    for _, group in GROUPS:
        for command in group:
            assert command.examples, command.name
            for example in command.examples:
                arguments = parser.parse_args(shlex.split(example))
                assert arguments.command == command.name


def test_an_unknown_command_points_to_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fly"]) == ExitCode.USAGE
    assert "see: tallystick --help" in capsys.readouterr().err
