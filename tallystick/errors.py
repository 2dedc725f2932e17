"""The error tree: what others can cause. Our own bugs are assertions, ordinary outcomes are receipts.

```
TallystickError
├── DecodeError          bytes from outside are not one canonical message   (sender's fault)
│   └── EventError       an EPCIS event breaks a rule, with path and remedy (sender's fault)
├── VerificationError    well formed, but does not prove what it claims     (sender's fault)
│   ├── SignatureError
│   ├── CertificateError
│   └── ProofError       carries the reason code that pages and tools show
├── RefusedError         the ledger's rules said no                         (caller can act on it)
├── UnavailableError     not enough nodes answered in time                  (retry later)
├── ConfigError          a file or option of the operator is wrong          (operator's fault)
└── StorageError         the local disk failed or disagrees with itself     (stop the node)
```
"""

from __future__ import annotations


class TallystickError(Exception):
    """Base of every error that Tallystick raises on purpose."""


class DecodeError(TallystickError):
    """Bytes from outside are not the one canonical spelling of a known message.

    Args:
        rule: a short stable name of the broken rule, for instance ``non-canonical``.
        detail: one sentence for a person.
        path: where in the value, in JSON-pointer spelling; empty for the whole.
    """

    def __init__(self, rule: str, detail: str, path: str = "") -> None:
        super().__init__(f"{detail} [{rule}{' at ' + path if path else ''}]")
        self.rule = rule
        self.detail = detail
        self.path = path


class EventError(DecodeError):
    """An EPCIS event or document breaks a rule.

    Args:
        rule: stable rule name, for instance ``epcis.parent-required``.
        detail: what is wrong.
        path: JSON pointer into the document.
        remedy: what to do about it.
    """

    def __init__(self, rule: str, detail: str, path: str = "", remedy: str = "") -> None:
        super().__init__(rule, detail, path)
        self.remedy = remedy


class VerificationError(TallystickError):
    """A well-formed message does not prove what it claims."""


class SignatureError(VerificationError):
    """A signature does not verify, or its key is not one that may be used."""


class CertificateError(VerificationError):
    """A certificate lacks a quorum of distinct, known, correctly signing validators.

    ``code`` is one of the reason codes of ``tallystick.reasons.ProofCode``.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{detail} [{code}]")
        self.code = code
        self.detail = detail


class ProofError(VerificationError):
    """A proof does not hold. ``code`` says why, in the words that pages translate."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{detail} [{code}]")
        self.code = code
        self.detail = detail


class RefusedError(TallystickError):
    """The ledger refused: which rule, and what to do."""

    def __init__(self, reason: str, detail: str, remedy: str = "") -> None:
        super().__init__(f"{reason}: {detail}" + (f" — {remedy}" if remedy else ""))
        self.reason = reason
        self.detail = detail
        self.remedy = remedy


class UnavailableError(TallystickError):
    """Not enough nodes answered in time; trying again is safe."""


class ConfigError(TallystickError):
    """A configuration file, option or folder of the operator is wrong."""


class StorageError(TallystickError):
    """The local disk failed, or what it returned disagrees with itself. The process must end."""
