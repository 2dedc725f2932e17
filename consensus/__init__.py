"""Agreement: Simplex as a pure machine, ``Engine.step(input, now) -> effects``. Specification: docs/spec/consensus.md.

Nothing here reads a clock, a disk or a network; a shell gives inputs and performs effects (``node/``, or the simulator
under ``tests/simulation/``).
"""
