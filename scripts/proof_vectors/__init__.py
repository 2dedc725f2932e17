"""The frozen vectors of proof bundles: what is good, and what is broken in one place."""
