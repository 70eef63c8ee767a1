"""echo: gives a text back. The smallest call there is, and a source of output of any length and pace."""

from __future__ import annotations

import os
import time

from report import Answer
from tools.contract import Call, ToolError, integer, text

_STREAMS = {"stdout": 1, "stderr": 2}
# Without a pause between lines, lines are written together up to this.
_WRITE_BYTES = 32 * 1024


def call(asked: Call) -> Answer:
    arguments = asked.arguments
    said = text(arguments, "text")
    pause_s = integer(arguments, "delayMs", 0, 0) / 1000
    stream = _STREAMS.get(text(arguments, "stream", "stdout"))
    if stream is None:
        raise ToolError("'stream' must be stdout or stderr.")
    if "repeat" not in arguments:
        time.sleep(pause_s)
    else:
        _print(stream, said, integer(arguments, "repeat", 1), pause_s)
    return Answer({"text": said})


def _print(stream: int, said: str, repeat: int, pause_s: float) -> None:
    line = said.encode("utf-8", "surrogatepass") + b"\n"
    if pause_s > 0:
        _write(stream, line)
        time.sleep(pause_s)
        for count in range(1, repeat):
            _write(stream, line)
            if count + 1 < repeat:
                time.sleep(pause_s)
        return
    lines_together = max(1, _WRITE_BYTES // len(line))
    for start in range(0, repeat, lines_together):
        _write(stream, line * min(lines_together, repeat - start))


def _write(stream: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(stream, rest) :]
