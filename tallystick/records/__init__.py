"""Record types of the state and the derivation of their keys: what rules write, what proofs show.

A record's key is one byte for its space, then a layout of its own space. Its value has a public half, which public
proofs may show, and a members' half, which they carry only as a salted hash. Specification: docs/spec/records.md.
"""
