"""Four real node processes under load and a seeded plan of faults; at the end nothing answered may be missing."""
