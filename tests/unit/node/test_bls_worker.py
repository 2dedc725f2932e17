"""The process for BLS signatures: what it answers, frame by frame; and that it ends with its input."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from node.bls_process import BlsProcess
from node.bls_worker import (
    Answer,
    Checked,
    CheckKeys,
    Combined,
    CombineShares,
    Failed,
    Opened,
    OpenKey,
    Question,
    Signed,
    SignSeal,
    Worker,
    serve,
)
from node.key_files import read_seal_secret
from node.seal_secret import new_seal_secret
from tallystick.bls import GROUP_ORDER
from tallystick.encoding import decode, encode
from tallystick.errors import ConfigError, UnavailableError
from tallystick.seals import SealShare
from tests import compact_world as w
from tests.recorded_bls import recorded_bls


def frame(data: bytes) -> bytes:
    """With its length before it."""
    return len(data).to_bytes(4, "big") + data


def shares(*from_to: tuple[int, int]) -> tuple[SealShare, ...]:
    """Shares of the first founder of each pair in the name of the second."""
    return tuple(SealShare(w.seal(), named, w.share(signer)) for signer, named in from_to)


def test_a_quorum_of_shares_becomes_a_certificate_and_bad_ones_are_named() -> None:
    worker = Worker(w.secret("org:grower"), recorded_bls())
    good = worker.answer(CombineShares(0, w.validators(), shares((0, 0), (1, 1), (3, 3))))
    assert good == Combined(w.certificate(), ())
    bad = worker.answer(CombineShares(0, w.validators(), shares((0, 0), (1, 1), (3, 2))))
    assert bad == Combined(None, (2,))
    assert worker.answer(CombineShares(0, w.validators(), shares((0, 0), (1, 1)))) == Combined(None, ())


def test_whose_key_does_not_count_is_said_and_those_without_one_are_not_named() -> None:
    worker = Worker(w.secret("org:grower"), recorded_bls())

    def bad_keys(**changes: bytes) -> Answer:
        return worker.answer(CheckKeys(w.world().chain_id, 0, w.with_entry(2, **changes)))

    assert bad_keys() == bad_keys(bls_key=b"", bls_possession=b"") == Checked(())
    assert bad_keys(bls_possession=w.validators().members[0].bls_possession) == Checked((2,))


def test_its_public_key_is_the_one_in_the_set() -> None:
    first = w.validators().members[0]
    opened = Worker(w.secret(first.organisation), recorded_bls()).answer(OpenKey())
    assert isinstance(opened, Opened) and opened.key == first.bls_key


def test_what_it_signs_is_the_seal_alone() -> None:
    organisation = w.validators().members[0].organisation
    assert Worker(w.secret(organisation), recorded_bls()).answer(SignSeal(w.seal())) == Signed(w.share(0))


def test_frames_that_are_no_question_are_answered_and_the_end_of_input_ends_it() -> None:
    asked: list[Question] = []

    def answer(question: Question) -> Answer:
        asked.append(question)
        raise ConfigError("no such key")

    source, target = io.BytesIO(frame(b"\xff") + frame(encode(OpenKey())) + b"\x00\x00"), io.BytesIO()
    serve(source, target, answer)
    assert asked == [OpenKey()]
    assert _answers(target.getvalue())[1] == Failed("no such key") and len(_answers(target.getvalue())) == 2


def _answers(data: bytes) -> Sequence[Failed]:
    found = []
    while data:
        size = int.from_bytes(data[:4], "big")
        found.append(decode(data[4 : 4 + size], Failed, size_max=1_024))
        data = data[4 + size :]
    return found


def test_a_process_that_cannot_read_its_key_says_so_and_one_that_was_killed_is_started_anew(tmp_path: Path) -> None:
    async def story() -> None:
        process = BlsProcess(tmp_path / "seal.key")
        try:
            for _ in range(2):
                with pytest.raises(UnavailableError, match="seal key"):
                    await process.ask(OpenKey())
                await process.close()
        finally:
            await process.close()

    asyncio.run(story())


@pytest.mark.parametrize("text", ["", "zz", "00" * 32, "11" * 31, GROUP_ORDER.to_bytes(32, "big").hex()])
def test_a_file_that_holds_no_seal_secret_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "seal.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="not a seal key"):
        read_seal_secret(path)


def test_a_new_secret_is_one_and_never_the_same(tmp_path: Path) -> None:
    path = tmp_path / "seal.key"
    path.write_text(new_seal_secret().hex() + "\n")
    path.chmod(0o600)
    assert read_seal_secret(path) != new_seal_secret()
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_seal_secret(path)
