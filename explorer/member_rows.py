"""Rows about who may act: organisations, keys, accreditations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import select

from explorer import schema
from explorer.rows import RowWriter
from tallystick.encoding import Message
from tallystick.genesis import Genesis
from tallystick.payloads import governance
from tallystick.records.members import KeyUse


class MemberRows:
    """Writes them, and answers whose a key is."""

    def __init__(self, writer: RowWriter) -> None:
        self._writer = writer
        self._owners: dict[bytes, str] = {}  # a key never changes hands

    def genesis(self, genesis: Genesis) -> None:
        """The founders as their cards say."""
        for card in genesis.cards:
            body = card.body
            self._organisation(body.organisation, body.name, body.roles, body.prefixes, suspended=False)
            self._key(body.root_key, body.organisation, (KeyUse.ROOT,))
            self._key(body.validator_key, body.organisation, (KeyUse.VALIDATOR,))

    def organisation_of(self, public_key: bytes) -> str:
        """Id of the organisation that a key belongs or belonged to; empty for an unknown key."""
        owner = self._owners.get(public_key)
        if owner is None:
            table = schema.organisation_keys
            self._writer.flush(table)
            query = select(table.c.organisation).where(table.c.public_key == public_key).limit(1)
            owner = self._writer.connection.execute(query).scalar_one_or_none()
            if owner is not None:
                self._owners[public_key] = owner
        return owner or ""

    def payload(self, payload: Message, organisation: str) -> None:
        """What an effective governance payload changed."""
        writer, keys = self._writer, schema.organisation_keys
        match payload:
            case governance.AdmitOrganisation():
                self._organisation(payload.organisation, payload.name, payload.roles, payload.prefixes, suspended=False)
                self._key(payload.root_key, payload.organisation, (KeyUse.ROOT,))
            case governance.SuspendOrganisation():
                self._suspend(payload.organisation, payload.suspended)
            case governance.RegisterKey():
                self._key(payload.key, organisation, payload.uses)
            case governance.RevokeKey():
                writer.close(keys, keys.c.public_key == payload.key)
            case governance.RotateKey():
                old = writer.open_rows(keys, keys.c.public_key == payload.old_key)
                writer.close(keys, keys.c.public_key == payload.old_key)
                for row in old:
                    self._key(payload.new_key, organisation, json.loads(row._mapping["uses"]))
            case governance.Accredit():
                self._accredit(payload, organisation)
            case governance.RevokeAccreditation():
                table = schema.accreditations
                writer.close(table, table.c.inspector == payload.inspector)
            case _:
                pass

    def _organisation(
        self, organisation: str, name: str, roles: Iterable[str], prefixes: Iterable[str], *, suspended: bool
    ) -> None:
        self._writer.add(
            schema.organisations,
            organisation=organisation,
            name=name,
            roles=json.dumps(sorted(roles)),
            prefixes=json.dumps(sorted(prefixes)),
            suspended=suspended,
        )

    def _suspend(self, organisation: str, suspended: bool) -> None:
        table = schema.organisations
        for row in self._writer.open_rows(table, table.c.organisation == organisation):
            self._writer.close(table, table.c.organisation == organisation)
            old = row._mapping
            self._organisation(
                organisation, old["name"], json.loads(old["roles"]), json.loads(old["prefixes"]), suspended=suspended
            )

    def _key(self, public_key: bytes, organisation: str, uses: Sequence[int]) -> None:
        self._writer.add(
            schema.organisation_keys,
            public_key=public_key,
            organisation=organisation,
            uses=json.dumps([int(use) for use in uses]),
        )

    def _accredit(self, payload: governance.Accredit, accreditor: str) -> None:
        table = schema.accreditations
        self._writer.close(table, table.c.inspector == payload.inspector)
        self._writer.add(
            table,
            inspector=payload.inspector,
            accreditor=accreditor,
            scopes=json.dumps(list(payload.scopes)),
            from_ms=payload.from_ms,
            until_ms=payload.until_ms,
        )
