"""Files below a directory that a hostile job fills, while it may still be changing them.

Q1  Nothing outside of the directory is opened: a path goes down component by component and none may be a symlink. The
    kernel sees to that in one call where it can (openat2), and in a walk by directory descriptors where it cannot.
Q2  What is opened is looked at through its descriptor, never again by its name; no open waits or has a side effect.
Q3  Open descriptors grow with depth only, and depth is bounded; names are bytes, in the order the kernel gives them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from limits import DEPTH_MAX

_libc = ctypes.CDLL(None, use_errno=True)
_OPENAT2 = 437
_RESOLVE = 0x02 | 0x04 | 0x08  # No magic links, no symlinks, beneath.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_DIRECTORY = _FLAGS | os.O_DIRECTORY


class _How(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


class TooDeep(Exception):
    """A directory is nested deeper than is followed."""


class Entry(NamedTuple):
    """Something below the directory, as it was when it was seen."""

    path: bytes
    # The directory that holds it, open while the entry is in hand, and its name there.
    parent: int
    name: bytes
    status: os.stat_result


def open_directory(path: str | bytes) -> int:
    return os.open(path, _DIRECTORY)


def open_below(top: int, path: bytes) -> int:
    """Opens `path` below the directory `top` for reading (Q1). Raises OSError, ELOOP where a symlink is in the way."""
    how = _How(_FLAGS, 0, _RESOLVE)
    fd = int(_libc.syscall(_OPENAT2, top, path, ctypes.byref(how), ctypes.sizeof(how)))
    if fd >= 0:
        return fd
    # A kernel without the call, or a filter that does not know it; EAGAIN: something moved meanwhile.
    if ctypes.get_errno() in (errno.ENOSYS, errno.EPERM, errno.EAGAIN):
        return walk_down(top, path)
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def walk_down(top: int, path: bytes) -> int:
    """What open_below does, without openat2."""
    *parents, name = path.split(b"/")
    if b".." in (*parents, name) or path.startswith(b"/"):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    here = os.dup(top)
    try:
        for parent in parents:
            below = os.open(parent or b".", _DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
        return os.open(name or b".", _FLAGS, dir_fd=here)
    finally:
        os.close(here)


def open_entry(entry: Entry) -> int:
    """Opens a file or directory for reading that was listed. Raises OSError, also when it is not one any more. One that
    its owner closed to himself is opened all the same; a directory is then to be closed again by `shut_again`."""
    is_directory = stat.S_ISDIR(entry.status.st_mode)
    flags = _DIRECTORY if is_directory else _FLAGS
    try:
        if not is_directory or entry.status.st_mode & 0o500 == 0o500:
            return _open_same(entry, flags)
    except PermissionError:
        pass
    # Should a symlink be there by now, this changes what the job itself could change.
    os.chmod(entry.name, entry.status.st_mode & 0o7777 | 0o500, dir_fd=entry.parent)
    fd = _open_same(entry, flags)
    if not is_directory:
        shut_again(fd, entry)
    return fd


def shut_again(fd: int, entry: Entry) -> None:
    """Gives what open_entry opened the mode that it had."""
    os.fchmod(fd, stat.S_IMODE(entry.status.st_mode))


def _open_same(entry: Entry, flags: int) -> int:
    fd = os.open(entry.name, flags, dir_fd=entry.parent)
    if stat.S_IFMT(os.fstat(fd).st_mode) == stat.S_IFMT(entry.status.st_mode):
        return fd
    os.close(fd)
    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))


def below(directory: int, path: bytes = b"") -> Iterator[Entry]:
    """Everything below `directory`, a directory before what is in it; `path` is put before the names. A directory that
    goes away or cannot be opened is given and not entered. Raises TooDeep."""
    levels = [_Level(directory, path, os.scandir(directory), None)]
    try:
        while levels:
            here = levels[-1]
            name = next((os.fsencode(found.name) for found in here.entries), None)
            if name is None:
                _leave(levels.pop())
                continue
            try:
                status = os.stat(name, dir_fd=here.fd, follow_symlinks=False)
            except FileNotFoundError:
                continue
            entry = Entry(here.prefix + name, here.fd, name, status)
            yield entry
            if stat.S_ISDIR(status.st_mode):
                if len(levels) == DEPTH_MAX:
                    raise TooDeep(entry.path)
                _enter(levels, entry)
    finally:
        while levels:
            _leave(levels.pop())


class _Level(NamedTuple):
    fd: int
    prefix: bytes
    entries: "os._ScandirIterator[str]"
    # What was opened for it; None for the directory that the caller gave.
    entry: Entry | None


def _enter(levels: list[_Level], entry: Entry) -> None:
    try:
        fd = open_entry(entry)
    except OSError:
        return
    levels.append(_Level(fd, entry.path + b"/", os.scandir(fd), entry))


def _leave(level: _Level) -> None:
    level.entries.close()
    if level.entry is not None:
        if level.entry.status.st_mode & 0o500 != 0o500:
            shut_again(level.fd, level.entry)
        os.close(level.fd)
