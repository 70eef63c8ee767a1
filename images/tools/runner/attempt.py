"""One RUN on its way to its RESULT: what came in, what the job wrote, what it used.

T1  Of both streams together exactly `outputBytes` are forwarded; the rest is read and dropped.
T2  The RESULT is made after the last process is gone and both pipes are at their end.
"""

from __future__ import annotations

import os
import time
from typing import Any

from collecting import dropped, head_of, report
from inputs import Piece, components
from limits import INPUT_BYTES_MAX
from report import Answer, answer_of_exit, parse_answer, result
from request import Refusal, Request


class Attempt:
    def __init__(self, identity: dict[str, Any], request: Request, payload: bytes) -> None:
        self.identity = identity
        self.request = request
        # Kept as it came: the job's process parses it again, after GO.
        self.payload = payload
        self._files_received = 0
        self._files_taken = 0
        self._input_bytes = 0
        self._forwarded = 0
        self._truncated = False
        self._started_at = 0.0
        self._wall_s = 0.0
        self._cpu_s = 0.0
        self._max_rss_kib = 0
        # What RESULT says of files; until they are all there, what has come of them so far.
        self._files: dict[str, Any] | None = None
        self._open_file: bytes | None = None
        self._open_bytes = 0
        self._files_sent = 0
        self._files_bytes = 0
        self._answer: bytes | None = None
        self._status = 0

    def expects_files(self) -> bool:
        return self._files_received < self.request.file_count

    def check_piece(self, piece: Piece) -> None:
        """Raises Refusal for a piece that must not be written."""
        components(piece.path)
        self._input_bytes += len(piece.data)
        if self._input_bytes > INPUT_BYTES_MAX:
            raise Refusal("too_large", f"the input files are over the limit of {INPUT_BYTES_MAX} bytes")
        self._files_received += piece.last

    def file_taken(self) -> bool:
        """Notes a file as written; whether it was the last one."""
        self._files_taken += 1
        return self._files_taken == self.request.file_count

    def start(self) -> None:
        self._started_at = time.monotonic()

    def clip(self, data: bytes) -> bytes:
        """The part of `data` that is forwarded (T1)."""
        room = self.request.output_bytes - self._forwarded
        if len(data) > room:
            self._truncated = True
            data = data[:room]
        self._forwarded += len(data)
        return data

    def take_answer(self, payload: bytes) -> None:
        """The first one counts; a process has no business sending two."""
        if self._answer is None:
            self._answer = payload

    def tool_ended(self, status: int) -> None:
        self._wall_s = time.monotonic() - self._started_at
        self._status = status

    @property
    def cpu_s(self) -> float:
        return self._cpu_s

    def add_usage(self, cpu_s: float, max_rss_kib: int) -> None:
        """Of one process that is gone, with the children it waited for."""
        self._cpu_s += max(0.0, cpu_s)
        self._max_rss_kib = max(self._max_rss_kib, max_rss_kib)

    def file_sent(self, payload: bytes) -> None:
        """Notes a FILE_OUT on its way."""
        path, last, count = head_of(payload)
        self._open_bytes += count
        self._open_file = None if last else path
        if last:
            self._files_sent += 1
            self._files_bytes += self._open_bytes
            self._open_bytes = 0

    def files_sent(self, files: dict[str, Any]) -> None:
        self._files = files

    def files_lost(self) -> bytes | None:
        """Whoever collected the files is gone. The FILE_OUT to send where it went amid one."""
        self._files = report(self._files_sent, self._files_bytes, [], 0, truncated=True)
        return None if self._open_file is None else dropped(self._open_file)

    def result(self, shells: int) -> dict[str, Any]:
        """RESULT's payload (T2)."""
        usage = {
            "wallMs": round(self._wall_s * 1000, 3),
            "cpuMs": round(self._cpu_s * 1000, 3),
            "maxRssKiB": self._max_rss_kib,
        }
        made = result(self._outcome(), usage, {"bytes": self._forwarded, "truncated": self._truncated})
        if self.request.session:
            made["session"] = {"shells": shells}
        if self.request.collect is not None:
            made["files"] = self._files
        return made

    def _outcome(self) -> Answer:
        # An answer counts only from a process that ended as one does that gave it.
        if self._answer is None or not os.WIFEXITED(self._status) or os.WEXITSTATUS(self._status) != 0:
            return answer_of_exit(self._status)
        return parse_answer(self._answer, self.request.result_bytes)
