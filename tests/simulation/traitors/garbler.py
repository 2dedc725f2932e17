"""Changes messages: one number by one, one hash, one bit, and certificates in every way that a bitmap allows."""

from __future__ import annotations

from typing import Any

import msgspec

from consensus.effects import PeerMessage
from tallystick.encoding import decode, encode
from tallystick.errors import DecodeError
from tallystick.proposals import Proposal
from tallystick.votes import Certificate, Statement, Vote, VoteKind
from tests.simulation.traitors.traitor import Traitor

SIZE_MAX = 1_048_576


class Garbler(Traitor):
    """Every message of its own also leaves in a changed form; so do certificates that it heard."""

    def broadcast(self, message: PeerMessage) -> None:
        for peer in self.others:
            chance = self.world.chance()
            if chance < 0.6:
                self.say_to(peer, message)
            if chance > 0.4:
                changed = self.garbled(message)
                if changed is not None:
                    self.world.seen["garbled messages"] += 1
                    self.say_to(peer, changed)

    def garbled(self, message: PeerMessage) -> PeerMessage | None:
        """The message with one change, or None where nobody could even read it."""
        if self.world.chance() < 0.3:
            return self.flipped(message)
        if isinstance(message, Vote) and self.world.chance() < 0.3:  # in somebody else's name
            seat = self.world.random.randrange(self.config.validators.count)
            return msgspec.structs.replace(message, validator=seat)
        if isinstance(message, Vote):
            statement = self.shifted(message.statement)
            signature = self.sign_statement(statement) if self.world.chance() < 0.5 else message.signature
            return msgspec.structs.replace(message, statement=statement, signature=signature)
        if isinstance(message, Certificate):
            return self.forged(message)
        if isinstance(message, Proposal) and self.world.chance() < 0.5:
            name = self.world.random.choice(("epoch", "height", "view", "parent_view", "time_ms", "transaction_count"))
            value = max(0, getattr(message.header, name) + self.world.random.choice((-1, 1)))
            return self.resigned(message, msgspec.structs.replace(message.header, **{name: value}))
        certificates = tuple(self.forged(certificate) for certificate in message.certificates)
        return msgspec.structs.replace(message, certificates=certificates)

    def shifted(self, statement: Statement) -> Statement:
        """One field of a statement changed."""
        random = self.world.random
        change: dict[str, Any] = random.choice(
            (
                {"epoch": statement.epoch + random.choice((-1, 1))},
                {"view": statement.view + random.choice((-1, 1))},
                {"kind": random.choice(list(VoteKind))},
                {"block_hash": random.randbytes(32)},
            )
        )
        change = {name: max(0, value) if isinstance(value, int) else value for name, value in change.items()}
        if "kind" in change:
            change["kind"] = VoteKind(change["kind"])
        return msgspec.structs.replace(statement, **change)

    def forged(self, certificate: Certificate) -> Certificate:
        """Signers permuted, doubled, unknown, too few; another statement; our own signature for everybody's."""
        random, signatures = self.world.random, list(certificate.signatures)
        signers = list(certificate.signer_indices())
        way = random.choice(("permuted", "doubled", "unknown", "short", "statement", "own"))
        statement = certificate.statement
        if way == "permuted":
            random.shuffle(signatures)
        elif way == "doubled":
            signatures = [signatures[0]] * len(signatures)
        elif way == "unknown":
            signers[-1] = 30
        elif way == "short":
            signers, signatures = signers[1:] or signers, signatures[1:] or signatures
        elif way == "statement":
            statement = self.shifted(statement)
        else:
            signatures = [self.sign_statement(statement)] * len(signatures)
        bitmap = sum(1 << index for index in signers)
        return msgspec.structs.replace(certificate, statement=statement, signers=bitmap, signatures=tuple(signatures))

    def flipped(self, message: PeerMessage) -> PeerMessage | None:
        """One bit of the bytes on the wire; a receiver reads it or refuses it, and nothing else."""
        data = bytearray(encode(message))
        place = self.world.random.randrange(len(data))
        data[place] ^= 1 << self.world.random.randrange(8)
        try:
            return decode(bytes(data), type(message), size_max=SIZE_MAX)
        except DecodeError:
            self.world.seen["unreadable messages refused"] += 1
            return None
