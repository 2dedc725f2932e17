"""What the explorer asks of the node beside it. Its answers are material to check, never facts."""

from __future__ import annotations

from collections.abc import Sequence
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


class NodePrunedError(NodeRefusedError):
    """The node had it once and keeps it no more; the message says who may keep it."""


class NodeClient:
    """The node's doors as typed questions.

    Args:
        transport: the way to the node.
        token: read token for the members' door, or empty.
        others: ways to other members' nodes, asked at their public doors for proofs that the node beside does not give:
            because it pruned them, or does not answer. Their answers are checked like its own.
    """

    def __init__(self, transport: Transport, token: str = "", others: Sequence[Transport] = ()) -> None:
        self._transport = transport
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._others = tuple(others)

    @classmethod
    def at(cls, address: str, token: str, others: Sequence[str] = ()) -> NodeClient:
        """A client for a node's address.

        Raises:
            ConfigError: not an address.
        """
        return cls(HttpTransport(address), token, [HttpTransport(other) for other in others])

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
        try:
            self._require(response)
        except NodePrunedError as error:
            raise NodePrunedError(
                f"{error}. The copy needs every block from height {from_height} on: let 'node' in the configuration "
                "name a node that keeps them, with its read token, until the copy has caught up"
            ) from error
        try:
            return _blocks_decoder.decode(response.body)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise DecodeError("malformed", f"the node's blocks cannot be read: {error}") from error

    def epoch(self, epoch: int) -> EpochStep:
        """How an epoch ended, as the node says. Raises: as ``blocks``."""
        response = self._get_anywhere(api.EPOCH.format(epoch=epoch), {}, "application/msgpack")
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
        response = self._get_anywhere(path, query, "application/json")
        if len(response.body) > PROOF_SIZE_MAX:
            raise DecodeError("too-long", f"a proof of {len(response.body)} bytes; at most {PROOF_SIZE_MAX} are read")
        return response.body

    def _get_anywhere(self, path: str, query: dict[str, str], accept: str) -> Response:
        """A public answer of the node beside, or where it has none of the first other one that does.

        Raises:
            UnavailableError, NodeRefusedError: of the node beside, with what the others said.
        """
        try:
            response = self._get(path, query, accept)
            self._require(response)
            return response
        except (NodePrunedError, UnavailableError) as error:
            if isinstance(error, NodeRefusedError) and not isinstance(error, NodePrunedError):
                raise
            said = [str(error)]
            for other in self._others:
                try:
                    response = other.send(Request("GET", path, urlencode(query), {"accept": accept}))
                    _require(other.name, response)
                    return response
                except UnavailableError as also:
                    said.append(str(also))
            raise type(error)("; ".join(said)) from error

    def _get(self, path: str, query: dict[str, str], accept: str) -> Response:
        headers = {"accept": accept, **self._headers}
        return self._transport.send(Request("GET", path, urlencode(query), headers))

    def _require(self, response: Response) -> None:
        _require(self.name, response)


def _require(name: str, response: Response) -> None:
    """Refuse every status but 200, in the node's words where it has some."""
    if response.status == 200:
        return
    remedy = ""
    try:
        problem = msgspec.json.decode(response.body, type=api.Problem)
        said = f"{problem.detail or problem.title} [{problem.code}]"
        remedy = f"; {problem.remedy}" if problem.remedy else ""
    except (msgspec.DecodeError, msgspec.ValidationError):
        said = f"status {response.status}"
    if response.status in (401, 403):
        said += "; check read_token in the configuration"
    if response.status >= 500 or response.status == 429:
        raise UnavailableError(f"{name}: {said}")
    if response.status == 410:
        raise NodePrunedError(f"{name}: {said}{remedy}")
    raise NodeRefusedError(f"{name}: {said}")
