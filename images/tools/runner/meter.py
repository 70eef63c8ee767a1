"""The container's own count of processor time, for what no process was waited for.

A child whose parent does not care to wait leaves no usage behind; its control group counts it all the same.
"""

from __future__ import annotations

import time

# Control groups of version 2 and of version 1, as a container sees its own: file, key of the line, seconds in one unit.
_COUNTERS = (
    ("/sys/fs/cgroup/cpu.stat", b"usage_usec ", 1e-6),
    ("/sys/fs/cgroup/cpuacct/cpuacct.usage", b"", 1e-9),
)
# What the sweeper and the container's init may use meanwhile, and what clocks differ by.
_SLACK_S = 0.01


class Meter:
    def __init__(self, container: bool) -> None:
        readable = [counter for counter in _COUNTERS if container and _read(*counter) is not None]
        self._counter = readable[0] if readable else None
        self._began_at = 0.0

    def begin(self) -> None:
        """From here on it is a job's."""
        self._began_at = self._used_by_others_s()

    def unseen_s(self, seen_s: float) -> float:
        """Processor seconds since `begin` beyond this process's own and `seen_s`, as far as that can be told."""
        if self._counter is None:
            return 0.0
        more_s = self._used_by_others_s() - self._began_at - seen_s
        return more_s if more_s > _SLACK_S else 0.0

    def _used_by_others_s(self) -> float:
        if self._counter is None:
            return 0.0
        return (_read(*self._counter) or 0.0) - time.process_time()


def _read(path: str, key: bytes, unit_s: float) -> float | None:
    try:
        with open(path, "rb") as file:
            for line in file:
                if line.startswith(key):
                    return int(line[len(key) :]) * unit_s
    except (OSError, ValueError):
        pass
    return None
