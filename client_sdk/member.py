"""One organisation at work: its keys by use, its secrets, its hand on the ledger.

Everything a member does goes through here, from the command line as from a program: intents are signed with the keys
that they need, events are captured, drafts go around when several persons sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from client_sdk.capture import Prepared, prepare, prepare_document
from client_sdk.client import Client, payload_bytes
from client_sdk.drafts import Draft, make_draft
from client_sdk.intents import Intent
from client_sdk.outcome import Outcome
from tallystick.api import TransactionState
from tallystick.documents import invoice_tag
from tallystick.epcis import GENERAL, JsonObject, Profile
from tallystick.errors import ConfigError
from tallystick.limits import NONCE_SIZE, SALT_SIZE
from tallystick.object_ids import object_id
from tallystick.records.members import KeyUse
from tallystick.transactions import Event, SignedTransaction

DRAFT_VALIDITY_MS = 3 * 24 * 3_600_000  # three days: people sign in their own time

USE_NAMES: dict[str, KeyUse] = {
    "root": KeyUse.ROOT,
    "capture": KeyUse.CAPTURE,
    "trade": KeyUse.TRADE,
    "maker": KeyUse.CONFIRM_MAKER,
    "checker": KeyUse.CONFIRM_CHECKER,
    "validator": KeyUse.VALIDATOR,
    "read": KeyUse.READ,
}


@dataclass(frozen=True, slots=True)
class Done:
    """An intent that took effect.

    Attributes:
        created: 32-byte id of the object that it made, or None.
        transaction: what was signed; submitting it again changes nothing.
    """

    outcome: Outcome
    transaction: SignedTransaction
    created: bytes | None = None

    @property
    def id(self) -> bytes:
        """The created object's id; only for intents that create one."""
        assert self.created is not None
        return self.created


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation with what it signs with.

    Attributes:
        organisation: id, for instance ``org:grower``.
        seeds: 32-byte private seeds by use; one seed may serve several uses.
        capture_secret: 32 bytes; salts of events' and documents' hidden parts come from it.
        invoice_secret: 32 bytes of a debtor; tags of invoice numbers come from it, so it must never change.
        profile: which fields of events everybody may see.
    """

    organisation: str
    client: Client
    seeds: Mapping[KeyUse, bytes]
    capture_secret: bytes = b""
    invoice_secret: bytes = b""
    profile: Profile = field(default=GENERAL)

    # --- intents ------------------------------------------------------------------------------------------

    def do(
        self,
        intent: Intent,
        *,
        co_signers: Sequence[bytes] = (),
        wait: TransactionState = TransactionState.PROVEN,
    ) -> Done:
        """Sign an intent with this member's keys, submit it, insist on its effect.

        Args:
            co_signers: seeds that sign after this member's: a new key, or other governors'.
        Raises:
            RefusedError: the ledger refused, with reason and remedy.
            Otherwise as ``Client.submit``.
        """
        transaction = self.sign(intent, co_signers=co_signers)
        outcome = self.client.submit(transaction, wait=wait).require_effect()
        return Done(outcome, transaction, self.created_by(intent, transaction))

    def sign(self, intent: Intent, *, co_signers: Sequence[bytes] = ()) -> SignedTransaction:
        """The signed transaction of an intent, not yet sent."""
        seeds = [*(self.seed_for(use) for use in intent.uses), *co_signers]
        return self.client.sign_payload(intent.payload, seeds)

    def created_by(self, intent: Intent, transaction: SignedTransaction) -> bytes | None:
        """The id of the object that a transaction of this member makes, or None when it makes none."""
        if intent.creates is None:
            return None
        return object_id(intent.creates, transaction.payload_salt, self.organisation)

    def draft(self, intent: Intent, signers: Sequence[bytes], *, validity_ms: int = DRAFT_VALIDITY_MS) -> Draft:
        """An intent as a draft for signers who sit elsewhere.

        Args:
            signers: public keys, in signing order.
            validity_ms: how long they have, until it is in a block.
        """
        random_bytes = self.client.environment.random_bytes
        return make_draft(
            payload_bytes(random_bytes(SALT_SIZE), intent.payload),
            tuple(signers),
            chain_id=self.client.chain_id,
            nonce=random_bytes(NONCE_SIZE),
            valid_until_ms=self.client.valid_until_ms(validity_ms),
        )

    def seed_for(self, use: KeyUse) -> bytes:
        """The seed of the key for a use.

        Raises:
            ConfigError: this member has none.
        """
        if use not in self.seeds:
            name = next(name for name, known in USE_NAMES.items() if known is use)
            raise ConfigError(f"no key for {name} is at hand: name one (--key, or keys.{name} in the configuration)")
        return self.seeds[use]

    # --- events -------------------------------------------------------------------------------------------

    def prepare(self, events: Sequence[JsonObject]) -> Prepared:
        """Events ready for signing. Raises: EventError with path, rule and remedy."""
        return prepare(events, self._secret(), profile=self.profile)

    def prepare_document(self, data: bytes, *, lenient: bool = False, skip_refused: bool = False) -> Prepared:
        """The events of an EPCIS document ready for signing. See ``capture.prepare_document``."""
        return prepare_document(data, self._secret(), profile=self.profile, lenient=lenient, skip_refused=skip_refused)

    def capture(self, events: Sequence[JsonObject], *, wait: TransactionState = TransactionState.PROVEN) -> Done:
        """Capture a few events under one signature and insist on their effect; ``bulk.BulkCapture`` is for many.

        Raises:
            RefusedError: one was refused, so none was recorded; the detail names it.
        """
        return self.capture_prepared(self.prepare(events).events, wait=wait)

    def capture_prepared(self, events: Sequence[Event], *, wait: TransactionState = TransactionState.PROVEN) -> Done:
        """Capture prepared events under one signature."""
        transaction = self.client.sign_events(events, [self.seed_for(KeyUse.CAPTURE)])
        return Done(self.client.submit(transaction, wait=wait).require_effect(), transaction)

    # --- secrets ------------------------------------------------------------------------------------------

    def invoice_tag(self, creditor: str, number: str) -> bytes:
        """This debtor's tag of a creditor's invoice number.

        Raises:
            ConfigError: there is no invoice secret.
            DecodeError: not an invoice number.
        """
        if not self.invoice_secret:
            raise ConfigError("no invoice secret: name its file as organisation.invoice_secret in the configuration")
        return invoice_tag(self.invoice_secret, creditor, number)

    def _secret(self) -> bytes:
        if not self.capture_secret:
            raise ConfigError("no capture secret: name its file as organisation.capture_secret in the configuration")
        return self.capture_secret
