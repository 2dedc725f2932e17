"""What to do about bytes, or an event, that break a rule: for people, at every door where such an error is told."""

from __future__ import annotations

from tallystick.errors import DecodeError, EventError

_OF_RULES = {
    "too-long": "split it, or shorten its contents",
    "malformed": "encode it as docs/spec/transactions.md says, or with the SDK",
    "non-canonical": "encode it in the one canonical spelling, or with the SDK",
    "not-a-key": "write a key text, for instance 01/09521234543213/21/A1",
    "kind": "name the kind that the bytes are of, and give them whole",
    "magic": "scan the whole code again; one that does not begin with TSC1 is none of ours",
    "base41": "scan the whole code again, or copy it without changing a character",
    "base64": "encode it as RFC 4648, section 4, says, with padding",
    "seal": "ask another member's node",
    "transaction.version": "update the software that signed it",
    "transaction.chain": "sign for this network's chain id; see /v1/genesis",
    "transaction.signatures": "send every named signer's signature, in order, and no other",
    "transaction.signers": "name each signer once",
    "transaction.contents": "send the contents that the head describes",
    "transaction.digest": "send the contents that were signed for, unchanged",
    "transaction.repeated-event": "send each event once",
    "transaction.expired": "sign it again, valid for longer",
    "transaction.valid-too-long": "sign it again, valid for at most seven days",
    "event.members-slot": "send a members' part with its salt of 32 bytes, or neither",
    "event.sealed-slot": "send a sealed root with its count, or neither",
    "document.number-empty": "write the document's number as it is printed",
    "document.number-not-ascii": "write the document's number in letters, digits and signs of ASCII",
    "document.number-too-long": "write the document's number alone, without its date or kind",
    "compact.subject": "ask for a logistic unit by its SSCC: 00/095212345678901235",
    "request.digest": "send the body that was signed for, or sign again",
}
# Where the detail says what is wrong in this case, and what helps is the same for all rules of a family.
_OF_FAMILIES = {
    "block": "ask another member's node: this one's answer is no such block",
    "bulk": "send one MessagePack array of encoded transactions, or use the SDK",
    "capture": "split what is too large, or leave out what nobody needs to see",
    "cbv": "use a word of CBV 2.0, or a URI of your own",
    "document": "compare it with the samples and with docs/spec/events.md, section 7",
    "draft": "ask whoever made the draft for the file again",
    "epcis": "correct the event as docs/spec/events.md, section 6, says",
    "error": "correct the declaration as docs/spec/events.md, section 6, says",
    "event": "correct the event as docs/spec/events.md says",
    "evidence": "ask whoever gave you the evidence for the file again",
    "frame": "ask another member's node",
    "genesis": "get the genesis file from a member again, or its cards from the founders",
    "gs1": "write the whole key with its check digit, for instance 01/09521234543213/21/A1",
    "json": "send JSON as RFC 8259 has it: UTF-8 without a byte order mark, each name once, numbers in plain digits",
    "lenient": "correct the document as docs/spec/events.md says",
    "money": "write an amount with its currency's decimals and code, for instance 120.50 CNY",
    "persistent": "correct the disposition as docs/spec/events.md, section 6, says",
    "place": "name the place by an id, for instance a Digital Link with 414",
    "quantity": "write a plain number with at most six decimals, and the unit's code of UN/CEFACT Recommendation 20",
    "reference": "correct the list as docs/spec/events.md, section 6, says",
    "request": "sign the request as docs/spec/api.md says, or with the SDK",
    "sensor": "correct the sensor's part as docs/spec/events.md, section 6, says",
    "snapshot": "take it from another member",
    "time": "write date, time and zone, for instance 2026-11-22T08:30:00+08:00",
    "transaction": "sign it with the SDK, or as docs/spec/transactions.md says",
    "validators": "give every validator an organisation and keys of its own",
}


def remedy_of(error: DecodeError) -> str:
    """What helps: the error's own words, its rule's, or those of the rule's family; empty where nobody knows."""
    own = error.remedy if isinstance(error, EventError) else ""
    return own or _OF_RULES.get(error.rule) or _OF_FAMILIES.get(error.rule.partition(".")[0], "")
