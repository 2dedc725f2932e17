"""What a node itself says on the chain: that it is ready to join, that another contradicted itself."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping

from node.admission import Admission, Outcome
from node.epochs import Epochs
from node.logs import log_fields
from tallystick.encoding import Message
from tallystick.errors import TallystickError
from tallystick.payloads import encode_payload
from tallystick.transactions import sign_transaction

VALID_MS = 600_000  # how long such a transaction may wait for its block

logger = logging.getLogger("tallystick.node")


class OwnWords:
    """Signs payloads with a validator key of this node and hands them to its own door.

    Attributes:
        admission: that door; set once, before anything is said.
    """

    admission: Admission

    def __init__(
        self,
        chain_id: bytes,
        epochs: Epochs,
        seeds: Callable[[], Mapping[bytes, bytes]],
        now_ms: Callable[[], int],
    ) -> None:
        """``seeds`` by public key, ``now_ms`` the time that the next block will have at least."""
        self._chain_id = chain_id
        self._epochs = epochs
        self._seeds = seeds
        self._now_ms = now_ms

    def say(self, payload: Message, key: bytes | None = None) -> None:
        """Put a payload on the chain, signed with ``key`` or the one that sits; nothing without such a key."""
        if key is None and self._epochs.me is not None:
            key = self._epochs.validators.members[self._epochs.me].key
        seed = self._seeds().get(key or b"")
        if seed is None:
            return
        transaction = sign_transaction(
            chain_id=self._chain_id,
            nonce=secrets.token_bytes(16),
            valid_until_ms=self._now_ms() + VALID_MS,
            seeds=(seed,),
            payload=encode_payload(secrets.token_bytes(32), payload),
        )
        self.admission.submit((transaction.raw,)).add_done_callback(_log_refusal)


def _log_refusal(done: asyncio.Future[list[Outcome]]) -> None:
    if done.cancelled() or done.exception() is not None:
        return
    for outcome in done.result():
        if isinstance(outcome, TallystickError):
            logger.warning("the node's own transaction was not admitted", extra=log_fields(error=str(outcome)))
