"""Every bound of the event layer, with unit and reason. They are part of the format: a change splits a ledger."""

from __future__ import annotations

# One part (public or members') of one event, in bytes. A thousand identifiers of 60 bytes are 60 KB; the rest
# leaves room for sensor reports and extensions, and one part never fills a block.
PART_SIZE_MAX = 256 * 1024

# One EPCIS document handed to ``read_document``, in bytes. Documents stay off the chain; this bounds memory.
DOCUMENT_SIZE_MAX = 64 * 1024 * 1024

# Nesting of objects and arrays. The deepest published EPCIS example has 14 levels.
DEPTH_MAX = 32

# Bytes up to which a refused JSON text is read a second time, slowly, to name the rule and the place. The slow
# reader needs about a microsecond per byte, so a stranger can cost us 65 ms per refused text, not more.
DIAGNOSIS_SIZE_MAX = 64 * 1024

# Significant digits of a JSON number: every decimal of 15 digits survives an IEEE double unchanged, so that
# readers which use doubles (browsers) see the same value, and the shortest spelling is the one we write.
NUMBER_DIGITS_MAX = 15

# Smallest magnitude of a fraction, 10^-6: RFC 8785 writes smaller ones with an exponent.
NUMBER_SCALE_MIN = 6

# Identifiers in one event, counted over all its lists, the parent included. Execution reads one record each.
IDENTIFIERS_MAX = 1_000

# Characters of one URI. GS1 keys need at most 90; web addresses of documents are longer.
URI_SIZE_MAX = 2_000

# Entries of business transactions, sources, destinations, certificates, corrective events: each is a row.
LIST_SIZE_MAX = 1_000

# Sensor reports in one event, over all elements: each is a row of the summary that rules read.
SENSOR_REPORTS_MAX = 1_000

# Quantities, in micro-units (10^-6 of the unit): a trillion units, and nine of them still fit a signed 64-bit
# integer. Money uses the same bound in minor units.
MICRO_MAX = 10**18 - 1

# Event times, milliseconds since 1970-01-01T00:00:00Z: from 1970 to the end of 9999, what RFC 3339 can spell.
TIME_MS_MAX = 253_402_300_799_999

assert NUMBER_DIGITS_MAX == 15  # DBL_DIG of an IEEE double
assert 9 * MICRO_MAX < 2**63
assert DIAGNOSIS_SIZE_MAX <= PART_SIZE_MAX <= DOCUMENT_SIZE_MAX
