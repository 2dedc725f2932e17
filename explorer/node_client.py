"""What the explorer asks of the node beside it. Its answers are material to check, never facts."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from client_sdk.transport import HttpTransport, Request, Response, Transport
from tallystick import api
from tallystick.encoding import decode
from tallystick.epochs import EpochStep
from tallystick.errors import DecodeError, UnavailableError

BLOCKS_MAX = 200  # blocks of one question; the node may answer fewer
EPOCH_STEP_SIZE_MAX = 65_536  # bytes: two sets of 31 validators and a certificate
PROOF_SIZE_MAX = 4 * 1_048_576  # bytes
_blocks_decoder = msgspec.msgpack.Decoder(tuple[api.BlockAnswer, ...])


class NodeRefusedError(UnavailableError):
    """The node answered, but not with what was asked for: a wrong token, an address that is no node's."""


class NodeClient:
    """The node's doors as typed questions.

    Args:
        transport: the way to the node.
        token: read token for the members' door, or empty.
    """

    def __init__(self, transport: Transport, token: str = "") -> None:
        self._transport = transport
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    @classmethod
    def at(cls, address: str, token: str) -> NodeClient:
        """A client for a node's address.

        Raises:
            ConfigError: not an address.
        """
        return cls(HttpTransport(address), token)

    @property
    def name(self) -> str:
        """The node's address."""
        return self._transport.name

    def blocks(self, from_height: int, limit: int = BLOCKS_MAX) -> tuple[api.BlockAnswer, ...]:
        """Executed heights from ``from_height`` on; none when there are no newer ones.

        Raises:
            UnavailableError: no answer; ``NodeRefusedError``: it will not answer this.
            DecodeError: not a list of blocks.
        """
        response = self._get(api.BLOCKS, {"from": str(from_height), "limit": str(limit)}, "application/msgpack")
        self._require(response)
        try:
            return _blocks_decoder.decode(response.body)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise DecodeError("malformed", f"the node's blocks cannot be read: {error}") from error

    def epoch(self, epoch: int) -> EpochStep:
        """How an epoch ended, as the node says. Raises: as ``blocks``."""
        response = self._get(api.EPOCH.format(epoch=epoch), {}, "application/msgpack")
        self._require(response)
        return decode(response.body, EpochStep, size_max=EPOCH_STEP_SIZE_MAX)

    def head(self) -> api.HeadAnswer:
        """The node's newest final header. Raises: as ``blocks``."""
        response = self._get(api.HEAD, {}, "application/json")
        self._require(response)
        try:
            return msgspec.json.decode(response.body, type=api.HeadAnswer)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise DecodeError("malformed", f"the node's head cannot be read: {error}") from error

    def item_proof(self, identifier: str, at: int | None = None) -> bytes:
        """The proof bundle of an identifier, as the node wrote it; ``at``: of that height. Raises: as ``blocks``."""
        return self._proof(api.ITEM_PROOF, {"id": identifier} | ({"at": str(at)} if at is not None else {}))

    def event_proof(self, commitment: str, identifier: str) -> bytes:
        """The proof bundle of one event in the history of one item. Raises: as ``blocks``."""
        return self._proof(api.EVENT_PROOF, {"commitment": commitment, "item": identifier})

    def _proof(self, path: str, query: dict[str, str]) -> bytes:
        response = self._get(path, query, "application/json")
        self._require(response)
        if len(response.body) > PROOF_SIZE_MAX:
            raise DecodeError("too-long", f"a proof of {len(response.body)} bytes; at most {PROOF_SIZE_MAX} are read")
        return response.body

    def _get(self, path: str, query: dict[str, str], accept: str) -> Response:
        headers = {"accept": accept, **self._headers}
        return self._transport.send(Request("GET", path, urlencode(query), headers))

    def _require(self, response: Response) -> None:
        if response.status == 200:
            return
        try:
            problem = msgspec.json.decode(response.body, type=api.Problem)
            said = f"{problem.detail or problem.title} [{problem.code}]"
        except (msgspec.DecodeError, msgspec.ValidationError):
            said = f"status {response.status}"
        if response.status in (401, 403):
            said += "; check read_token in the configuration"
        if response.status >= 500 or response.status == 429:
            raise UnavailableError(f"{self.name}: {said}")
        raise NodeRefusedError(f"{self.name}: {said}")
