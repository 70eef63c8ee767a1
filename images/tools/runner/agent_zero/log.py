"""The log that upstream's tools write to: what a running tool puts into its item is the job's output, as it comes.

O1  Upstream gives an item's whole content each time. What was written already is not written again; where the content
    changes before its end, it is written again from the line that changed.
"""

from __future__ import annotations

import os
import uuid
from typing import Any

_STDOUT = 1


class LogItem:
    def __init__(self, log: Log, heading: str | None, content: str | None, kvps: Any, id: str | None) -> None:
        self._log = log
        self.id = id or str(uuid.uuid4())
        self.heading = heading or ""
        self.content = content or ""
        self.kvps = dict(kvps or {})

    def update(self, heading: str | None = None, content: str | None = None, **kvps: Any) -> None:
        if heading is not None:
            self.heading = heading
        if content is not None:
            self._log.stream(self.content, content)
            self.content = content
        self.kvps.update(kvps)

    def stream(self, heading: str | None = None, content: str | None = None, **kvps: Any) -> None:
        """Adds to what is there."""
        self.update(
            None if heading is None else self.heading + heading,
            None if content is None else self.content + content,
            **{name: str(self.kvps.get(name, "")) + str(value) for name, value in kvps.items()},
        )


class Log:
    def __init__(self) -> None:
        # Only while a tool runs: what it says when it is done is in its result.
        self.is_live = False
        self.progress = ""

    def log(
        self,
        type: str,
        heading: str | None = None,
        content: str | None = None,
        kvps: Any = None,
        id: str | None = None,
        **more: Any,
    ) -> LogItem:
        return LogItem(self, heading, content, {**(kvps or {}), **more}, id)

    def set_progress(self, progress: str, *_: Any, **__: Any) -> None:
        self.progress = progress

    def stream(self, before: str, content: str) -> None:
        if self.is_live:
            _write(unwritten(before, content))


def unwritten(before: str, content: str) -> str:
    """What of `content` is still to be written after `before` was (O1)."""
    if content.startswith(before):
        return content[len(before) :]
    same = len(os.path.commonprefix([before, content]))
    line = content.rfind("\n", 0, same) + 1
    return ("" if before.endswith("\n") else "\n") + content[line:]


def _write(text: str) -> None:
    rest = memoryview(text.encode("utf-8", "replace"))
    while rest:
        rest = rest[os.write(_STDOUT, rest) :]
