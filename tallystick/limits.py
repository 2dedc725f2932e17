"""Every bound of the ledger in one place: value, unit, reason. Relations between bounds are asserted below."""

from __future__ import annotations

# --- transactions -----------------------------------------------------------------------------------------
SIGNERS_MAX = 16  # keys per transaction: a majority of 31 governors, the largest quorum there is
EVENTS_PER_TRANSACTION_MAX = 1_000  # events under one signature; a pallet load of scans
TRANSACTION_SIZE_MAX = 1_048_576  # bytes of one signed transaction with contents
PAYLOAD_SIZE_MAX = 65_536  # bytes of one payload; documents stay off the chain as commitments
EVENT_PART_SIZE_MAX = 262_144  # bytes of one event slot; all published EPCIS examples are below 16 KiB
VALIDITY_MAX_MS = 7 * 24 * 3_600_000  # ms of block time a transaction may stay valid: bounds the id records
TEXT_MAX = 128  # bytes of a name or label
REASON_MAX = 500  # characters of a sentence for people: why goods are recalled, where they come from
NONCE_SIZE = 16  # bytes; 2**-64 collision risk after 2**32 transactions of one signer set
SALT_SIZE = 32  # bytes; a salted hash must not be guessable

# --- blocks -----------------------------------------------------------------------------------------------
BLOCK_TRANSACTIONS_MAX = 250  # transactions; measured: larger blocks only delay votes
BLOCK_EVENTS_MAX = 1_000  # events; executing them takes about 0.1 s of one core, a fifth of the shortest time-out
BLOCK_SIZE_MAX = 4_194_304  # bytes of all transactions of one block
DUE_WORK_PER_BLOCK_MAX = 64  # due items per block
DUE_WORK_PER_ORGANISATION_MAX = 16  # of them for one organisation: nobody crowds out the others
BLOCK_SPACING_MS = 20  # ms between a block and its parent
EXECUTION_LAG_MAX = 8  # heights a block may be above its executed tuple and still carry transactions
IDLE_BLOCK_MS = 60_000  # ms of silence after which a heartbeat shows that a chain at rest lives: proofs stay young
CLOCK_DRIFT_MAX_MS = 2_000  # ms a header may be ahead of a voter's clock
TIME_MAX_MS = 253_402_300_799_999  # ms since 1970: the last millisecond of the year 9999

# --- consensus --------------------------------------------------------------------------------------------
VALIDATORS_MAX = 31  # bitmap of one 32-bit word; quadratic votes stay cheap
VIEW_WINDOW = 16  # views above the current one for which messages are kept
VIEW_TIMEOUT_MS = 500  # ms until a view is nullified, before growth
VIEW_TIMEOUT_CAP_MS = 2_000  # ms; growth x1.5 per unfinished view stops here
RESEND_MS = 1_000  # ms between re-sends of a nullify and its certificates
SWITCH_DISTANCE_MIN = 16  # heights from the order of a change of validators to its switch: time to become ready
SWITCH_DISTANCE_MAX = 100_000  # heights; a plan cannot be recalled, so it must come to an end
READY_HEARTBEATS_MAX = 2  # heartbeats of block time that a joiner's word about its state counts
VIEW_MAX = 2**53 - 1  # so that every number of a header is exact in a browser

# --- state ------------------------------------------------------------------------------------------------
BUCKET_KEYS_MAX = 4  # keys of a trie bucket; docs/decisions/0002 has the measurement
TREE_SHAPE_SIZE_MAX = 65_536  # bytes of the shape of a partial tree: some 20,000 keys; 6 bits can cost two hashes
TREE_KEYS_IN_MEMORY = 1_500_000  # of a state tree that a node keeps in memory whole, unless its operator says: 300 MB
PROVABLE_HEIGHTS = 64  # newest heights against whose state roots a node answers proofs
RECORD_SIZE_MAX = 65_536  # bytes of one half of a record
KEY_SIZE_MAX = 512  # bytes of one record key

# --- snapshots --------------------------------------------------------------------------------------------
SNAPSHOT_EVERY = 10_000  # heights between two snapshots; a quarter of an hour of a busy chain
SNAPSHOT_CHUNK_FILL = 524_288  # bytes of keys and values with which a chunk is full: some milliseconds of work
SNAPSHOT_CHUNK_SIZE_MAX = 1_048_576  # bytes of an encoded chunk: a full one, its last row, and the lengths between
SNAPSHOT_CHUNKS_MAX = 65_536  # chunks: 32 GiB; their hashes are a manifest of 2 MiB
SNAPSHOT_MANIFEST_SIZE_MAX = 3 * 1_048_576  # bytes
SNAPSHOT_TAIL_MAX = 64  # heights from the executed one that a snapshot's header names up to its own
SNAPSHOT_LEAVES_MAX = 256  # heights from a snapshot's to the one that its certified header names
SNAPSHOT_IDS_PER_ROW = 1_024  # transaction ids in one row: 32 KiB
JOIN_BEHIND = 20_000  # heights behind a peer from which a snapshot is quicker than the blocks

# --- contracts --------------------------------------------------------------------------------------------
AMOUNT_MAX = 10**15  # minor units: ten trillion of a currency with two decimals; sums stay below 2**63
QUANTITY_MAX = 10**15  # millionths of a unit
CONDITION_DEPTH_MAX = 4  # levels of a condition tree
CONDITION_LEAVES_MAX = 16  # leaves of a condition tree
TENOR_MAX_MS = 366 * 24 * 3_600_000  # longest due date of an obligation, after presentation
ESCROW_MILESTONES_MAX = 8  # parts of one escrow
ESCROW_ITEMS_MAX = 64  # identifiers named by all conditions of one escrow: bounds evidence and reads
ESCROW_TERMS_SIZE_MAX = 32_768  # bytes of encoded terms: evidence and offers still fit into one record beside them
ESCROW_TERM_MAX_MS = 2 * 366 * 24 * 3_600_000  # from creation to the refund time of an escrow
WINDOW_MAX_MS = 90 * 24 * 3_600_000  # objection, dispute, grace and cure windows
SLICES_MAX = 64  # slices ever made of one obligation: a payment visits each
SPLIT_PARTS_MAX = 16  # parts of one split
RATE_BPS_MAX = 10_000  # basis points a year: 100 percent
LOSS_AFTER_MS = 180 * 24 * 3_600_000  # from default to the closing of a claim as a loss
GRANT_TERM_MAX_MS = 366 * 24 * 3_600_000  # longest grant
GRANT_SUBJECTS_MAX = 64  # subjects of one grant
DOCUMENT_REFERENCES_MAX = 8  # documents that one document refers to

# --- doors ------------------------------------------------------------------------------------------------
MEMPOOL_TRANSACTIONS_MAX = 20_000  # transactions waiting at one node
MEMPOOL_SIZE_MAX = 64 * 1_048_576  # bytes waiting at one node
MEMPOOL_PER_ORGANISATION_MAX = 10_000  # of them signed first by one key: nobody fills the room alone
FRAME_SIZE_MAX = 8 * 1_048_576  # bytes of one message between nodes: a full block and its certificates
FRAME_TRANSACTIONS_MAX = 250  # transactions of one gossip frame
BULK_TRANSACTIONS_MAX = 1_000  # transactions of one bulk submission
BULK_SIZE_MAX = 8 * 1_048_576  # bytes of one bulk submission
CHECK_THREADS_MAX = 8  # threads of one node that check signatures: the loop's own part of a transaction takes about two
# checks' time, so that eight keep up with it even where every transaction has SIGNERS_MAX signatures

# --- archives ---------------------------------------------------------------------------------------------
ARCHIVE_SIZE_MAX = 512 * 1_048_576  # bytes of one archive; a reader holds it in memory
ARCHIVE_MEMBERS_MAX = 65_000  # members; the plain zip format counts to 65,535
ARCHIVE_MEMBER_SIZE_MAX = 64 * 1_048_576  # bytes of one member; the receipts of the largest height stay below
ARCHIVE_ITEMS_MAX = 5_000  # identifiers with their closures: about a minute of checking
ARCHIVE_HEIGHTS_MAX = 10_000  # heights of one period: a week of heartbeats
ARCHIVE_DEPTH_MAX = 16  # steps from one closure to the next

assert EVENTS_PER_TRANSACTION_MAX <= BLOCK_EVENTS_MAX
assert TRANSACTION_SIZE_MAX <= BLOCK_SIZE_MAX <= FRAME_SIZE_MAX
assert PAYLOAD_SIZE_MAX <= TRANSACTION_SIZE_MAX
assert BLOCK_SPACING_MS < VIEW_TIMEOUT_MS <= VIEW_TIMEOUT_CAP_MS < IDLE_BLOCK_MS
assert AMOUNT_MAX < 2**53
assert SIGNERS_MAX >= VALIDATORS_MAX // 2 + 1
assert TIME_MAX_MS < 2**53
assert SNAPSHOT_CHUNK_FILL + 2 * RECORD_SIZE_MAX + KEY_SIZE_MAX < SNAPSHOT_CHUNK_SIZE_MAX < FRAME_SIZE_MAX
assert 40 * SNAPSHOT_CHUNKS_MAX < SNAPSHOT_MANIFEST_SIZE_MAX < FRAME_SIZE_MAX
