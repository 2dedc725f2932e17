"""Tables of the read model, in two families that never meet.

Public tables hold what anybody may see. Members' tables (``members_…``) hold the copied chain with members' parts; the
pages read through a connection that cannot open them (``explorer.database.open_public``).

Heights say when a fact began (``from_height``) and when it ended (``to_height``, exclusive, empty while it holds). A
row is written once; only ``to_height`` is set later, once. So every question can be asked as of a height.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

SCHEMA_VERSION = 3
MEMBERS_PREFIX = "members_"

metadata = MetaData()


def _height(name: str, *, key: bool = False, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=nullable)


# --- what this copy is ------------------------------------------------------------------------------------------
copy_of = Table(
    "copy_of",
    metadata,
    Column("name", String(32), primary_key=True),  # chain_id, network, schema_version
    Column("value", Text, nullable=False),
)

# --- the chain --------------------------------------------------------------------------------------------------
blocks = Table(
    "blocks",
    metadata,
    _height("height", key=True),
    Column("block_hash", LargeBinary(32), nullable=False, unique=True),
    Column("parent_hash", LargeBinary(32), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("view", BigInteger, nullable=False),
    Column("proposer", String(128), nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("transaction_count", Integer, nullable=False),
    Column("receipt_count", Integer, nullable=False),
    Column("state_root", LargeBinary(32), nullable=False),
    Column("receipts_root", LargeBinary(32), nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("finalisation", LargeBinary),  # empty where only a descendant was finalised directly
)

epochs = Table(
    "epochs",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    _height("height"),  # of its boundary block
    Column("proof", LargeBinary, nullable=False),
)

# Headers above the newest checked height, up to the one that certifies it. Not facts but evidence, replaced each time.
tail = Table(
    "tail",
    metadata,
    _height("height", key=True),
    Column("header", LargeBinary, nullable=False),
    Column("finalisation", LargeBinary),
)

transactions = Table(
    "transactions",
    metadata,
    _height("height", key=True),
    Column("transaction_index", Integer, primary_key=True),
    Column("transaction_id", LargeBinary(32), nullable=False, index=True),
    Column("kind", String(16), nullable=False),  # events, governance, goods, members
    Column("event_count", Integer, nullable=False),
    Column("organisation", String(128), nullable=False),  # of the signers; empty where only members may know
)

# --- events -----------------------------------------------------------------------------------------------------
events = Table(
    "events",
    metadata,
    _height("height", key=True),
    Column("transaction_index", Integer, primary_key=True),
    Column("event_index", Integer, primary_key=True),
    Column("commitment", LargeBinary(32), nullable=False, index=True),
    Column("status", Integer, nullable=False),  # tallystick.records.goods.EventStatus
    Column("reason", Integer, nullable=False),  # tallystick.reasons.Reason
    Column("event_time_ms", BigInteger, nullable=False),
    Column("event_type", String(32), nullable=False),
    Column("biz_step", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("public", LargeBinary, nullable=False),  # the canonical JSON as it was signed
)

item_events = Table(
    "item_events",
    metadata,
    Column("identifier", String(512), primary_key=True),
    _height("height", key=True),
    Column("transaction_index", Integer, primary_key=True),
    Column("event_index", Integer, primary_key=True),
    Column("commitment", LargeBinary(32), nullable=False),
    Column("kind", Integer, nullable=False),  # tallystick.records.goods.HistoryKind
)

statements = Table(
    "statements",
    metadata,
    Column("identifier", String(512), primary_key=True),
    _height("height", key=True),
    Column("transaction_index", Integer, primary_key=True),
    Column("event_index", Integer, primary_key=True),
    Column("commitment", LargeBinary(32), nullable=False),
)

corrections = Table(
    "corrections",
    metadata,
    Column("commitment", LargeBinary(32), primary_key=True),
    Column("organisation", String(128), primary_key=True),  # who recorded the event, and declares it erroneous
    Column("declared_by", LargeBinary(32), nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("corrective_event_ids", Text, nullable=False),  # JSON array
    _height("from_height"),
)

# --- goods ------------------------------------------------------------------------------------------------------
items = Table(
    "items",
    metadata,
    Column("identifier", String(512), primary_key=True),
    Column("kind", Integer, nullable=False),  # tallystick.epcis.key_types.IdentifierKind
    Column("gtin", String(14), nullable=False, index=True),
    Column("origin", Integer, nullable=False),  # tallystick.records.goods.Origin
    Column("origin_words", Text, nullable=False),  # what the holder of the prefix declared, or empty
    _height("from_height"),
)

item_lots = Table(
    "item_lots",
    metadata,
    Column("identifier", String(512), primary_key=True),
    Column("lot", String(512), primary_key=True, index=True),
    _height("from_height"),
)

item_states = Table(
    "item_states",
    metadata,
    Column("identifier", String(512), primary_key=True),
    _height("from_height", key=True),
    _height("to_height", nullable=True),
    Column("status", Integer, nullable=False),  # tallystick.records.goods.ItemStatus
)

sessions = Table(
    "sessions",
    metadata,
    Column("identifier", String(512), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    _height("from_height"),
)

session_contents = Table(
    "session_contents",
    metadata,
    Column("container", String(512), primary_key=True),
    Column("identifier", String(512), primary_key=True, index=True),
    _height("from_height", key=True),
    _height("to_height", nullable=True),
)

lineage = Table(
    "lineage",
    metadata,
    Column("commitment", LargeBinary(32), primary_key=True),
    Column("side", String(6), primary_key=True),  # input, output
    Column("identifier", String(512), primary_key=True, index=True),
    _height("from_height"),
)

inspections = Table(
    "inspections",
    metadata,
    Column("identifier", String(512), primary_key=True),
    _height("from_height", key=True),
    _height("to_height", nullable=True),
    Column("commitment", LargeBinary(32), nullable=False),
    Column("inspector", String(128), nullable=False),
    Column("verdict", Integer, nullable=False),  # tallystick.records.goods.Verdict
)

recalls = Table(
    "recalls",
    metadata,
    Column("recall_id", String(128), primary_key=True),
    _height("from_height", key=True),
    _height("to_height", nullable=True),
    Column("issuer", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("roots", Text, nullable=False),  # JSON array of key texts
)

item_recalls = Table(
    "item_recalls",
    metadata,
    Column("identifier", String(512), primary_key=True),
    Column("recall_id", String(128), primary_key=True),
    _height("from_height"),  # for good; whether the recall is in force says its own row
)

# --- who --------------------------------------------------------------------------------------------------------
organisations = Table(
    "organisations",
    metadata,
    Column("organisation", String(128), primary_key=True),
    _height("from_height", key=True),
    _height("to_height", nullable=True),
    Column("name", Text, nullable=False),
    Column("roles", Text, nullable=False),  # JSON array
    Column("prefixes", Text, nullable=False),  # JSON array
    Column("suspended", Boolean, nullable=False),
)

organisation_keys = Table(
    "organisation_keys",
    metadata,
    Column("public_key", LargeBinary(32), primary_key=True),
    _height("from_height", key=True),
    _height("to_height", nullable=True),
    Column("organisation", String(128), nullable=False, index=True),
    Column("uses", Text, nullable=False),  # JSON array of KeyUse numbers
)

accreditations = Table(
    "accreditations",
    metadata,
    Column("inspector", String(128), primary_key=True),
    _height("from_height", key=True),
    _height("to_height", nullable=True),
    Column("accreditor", String(128), nullable=False),
    Column("scopes", Text, nullable=False),  # JSON array
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)

# --- members' data: no public route opens these ----------------------------------------------------------------
members_transactions = Table(
    "members_transactions",
    metadata,
    _height("height", key=True),
    Column("transaction_index", Integer, primary_key=True),
    Column("raw", LargeBinary, nullable=False),
)

members_receipts = Table(
    "members_receipts",
    metadata,
    _height("height", key=True),
    Column("receipt_index", Integer, primary_key=True),
    Column("raw", LargeBinary, nullable=False),
)

members_events = Table(
    "members_events",
    metadata,
    _height("height", key=True),
    Column("transaction_index", Integer, primary_key=True),
    Column("event_index", Integer, primary_key=True),
    Column("organisation", String(128), nullable=False),
    Column("members", LargeBinary, nullable=False),
)

members_leaves = Table(
    "members_leaves",
    metadata,
    Column("record_key", LargeBinary(512), primary_key=True),
    _height("from_height", key=True),
    _height("to_height", nullable=True),
    Column("leaf", LargeBinary(32)),  # empty: the record was deleted at this height
)

Index("members_leaves_now", members_leaves.c.to_height)
Index("events_by_time", events.c.event_time_ms)
Index("events_by_id", events.c.event_id)

PUBLIC_TABLES: tuple[Table, ...] = tuple(t for t in metadata.sorted_tables if not t.name.startswith(MEMBERS_PREFIX))
MEMBERS_TABLES: tuple[Table, ...] = tuple(t for t in metadata.sorted_tables if t.name.startswith(MEMBERS_PREFIX))
