"""From EPCIS documents to signed captures: events split by profile, salted, grouped into transactions.

The salt of an event's members' part is an HMAC under the organisation's capture secret over what the event says, so
that sending it again, from whatever device, is the same event with the same commitment; nobody without the secret
can guess at the part from its hash.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tallystick.encoding import encode
from tallystick.epcis import GENERAL, JsonObject, Profile, parse_parts, split_event
from tallystick.epcis.documents import Document, DocumentWarning, read_document
from tallystick.errors import DecodeError, EventError
from tallystick.limits import EVENTS_PER_TRANSACTION_MAX, TRANSACTION_SIZE_MAX
from tallystick.transactions import Event

_SALT_PURPOSE = b"tallystick/event-members-salt/1\x00"
_ENVELOPE_SIZE_MAX = 4_096  # bytes of a transaction beside its events: head, sixteen signatures, prefixes


@dataclass(frozen=True, slots=True)
class Prepared:
    """Events that are ready to be signed.

    Attributes:
        events: in the document's order, each commitment once.
        places: index of each event in the document.
        repeated: indices of events that stand in the document again and were left out.
        warnings: what the reader changed or the ledger will refuse.
    """

    events: tuple[Event, ...]
    places: tuple[int, ...]
    repeated: tuple[int, ...] = ()
    warnings: tuple[DocumentWarning, ...] = ()


def prepare_document(
    data: bytes,
    secret: bytes,
    *,
    profile: Profile = GENERAL,
    lenient: bool = False,
    skip_refused: bool = False,
) -> Prepared:
    """Read an EPCIS document, query document or bare event and prepare its events.

    Args:
        skip_refused: leave out events that the ledger would refuse; ``warnings`` names them.
    Raises:
        DecodeError: not strict JSON.
        EventError: a rule of EPCIS is broken; the path goes from the document's root.
    """
    document: Document = read_document(data, lenient=lenient)
    refused = [warning for warning in document.warnings if warning.refused]
    if refused and not skip_refused:
        first = refused[0]
        raise EventError(first.rule, first.detail, first.path, first.remedy)
    left_out = {_event_index(warning.path) for warning in refused}
    kept = [index for index in range(len(document.events)) if index not in left_out]
    prepared = prepare([document.events[index] for index in kept], secret, profile=profile)
    return Prepared(
        prepared.events,
        tuple(kept[place] for place in prepared.places),
        tuple(kept[place] for place in prepared.repeated),
        document.warnings,
    )


def _event_index(path: str) -> int:
    """Which event of a document a path leads to; a bare event is the first."""
    match = re.search(r"/eventList/(\d+)", path)
    return int(match[1]) if match is not None else 0


def prepare(events: Sequence[JsonObject], secret: bytes, *, profile: Profile = GENERAL) -> Prepared:
    """Split, salt and check self-contained events (each with its own ``@context``).

    Raises:
        EventError: what every node would refuse; the path begins with the event's index.
    """
    made: dict[bytes, tuple[int, Event]] = {}
    repeated: list[int] = []
    for index, event in enumerate(events):
        try:
            split = make_event(event, secret, profile)
            parse_parts(split.public, split.members)
        except EventError as error:
            raise EventError(error.rule, error.detail, f"/{index}{error.path}", error.remedy) from error
        except DecodeError as error:
            raise DecodeError(error.rule, error.detail, f"/{index}{error.path}") from error
        commitment = split.commitment()
        if commitment in made:
            repeated.append(index)
        else:
            made[commitment] = (index, split)
    places = tuple(index for index, _ in made.values())
    return Prepared(tuple(event for _, event in made.values()), places, tuple(repeated))


def make_event(event: JsonObject, secret: bytes, profile: Profile = GENERAL) -> Event:
    """One event in its slots; the same event and secret always give the same bytes.

    Args:
        secret: the organisation's capture secret, 32 bytes.
    """
    assert len(secret) == 32
    split = split_event(event, profile)
    if not split.members:
        return Event(split.public)
    return Event(split.public, members_salt(secret, split.public, split.members), split.members)


def members_salt(secret: bytes, public: bytes, members: bytes) -> bytes:
    """HMAC-SHA256 under the capture secret over both parts, the first one with its length before it."""
    return hmac.digest(secret, _SALT_PURPOSE + len(public).to_bytes(8, "big") + public + members, "sha256")


def chunks(events: Sequence[Event], *, events_max: int = EVENTS_PER_TRANSACTION_MAX) -> Iterator[tuple[Event, ...]]:
    """Cut events into captures that fit into one transaction each, in order.

    Args:
        events_max: events per capture. One refused event undoes its whole capture, so smaller ones lose less.
    Raises:
        EventError: ``capture.event-size`` when one event alone is too large.
    """
    assert 1 <= events_max <= EVENTS_PER_TRANSACTION_MAX
    room = TRANSACTION_SIZE_MAX - _ENVELOPE_SIZE_MAX
    chunk: list[Event] = []
    size = 0
    for index, event in enumerate(events):
        event_size = len(encode(event))
        if event_size > room:
            raise EventError(
                "capture.event-size", f"{event_size} bytes in one event, at most {room}", f"/{index}", "split it"
            )
        if chunk and (len(chunk) == events_max or size + event_size > room):
            yield tuple(chunk)
            chunk, size = [], 0
        chunk.append(event)
        size += event_size
    if chunk:
        yield tuple(chunk)
