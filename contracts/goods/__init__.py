"""Rules of goods: what an event does to items, containers, custody, quantities and histories.

Specification: docs/spec/goods.md.
"""
