"""What a tool is called with and how it says no.

A tool runs in the job's own process, as the job's user, with the work directory as its current one. It writes output to
descriptors 1 and 2 and returns its answer. Arguments fit the tool's schema already; the getters below only keep a call
that went around the schema from ending in a stack trace.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class ToolError(Exception):
    """The tool says no: one sentence on what was wrong and what to do."""


class Call(NamedTuple):
    arguments: dict[str, Any]
    result_bytes: int


def text(arguments: dict[str, Any], name: str, default: str | None = None) -> str:
    found = arguments.get(name, default)
    if not isinstance(found, str):
        raise ToolError(f"'{name}' is needed, as a string.")
    return found


def integer(arguments: dict[str, Any], name: str, least: int, default: int | None = None) -> int:
    found = arguments.get(name, default)
    if not isinstance(found, int) or isinstance(found, bool) or found < least:
        raise ToolError(f"'{name}' is needed, as an integer from {least}.")
    return found


def texts(arguments: dict[str, Any], name: str) -> list[str]:
    found = arguments.get(name, [])
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ToolError(f"'{name}' must be an array of strings.")
    return found
