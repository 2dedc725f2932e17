"""The golden chain: every story there is, told over three hundred blocks."""

from __future__ import annotations

from tests.golden import (
    story_deals,
    story_finance,
    story_goods,
    story_market,
    story_members,
    story_membership,
    story_recalls,
    story_trade,
)
from tests.golden.author import Author, Story
from tests.golden.stored import StoredChain

HEIGHTS = 300


def build() -> StoredChain:
    """Write the chain; the same bytes every time."""
    author = Author()
    author.tell([story_members.founding(author)])
    author.tell([story_membership.epochs(author)])
    author.tell([*_weeks_of_goods(author), *_weeks_of_trade(author)])
    author.tell(_year_of_finance(author))
    author.tell([story_market.market(author, HEIGHTS - 10)])
    return author.end(HEIGHTS)


def _weeks_of_goods(author: Author) -> list[Story]:
    return [
        story_members.admissions(author),
        story_members.key_changes(author),
        story_members.accreditations(author),
        _one_after_another(
            story_goods.harvest(author),
            story_goods.statements(author),
            story_goods.inspections(author),
            story_goods.shipments(author),
        ),
        story_goods.declared(author),
        story_recalls.packs(author),
    ]


def _weeks_of_trade(author: Author) -> list[Story]:
    return [
        _one_after_another(
            story_trade.accounts(author),
            story_trade.documents(author),
            story_trade.delivery(author),
            story_trade.disputes(author),
            story_trade.endings(author),
        )
    ]


def _year_of_finance(author: Author) -> list[Story]:
    return [
        story_finance.deadlines(author),
        story_finance.answers(author),
        story_deals.offers(author),
        story_finance.defaults(author),
        story_deals.short_deals(author),
        story_finance.empty_pockets(author),
    ]


def _one_after_another(*stories: Story) -> Story:
    for story in stories:
        yield from story
