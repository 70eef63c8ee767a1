"""What the runner offers, by name: the native tools, or in their place those of another adapter. All are imported
before the first job, so that a call pays for no import."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, NoReturn

from channel import Channel
from report import Answer
from tools import code_execution, echo, text_editor
from tools.contract import Call


class Tool(NamedTuple):
    version: int
    call: Callable[[Call], Answer]
    # Serves a session's calls, from the one in this RUN on, in a process that stays: the tool leaves its state with an
    # agent.
    keep: Callable[[Channel, dict[str, Any]], NoReturn] | None = None
    # Why it is not to be had here, though there is such a tool.
    refusal: str | None = None


TOOLS: dict[str, Tool] = {
    "code_execution": Tool(1, code_execution.call),
    "echo": Tool(1, echo.call),
    "text_editor": Tool(1, text_editor.call),
}


def offer(tools: dict[str, Tool]) -> None:
    """Offers `tools` and no others, from before the first job on."""
    TOOLS.clear()
    TOOLS.update(tools)
