"""Nothing that anybody may ask for shows a price, a term, a person or a key of the story."""

from __future__ import annotations

import time
from http.client import HTTPConnection
from urllib.parse import quote

import pytest

from scripts.story import goods
from scripts.story.acts import SECRETS, Story
from scripts.story.secrets_scan import scan_answers
from tallystick.transactions import decode_transaction
from tests.integration.chains import blocks_of, executed_heights

# Long enough that signatures and hashes, of which megabytes are searched, hold none of them by chance.
NUMBERS = ("INV-001", "INV001", "PO-2026-0007", "DA-2026-0007", "RA-2026-0007")
PRIVATE = (*NUMBERS, "sourceList", "destinationList", "bizTransactionList")
IDENTIFIERS = (
    *(goods.FIELD_A, goods.FIELD_B, goods.BATCH_A, goods.BATCH_B, *goods.PACKS_A, *goods.PACKS_B),
    *(goods.PALLET_A, goods.PALLET_B, goods.NEVER_ISSUED, f"01/{goods.PACK_GTIN}", f"01/{goods.FIELD_GTIN}"),
)
PATIENCE_S = 300.0
pytestmark = pytest.mark.process


def ask(url: str, path: str, language: str = "en") -> tuple[int, bytes]:
    host, _, port = url.removeprefix("http://").partition(":")
    connection = HTTPConnection(host, int(port), timeout=120)
    try:
        connection.request("GET", path, headers={"Accept-Language": language})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def public_answers(story: Story) -> dict[str, bytes]:
    """Every public answer of a node about everything in the story, and every page of the explorer."""
    network = story.network
    node, explorer = network.nodes["org:retailer"].url, network.explorer_url
    height = min(executed_heights(network).values())
    paths = ["/health", "/metrics", "/.well-known/head", "/v1/genesis", "/v1/openapi.json"]
    paths += [f"/v1/headers/{at}" for at in range(1, height + 1, 7)]
    pages = ["/", "/blocks", "/about/checking", "/openapi.json", "/health", "/metrics"]
    pages += [f"/block/{at}" for at in range(1, height + 1)]
    for identifier in IDENTIFIERS:
        paths.append(f"/v1/proofs/item?id={quote(identifier, safe='/')}")
        pages += [f"/{identifier}", f"/zh/{identifier}", f"/v1/items/{identifier}"]
    for block in blocks_of(story.cast, "org:retailer", "org:retailer", height):
        for raw in block.transactions:
            for commitment in decode_transaction(raw, story.cast.chain_id).commitments:
                pages += [f"/event/{commitment.hex()}", f"/v1/events/{commitment.hex()}"]
                for identifier in (goods.PACKS_A[0], goods.PALLET_A, goods.BATCH_A):
                    paths.append(f"/v1/proofs/event?commitment={commitment.hex()}&item={quote(identifier, safe='/')}")
    answers, end = dict[str, bytes](), time.monotonic() + PATIENCE_S
    for base, asked in ((node, paths), (explorer, pages)):
        for path in asked:
            status, body = ask(base, path)
            while status == 429:  # what is not said yet shows nothing: proofs cost more the slower the machine
                assert time.monotonic() < end, (base, path)
                time.sleep(0.1)
                status, body = ask(base, path)
            assert status < 500, (base, path, status, body[:300])
            answers[base + path] = body
    return answers


def test_no_public_answer_shows_what_the_parties_keep_to_themselves(played: Story) -> None:
    answers = public_answers(played)
    assert sum(b"verdict" in body or b"anchor" in body for body in answers.values()) > 20
    secrets = [seed for member in played.cast.members.values() for seed in member.seeds.values()]
    secrets += [played.network.passphrase.encode(), *played.cast.root_seeds.values()]
    for member in played.cast.members.values():
        secrets += [member.capture_secret, member.invoice_secret]
    scan_answers(answers, (*SECRETS, *PRIVATE), filter(None, secrets))


def test_all_nodes_hold_the_same_blocks_and_receipts(played: Story) -> None:
    height = min(executed_heights(played.network).values())
    chains = [blocks_of(played.cast, name, "org:grower", height) for name in played.network.nodes]
    for blocks in chains:
        assert [block.header for block in blocks] == [block.header for block in chains[0]]
        assert [block.transactions for block in blocks] == [block.transactions for block in chains[0]]
        assert [block.receipts for block in blocks] == [block.receipts for block in chains[0]]
