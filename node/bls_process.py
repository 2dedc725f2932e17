"""The node's side of ``node.bls_worker``: one question at a time, asked without waiting in the loop."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from node.bls_worker import FRAME_MAX, Answer, Failed, Question
from tallystick.encoding import decode, encode
from tallystick.errors import DecodeError, UnavailableError

ANSWER_S = 300.0  # six seconds of processor time in pure Python, at low priority on a machine that is overloaded


class BlsProcess:
    """A worker process that is started by the first question, and again after it ended."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, question: Question) -> Answer:
        """The answer to a question.

        Raises:
            UnavailableError: the process cannot be started, ended, or took too long; it is started anew next time.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self._exchange(question)
        except (OSError, EOFError, DecodeError, TimeoutError) as error:
            await self.close()
            raise UnavailableError(f"the process for compact proofs failed: {type(error).__name__} {error}") from error
        if isinstance(answer, Failed):
            raise UnavailableError(answer.detail)
        return answer

    async def _exchange(self, question: Question) -> Answer:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "node.bls_worker",
                str(self._key_file.absolute()),
                cwd=Path(__file__).parent.parent,  # where ``node`` is found, installed or not
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        assert process.stdin is not None and process.stdout is not None
        data = encode(question)
        process.stdin.write(len(data).to_bytes(4, "big") + data)
        await process.stdin.drain()
        length = int.from_bytes(await process.stdout.readexactly(4), "big")
        if length > FRAME_MAX:
            raise EOFError("an answer that is too long")
        frame = await process.stdout.readexactly(length)
        return decode(frame, Answer, size_max=FRAME_MAX)  # type: ignore[arg-type]

    async def close(self) -> None:
        """End the process; it holds nothing that could be lost."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
