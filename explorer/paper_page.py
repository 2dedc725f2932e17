"""The page behind the link of a printed code: what the paper says, and how to check that; this site does not."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from explorer.answers import message, page
from explorer.read_model import ReadModel
from explorer.site import Site, words_of
from tallystick.compact import CHAIN_SIGN, COMPACT_SIZE_MAX, LINK_PATH, TEXT_PREFIX, read_compact
from tallystick.epcis import parse_key
from tallystick.errors import EventError, ProofError


def paper_page(site: Site, request: Request) -> Response:
    """A compact proof, told as what it is: a claim with a signature that a page cannot check."""
    words, text = words_of(request), request.url.path.partition(LINK_PATH)[2]
    try:
        if len(text) > 2 * COMPACT_SIZE_MAX:
            raise ProofError("unreadable", "too long")
        proof = read_compact((TEXT_PREFIX + text).encode())
        proof.session.public()
        contents = proof.contents.members().contents if proof.contents is not None else ()
        for key in contents:  # else anybody's link would put anybody's sentences on this site
            parse_key(key)
    except (ProofError, EventError, UnicodeEncodeError):
        return message(site, request, words, "paper.unreadable", status=404, given=text[:80])
    if proof.chain != site.founding.chain_id[:CHAIN_SIGN]:
        return message(site, request, words, "paper.elsewhere", status=404, given=proof.subject)
    with site.engine.connect() as connection:  # a recall's id is free text, too: only what members recorded is shown
        recalls = ReadModel(connection).recalls_named(proof.item.recalls)
    return page(
        site, request, words, "paper.html", paper=proof, contents=contents, recalls=recalls, text=TEXT_PREFIX + text
    )
