"""Whose goods are whose: prefix holders, custodians, addressees, inspectors; and the parties that an event names."""

from __future__ import annotations

from contracts.authority import active_organisation, own_organisation
from contracts.goods.context import EventContext, Item
from contracts.interface import Refusal
from contracts.prefixes import prefix_holder
from contracts.workspace import Workspace
from tallystick.epcis import Identifier, IdentifierKind, parse_key
from tallystick.epcis.key_types import KEY_TYPES
from tallystick.reasons import Reason
from tallystick.records.goods import CONTAINER_DEPTH_MAX
from tallystick.records.members import Accreditation, accreditation_key, organisation_of_party_uri

CONTROLLABLE = frozenset(
    {
        IdentifierKind.ITEM,
        IdentifierKind.LOT,
        IdentifierKind.CLASS,
        IdentifierKind.LOGISTIC_UNIT,
        IdentifierKind.ASSET,
    }
)
CONTAINERS = frozenset({IdentifierKind.LOGISTIC_UNIT, IdentifierKind.ITEM, IdentifierKind.ASSET})
POSSESSING_PARTY = "possessing_party"


def holds_prefix(work: Workspace, identifier: Identifier) -> bool:
    """Whether the signers' organisation may open this identifier: it can be controlled and falls under its prefixes."""
    if identifier.kind not in CONTROLLABLE:
        return False
    for prefix in own_organisation(work).prefixes:  # noqa: SIM110 - a generator costs twice as much
        if identifier.gs1_company_prefix_matches(prefix):
            return True
    return False


def prefix_is_held(work: Workspace, identifier: Identifier) -> bool:
    """Whether any organisation here holds the prefix of an identifier that can be controlled."""
    if identifier.kind not in CONTROLLABLE:
        return False
    application_identifier, _, rest = identifier.key.partition("/")
    return prefix_holder(work, rest[KEY_TYPES[application_identifier].prefix_at :]) is not None


def receiver_of(context: EventContext) -> str:
    """The organisation that a shipment names as the one that gets possession.

    Accepted are the party URI of an organisation (``urn:tallystick:org:retailer``) and a GLN of a party or place
    (417, 414) under a GS1 company prefix that an organisation here holds.

    Raises:
        Refusal: RECEIVER_MISSING, NOT_FOUND, ORGANISATION_SUSPENDED, SAME_ORGANISATION.
    """
    parties = {place.key for place in context.event.destinations if place.type == POSSESSING_PARTY}
    if len(parties) != 1:
        raise Refusal(Reason.RECEIVER_MISSING)
    (key,) = parties
    receiver = organisation_of_party_uri(key)
    if receiver is None and key.startswith(("417/", "414/")):
        receiver = prefix_holder(context.work, key[4:].partition("/")[0])
    if receiver is None:
        raise Refusal(Reason.NOT_FOUND, POSSESSING_PARTY)
    active_organisation(context.work, receiver)
    if receiver == context.organisation:
        raise Refusal(Reason.SAME_ORGANISATION, receiver)
    return receiver


def outermost(context: EventContext, item: Item) -> Item:
    """The item itself, or the outermost container that it is in: whose holder has custody."""
    for _ in range(CONTAINER_DEPTH_MAX + 1):
        if not item.members.container:
            return item
        item = context.present(item.members.container[9:].decode())
    raise AssertionError("containers nest deeper than they may")


def is_accredited(context: EventContext, identifier: str) -> bool:
    """Whether the signers' organisation may inspect this identifier now.

    Raises:
        Refusal: ROLE_MISSING or NOT_ACCREDITED when it may inspect nothing at all.
    """
    if "inspector" not in own_organisation(context.work).roles:
        raise Refusal(Reason.ROLE_MISSING, "inspector")
    accreditation = context.work.public(accreditation_key(context.organisation), Accreditation)
    now_ms = context.work.block.time_ms
    if accreditation is None or accreditation.revoked or not accreditation.from_ms <= now_ms < accreditation.until_ms:
        raise Refusal(Reason.NOT_ACCREDITED, context.organisation)
    return any(_covers(scope, identifier) for scope in accreditation.scopes)


def _covers(scope: str, identifier: str) -> bool:
    """Whether a scope is this key text, what it is below, or the beginning of its first key's digits.

    Lots and serials are whole or not at all: ``…/10/LOT7`` is not the beginning of ``…/10/LOT70``.
    """
    below = identifier[len(scope) :]
    return identifier.startswith(scope) and (below[:1] in ("", "/") or scope.count("/") == 1)


def require_party(context: EventContext, item: Item) -> None:
    """Refuse an organisation that has nothing to do with an item (NOT_A_PARTY).

    Parties are who has custody, who had it before, the addressee of a shipment, the holder of the GS1 company prefix,
    regulators, and inspectors accredited for it.
    """
    custody = outermost(context, item).members
    if context.organisation in (custody.holder, custody.heading_to, custody.received_from, item.members.received_from):
        return
    own = own_organisation(context.work)
    if "regulator" in own.roles:
        return
    identifier = parse_key(item.identifier)
    if any(identifier.gs1_company_prefix_matches(prefix) for prefix in own.prefixes):
        return
    try:
        accredited = is_accredited(context, item.identifier)
    except Refusal:
        accredited = False
    if not accredited:
        raise Refusal(Reason.NOT_A_PARTY, item.identifier)
