"""Tallystick for members: sign, submit, follow, verify. The ``tallystick`` command is made of the same parts.

The names here are the ones that most programs need; docs/guides/sdk.md has an example.
"""

from __future__ import annotations

from client_sdk.client import Client
from client_sdk.errors import AnswerError, DoorError, ExitCode, StillWaitingError
from client_sdk.event_builder import Circumstances, Reading
from client_sdk.intents import Intent
from client_sdk.keystore import Keystore
from client_sdk.member import Done, Member
from client_sdk.nodes import Nodes, RequestKey, connect
from client_sdk.outcome import Outcome
from client_sdk.reader import ProvenRecord, Reader
from client_sdk.session import Session, open_session
from client_sdk.story import Story, tell
from client_sdk.transport import HttpTransport, Transport
from client_sdk.trust import TrustStore, load_trust, pin
from client_sdk.values import Goods, read_goods, read_identifier
from tallystick.errors import ProofError, RefusedError, TallystickError, UnavailableError

__all__ = [
    "AnswerError",
    "Circumstances",
    "Client",
    "Done",
    "DoorError",
    "ExitCode",
    "Goods",
    "HttpTransport",
    "Intent",
    "Keystore",
    "Member",
    "Nodes",
    "Outcome",
    "ProofError",
    "ProvenRecord",
    "Reader",
    "Reading",
    "RefusedError",
    "RequestKey",
    "Session",
    "StillWaitingError",
    "Story",
    "TallystickError",
    "Transport",
    "TrustStore",
    "UnavailableError",
    "connect",
    "load_trust",
    "open_session",
    "pin",
    "read_goods",
    "read_identifier",
    "tell",
]
