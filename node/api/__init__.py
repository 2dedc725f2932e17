"""The two HTTP doors of a node. Specification: docs/spec/api.md."""
