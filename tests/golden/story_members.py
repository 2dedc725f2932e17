"""Who may act: admissions, keys, suspensions, accreditations, and what is refused of each."""

from __future__ import annotations

from client_sdk.event_builder import commission, inspect
from tallystick.encoding import ZERO32
from tallystick.epcis import JsonObject
from tallystick.payloads.governance import (
    Accredit,
    AdmitOrganisation,
    AdvanceClock,
    RegisterKey,
    RevokeAccreditation,
    RevokeKey,
    RotateKey,
    SuspendOrganisation,
)
from tallystick.payloads.trade import OpenAccount
from tallystick.reasons import Reason
from tallystick.records.members import KeyUse
from tests.golden.author import Author, Story
from tests.golden.founders import DAY, FOUNDERS, GOVERNORS, goods, gtin, public_key

MEMBERS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "org:accreditor": (("accreditor",), (), ()),
    "org:arbitrator": (("arbitrator",), (), ()),
    "org:bank": (("bank",), (), ("JPY", "EUR", "CNY", "HKD")),
    "org:laboratory": (("inspector",), (), ()),
    "org:lender-a": (("lender",), (), ()),
    "org:lender-b": (("lender",), (), ()),
    "org:other-accreditor": (("accreditor",), (), ()),
    "org:other-laboratory": (("inspector",), (), ()),
    "org:regulator": (("regulator",), (), ()),
    "org:newcomer": (("retailer", "producer", "carrier", "processor"), ("95216666", "95215555", "9521777"), ()),
}
PACKS = gtin("95212345", "1")
NEW_GOODS = gtin("95215555", "1")


def admit(organisation: str, roles: tuple[str, ...] = (), prefixes: tuple[str, ...] = ()) -> AdmitOrganisation:
    """The admission of an organisation that is not among ``MEMBERS``."""
    return AdmitOrganisation(organisation, "Somebody", roles, prefixes, (), public_key(organisation, "ROOT"))


def founding(author: Author) -> Story:
    """Keys of the founders, then the other members with theirs: everything that the other stories rest on."""
    for name in FOUNDERS:
        author.register(name, "CAPTURE", person="scanner")
    yield 0
    for name in FOUNDERS:
        author.register(name, "TRADE", person="clerk")
    yield 0
    for name, (roles, prefixes, currencies) in MEMBERS.items():
        title = name[4:].title()
        author.govern(AdmitOrganisation(name, title, roles, prefixes, currencies, public_key(name, "ROOT")))
    yield 0
    for name in MEMBERS:
        author.register(name, "CAPTURE")
        author.register(name, "TRADE")
    for debtor in ("org:retailer",):
        author.register(debtor, "MAKER", KeyUse.CONFIRM_MAKER, person="p-1")
        author.register(debtor, "CHECKER", KeyUse.CONFIRM_CHECKER, person="p-2")
        author.register(debtor, "SECOND", KeyUse.CONFIRM_CHECKER, person="p-1")
    yield 0
    term = Accredit("org:laboratory", (PACKS, gtin("95211110", "1")), 0, author.now + 2 * 366 * DAY)
    author.payload("org:accreditor", term)
    yield 0


def admissions(author: Author) -> Story:
    """What governors are refused."""
    author.govern(admit("grower"), Reason.BAD_NAME)
    author.govern(admit("org:grower"), Reason.ALREADY_EXISTS)
    author.govern(admit("org:late", prefixes=("952111",)), Reason.PREFIX_TAKEN)
    author.govern(admit("org:late"), Reason.QUORUM_SHORT, GOVERNORS[:2])
    author.govern(admit("org:late"), Reason.ROLE_MISSING, (*GOVERNORS[:2], ("org:bank", "ROOT")))
    author.govern(admit("org:late"), Reason.KEY_NOT_FOR_THIS, (*GOVERNORS[:2], ("org:carrier", "TRADE")))
    author.govern(AdmitOrganisation("org:weak", "Weak", (), (), (), bytes(32)), Reason.BAD_KEY)
    yield 0
    author.govern(AdvanceClock(0), Reason.TERMS_INVALID)
    author.govern(AdvanceClock(250))
    account = OpenAccount("org:grower", "CNY")
    both = (("org:grower", "TRADE"), ("org:carrier", "TRADE"))
    author.govern(account, Reason.SIGNERS_OF_SEVERAL_ORGANISATIONS, both)
    author.payload("org:grower", account, Reason.KEY_NOT_FOR_THIS, ("CAPTURE",))
    author.payload("org:grower", account, Reason.UNKNOWN_KEY, ("NEVER",))
    author.payload("org:grower", account, Reason.ROLE_MISSING)
    yield 0


def key_changes(author: Author) -> Story:
    """Keys come, are replaced and revoked; a root key too, but never the last."""
    who = "org:newcomer"
    author.govern(
        RegisterKey(public_key(who, "SPARE"), (KeyUse.CAPTURE,), ""), Reason.KEY_NOT_FOR_THIS, ((who, "ROOT"),)
    )
    author.govern(
        RegisterKey(public_key(who, "CAPTURE"), (KeyUse.CAPTURE,), ""),
        Reason.ALREADY_EXISTS,
        ((who, "ROOT"), (who, "CAPTURE")),
    )
    author.payload(who, RevokeKey(public_key(who, "ROOT")), Reason.LAST_ROOT_KEY, ("ROOT",))
    author.payload(who, RevokeKey(ZERO32), Reason.NOT_FOUND, ("ROOT",))
    yield 0
    rotation = RotateKey(public_key(who, "CAPTURE"), public_key(who, "CAPTURE-2"))
    author.govern(rotation, signers=((who, "ROOT"), (who, "CAPTURE-2")))
    author.register(who, "READ", KeyUse.READ, KeyUse.TRADE, KeyUse.CAPTURE)
    yield 0
    thing = goods(f"{NEW_GOODS}/21/N1")
    author.capture(who, commission(thing, author.at()), reason=Reason.KEY_REVOKED)
    author.capture(who, commission(thing, author.at()), key="CAPTURE-2")
    author.register(who, "ROOT-2", KeyUse.ROOT)
    yield 0
    author.payload(who, RevokeKey(public_key(who, "ROOT")), keys=("ROOT-2",))
    author.payload(who, RevokeKey(public_key(who, "READ")), keys=("ROOT-2",))
    yield 0
    author.payload(who, RevokeKey(public_key(who, "READ")), Reason.KEY_REVOKED, ("ROOT-2",))
    author.govern(
        RotateKey(public_key(who, "ROOT-2"), public_key(who, "ROOT-3")), signers=((who, "ROOT-2"), (who, "ROOT-3"))
    )
    yield 0
    suspended = SuspendOrganisation(who, True)
    author.govern(suspended)
    yield 0
    author.capture(
        who,
        commission(goods(f"{NEW_GOODS}/21/N2"), author.at()),
        reason=Reason.ORGANISATION_SUSPENDED,
        key="CAPTURE-2",
    )
    author.govern(suspended, Reason.WRONG_STATE)
    author.govern(SuspendOrganisation("org:grower", True), Reason.QUORUM_SHORT)
    author.govern(SuspendOrganisation("org:nobody", True), Reason.NOT_FOUND)
    yield 0
    author.govern(SuspendOrganisation(who, False))
    yield 0
    author.capture(who, commission(goods(f"{NEW_GOODS}/21/N2"), author.at()), key="CAPTURE-2")
    yield 0


def accreditations(author: Author) -> Story:
    """A second inspector is accredited, renewed and struck off; what it says counts only in between."""
    laboratory, accreditor, other = "org:other-laboratory", "org:accreditor", "org:other-accreditor"
    thing = f"{gtin('95211110', '2')}/21/I1"
    author.capture("org:grower", commission(goods(thing), author.at()))
    yield 0

    def verdict() -> JsonObject:
        return inspect(goods(thing), author.at(), passed=True)

    author.capture(laboratory, verdict(), reason=Reason.NOT_ACCREDITED)
    author.payload("org:bank", Accredit(laboratory, (thing,), 0, author.now + DAY), Reason.ROLE_MISSING)
    author.payload(accreditor, Accredit("org:bank", (thing,), 0, author.now + DAY), Reason.ROLE_MISSING)
    author.payload(accreditor, Accredit(laboratory, (thing,), author.now, 1), Reason.TERMS_INVALID)
    author.payload(accreditor, RevokeAccreditation(laboratory), Reason.NOT_FOUND)
    author.payload(accreditor, Accredit(laboratory, ("01/0",), 0, author.now + 300 * DAY))
    yield 0
    author.payload(other, Accredit(laboratory, ("01/",), 0, author.now + DAY), Reason.ALREADY_EXISTS)
    author.payload(other, RevokeAccreditation(laboratory), Reason.ROLE_MISSING)
    author.capture(laboratory, verdict())
    author.capture("org:grower", verdict(), reason=Reason.ROLE_MISSING)
    author.payload(accreditor, Accredit(laboratory, (NEW_GOODS,), 0, author.now + 300 * DAY))
    yield 0
    author.capture(laboratory, verdict(), reason=Reason.OUT_OF_SCOPE)
    author.payload(accreditor, RevokeAccreditation(laboratory))
    yield 0
    author.capture(laboratory, verdict(), reason=Reason.NOT_ACCREDITED)
    author.payload(accreditor, RevokeAccreditation(laboratory), Reason.WRONG_STATE)
    author.payload(other, Accredit(laboratory, (thing,), 0, author.now + 300 * DAY))
    yield 0
