"""A RUN, parsed and checked, or the reason why it cannot be run."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from collecting import Wanted
from limits import COLLECT_PATHS_MAX, COMPONENT_BYTES_MAX, INPUT_FILES_MAX, PATH_BYTES_MAX, RESULT_BYTES_MAX, SHELLS_MAX

VERSION = 1
_ECHOED_CHARS_MAX = 200
# A process of a session's that outlives its calls: a shell, by its number, or the one that keeps an agent.
Resident: TypeAlias = "int | str"
AGENT = "agent"


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
    session: bool
    # Who of the session's the call is for, if it is not for a process of its own.
    resident: Resident | None
    collect: Wanted | None
    egress: bool


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
        session=value.get("session") is True,
        resident=None,
        collect=_wanted(value["collect"], limits) if "collect" in value else None,
        egress=value.get("egress") is True,
    )
    tool = tools.get(request.tool)
    if tool is None:
        raise Refusal("unknown_tool", f"this runner has no tool '{request.tool[:_ECHOED_CHARS_MAX]}'")
    if tool.refusal is not None:
        raise Refusal("not_offered", f"{request.tool}: {tool.refusal}")
    if request.file_count > INPUT_FILES_MAX:
        raise Refusal("too_large", f"{request.file_count} input files are over the limit of {INPUT_FILES_MAX}")
    if request.result_bytes > RESULT_BYTES_MAX:
        raise Refusal("bad_run", f"limits.resultBytes is over the limit of {RESULT_BYTES_MAX}")
    return request._replace(resident=resident_of(value, tool.keep is not None))


def resident_of(run: dict[str, Any], has_agent: bool) -> Resident | None:
    """Who of the session's is to be called; `has_agent`: the tool leaves its state with an agent."""
    if has_agent:
        return AGENT if run.get("session") is True else None
    return _shell_of(run)


def _shell_of(run: dict[str, Any]) -> int | None:
    """The shell that a RUN asks for, if it may have one; what asks for one and may not is the tool's to refuse."""
    if run.get("session") is not True or run.get("tool") != "code_execution":
        return None
    arguments = run.get("arguments")
    if not isinstance(arguments, dict) or arguments.get("runtime") != "terminal":
        return None
    number = arguments.get("shell")
    return number if type(number) is int and 0 <= number < SHELLS_MAX else None


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


def _wanted(paths: Any, limits: dict[str, Any]) -> Wanted:
    if not isinstance(paths, list) or len(paths) > COLLECT_PATHS_MAX:
        raise Refusal("bad_run", f"RUN's collect must be an array of at most {COLLECT_PATHS_MAX} paths")
    return Wanted([_wanted_path(path) for path in paths], _count(limits, "filesBytes"), _count(limits, "filesCount"))


def _wanted_path(path: Any) -> str:
    if not isinstance(path, str):
        raise Refusal("bad_path", "a path to collect is no string")
    plain = path.rstrip("/")
    if plain == ".":
        return plain
    parts = plain.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise Refusal("bad_path", f"path to collect {path[:_ECHOED_CHARS_MAX]!r} does not stay in the work directory")
    try:
        size, longest = len(plain.encode()), max(len(part.encode()) for part in parts)
    except UnicodeEncodeError:
        raise Refusal("bad_path", f"path to collect {path[:_ECHOED_CHARS_MAX]!r} is not Unicode text") from None
    if size > PATH_BYTES_MAX or longest > COMPONENT_BYTES_MAX:
        raise Refusal("bad_path", f"path to collect {path[:_ECHOED_CHARS_MAX]!r} is too long")
    return plain


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
