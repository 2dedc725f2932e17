"""``python -m client_sdk``: the same as ``tallystick``."""

from __future__ import annotations

import sys

from client_sdk.cli import main

sys.exit(main())
