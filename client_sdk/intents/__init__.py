"""What an organisation can ask of the ledger, each as an ``Intent``: the payload, who signs it, what it creates.

One function per payload type, with plain arguments: organisation ids, 32-byte ids, minor units, milliseconds. The
modules are ``governance``, ``membership``, ``goods``, ``trade`` and ``finance``; ``member.Member`` carries them out.
"""

from __future__ import annotations

from client_sdk.intents.intent import GOVERNORS, Intent

__all__ = ["GOVERNORS", "Intent"]
