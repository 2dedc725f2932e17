"""Why the ledger refused, as numbers that never change, with words and remedies for people.

A reason is an ordinary outcome that stands in a receipt; numbers are on the ledger and never reused.
"""

from __future__ import annotations

from enum import IntEnum


class Reason(IntEnum):
    """Why a transaction or an event had no effect. ``NONE`` means that it had."""

    NONE = 0
    # the transaction as a whole
    REPLAYED = 1
    RULE_FAULT = 2
    UNKNOWN_KEY = 3
    KEY_REVOKED = 4
    KEY_NOT_FOR_THIS = 5
    ORGANISATION_SUSPENDED = 6
    ROLE_MISSING = 7
    SIGNERS_OF_SEVERAL_ORGANISATIONS = 8
    ROLLED_BACK = 9
    UNKNOWN_RULE = 10
    SHARE_SPENT = 11
    RECORD_TOO_LARGE = 12
    # governance
    ALREADY_EXISTS = 20
    NOT_FOUND = 21
    QUORUM_SHORT = 22
    NOT_ALLOWED_ON_THIS_CHAIN = 23
    PREFIX_TAKEN = 24
    BAD_KEY = 25
    LAST_ROOT_KEY = 26
    BAD_NAME = 27
    SWITCH_HEIGHT_WRONG = 28
    TOO_MANY_CHANGES = 29
    STATE_UNKNOWN = 30
    NO_CONTRADICTION = 31
    # goods
    DUPLICATE = 40
    NOT_PREFIX_HOLDER = 41
    ALREADY_COMMISSIONED = 42
    NOT_HOLDER = 43
    NOT_ADDRESSED_TO_YOU = 44
    NOT_ACTIVE = 45
    RECALLED = 46
    INSPECTION_FAILED = 47
    NOT_ACCREDITED = 48
    OUT_OF_SCOPE = 49
    QUANTITY_SHORT = 50
    UNIT_MISMATCH = 51
    NOT_IN_CONTAINER = 52
    ALREADY_IN_CONTAINER = 53
    CONTAINER_CYCLE = 54
    NOT_A_PARTY = 55
    IN_TRANSIT = 56
    NOT_IN_TRANSIT = 57
    UNKNOWN_EVENT = 58
    NOT_YOUR_EVENT = 59
    ALREADY_CORRECTED = 60
    EVENT_IN_FUTURE = 61
    RECEIVER_MISSING = 62
    MIXED_CONTROL = 63
    PROFILE_FIELD_MISSING = 64
    OUTPUT_EXISTS = 65
    CLASS_HAS_NO_CUSTODY = 66
    WRONG_EVENT_TYPE = 67
    CONTAINER_FULL = 68
    WRONG_KIND = 69
    PART_OF_A_LOT = 70
    # money and trade
    ACCOUNT_MISSING = 80
    BALANCE_SHORT = 81
    CURRENCY_MISMATCH = 82
    WRONG_STATE = 83
    TOO_EARLY = 84
    TOO_LATE = 85
    NOT_A_PARTY_TO_THE_DEAL = 86
    TERMS_INVALID = 87
    CONDITION_NOT_MET = 88
    ALREADY_PAID = 89
    DOCUMENT_MISSING = 90
    AMOUNT_MISMATCH = 91
    # finance
    OBLIGATION_DUPLICATE = 100
    SAME_ORGANISATION = 101
    TWO_PERSONS_NEEDED = 102
    NOT_DEBTOR = 103
    NOT_OWNER = 104
    ALREADY_PLEDGED = 105
    GRANT_MISSING = 106
    GRANT_EXPIRED = 107
    OFFER_EXPIRED = 108
    TENOR_TOO_LONG = 109


WORDS: dict[Reason, tuple[str, str]] = {
    Reason.NONE: ("it took effect", ""),
    Reason.REPLAYED: ("this transaction was executed before", "nothing to do: look up its first receipt"),
    Reason.RULE_FAULT: ("a rule of the ledger has a fault; nothing was written", "tell the operators"),
    Reason.UNKNOWN_KEY: ("a signing key is not registered", "have your root key register it"),
    Reason.KEY_REVOKED: ("a signing key was revoked", "sign with an active key"),
    Reason.KEY_NOT_FOR_THIS: ("a signing key may not be used for this", "sign with a key registered for this use"),
    Reason.ORGANISATION_SUSPENDED: ("the organisation is suspended", "ask the governors"),
    Reason.ROLE_MISSING: ("the organisation lacks the role that this needs", "ask the governors for the role"),
    Reason.SIGNERS_OF_SEVERAL_ORGANISATIONS: ("signers belong to several organisations", "let one organisation sign"),
    Reason.ROLLED_BACK: ("another event of the same capture was refused", "correct that one and send all again"),
    Reason.UNKNOWN_RULE: ("no rule for this kind of transaction at this height", "update the software"),
    Reason.SHARE_SPENT: ("your organisation's share of this block is used up", "send it again"),
    Reason.RECORD_TOO_LARGE: ("a record would become too large", "split it into several"),
    Reason.ALREADY_EXISTS: ("it exists already", "choose another id"),
    Reason.NOT_FOUND: ("it does not exist", "check the id"),
    Reason.QUORUM_SHORT: ("too few governors signed", "collect the signatures of a quorum"),
    Reason.NOT_ALLOWED_ON_THIS_CHAIN: ("genesis does not allow this here", ""),
    Reason.PREFIX_TAKEN: ("another organisation holds this GS1 company prefix", "check the prefix"),
    Reason.BAD_KEY: ("the key is of a kind on which verifiers disagree", "generate a new key"),
    Reason.LAST_ROOT_KEY: ("the last active root key cannot be revoked", "register another root key first"),
    Reason.BAD_NAME: ("a name, role, prefix or code is not well formed", "see docs/spec/records.md for its form"),
    Reason.SWITCH_HEIGHT_WRONG: ("the switch is too near or too far away", "name 16 to 100,000 heights from now"),
    Reason.TOO_MANY_CHANGES: ("too many validators would come or go at once", "spread them over several changes"),
    Reason.STATE_UNKNOWN: ("the chain keeps no such root of this height", "catch up and name a newer height"),
    Reason.NO_CONTRADICTION: ("the two signed messages convict nobody", "check them with evidence verify"),
    Reason.DUPLICATE: ("your organisation recorded this event already", "nothing to do: see the first receipt"),
    Reason.NOT_PREFIX_HOLDER: ("only the holder of the GS1 company prefix may open this", "let the holder do it"),
    Reason.ALREADY_COMMISSIONED: ("the identifier is under control already", "use a new serial or lot number"),
    Reason.NOT_HOLDER: ("your organisation does not hold these goods", "receive them first"),
    Reason.NOT_ADDRESSED_TO_YOU: ("the goods were shipped to somebody else", "have the shipper correct it"),
    Reason.NOT_ACTIVE: ("the goods were consumed, sold or taken out of use", ""),
    Reason.RECALLED: ("the goods are recalled", "return, quarantine or destroy them"),
    Reason.INSPECTION_FAILED: ("the newest inspection failed", "have it inspected again"),
    Reason.NOT_ACCREDITED: ("your organisation holds no accreditation now", "ask an accreditor"),
    Reason.OUT_OF_SCOPE: ("your accreditation does not cover this", "ask the accreditor to widen it"),
    Reason.QUANTITY_SHORT: ("less is left than this needs", "check the quantity"),
    Reason.UNIT_MISMATCH: ("the unit differs from the lot's own", "use the unit of the lot"),
    Reason.NOT_IN_CONTAINER: ("it is not in that container", "check the parent"),
    Reason.ALREADY_IN_CONTAINER: ("it is in a container already", "unpack it first, or move the container"),
    Reason.CONTAINER_CYCLE: ("a container cannot be inside itself", "check parent and children"),
    Reason.NOT_A_PARTY: ("your organisation is no party to these goods", "let holder, inspector or authority do it"),
    Reason.IN_TRANSIT: ("the goods are on their way and not yet received", "wait for the receiver"),
    Reason.NOT_IN_TRANSIT: ("nobody has shipped these goods to you", "wait for the shipment, then send it again"),
    Reason.UNKNOWN_EVENT: ("the event is not recorded here", "check its id"),
    Reason.NOT_YOUR_EVENT: ("only the organisation that signed an event may declare it erroneous", ""),
    Reason.ALREADY_CORRECTED: ("the event was declared erroneous before", ""),
    Reason.EVENT_IN_FUTURE: ("the event's time is later than the block's", "check the clock of the device"),
    Reason.RECEIVER_MISSING: ("a shipment must name who gets possession", "add a destination of type possessing_party"),
    Reason.MIXED_CONTROL: ("some identifiers are under control here and some are not", "send two events"),
    Reason.PROFILE_FIELD_MISSING: ("the category's profile needs a field that is missing", "add it"),
    Reason.OUTPUT_EXISTS: ("an output is under control already", "use new lot or serial numbers"),
    Reason.CLASS_HAS_NO_CUSTODY: ("a class of goods as such is held by nobody", "name lots or serial numbers"),
    Reason.WRONG_EVENT_TYPE: ("this business step needs an ObjectEvent", "send an ObjectEvent with action OBSERVE"),
    Reason.CONTAINER_FULL: ("a container holds at most 1,000 things, at most 4 deep", "use another container"),
    Reason.WRONG_KIND: ("this kind of identifier cannot be used so", "see docs/spec/goods.md"),
    Reason.PART_OF_A_LOT: ("a lot moves as a whole", "put the part into a lot of its own by a transformation"),
    Reason.ACCOUNT_MISSING: ("there is no such account", "have the bank open it"),
    Reason.BALANCE_SHORT: ("the account holds too little", "fund the account"),
    Reason.CURRENCY_MISMATCH: ("the currencies differ", ""),
    Reason.WRONG_STATE: ("this step does not fit the present state", "look up the state"),
    Reason.TOO_EARLY: ("it is too early", "wait for the time named in the terms"),
    Reason.TOO_LATE: ("the deadline has passed", ""),
    Reason.NOT_A_PARTY_TO_THE_DEAL: ("your organisation is no party to this", ""),
    Reason.TERMS_INVALID: ("the terms are not well formed", "check deadlines, amounts and conditions"),
    Reason.CONDITION_NOT_MET: ("the condition is not met", "see which of its leaves are open"),
    Reason.ALREADY_PAID: ("this was paid already", "nothing to do"),
    Reason.DOCUMENT_MISSING: ("a document that this needs is not recorded", "record it first"),
    Reason.AMOUNT_MISMATCH: ("the amounts do not fit together", ""),
    Reason.OBLIGATION_DUPLICATE: (
        "this debtor confirmed an invoice of this number before",
        "it cannot be confirmed twice",
    ),
    Reason.SAME_ORGANISATION: ("both sides are one organisation", ""),
    Reason.TWO_PERSONS_NEEDED: ("two different persons of the debtor must sign", "add maker and checker"),
    Reason.NOT_DEBTOR: ("only the debtor may do this", ""),
    Reason.NOT_OWNER: ("only the owner of the claim may do this", ""),
    Reason.ALREADY_PLEDGED: ("somebody holds a lien on this claim already", ""),
    Reason.GRANT_MISSING: ("the owner has not granted this", "ask the owner for a grant"),
    Reason.GRANT_EXPIRED: ("the grant has ended", "ask the owner for a new grant"),
    Reason.OFFER_EXPIRED: ("the offer has ended", "ask for a new offer"),
    Reason.TENOR_TOO_LONG: ("the due date is too far ahead", "choose an earlier one"),
}

assert set(WORDS) == set(Reason)
