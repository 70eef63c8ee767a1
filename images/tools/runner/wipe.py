"""Wiping a directory that a hostile job filled: any depth, any mode, any names.

W1  Nothing outside the directory is touched: every step goes by directory descriptor and none follows a symlink.
W2  Open descriptors and memory do not grow with depth or number of files: a directory below the top is emptied of its
    plain files, its own directories are moved up to the top, and then it is removed.
W3  It runs only when no process of the job is left, so what one step saw the next step finds.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import Callable

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class WipeFailed(Exception):
    """Something is left that cannot be removed."""


class WipedDirectory:
    """One directory that is wiped again and again; held open, so that it stays the same one."""

    def __init__(self, path: str, only_owner: int | None = None) -> None:
        """With `only_owner`, what belongs to other users stays: the directory is not the job's alone."""
        self.path = path
        self._only_owner = only_owner
        self._fd = os.open(path, _DIRECTORY)
        self._mode = stat.S_IMODE(os.fstat(self._fd).st_mode)

    def wipe(self) -> None:
        if stat.S_IMODE(os.fstat(self._fd).st_mode) != self._mode:
            os.fchmod(self._fd, self._mode)
        prefix = f".wipe-{os.urandom(8).hex()}-"
        moved = 0

        def name_at_top() -> str:
            nonlocal moved
            moved += 1
            return f"{prefix}{moved}"

        # A pass may miss what was moved up behind its back, so only a pass that removed nothing is the last one.
        while self._pass(name_at_top):
            pass

    def _pass(self, name_at_top: Callable[[], str]) -> bool:
        removed = False
        with os.scandir(self._fd) as entries:
            for entry in entries:
                status = os.stat(entry.name, dir_fd=self._fd, follow_symlinks=False)
                if self._only_owner is not None and status.st_uid != self._only_owner:
                    continue
                removed = True
                if stat.S_ISDIR(status.st_mode):
                    _dissolve(self._fd, entry.name, name_at_top)
                else:
                    os.unlink(entry.name, dir_fd=self._fd)
        return removed


def wipe_all(directories: Iterable[WipedDirectory]) -> None:
    """Wipes every directory. Raises WipeFailed."""
    for directory in directories:
        try:
            directory.wipe()
        except OSError as error:
            raise WipeFailed(f"{directory.path}: {error}") from error


def _dissolve(top: int, name: str, name_at_top: Callable[[], str]) -> None:
    """Removes the directory `name` of `top`; the directories in it go to the top (W2)."""
    os.chmod(name, 0o700, dir_fd=top)
    here = os.open(name, _DIRECTORY, dir_fd=top)
    try:
        while _empty(here, top, name_at_top):
            pass
    finally:
        os.close(here)
    os.rmdir(name, dir_fd=top)


def _empty(here: int, top: int, name_at_top: Callable[[], str]) -> bool:
    found = False
    with os.scandir(here) as entries:
        for entry in entries:
            found = True
            if entry.is_dir(follow_symlinks=False):
                # The kernel wants the moved directory itself writable, because its `..` changes.
                os.chmod(entry.name, 0o700, dir_fd=here)
                os.rename(entry.name, name_at_top(), src_dir_fd=here, dst_dir_fd=top)
            else:
                os.unlink(entry.name, dir_fd=here)
    return found
