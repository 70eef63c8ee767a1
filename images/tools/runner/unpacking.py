"""A tar that another job made, into an empty work directory: docs/protocol/runner-frames.md, RESTORE.

O1  It runs as the job's user, and nothing lands outside of the work directory: every path goes down component by
    component, and one that leads through a symlink is refused.
O2  Only plain files, directories and symlinks are made, without set-id bits; anything else in the tar is refused.
O3  What is buffered is one header with its records; what is kept is one line for each directory, and there are at most
    TREE_ENTRIES_MAX members.
"""

from __future__ import annotations

import os
from typing import Any

import tar_format
from beneath import open_below, open_directory
from limits import COMPONENT_BYTES_MAX, DEPTH_MAX, TREE_ENTRIES_MAX, TREE_PATH_BYTES_MAX
from tar_format import BLOCK, PAX_BYTES_MAX, BadTar, Header, padding

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PERMISSIONS = 0o777


class Unpacker:
    def __init__(self, work: str) -> None:
        self.files = 0
        self.bytes = 0
        self._top = open_directory(work)
        self._buffer = bytearray()
        self._records: dict[bytes, bytes] = {}
        self._members = 0
        # The file whose data comes, its bytes still to come, and those up to the next header.
        self._file: tuple[int, Header] | None = None
        self._data_left = 0
        self._skip = 0
        self._ended = False
        self._directories: list[Header] = []
        self._parent = (b"", -1)

    def push(self, data: bytes) -> None:
        """Raises BadTar and OSError."""
        self._buffer += data
        while self._step():
            pass

    def finish(self) -> None:
        """To be called after the last push. Raises BadTar and OSError."""
        if not self._ended:
            raise BadTar("it is cut short")
        # From the bottom up: what is closed by its mode is filled before.
        for header in reversed(self._directories):
            fd = open_below(self._top, header.path)
            try:
                _finish_entry(fd, header)
            finally:
                os.close(fd)

    def _step(self) -> bool:
        """Takes one thing from the buffer; whether there may be another."""
        if self._ended:
            self._buffer.clear()
            return False
        if self._file is not None:
            return self._take_data(*self._file)
        if self._skip:
            return self._drop()
        return self._take_header()

    def _take_data(self, fd: int, header: Header) -> bool:
        data = self._buffer[: self._data_left]
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
        rest.release()
        del self._buffer[: len(data)]
        self._data_left -= len(data)
        if self._data_left:
            return False
        _finish_entry(fd, header)
        os.close(fd)
        self._file = None
        return True

    def _drop(self) -> bool:
        count = min(self._skip, len(self._buffer))
        del self._buffer[:count]
        self._skip -= count
        return not self._skip

    def _take_header(self) -> bool:
        if len(self._buffer) < BLOCK:
            return False
        block = bytes(self._buffer[:BLOCK])
        if tar_format.is_end(block):
            self._ended = True
            return True
        header = tar_format.decode(block, self._records)
        if tar_format.is_pax(block):
            return self._take_records(header.size)
        del self._buffer[:BLOCK]
        self._records = {}
        self._make(header)
        return True

    def _take_records(self, size: int) -> bool:
        if size > PAX_BYTES_MAX or self._records:
            raise BadTar("a pax header that is too long, or two in a row")
        total = BLOCK + size + padding(size)
        if len(self._buffer) < total:
            return False
        self._records = tar_format.decode_records(bytes(self._buffer[BLOCK : BLOCK + size]))
        del self._buffer[:total]
        return True

    def _make(self, header: Header) -> None:
        self._members += 1
        if self._members > TREE_ENTRIES_MAX:
            raise BadTar(f"it has more than {TREE_ENTRIES_MAX} members")
        parent, name = self._open_parent(header.path)
        if header.kind == tar_format.DIRECTORY:
            _make_directory(parent, name)
            self._directories.append(header)
        elif header.kind == tar_format.SYMLINK:
            _clear_name(parent, name)
            os.symlink(_checked_target(header.target), name, dir_fd=parent)
        else:
            _clear_name(parent, name)
            self._file = (os.open(name, _NEW_FILE, 0o600, dir_fd=parent), header)
            self._data_left, self._skip = header.size, padding(header.size)
            self.files += 1
            self.bytes += header.size

    def _open_parent(self, path: bytes) -> tuple[int, bytes]:
        """The directory that a member goes into, open until the next call, and the member's name in it (O1)."""
        parts = path.split(b"/")
        for part in parts:
            if part in (b"", b".", b"..") or len(part) > COMPONENT_BYTES_MAX or b"\0" in part:
                raise BadTar(f"a path that leads elsewhere: {path[:200]!r}")
        if len(path) > TREE_PATH_BYTES_MAX or len(parts) > DEPTH_MAX:
            raise BadTar(f"a path that is too long: {path[:200]!r}")
        above, _, name = path.rpartition(b"/")
        if self._parent[1] < 0 or self._parent[0] != above:
            if self._parent[1] >= 0:
                os.close(self._parent[1])
            self._parent = (above, -1)
            self._parent = (above, open_below(self._top, above or b"."))
        return self._parent[1], name


def _make_directory(parent: int, name: bytes) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        if not _is_directory(parent, name):
            raise BadTar(f"a directory in the place of another member: {name!r}") from None


def _clear_name(parent: int, name: bytes) -> None:
    """A member that comes twice counts as it came last."""
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        pass
    except OSError:
        raise BadTar(f"a member in the place of a directory: {name!r}") from None


def _is_directory(parent: int, name: bytes) -> bool:
    try:
        os.close(os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent))
    except OSError:
        return False
    return True


def _checked_target(target: bytes) -> bytes:
    if not target or b"\0" in target or len(target) > TREE_PATH_BYTES_MAX:
        raise BadTar("a symlink without a target")
    return target


def _finish_entry(fd: int, header: Header) -> None:
    os.utime(fd, (header.mtime, header.mtime))
    os.fchmod(fd, header.mode & _PERMISSIONS)


class Restoring:
    """One RESTORE in the job's process: pieces in, one answer out. After a fault the rest is dropped."""

    def __init__(self, work: str) -> None:
        self._work = work
        self._unpacker: Unpacker | None = None
        self._is_over = False

    def take(self, payload: bytes) -> dict[str, Any] | None:
        """Takes in a RESTORE's payload; RESTORED's, when it is time for one."""
        if self._is_over:
            return None
        try:
            self._unpacker = self._unpacker or Unpacker(self._work)
            self._unpacker.push(payload[1:])
            if not payload[0] & 1:
                return None
            self._unpacker.finish()
            answer = self._answer(self._unpacker, None)
        except BadTar as error:
            answer = self._answer(self._unpacker, f"the saved work directory is no tar of this runner: {error}")
        except OSError as error:
            answer = self._answer(self._unpacker, f"the saved work directory does not fit here: {error.strerror}")
        self._is_over = True
        return answer

    def _answer(self, unpacker: Unpacker | None, error: str | None) -> dict[str, Any]:
        files, count = (unpacker.files, unpacker.bytes) if unpacker else (0, 0)
        return {"ok": error is None, "files": files, "bytes": count, "error": error}
