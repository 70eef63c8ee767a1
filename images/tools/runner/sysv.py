"""System V shared memory, queues and semaphores: they outlive the processes that made them, so a reset removes them.

Only those of the job's user go, and the caller acts as that user, so the kernel says no to any other.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

_libc = ctypes.CDLL(None, use_errno=True)
_IPC_RMID = 0


def remove_all(uid: int) -> None:
    for identifier in _owned("shm", uid):
        _libc.shmctl(identifier, _IPC_RMID, None)
    for identifier in _owned("msg", uid):
        _libc.msgctl(identifier, _IPC_RMID, None)
    for identifier in _owned("sem", uid):
        _libc.semctl(identifier, 0, _IPC_RMID)


def _owned(kind: str, uid: int) -> Iterator[int]:
    try:
        with open(f"/proc/sysvipc/{kind}") as file:
            owner_at = file.readline().split().index("uid")
            rows = [line.split() for line in file]
    except (OSError, ValueError):
        return  # A kernel without System V IPC has none to remove.
    for row in rows:
        if int(row[owner_at]) == uid:
            yield int(row[1])  # After the key; its name differs from kind to kind.
