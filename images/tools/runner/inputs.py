"""Input files of a job: FILE_IN pieces, their paths, and the writer that runs as the job's user.

N1  A file lands below the work directory or nowhere: the path is relative, has no `..`, and no component of it is
    followed when it is a symlink.
N2  A file is written once: a path that exists already is refused. In a session's call a file, or a symlink, that an
    earlier call left in its place goes.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import NamedTuple

from frames import Breach
from limits import COMPONENT_BYTES_MAX, PATH_BYTES_MAX
from request import Refusal

_HEAD = struct.Struct(">BH")
_LAST = 1
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class Piece(NamedTuple):
    last: bool
    path: bytes
    data: bytes


def parse_piece(payload: bytes) -> Piece:
    """The piece in a FILE_IN's payload. Raises Breach."""
    if len(payload) < _HEAD.size:
        raise Breach("FILE_IN is too short")
    flags, length = _HEAD.unpack_from(payload)
    end = _HEAD.size + length
    if len(payload) < end or flags & ~_LAST:
        raise Breach("FILE_IN has a bad head")
    return Piece(bool(flags & _LAST), payload[_HEAD.size : end], payload[end:])


def components(path: bytes) -> list[str]:
    """The components of an input file's path (N1). Raises Refusal."""
    try:
        text = path.decode()
    except UnicodeDecodeError:
        raise _bad_path(path, "is not UTF-8") from None
    if not path:
        raise _bad_path(path, "is empty")
    if len(path) > PATH_BYTES_MAX:
        raise _bad_path(path, f"is longer than {PATH_BYTES_MAX} bytes")
    if "\0" in text:
        raise _bad_path(path, "holds a NUL byte")
    parts = text.split("/")
    for part in parts:
        if part in ("", ".", ".."):
            raise _bad_path(path, "must be relative to the work directory, without empty, '.' or '..' components")
        if len(part.encode()) > COMPONENT_BYTES_MAX:
            raise _bad_path(path, f"has a component longer than {COMPONENT_BYTES_MAX} bytes")
    return parts


def _bad_path(path: bytes, what: str) -> Refusal:
    return Refusal("bad_path", f"input file path {path[:200]!r} {what}")


class InputWriter:
    """Writes pieces as they come; the pieces of one file come one after the other."""

    def __init__(self, work: str) -> None:
        self._work = work
        self._path = b""
        self._fd = -1
        self._replaces = False
        self._written: set[bytes] = set()

    def replace(self) -> None:
        """From here on what is in a new file's place goes (N2)."""
        self._replaces = True

    def write(self, piece: Piece) -> None:
        """Raises Refusal."""
        try:
            if self._fd < 0:
                self._fd = self._create(piece.path)
                self._path = piece.path
            elif piece.path != self._path:
                raise Refusal("bad_path", f"input file {self._path[:200]!r} was not finished")
            rest = memoryview(piece.data)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise Refusal("too_large", "the input files do not fit into the work directory") from None
            raise _bad_path(piece.path, f"cannot be created: {error.strerror}") from None
        if piece.last:
            os.close(self._fd)
            self._fd = -1

    def _create(self, path: bytes) -> int:
        *parents, name = components(path)
        here = os.open(self._work, _DIRECTORY)
        try:
            for parent in parents:
                try:
                    os.mkdir(parent, dir_fd=here)
                except FileExistsError:
                    pass
                below = os.open(parent, _DIRECTORY, dir_fd=here)
                os.close(here)
                here = below
            if self._replaces and path not in self._written:
                _remove(name, here)
            self._written.add(path)
            return os.open(name, _NEW_FILE, 0o666, dir_fd=here)
        finally:
            os.close(here)


def _remove(name: str, here: int) -> None:
    try:
        os.unlink(name, dir_fd=here)
    except FileNotFoundError:
        pass
