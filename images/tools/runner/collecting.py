"""The files that a job leaves and that are wanted, one after the other, as the job's user.

E1  Only regular files with one name, at or below the paths that were asked for; no component of a path is followed when
    it is a symlink (beneath.Q1). What is there and does not come is listed with the reason, as far as the list goes.
E2  Never more files and bytes than the limits, never more of a file than it had when it was opened, each path once.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from typing import Any, Callable, NamedTuple

from beneath import Entry, TooDeep, below, open_below, open_directory, open_entry
from frames import json_bytes
from limits import (
    COMPONENT_BYTES_MAX,
    PATH_BYTES_MAX,
    PIECE_BYTES_MAX,
    SKIPPED_BYTES_MAX,
    SKIPPED_MAX,
    TREE_ENTRIES_MAX,
)

_HEAD = struct.Struct(">BH")
_LAST, _DROPPED = 1, 2


class Wanted(NamedTuple):
    """What RUN asks for: `collect` and the two limits."""

    paths: list[str]
    bytes_max: int
    count_max: int


class _Enough(Exception):
    """No more files may come."""


def dropped(path: bytes) -> bytes:
    """The FILE_OUT that takes a file back."""
    return _HEAD.pack(_LAST | _DROPPED, len(path)) + path


def head_of(payload: bytes) -> tuple[bytes, bool, int]:
    """Path, whether it is the last piece, and bytes of data of a FILE_OUT's payload. Raises struct.error."""
    flags, length = _HEAD.unpack_from(payload)
    end = _HEAD.size + length
    return payload[_HEAD.size : end], bool(flags & _LAST), len(payload) - end


def report(count: int, total: int, skipped: list[Any], more: int, truncated: bool) -> dict[str, Any]:
    """What RESULT says of files."""
    return {"count": count, "bytes": total, "skipped": skipped, "skippedMore": more, "truncated": truncated}


class Collector:
    def __init__(self, wanted: Wanted, send: Callable[[bytes], None]) -> None:
        """`send` takes the payload of a FILE_OUT."""
        self._wanted = wanted
        self._send = send
        self._done: set[bytes] = set()
        self._bytes = 0
        self._visited = 0
        self._skipped: list[dict[str, str]] = []
        self._list_room = SKIPPED_BYTES_MAX
        self._more = 0
        self._truncated = False

    def collect(self, work: str) -> dict[str, Any]:
        """Sends the files; what RESULT says of them."""
        top = open_directory(work)
        try:
            for path in self._wanted.paths:
                self._collect(top, os.fsencode(path))
        except _Enough:
            self._truncated = True
        finally:
            os.close(top)
        return report(len(self._done), self._bytes, self._skipped, self._more, self._truncated)

    def _collect(self, top: int, path: bytes) -> None:
        try:
            fd = open_below(top, path)
        except OSError as error:
            self._skip(path, _REASONS.get(error.errno or 0, "unreadable"))
            return
        try:
            status = os.fstat(fd)
            if stat.S_ISDIR(status.st_mode):
                self._collect_below(fd, b"" if path == b"." else path + b"/")
            else:
                self._offer(fd, path, status)
        finally:
            os.close(fd)

    def _collect_below(self, directory: int, prefix: bytes) -> None:
        try:
            for entry in below(directory, prefix):
                self._visited += 1
                if self._visited > TREE_ENTRIES_MAX:
                    raise _Enough
                if not stat.S_ISDIR(entry.status.st_mode):
                    self._open(entry)
        except TooDeep as error:
            self._skip(error.args[0], "too_deep")
            self._truncated = True

    def _open(self, entry: Entry) -> None:
        why = _why_not(entry.path, entry.status)
        if why is not None:
            self._skip(entry.path, why)
            return
        try:
            fd = open_entry(entry)
        except OSError as error:
            self._skip(entry.path, _REASONS.get(error.errno or 0, "unreadable"))
            return
        try:
            self._offer(fd, entry.path, os.fstat(fd))
        finally:
            os.close(fd)

    def _offer(self, fd: int, path: bytes, status: os.stat_result) -> None:
        why = _why_not(path, status)
        if path in self._done:
            return
        if why is not None:
            self._skip(path, why)
        elif len(self._done) >= self._wanted.count_max:
            raise _Enough
        elif status.st_size > self._wanted.bytes_max - self._bytes:
            self._truncated = True
            self._skip(path, "over_limit")
        else:
            self._done.add(path)
            self._give(fd, path, status.st_size)

    def _give(self, fd: int, path: bytes, size: int) -> None:
        left = size
        while True:
            data = os.read(fd, min(left, PIECE_BYTES_MAX))
            left -= len(data)
            last = left == 0 or not data
            self._bytes += len(data)
            self._send(_HEAD.pack(_LAST if last else 0, len(path)) + path + data)
            if last:
                return

    def _skip(self, path: bytes, why: str) -> None:
        skipped = {"path": path[:PATH_BYTES_MAX].decode("utf-8", "backslashreplace"), "why": why}
        self._list_room -= len(json_bytes(skipped))
        if self._list_room >= 0 and len(self._skipped) < SKIPPED_MAX:
            self._skipped.append(skipped)
        else:
            self._more += 1


_REASONS = {
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
    errno.ELOOP: "symlink",
    errno.ENXIO: "special",
    errno.ESTALE: "changed",
}


def _why_not(path: bytes, status: os.stat_result) -> str | None:
    """Why a file does not come, as far as its status tells."""
    if stat.S_ISLNK(status.st_mode):
        return "symlink"
    if not stat.S_ISREG(status.st_mode):
        return "special"
    if status.st_nlink > 1:
        return "hard_link"
    if len(path) > PATH_BYTES_MAX or any(len(part) > COMPONENT_BYTES_MAX for part in path.split(b"/")):
        return "name"
    try:
        path.decode()
    except UnicodeDecodeError:
        return "name"
    return None
