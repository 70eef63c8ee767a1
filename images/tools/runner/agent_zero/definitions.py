"""The definitions of the tools that are offered, as far as the runner cares: names, versions, where upstream has them,
and the types of their arguments. The same files are the gateway's (packages/protocol/src/definition.ts)."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple


class Definition(NamedTuple):
    name: str
    version: int
    # Upstream's name for the tool, and which of its methods this is.
    tool: str
    method: str | None
    # Below the tree's root, and what is in it.
    file: str
    sha256: str
    # JSON Schema, by argument.
    properties: dict[str, Any]


class BadDefinition(Exception):
    """A definition file makes no sense; the text says which and why."""


def read(folder: str) -> list[Definition]:
    """The definitions in a folder's files, by name. Raises BadDefinition."""
    found = [_read_one(os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if name.endswith(".json")]
    if not found:
        raise BadDefinition(f"no definition is in {folder}")
    return found


def _read_one(path: str) -> Definition:
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
        upstream = value["upstream"]
        return Definition(
            name=str(value["name"]),
            version=int(value["version"]),
            tool=str(upstream["tool"]),
            method=upstream.get("method"),
            file=str(upstream["file"]),
            sha256=str(upstream["sha256"]),
            properties=dict(value["arguments"].get("properties", {})),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadDefinition(f"{path}: {type(error).__name__}: {error}") from None
