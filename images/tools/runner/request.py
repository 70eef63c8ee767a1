"""A RUN, parsed and checked, or the reason why it cannot be run."""

from __future__ import annotations

from typing import Any, NamedTuple

from limits import INPUT_FILES_MAX, RESULT_BYTES_MAX

VERSION = 1
_ECHOED_CHARS_MAX = 200


class Refusal(Exception):
    """This RUN cannot be run: a NAK code and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Request(NamedTuple):
    job: str
    attempt: int
    tool: str
    arguments: dict[str, Any]
    file_count: int
    output_bytes: int
    result_bytes: int
    env: dict[str, str]


def parse(value: Any, nonce: str, tools: dict[str, Any]) -> Request:
    """The request in RUN's JSON. Raises Refusal."""
    if not isinstance(value, dict) or value.get("v") != VERSION:
        raise Refusal("bad_run", f"RUN must be an object with v {VERSION}")
    if value.get("nonce") != nonce:
        raise Refusal("bad_nonce", "RUN carries another nonce than this runner's HELLO did")
    limits = _field(value, "limits", dict)
    _count(limits, "timeoutMs")  # The worker keeps the time; it is checked here so that a wrong RUN is found out.
    request = Request(
        job=_field(value, "job", str),
        attempt=_count(value, "attempt"),
        tool=_field(value, "tool", str),
        arguments=_field(value, "arguments", dict),
        file_count=_count(value, "fileCount"),
        output_bytes=_count(limits, "outputBytes"),
        result_bytes=_count(limits, "resultBytes"),
        env=_environment(_field(value, "env", dict)),
    )
    if request.tool not in tools:
        raise Refusal("unknown_tool", f"this runner has no tool '{request.tool[:_ECHOED_CHARS_MAX]}'")
    if request.file_count > INPUT_FILES_MAX:
        raise Refusal("too_large", f"{request.file_count} input files are over the limit of {INPUT_FILES_MAX}")
    if request.result_bytes > RESULT_BYTES_MAX:
        raise Refusal("bad_run", f"limits.resultBytes is over the limit of {RESULT_BYTES_MAX}")
    return request


def identity(value: Any, nonce: str) -> dict[str, Any]:
    """What ACK and NAK say back of a RUN, as far as it can be read."""
    if not isinstance(value, dict):
        return {"nonce": nonce, "job": None, "attempt": None}
    return {name: _echoed(value.get(name)) for name in ("nonce", "job", "attempt")}


def _echoed(value: Any) -> Any:
    if isinstance(value, str):
        return value[:_ECHOED_CHARS_MAX]
    return value if isinstance(value, int) else None


def _field(value: dict[str, Any], name: str, kind: type) -> Any:
    found = value.get(name)
    if not isinstance(found, kind):
        raise Refusal("bad_run", f"RUN needs '{name}' of type {kind.__name__}")
    return found


def _count(value: dict[str, Any], name: str) -> int:
    found = value.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise Refusal("bad_run", f"RUN needs '{name}', an integer from 0")
    return found


def _environment(env: dict[str, Any]) -> dict[str, str]:
    for name, value in env.items():
        if not isinstance(value, str) or not name or "=" in name or "\0" in name + value:
            raise Refusal("bad_run", f"RUN's env has a variable that no process can have: {name!r}")
        try:
            (name + value).encode()
        except UnicodeEncodeError:
            shown = name[:_ECHOED_CHARS_MAX]
            raise Refusal("bad_run", f"RUN's env has a variable that is not Unicode text: {shown!r}") from None
    return env
