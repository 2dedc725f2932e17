"""What a founder says about itself, checked before any key is made."""

from __future__ import annotations

import re
from dataclasses import dataclass

from node.certificates import TransportIdentity
from node.seal_secret import NO_BLS_KEY, BlsEntry
from tallystick.encoding import decode, encode
from tallystick.errors import ConfigError, DecodeError
from tallystick.genesis import CardBody
from tallystick.plain_text import one_line
from tallystick.records.members import ORGANISATION_ID, PREFIX, ROLES

CARD_VERSION = 1
CARD_SIZE_MAX = 65_536  # bytes; a card with its certificate and a BLS key is about 1 KiB

_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class FounderOptions:
    """The contents of a card that a person chooses; see ``CardBody``."""

    organisation: str
    name: str
    roles: tuple[str, ...]
    prefixes: tuple[str, ...]
    currencies: tuple[str, ...]
    peer_address: str
    api_address: str

    def check(self) -> None:
        """Refuse what the ledger would not take.

        Raises:
            ConfigError: naming the option.
        """
        if not ORGANISATION_ID.fullmatch(self.organisation):
            raise ConfigError(f"--org: write org: and small letters, digits, hyphens, not {self.organisation!r}")
        if not self.name.strip() or len(self.name.encode()) > 128 or one_line(self.name) != self.name:
            raise ConfigError("--name: write 1 to 128 bytes of text on one line")
        for role in self.roles:
            if role not in ROLES:
                raise ConfigError(f"--role: {role!r} is none of {', '.join(ROLES)}")
        for prefix in self.prefixes:
            if not PREFIX.fullmatch(prefix):
                raise ConfigError(f"--prefix: {prefix!r} is no GS1 company prefix; write its 4 to 12 digits")
        for currency in self.currencies:
            if not _CURRENCY.fullmatch(currency):
                raise ConfigError(f"--currency: {currency!r} is no ISO 4217 code; write three capital letters")
        if self.currencies and "bank" not in self.roles:
            raise ConfigError("--currency: only a settlement bank issues money; add --role bank")
        for option, values in (("--role", self.roles), ("--prefix", self.prefixes), ("--currency", self.currencies)):
            if len(set(values)) != len(values):
                raise ConfigError(f"{option}: one value is given twice")


def card_body(
    founder: FounderOptions,
    root_key: bytes,
    validator_key: bytes,
    transport: TransportIdentity,
    entry: BlsEntry = NO_BLS_KEY,
) -> CardBody:
    """The body that both keys sign.

    Raises:
        ConfigError: a value is longer than a card can hold.
    """
    body = CardBody(
        version=CARD_VERSION,
        organisation=founder.organisation,
        name=founder.name,
        roles=tuple(sorted(founder.roles)),
        prefixes=tuple(sorted(founder.prefixes)),
        currencies=tuple(sorted(founder.currencies)),
        root_key=root_key,
        validator_key=validator_key,
        certificate=transport.certificate_der,
        peer_address=founder.peer_address,
        api_address=founder.api_address,
        bls_key=entry.bls_key,
        bls_possession=entry.bls_possession,
    )
    try:
        return decode(encode(body), CardBody, size_max=CARD_SIZE_MAX)
    except DecodeError as error:
        raise ConfigError(f"the card cannot be made: {error}") from error
