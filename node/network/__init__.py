"""The door between nodes: mutual TLS 1.3, pinned certificates, length-prefixed frames. docs/spec/peers.md."""
