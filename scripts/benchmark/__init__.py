"""The benchmark: four real nodes on loopback, signed EPCIS events, durable, mutual TLS, one client beside them."""
