"""Random changes of valid proof bundles, and what a verifier may say of them."""
