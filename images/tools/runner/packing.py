"""A work directory as a tar, in pieces, while what a session left running may still change it.

K1  Files, directories and symlinks go in, under their own names; pipes, sockets and devices do not. A file with
    several names goes in once for each.
K2  The tar never gets longer than asked for: what would not fit is found out before it is read, so a sparse file of a
    terabyte costs nothing.
K3  A file is as long in the tar as its header says: what it lost meanwhile is filled up with zeros, what it won is cut.
"""

from __future__ import annotations

import os
import stat
from typing import Callable

import tar_format
from beneath import Entry, TooDeep, below, open_directory, open_entry
from frames import json_bytes
from limits import PIECE_BYTES_MAX, TREE_ENTRIES_MAX, TREE_PATH_BYTES_MAX
from tar_format import BLOCK, END, Header, padding

_LAST, _REFUSED = 1, 2


class SaveRefused(Exception):
    """This work directory cannot be saved: a code and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Packer:
    def __init__(self, bytes_max: int, send: Callable[[bytes], None]) -> None:
        """`send` takes the payload of a SAVED."""
        self._left = bytes_max - len(END)
        self._send = send
        self._piece = bytearray()
        self._entries = 0

    def pack(self, work: str) -> None:
        """Sends the tar of `work`, or why there is none."""
        try:
            top = open_directory(work)
            try:
                self._pack_all(top)
            finally:
                os.close(top)
        except TooDeep:
            self._refuse("too_deep", "a directory is nested too deep to be saved")
        except SaveRefused as refused:
            self._refuse(refused.code, refused.message)
        except OSError as error:
            self._refuse("failed", f"the work directory could not be read: {error.strerror}")

    def _pack_all(self, top: int) -> None:
        if self._left < 0:
            raise _too_large()
        for entry in below(top):
            self._entries += 1
            if self._entries > TREE_ENTRIES_MAX:
                raise SaveRefused("too_many", f"the work directory has more than {TREE_ENTRIES_MAX} entries")
            if len(entry.path) > TREE_PATH_BYTES_MAX:
                raise SaveRefused("too_deep", f"a path is longer than {TREE_PATH_BYTES_MAX} bytes")
            self._pack(entry)
        self._add(END)
        self._send(bytes([_LAST]) + self._piece)

    def _pack(self, entry: Entry) -> None:
        mode = entry.status.st_mode
        if stat.S_ISDIR(mode):
            self._begin(entry, tar_format.DIRECTORY)
        elif stat.S_ISLNK(mode):
            self._pack_symlink(entry)
        elif stat.S_ISREG(mode):
            self._pack_file(entry)

    def _pack_symlink(self, entry: Entry) -> None:
        try:
            target = os.readlink(entry.name, dir_fd=entry.parent)
        except OSError:
            return  # It is something else by now, or nothing.
        self._begin(entry, tar_format.SYMLINK, target=target)

    def _pack_file(self, entry: Entry) -> None:
        try:
            fd = open_entry(entry)
        except FileNotFoundError:
            return
        try:
            size = os.fstat(fd).st_size
            self._begin(entry, tar_format.FILE, size)
            self._add_file(fd, size)
            self._add(b"\0" * padding(size))
        finally:
            os.close(fd)

    def _add_file(self, fd: int, size: int) -> None:
        while size > 0:
            data = os.read(fd, min(size, PIECE_BYTES_MAX)) or b"\0" * min(size, PIECE_BYTES_MAX)  # K3
            self._add(data)
            size -= len(data)

    def _begin(self, entry: Entry, kind: bytes, size: int = 0, target: bytes = b"") -> None:
        if size + padding(size) + BLOCK > self._left:
            raise _too_large()
        mode, mtime = stat.S_IMODE(entry.status.st_mode), int(entry.status.st_mtime)
        header = tar_format.encode(Header(kind, entry.path, mode, size, mtime, target))
        self._left -= len(header) + size + padding(size)
        if self._left < 0:
            raise _too_large()
        self._add(header)

    def _add(self, data: bytes) -> None:
        self._piece += data
        while len(self._piece) > PIECE_BYTES_MAX:
            self._send(b"\0" + self._piece[:PIECE_BYTES_MAX])
            del self._piece[:PIECE_BYTES_MAX]

    def _refuse(self, code: str, message: str) -> None:
        self._send(bytes([_LAST | _REFUSED]) + json_bytes({"code": code, "message": message}))


def _too_large() -> SaveRefused:
    return SaveRefused("too_large", "the work directory is over the limit of what is saved")
