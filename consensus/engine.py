"""The machine: one input in, ordered effects out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from consensus.config import EngineConfig, Floor
from consensus.effects import DurableRecord, Effect
from consensus.inputs import Input, Now
from consensus.status import EngineStatus
from tallystick.blocks import Header
from tallystick.votes import Certificate, Statement, Vote


class Engine:
    """One validator's, or observer's, Simplex."""

    def __init__(
        self,
        config: EngineConfig,
        sign: Callable[[Statement], bytes],
        sign_proposal: Callable[[bytes], bytes],
        floor: Floor,
        records: Sequence[DurableRecord],
    ) -> None:
        raise NotImplementedError

    def step(self, input: Input, now: Now) -> list[Effect]:
        """Take one input, return what the shell must now do, in order."""
        raise NotImplementedError

    def wants_vote(self, vote: Vote) -> bool:
        """Whether this vote's signature is worth checking."""
        raise NotImplementedError

    def wants_certificate(self, certificate: Certificate) -> bool:
        """Whether this certificate is worth checking."""
        raise NotImplementedError

    def wants_proposal(self, header: Header, block_hash: bytes) -> bool:
        """Whether this proposal's signature is worth checking."""
        raise NotImplementedError

    def status(self) -> EngineStatus:
        """What a person asks: where are we, and what is being waited for."""
        raise NotImplementedError

    def certificates(self, first_view: int, last_view: int) -> tuple[Certificate, ...]:
        """Answer to a peer's fetch: what we hold of these views, or the newest finalisation if they are below it."""
        raise NotImplementedError

    def header(self, block_hash: bytes) -> Header | None:
        """A header above the executed floor, if its block is at hand."""
        raise NotImplementedError
