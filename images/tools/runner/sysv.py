"""System V shared memory, queues and semaphores: they outlive the processes that made them, so a reset removes them.

Only those of the job's user go, and the caller acts as that user, so the kernel says no to any other.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

_libc = ctypes.CDLL(None, use_errno=True)
_IPC_RMID = 0


KINDS = ("shm", "msg", "sem")


def remove_all(uid: int) -> None:
    for identifier in owned("shm", uid):
        _libc.shmctl(identifier, _IPC_RMID, None)
    for identifier in owned("msg", uid):
        _libc.msgctl(identifier, _IPC_RMID, None)
    for identifier in owned("sem", uid):
        _libc.semctl(identifier, 0, _IPC_RMID)


def owned(kind: str, uid: int) -> Iterator[int]:
    """The ids of what `uid` owns, or made and gave away: that would be the next job's to use as well."""
    try:
        with open(f"/proc/sysvipc/{kind}") as file:
            columns = file.readline().split()
            rows = [line.split() for line in file]
    except OSError:
        return  # A kernel without System V IPC has none to remove.
    for row in rows:
        if str(uid) in (row[columns.index("uid")], row[columns.index("cuid")]):
            yield int(row[1])  # After the key; its name differs from kind to kind.
