"""The process tree below this process, from /proc, and signals to parts of it.

Where the job has a user of its own, one call of the sweeper's reaches everything. The tree is all there is to go by
where jobs share the runner's own user, and where some of a session is to live on. Every orphan is this process's child
(sealing.adopt_orphans), or its shell's, so whatever lives is found below it. A tree that grows while it is walked is
walked again by the caller, until nothing is left of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Callable, NamedTuple

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    parent: int
    group: int
    # Clock ticks since the machine started.
    started: int
    # Processor seconds, with those of the children it waited for.
    cpu_s: float


def children() -> list[int]:
    """The ids of this process's children, also of those that have ended and were not waited for."""
    return _children("thread-self", os.getpid())


def children_of(pid: int) -> dict[int, Process]:
    """The children of a process with one thread."""
    looked_at = {child: look_at(child) for child in _children(f"{pid}/task/{pid}", pid)}
    return {child: process for child, process in looked_at.items() if process is not None}


def _children(thread: str, parent: int) -> list[int]:
    try:
        with open(f"/proc/{thread}/children", "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return [pid for pid, process in table().items() if process.parent == parent]


def table() -> dict[int, Process]:
    """Every process there is to see."""
    found: dict[int, Process] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            process = look_at(int(name))
            if process is not None:
                found[int(name)] = process
    return found


def look_at(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # From the state on: the name before it may hold anything.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    cpu_s = sum(int(ticks) for ticks in fields[11:15]) / _TICKS_PER_S
    return Process(int(fields[1]), int(fields[2]), int(fields[19]), cpu_s)


def below(roots: Iterable[int], processes: dict[int, Process]) -> list[int]:
    """Every process below `roots`, without them."""
    by_parent: dict[int, list[int]] = {}
    for pid, process in processes.items():
        by_parent.setdefault(process.parent, []).append(pid)
    found: list[int] = []
    waiting = list(roots)
    while waiting:
        under = by_parent.get(waiting.pop(), [])
        found += under
        waiting += under
    return found


def usage_of(root: int) -> tuple[float, int]:
    """Processor seconds of `root` and all that lives or was waited for below it; the largest of them that lives, in
    KiB at its largest."""
    processes = table()
    living = [pid for pid in (root, *below([root], processes)) if pid in processes]
    return sum(processes[pid].cpu_s for pid in living), max(map(_peak_kib, living), default=0)


def _peak_kib(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return int(next((line.split()[1] for line in file if line.startswith(b"VmHWM:")), 0))
    except OSError:
        return 0


def signal_all(number: int, group: int) -> None:
    """Sends `number` to the process group `group`, in one stroke, and to every descendant outside it."""
    processes = table()
    mine = below([os.getpid()], processes)
    grouped = [pid for pid in mine if processes[pid].group == group]
    # Only while a descendant is in it is the group's number surely not someone else's by now.
    if grouped:
        send(os.killpg, group, number)
    for pid in mine:
        if processes[pid].group != group:
            send(os.kill, pid, number)


def signal_others(number: int, spared: Iterable[int]) -> bool:
    """Sends `number` to every descendant but `spared` and what is below them; whether there was any."""
    others = set(children()).difference(spared)
    if not others:
        return False
    for pid in (*others, *below(others, table())):
        send(os.kill, pid, number)
    return True


def send(call: Callable[[int, int], None], target: int, number: int) -> None:
    try:
        call(target, number)
    except (ProcessLookupError, PermissionError):
        pass  # Gone meanwhile, or a set-user-id program that this user may not signal.
