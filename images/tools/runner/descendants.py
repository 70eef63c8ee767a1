"""Signalling all descendants of this process, for jobs that share the runner's own user.

Where the job has a user of its own the sweeper's one call reaches everything. Here the process tree is all there is to
go by: every orphan is this process's child (sealing.adopt_orphans), so whatever lives is found below it. A tree that
grows while it is walked is walked again by the caller, until it has no child left.
"""

from __future__ import annotations

import os
from typing import Callable


def signal_all(signal: int, group: int) -> None:
    """Sends `signal` to the process group `group`, in one stroke, and to every descendant outside it."""
    grouped = {pid: _group_of(pid) for pid in _descendants(os.getpid())}
    # Only while a descendant is in it is the group's number surely not someone else's by now.
    if group in grouped.values():
        _send(os.killpg, group, signal)
    for pid in grouped:
        if grouped[pid] != group:
            _send(os.kill, pid, signal)


def _send(call: Callable[[int, int], None], target: int, signal: int) -> None:
    try:
        call(target, signal)
    except (ProcessLookupError, PermissionError):
        pass  # Gone meanwhile, or a set-user-id program that this user may not signal.


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return -1


def _descendants(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
