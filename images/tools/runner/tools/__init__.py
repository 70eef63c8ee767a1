"""The native tools, by name. They are imported before the first job, so that a call pays for no import."""

from __future__ import annotations

from typing import Callable, NamedTuple

from report import Answer
from tools import code_execution, echo, text_editor
from tools.contract import Call


class Tool(NamedTuple):
    version: int
    call: Callable[[Call], Answer]


TOOLS: dict[str, Tool] = {
    "code_execution": Tool(1, code_execution.call),
    "echo": Tool(1, echo.call),
    "text_editor": Tool(1, text_editor.call),
}
