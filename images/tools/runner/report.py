"""What a job's process answers on its private socket, and the RESULT that is made of it.

R1  The answer is checked as if an enemy wrote it: the tool ran in that process.
R2  Every way a job can end gives a RESULT with `ok`, or with one of the codes `tool_error` and `killed`.
"""

from __future__ import annotations

import os
import signal
from typing import Any, NamedTuple

from frames import Breach, decode_json, json_bytes
from limits import MESSAGE_CHARS_MAX

TOOL_ERROR, KILLED = "tool_error", "killed"


class Answer(NamedTuple):
    """How a tool ended."""

    value: Any = None
    code: str | None = None  # None: it went well.
    message: str = ""
    exit_code: int | None = None
    signal: str | None = None

    def encoded(self, result_bytes: int) -> bytes:
        """As the job's process sends it; a value over the limit becomes an error that says so."""
        size = len(json_bytes(self.value))
        if size <= result_bytes:
            return json_bytes(self._replace(message=self.message[:MESSAGE_CHARS_MAX]))
        message = f"the tool's result is {size} bytes of JSON, over the limit of {result_bytes}: ask for less at a time"
        return json_bytes(Answer(None, TOOL_ERROR, message, self.exit_code))


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def killed_by(number: int, value: Any = None) -> Answer:
    name = signal_name(number)
    hint = ": the memory limit, or something that ended it" if number == signal.SIGKILL else ""
    return Answer(value, KILLED, f"killed by {name}{hint}", None, name)


def parse_answer(payload: bytes, result_bytes: int) -> Answer:
    """The answer in what the job's process sent (R1)."""
    try:
        fields = decode_json(payload)
        if not isinstance(fields, list) or len(fields) != len(Answer._fields):
            raise Breach("fields")
        answer = Answer(*fields)
        if answer.code not in (None, TOOL_ERROR, KILLED) or not isinstance(answer.message, str):
            raise Breach("error")
        if not (answer.exit_code is None or type(answer.exit_code) is int and 0 <= answer.exit_code <= 255):
            raise Breach("exit code")
        if not (answer.signal is None or isinstance(answer.signal, str) and len(answer.signal) <= 32):
            raise Breach("signal")
        if len(answer.message) > MESSAGE_CHARS_MAX or len(json_bytes(answer.value)) > result_bytes:
            raise Breach("size")
    except (Breach, ValueError, RecursionError):
        return Answer(None, TOOL_ERROR, "the tool's process gave an answer that cannot be read")
    return answer


def answer_of_exit(status: int) -> Answer:
    """For a process that left without an answer: what its exit says."""
    if os.WIFSIGNALED(status):
        return killed_by(os.WTERMSIG(status))
    message = f"the tool's process left with exit code {os.WEXITSTATUS(status)} and gave no answer"
    return Answer(None, TOOL_ERROR, message, os.WEXITSTATUS(status))


def result(answer: Answer, usage: dict[str, float], output: dict[str, Any]) -> dict[str, Any]:
    """RESULT's payload."""
    return {
        "ok": answer.code is None,
        "value": answer.value,
        "error": None if answer.code is None else {"code": answer.code, "message": answer.message},
        "exitCode": answer.exit_code,
        "signal": answer.signal,
        "usage": usage,
        "output": output,
    }
