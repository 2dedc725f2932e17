"""Path and query parameters: texts with a pattern, refused in any second spelling, unknown or repeated ones too."""

from __future__ import annotations

from collections import Counter
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Path, Query
from starlette.requests import Request

from node.api.problems import ProblemError
from tallystick.api import TransactionState
from tallystick.limits import KEY_SIZE_MAX

NUMBER = "^(0|[1-9][0-9]{0,14})$"
HEX32 = "^[0-9a-f]{64}$"
HEX_KEY = f"^([0-9a-f]{{2}}){{1,{KEY_SIZE_MAX}}}$"
WAIT_MAX_MS = 30_000
PAGE_MAX = 200
EXAMPLE_HASH = "5f" * 32
EXAMPLE_ITEM = "01/09521234543213/21/A1"

HeightPath = Annotated[str, Path(pattern=NUMBER, description="Height of a block, from 1.", examples=["42"])]
HeightQuery = Annotated[str, Query(pattern=NUMBER, description="Executed height; 0 is genesis.", examples=["42"])]
IdPath = Annotated[str, Path(pattern=HEX32, description="Transaction id.", examples=[EXAMPLE_HASH])]
ItemQuery = Annotated[
    str,
    Query(
        min_length=4,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Identifier as a GS1 Digital Link path: product, lot, serial or container.",
        examples=[EXAMPLE_ITEM],
    ),
]
CommitmentQuery = Annotated[str, Query(pattern=HEX32, description="Commitment of one event.", examples=[EXAMPLE_HASH])]
KeyQuery = Annotated[str, Query(pattern=HEX_KEY, description="Key of a record.", examples=["01706172616d6574657273"])]
AtQuery = Annotated[
    str | None,
    Query(pattern=NUMBER, description="Show the state after this height; without it, the newest.", examples=["42"]),
]
ObligationQuery = Annotated[str, Query(pattern=HEX32, description="Id of an obligation.", examples=[EXAMPLE_HASH])]
GrantQuery = Annotated[
    str | None, Query(pattern=HEX32, description="Id of the grant that lets you see it.", examples=[EXAMPLE_HASH])
]
FromQuery = Annotated[str, Query(alias="from", pattern=NUMBER, description="Where to begin.", examples=["1"])]
LimitQuery = Annotated[str, Query(pattern=NUMBER, description=f"How many at most, up to {PAGE_MAX}.", examples=["50"])]
WaitQuery = Annotated[
    TransactionState | None, Query(description="Answer when this state is reached.", examples=["proven"])
]
TimeoutQuery = Annotated[
    str, Query(pattern=NUMBER, description=f"Milliseconds to wait, up to {WAIT_MAX_MS}.", examples=["5000"])
]

EpochPath = Annotated[str, Path(pattern=NUMBER, description="Number of an epoch, from 0.", examples=["0"])]

ClosingQuery = Annotated[
    str | None,
    Query(pattern=NUMBER, description="Of the last block of this epoch; without it, the newest.", examples=["0"]),
]


async def strict_query(request: Request) -> None:
    """Refuse query parameters that the route does not know or that come twice.

    Raises:
        ProblemError: ``query``.
    """
    raw = request.scope["query_string"]
    if not raw:
        return
    given = Counter(name for name, _ in parse_qsl(raw.decode("latin-1"), keep_blank_values=True))
    known = {field.alias for field in request.scope["route"].dependant.query_params}
    for name, count in given.items():
        if name not in known:
            hint = f"known here: {', '.join(sorted(known))}" if known else "none is known here"
            raise ProblemError("query", "unknown parameter", hint, path=f"/query/{name[:64]}")
        if count > 1:
            raise ProblemError("query", "given twice", "give it once", path=f"/query/{name[:64]}")


def bounded(text: str, name: str, minimum: int, maximum: int) -> int:
    """A number that matched ``NUMBER``, within its bounds.

    Raises:
        ProblemError: ``query``.
    """
    value = int(text)
    if not minimum <= value <= maximum:
        raise ProblemError("query", f"{value} is out of bounds", f"write {minimum} to {maximum}", path=f"/query/{name}")
    return value
