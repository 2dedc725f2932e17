"""Whatever goes wrong at the doors becomes an RFC 9457 problem with a stable code, a sentence and a remedy."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from node.ledger import PrunedError
from node.proofs import StatePrunedError
from tallystick.api import Problem
from tallystick.errors import (
    DecodeError,
    ProofError,
    RefusedError,
    SignatureError,
    TallystickError,
    UnavailableError,
    VerificationError,
)
from tallystick.remedies import remedy_of

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:tallystick:problem:"
RETRY_AFTER_S = 1

# code -> (status, title); rules of ``DecodeError`` are codes of their own, with status 400
KINDS: dict[str, tuple[int, str]] = {
    "query": (400, "A parameter of the request is wrong"),
    "unauthenticated": (401, "The request is not signed as the members' door asks"),
    "signature": (403, "A signature does not verify"),
    "forbidden": (403, "This key or token may not do this"),
    "refused": (403, "The ledger's rules refuse this"),
    "not-found": (404, "There is nothing here"),
    "pruned": (410, "What was at that height is no longer kept here"),
    "method-not-allowed": (405, "This resource does not take this method"),
    "slow-body": (408, "The body came too slowly"),
    "too-large": (413, "The body is too large"),
    "media-type": (415, "The body is not of the media type taken here"),
    "rate-limited": (429, "Too many requests"),
    "internal": (503, "A fault in this node; another node may answer"),
    "unavailable": (503, "Not possible at the moment"),
    "starting": (503, "This node has nothing final yet"),
}

PRUNED_REMEDY = (
    "what that block was is proven at /v1/proofs/block; events up to it are those of the newest proof whose entries "
    "have no greater height; records as they stood then are not kept"
)


class ProblemError(Exception):
    """Ends a request with a problem.

    Args:
        code: one of ``KINDS``.
        detail: one sentence about this case.
        remedy: what to do about it.
        path: where in the request, as a JSON pointer: ``/query/id``.
        height: newest executed height, where knowing it helps.
        headers: further response headers.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        remedy: str = "",
        *,
        path: str = "",
        height: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        status, title = KINDS[code]
        self.problem = Problem(TYPE_PREFIX + code, title, status, code, detail, path, remedy, height)
        self.headers = dict(headers or {})
        if status == 503:
            self.headers.setdefault("Retry-After", str(RETRY_AFTER_S))


def problem_response(error: ProblemError) -> Response:
    """The answer that carries a problem."""
    return Response(
        msgspec.json.encode(error.problem),
        status_code=error.problem.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **error.headers},
    )


def problem_of(error: TallystickError) -> ProblemError:
    """The problem that an error of the tree becomes; a ``StorageError`` never reaches this."""
    match error:
        case DecodeError(rule=rule, detail=detail, path=path):
            return _of_rule(rule, detail, path, remedy_of(error))
        case SignatureError():
            return ProblemError("signature", str(error), "sign with the key that is named, for this chain")
        case PrunedError(detail=detail, remedy=remedy):
            return ProblemError("pruned", detail, remedy)
        case StatePrunedError(detail=detail, keepers=keepers) if keepers:
            return ProblemError("pruned", detail, f"ask the node of {', '.join(keepers)}, which keeps it")
        case ProofError(code="pruned", detail=detail):
            return ProblemError("pruned", detail, PRUNED_REMEDY)
        case ProofError(detail=detail):
            return ProblemError("not-found", detail, "check what was asked for; what is new, ask for again later")
        case VerificationError():
            return ProblemError("forbidden", str(error))
        case RefusedError(reason=reason, detail=detail, remedy=remedy):
            return ProblemError("refused", f"{reason}: {detail}", remedy)
        case UnavailableError():
            return ProblemError("unavailable", str(error), "try again shortly, or at another node")
    return ProblemError("internal", "the node could not answer", "try another node, and tell the operator")


def _of_rule(rule: str, detail: str, path: str, remedy: str) -> ProblemError:
    """A broken rule: its name is the code, the status is 400."""
    error = ProblemError("query", detail, remedy, path=path)
    error.problem = Problem(TYPE_PREFIX + rule, "The bytes sent break a rule", 400, rule, detail, path, remedy)
    return error
