"""The one error that reading an archive raises."""

from __future__ import annotations

from tallystick.errors import VerificationError


class ArchiveError(VerificationError):
    """An archive cannot be believed: which member of it, which rule, what to do.

    Args:
        rule: a stable name, for instance ``archive.hash``, or the code of a proof in it that does not hold.
        detail: what is wrong, in words.
        path: name of the member, or empty for the archive as a whole.
        remedy: what to do about it.
    """

    def __init__(self, rule: str, detail: str, path: str = "", remedy: str = "") -> None:
        super().__init__(f"{detail} [{rule}{' at ' + path if path else ''}]")
        self.rule = rule
        self.detail = detail
        self.path = path
        self.remedy = remedy or "get the archive again from whoever exported it; compare its SHA-256 with theirs"
