"""Archives: what is exported is verified without any node; whatever was done to the file is found."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from client_sdk import event_builder as build
from client_sdk.errors import DoorError, ExitCode, PrunedError
from client_sdk.event_builder import Reading
from client_sdk.export import Wish, export
from client_sdk.member import Member
from client_sdk.reader import Reader
from client_sdk.transport import Request, Response
from client_sdk.trust import pin
from client_sdk.values import read_goods
from tallystick import api
from tallystick.archive import (
    ArchiveError,
    Audience,
    HeightsScope,
    ItemsScope,
    OrganisationScope,
    ReceivableScope,
    VerifiedArchive,
    names,
    read_container,
    verify_archive,
    write_container,
)
from tallystick.archive.manifest import MANIFEST, list_members, read_manifest, write_manifest
from tallystick.encoding import encode
from tallystick.genesis import Genesis
from tallystick.limits import ARCHIVE_HEIGHTS_MAX
from tallystick.proofs import ProofCode, Trust
from tallystick.reasons import Reason
from tests import compact_world as w
from tests.unit.client_sdk.command_line import CommandLine
from tests.unit.client_sdk.ledger import Dice, FakeNode, Ledger, nodes_for
from tests.unit.client_sdk.test_member_flow import LOT, PALLET, at, grant_to, harvest, obligation  # noqa: F401
from tests.world import gtin, public_key

NEVER = gtin("9521111") + "/21/NEVER"
Change = Callable[[dict[str, bytes]], None]


@pytest.fixture
def goods(ledger: Ledger, member) -> Ledger:
    """A lot that was packed onto a pallet, read on the way, once wrongly, and refused once."""
    grower: Member = member("org:grower")
    harvest(ledger, grower)
    lot, pallet = read_goods(LOT), read_goods(PALLET)
    grower.capture([build.commission([pallet], at(ledger, "pallet"))])
    grower.capture([build.pack(pallet, [lot], at(ledger, "pack"))])
    wrong = build.observe([pallet], at(ledger, "wrong", readings=[Reading("31.2")]))
    grower.capture([wrong])
    grower.capture([build.declare_error(wrong, time_ms=ledger.world.time_ms)])
    return ledger


class Exporter:
    """An organisation that exports over the fake node."""

    def __init__(self, node: FakeNode, organisation: str = "org:retailer", key: str = "READ") -> None:
        self.ledger = node.ledger
        dice = Dice(f"exporter {organisation} {key}")
        self.nodes = nodes_for(organisation, node, key=key, dice=dice)
        self.environment = dice.environment()
        trust = pin(encode(self.ledger.world.genesis), self.ledger.world.chain_id)
        self.reader = Reader(self.nodes, trust, environment=self.environment)

    def __call__(self, wish: Wish) -> bytes:
        return export(wish, self.nodes, self.reader, environment=self.environment)[0]


@pytest.fixture
def exporter(goods: Ledger, node: FakeNode) -> Exporter:
    goods.let_read("org:retailer")
    return Exporter(node)


def founders_of(ledger: Ledger) -> Trust:
    """What somebody trusts who knows the chain id and nothing else."""
    return Trust(ledger.world.chain_id)


def verified(ledger: Ledger, data: bytes) -> VerifiedArchive:
    return verify_archive(data, founders_of(ledger))


def remade(data: bytes, change: Change) -> bytes:
    """The archive with members changed, and a manifest that fits them again."""
    members = read_container(data)
    manifest = read_manifest(members.pop(MANIFEST))
    change(members)
    about = {member.name: member.about for member in manifest.members}
    manifest = msgspec.structs.replace(manifest, members=list_members(members, about))
    return write_container({**members, MANIFEST: write_manifest(manifest)})


def refused(ledger: Ledger, data: bytes) -> ArchiveError:
    with pytest.raises(ArchiveError) as caught:
        verified(ledger, data)
    assert caught.value.remedy
    return caught.value


# --- what is exported, is accepted ------------------------------------------------------------------------


def test_a_lot_with_all_that_belongs_to_it_is_verified_from_the_chain_id_alone(exporter: Exporter) -> None:
    ledger = exporter.ledger
    archive = verified(ledger, exporter(Wish(ItemsScope((LOT,), 1))))
    proven = archive.proven
    assert set(proven.items) == {LOT, PALLET, LOT.split("/10/")[0]}
    assert all(item.verdict in (ProofCode.PROVEN, ProofCode.UNKNOWN) for item in proven.items.values())
    assert (proven.height, proven.time_ms, proven.complete) == (ledger.height, ledger.world.time_ms, True)
    assert (archive.manifest.audience, proven.halves) == (Audience.PUBLIC, 0)
    assert len(proven.items[LOT].closure.corrections) == 1


def test_depth_nought_is_the_thing_alone_and_a_pallet_leads_to_what_was_packed(exporter: Exporter) -> None:
    ledger = exporter.ledger
    assert set(verified(ledger, exporter(Wish(ItemsScope((PALLET,), 0)))).proven.items) == {PALLET}
    assert LOT in verified(ledger, exporter(Wish(ItemsScope((PALLET,), 1)))).proven.items


def test_what_was_never_issued_is_proven_absent(exporter: Exporter) -> None:
    archive = verified(exporter.ledger, exporter(Wish(ItemsScope((NEVER,), 0))))
    assert archive.proven.items[NEVER].verdict is ProofCode.UNKNOWN


def test_the_same_input_gives_the_same_bytes_and_any_zip_tool_opens_them(exporter: Exporter) -> None:
    wish = Wish(ItemsScope((LOT,), 1), Audience.MEMBERS)
    data = exporter(wish)
    assert data == exporter(wish)
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == read_container(data)
        words = opened.read(names.README_ENGLISH).decode()
        assert exporter.ledger.world.chain_id.hex() in words and "CONFIDENTIAL" in words
        assert exporter.ledger.world.chain_id.hex() in opened.read(names.README_CHINESE).decode()


def test_keys_are_listed_with_their_validity(exporter: Exporter) -> None:
    members = read_container(exporter(Wish(ItemsScope((LOT,), 1))))
    listed = json.loads(members[names.KEYS])
    assert len(listed["validators"]) == 4
    capture = public_key("org:grower", "CAPTURE").hex()
    (key,) = [one for one in listed["keys"] if one["key"] == capture]
    assert (key["organisation"], key["status"], key["until_height"]) == ("org:grower", "active", 0)
    assert [one["id"] for one in listed["organisations"]] == ["org:grower"]


def test_members_halves_come_only_when_asked_for_with_a_key_for_reading(exporter: Exporter, node: FakeNode) -> None:
    wish = Wish(ItemsScope((LOT,), 1), Audience.MEMBERS)
    archive = verified(exporter.ledger, exporter(wish))
    assert archive.proven.halves > 3
    members = read_container(exporter(wish))
    halves = [data for name, data in members.items() if name.startswith("event-halves/")]
    assert any(b"quantityList" in half for half in halves)
    public = read_container(exporter(Wish(ItemsScope((LOT,), 1))))
    assert not any("halves" in name for name in public)
    stranger = Exporter(node, "org:grower", "CAPTURE")
    with pytest.raises(DoorError) as caught:
        stranger(wish)
    assert caught.value.reason == "forbidden"


def test_an_organisations_own_transactions_are_whole_with_what_became_of_each(
    exporter: Exporter, member, ledger: Ledger
) -> None:
    carrier = member("org:carrier")
    theft = build.ship([read_goods(LOT)], at(ledger, "theft"), sender="org:carrier", receiver="org:retailer")
    with pytest.raises(Exception, match="NOT_HOLDER"):
        carrier.capture([theft])
    archive = verified(ledger, exporter(Wish(OrganisationScope("org:grower", 1, ledger.height))))
    outcomes = archive.proven.outcomes
    assert [one.reason for one in outcomes[-4:]] == [Reason.NONE] * 4
    events = [event for one in outcomes for event in one.events]
    assert [event.correction is not None for event in events] == [False, False, False, True, False]
    theirs = verified(ledger, exporter(Wish(OrganisationScope("org:carrier", 1, ledger.height)))).proven.outcomes
    assert theirs[-1].reason is Reason.NOT_HOLDER
    assert theirs[-1].events[0].correction is None
    with_payloads = Wish(OrganisationScope("org:grower", 1, ledger.height), Audience.MEMBERS)
    assert verified(ledger, exporter(with_payloads)).proven.halves > 0


@pytest.mark.parametrize("audience", list(Audience))
def test_a_period_holds_every_block_and_for_members_all_that_is_in_it(exporter: Exporter, audience: Audience) -> None:
    ledger = exporter.ledger
    data = exporter(Wish(HeightsScope(2, ledger.height), audience))
    archive = verified(ledger, data)
    assert sorted(archive.proven.blocks) == list(range(2, ledger.height + 1))
    assert archive.proven.height == ledger.height
    contents = [name for name in read_container(data) if name.startswith("contents/")]
    assert bool(contents) is (audience is Audience.MEMBERS)


def test_a_receivable_comes_with_its_liens_and_the_goods_behind_it(
    ledger: Ledger,
    node: FakeNode,
    member,
    obligation: bytes,  # noqa: F811
) -> None:
    harvest(ledger, member("org:grower"))
    grant = grant_to(ledger, member, "org:lender-a", obligation)
    ledger.let_read("org:lender-a")
    wish = Wish(ReceivableScope(obligation.hex(), (LOT,), 0), Audience.MEMBERS, grant=grant)
    archive = verified(ledger, Exporter(node, "org:lender-a")(wish))
    assert archive.proven.receivable is not None
    assert (archive.proven.receivable.lien_holders, set(archive.proven.items)) == ((), {LOT})


# --- the ledger goes on -----------------------------------------------------------------------------------


def test_when_nodes_pruned_the_height_meanwhile_the_export_begins_anew(exporter: Exporter, node: FakeNode) -> None:
    grown = []

    def grow(request: Request) -> Response | None:
        if request.path == api.ITEM_PROOF and "at=" in request.query and len(grown) < 2:
            grown.append(exporter.ledger.world.make("org:grower", f"{gtin('9521111')}/21/S{len(grown)}"))
        return None

    node.before = grow
    archive = verified(exporter.ledger, exporter(Wish(ItemsScope((LOT,), 1))))
    assert archive.proven.height == exporter.ledger.height


def test_a_height_that_no_node_keeps_is_refused_in_words_after_every_node_was_asked(
    goods: Ledger, node: FakeNode
) -> None:
    second = FakeNode(goods, "http://node-2")
    exporter = Exporter(node)
    exporter.nodes = nodes_for("org:retailer", node, second, dice=Dice("two"))
    with pytest.raises(PrunedError) as caught:
        exporter(Wish(ItemsScope((LOT,), 0), at=2))
    assert "http://node-1" in caught.value.detail and "http://node-2" in caught.value.detail
    assert "no longer kept" in caught.value.detail and caught.value.remedy


# --- whatever was done to the file is found ---------------------------------------------------------------


@pytest.fixture
def small(exporter: Exporter) -> bytes:
    """The smallest archive there is."""
    return exporter(Wish(ItemsScope((NEVER,), 0)))


def test_every_byte_flipped_is_refused(exporter: Exporter, small: bytes) -> None:
    trust = founders_of(exporter.ledger)
    accepted = []
    for place in range(len(small)):
        flipped = bytearray(small)
        flipped[place] ^= 1 << place % 8
        try:
            verify_archive(bytes(flipped), trust)
            accepted.append(place)
        except ArchiveError:
            continue
    assert accepted == []
    assert len(small) < 40_000


def test_a_flipped_byte_is_refused_too_when_manifest_and_checksums_were_made_to_fit(
    exporter: Exporter, small: bytes
) -> None:
    trust = founders_of(exporter.ledger)
    accepted = []
    for name, content in read_container(small).items():
        for place in range(3 if name != MANIFEST else 0, len(content), 23):

            def flip(members: dict[str, bytes], name: str = name, place: int = place) -> None:
                data = bytearray(members[name])
                data[place] ^= 1 << place % 7
                members[name] = bytes(data)

            if name == MANIFEST:
                members = read_container(small)
                flip(members)
                data = write_container(members)
            else:
                data = remade(small, flip)
            try:
                verify_archive(data, trust)
                accepted.append((name, place))
            except ArchiveError:
                continue
    assert accepted == []


def test_a_member_with_other_bytes_than_listed_is_named(exporter: Exporter, small: bytes) -> None:
    members = read_container(small)
    name = names.item(NEVER)
    error = refused(exporter.ledger, write_container(members | {name: members[name] + b" "}))
    assert (error.rule, error.path) == ("archive.hash", name)


def founded_by(genesis: Genesis, small: bytes) -> ArchiveError:
    """Why an archive is refused that says to be of the chain of this genesis, by who trusts just that chain."""
    data = remade(small, lambda members: members.update({names.GENESIS: encode(genesis)}))
    with pytest.raises(ArchiveError) as caught:
        verify_archive(data, Trust(genesis.chain_id()))
    assert caught.value.remedy
    return caught.value


def test_a_genesis_that_is_not_sound_is_refused_by_its_rule(exporter: Exporter, small: bytes) -> None:
    genesis = exporter.ledger.world.genesis
    later = founded_by(msgspec.structs.replace(genesis, version=2), small)
    assert (later.rule, later.path) == ("archive.genesis", names.GENESIS)
    assert "version 2; this software reads 1 [genesis.version]" in later.detail
    first, *others = genesis.cards
    forged = msgspec.structs.replace(first, root_signature=first.validator_signature)
    error = founded_by(msgspec.structs.replace(genesis, cards=(forged, *others)), small)
    assert (error.rule, error.path) == ("archive.genesis", names.GENESIS)
    twins = w.sharing_a_bls_key()
    assert founded_by(twins, small).rule == "validators.repeated-bls-key"


def test_a_receivable_is_never_for_the_public(
    ledger: Ledger,
    node: FakeNode,
    member,
    obligation: bytes,  # noqa: F811
) -> None:
    grant = grant_to(ledger, member, "org:lender-a", obligation)
    ledger.let_read("org:lender-a")
    wish = Wish(ReceivableScope(obligation.hex(), (), 0), Audience.MEMBERS, grant=grant)
    members = read_container(Exporter(node, "org:lender-a")(wish))
    public = msgspec.structs.replace(read_manifest(members[MANIFEST]), audience=Audience.PUBLIC)
    error = refused(ledger, write_container({**members, MANIFEST: write_manifest(public)}))
    assert (error.rule, error.path) == ("archive.audience", names.RECEIVABLE)


def test_a_member_more_or_less_is_refused(exporter: Exporter) -> None:
    ledger = exporter.ledger
    whole = exporter(Wish(ItemsScope((LOT,), 1)))
    for name in read_container(whole):
        if name == MANIFEST:
            continue
        error = refused(ledger, remade(whole, lambda members, name=name: members.pop(name)))  # type: ignore[misc]
        assert (error.rule, error.path) in {("archive.missing", name), ("archive.contents", name)}
    other = read_container(exporter(Wish(ItemsScope((NEVER,), 0))))[names.item(NEVER)]
    error = refused(ledger, remade(whole, lambda members: members.update({names.item(NEVER): other})))
    assert (error.rule, error.path) == ("archive.extra", names.item(NEVER))


def test_a_proof_of_another_thing_in_the_place_of_one_is_refused(exporter: Exporter) -> None:
    def swap(members: dict[str, bytes]) -> None:
        first, second = names.item(LOT), names.item(PALLET)
        members[first], members[second] = members[second], members[first]

    error = refused(exporter.ledger, remade(exporter(Wish(ItemsScope((LOT,), 1))), swap))
    assert error.rule == "wrong-subject"


def test_an_older_proof_of_the_same_thing_is_refused(exporter: Exporter, member, ledger: Ledger) -> None:
    wish = Wish(ItemsScope((LOT,), 1))
    old = read_container(exporter(wish))[names.item(LOT)]
    member("org:grower").capture([build.observe([read_goods(LOT)], at(ledger, "later"))])
    error = refused(ledger, remade(exporter(wish), lambda members: members.update({names.item(LOT): old})))
    assert (error.rule, error.path) == ("wrong-height", names.item(LOT))


def test_an_archive_of_another_chain_or_of_other_validators_is_refused(exporter: Exporter, small: bytes) -> None:
    chain_id = exporter.ledger.world.chain_id
    with pytest.raises(ArchiveError) as caught:
        verify_archive(small, Trust(bytes(32)))
    assert (caught.value.rule, caught.value.path) == ("wrong-chain", names.GENESIS)
    for hashes in ({0: bytes(32)}, {7: bytes(32)}):
        with pytest.raises(ArchiveError) as caught:
            verify_archive(small, Trust(chain_id, hashes))
        assert caught.value.rule == "unknown-validators"
    with pytest.raises(ArchiveError) as caught:
        verify_archive(small, Trust(chain_id, {}, exporter.ledger.height + 1))
    assert caught.value.rule == "rolled-back"


def test_a_scope_that_says_more_than_is_there_is_refused(exporter: Exporter, small: bytes) -> None:
    members = read_container(small)
    manifest = read_manifest(members[MANIFEST])
    for changes, rule in (
        ({"scope": ItemsScope((LOT,), 0)}, "archive.missing"),
        ({"scope": ItemsScope((NEVER,), 1)}, "archive.missing"),
        ({"scope": HeightsScope(1, 3)}, "wrong-height"),
        ({"height": manifest.height - 1}, "wrong-height"),
        ({"time_ms": manifest.time_ms + 1}, "archive.manifest"),
        ({"state_root": "00" * 32}, "archive.manifest"),
        ({"network": "another"}, "archive.manifest"),
        ({"protocol_version": 9}, "archive.manifest"),
        ({"audience": Audience.MEMBERS}, "archive.contents"),
        ({"format": 2}, "archive.format"),
        ({"scope": ItemsScope((LOT, PALLET), 0)}, "archive.scope"),
        ({"scope": OrganisationScope("org:grower", 5, 4)}, "archive.scope"),
    ):
        members[MANIFEST] = write_manifest(msgspec.structs.replace(manifest, **changes))
        assert refused(exporter.ledger, write_container(members)).rule == rule, changes


def test_an_organisations_transaction_left_out_or_its_outcome_is_found(exporter: Exporter) -> None:
    ledger = exporter.ledger
    whole = exporter(Wish(OrganisationScope("org:grower", 1, ledger.height)))
    found = [name for name in read_container(whole) if name.split("/")[0] in ("transactions", "receipts", "heads")]
    for name in found:
        error = refused(ledger, remade(whole, lambda members, name=name: members.pop(name)))  # type: ignore[misc]
        assert (error.rule, error.path) == ("archive.missing", name)
    heads = [name for name in found if name.startswith("heads/")]

    def swap(members: dict[str, bytes]) -> None:
        members[heads[-1]], members[heads[-2]] = members[heads[-2]], members[heads[-1]]

    assert refused(ledger, remade(whole, swap)).rule == "archive.contents"


def test_halves_and_contents_of_another_are_found(exporter: Exporter) -> None:
    ledger = exporter.ledger
    for wish, folder in (
        (Wish(ItemsScope((LOT,), 1), Audience.MEMBERS), "event-halves/"),
        (Wish(ItemsScope((LOT,), 1), Audience.MEMBERS), "record-halves/"),
        (Wish(HeightsScope(ledger.height - 1, ledger.height), Audience.MEMBERS), "contents/"),
    ):
        whole = exporter(wish)
        first, second = [name for name in read_container(whole) if name.startswith(folder)][:2]

        def swap(members: dict[str, bytes], first: str = first, second: str = second) -> None:
            members[first], members[second] = members[second], members[first]

        error = refused(ledger, remade(whole, swap))
        assert error.rule == "archive.contents" and error.path.startswith(folder)


# --- the command ------------------------------------------------------------------------------------------


def test_the_command_writes_whole_files_and_verify_needs_no_node(
    goods: Ledger, node: FakeNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    retailer = CommandLine(tmp_path, "org:retailer", node, capsys)
    out = tmp_path / "lot.zip"
    made = retailer.send("export", "items", LOT, "--out", out)
    assert made.code == ExitCode.OK, made
    assert made.json["sha256"] == sha256(out.read_bytes()).hexdigest()
    assert (made.json["verdict"], made.json["height"], made.json["audience"]) == ("proven", goods.height, "public")
    assert out.stat().st_mode & 0o777 == 0o644
    again = retailer.send("export", "items", LOT, "--out", out)
    assert (again.code, again.json["error"]) == (ExitCode.USAGE, "usage")
    assert "--force" in again.json["detail"]
    assert retailer.send("export", "items", LOT, "--out", out, "--force", "--members").json["audience"] == "members"
    assert out.stat().st_mode & 0o777 == 0o600
    asked = len(node.requests)
    chain_id = goods.world.chain_id.hex()
    for trust in ((), ("--genesis", chain_id)):
        answer = retailer.run("verify", out, *trust)
        assert (answer.code, answer.json["kind"], answer.json["epochs"]) == (ExitCode.OK, "archive", 1)
    words = retailer.run("verify", out, "--genesis", chain_id, json_output=False).out
    assert f"as of height {goods.height}, " in words and "complete: nothing of this scope was left out" in words
    assert "CONFIDENTIAL" in words
    (of_class,) = [line for line in words.splitlines() if line.startswith(f"  {LOT.partition('/10/')[0]}: ")]
    assert "nothing was said of this product as such" in of_class and "never issued" not in words
    (tmp_path / "genesis.bin").write_bytes(encode(goods.world.genesis))
    assert retailer.run("verify", out, "--genesis", tmp_path / "genesis.bin").code == ExitCode.OK
    wrong = retailer.run("verify", out, "--genesis", "00" * 32)
    assert (wrong.code, wrong.json["code"], wrong.json["path"]) == (ExitCode.UNPROVEN, "wrong-chain", "genesis.bin")
    assert wrong.json["remedy"]
    assert retailer.run("verify", out, "--id", LOT).code == ExitCode.OK
    assert retailer.run("verify", out, "--id", NEVER).json["code"] == "wrong-subject"
    out.write_bytes(out.read_bytes()[:-1])
    assert retailer.run("verify", out).json["code"] == "archive.container"
    assert len(node.requests) == asked


def test_what_cannot_be_meant_is_a_usage_error(
    goods: Ledger, node: FakeNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    retailer = CommandLine(tmp_path, "org:retailer", node, capsys)
    out = ("--out", tmp_path / "x.zip")
    for words in (
        ("items",),
        ("receivable",),
        ("organisation", "org:grower"),
        ("organisation", "--from", 1, "--to", 2),
        ("heights", "--from", 1),
        ("heights", LOT, "--from", 1, "--to", 2),
        ("heights", "--from", 1, "--to", 2, "--at", 2),
        ("items", LOT, "--depth", 99),
        ("heights", "--from", 5, "--to", 4),
        ("heights", "--from", 0, "--to", 4),
        ("heights", "--from", 1, "--to", ARCHIVE_HEIGHTS_MAX + 1),
    ):
        answer = retailer.send("export", *words, *out)
        assert (answer.code, answer.json["error"]) == (ExitCode.USAGE, "usage"), words
    assert not list(tmp_path.glob("*.zip"))
