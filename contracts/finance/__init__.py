"""Rules by payload type, and due-work rules by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.workspace import Workspace

RULES: dict[type[Any], Callable[[Workspace, Any], None]] = {}
DUE_RULES: dict[str, Callable[[Workspace, bytes], None]] = {}
