"""Who lives in the sandbox: the process forked ahead, the one whose tool was called, and those of a session that
outlive calls.

P1  One that is let go of has its descriptors closed, and its end, which is still to come, is nobody's any more.
"""

from __future__ import annotations

from typing import Callable

from job_process import JobProcess
from request import Resident

# Whose end it was: of the process whose tool was called; of another one of these; of some process of a job's making.
CURRENT, RESIDENT, STRANGER = "current", "resident", "stranger"


class Residents:
    def __init__(self, fork_ahead: Callable[[], JobProcess]) -> None:
        self._fork_ahead = fork_ahead
        self.ahead: JobProcess | None = fork_ahead()
        self.current: JobProcess | None = None
        # A session's shells, and the process that keeps its agent.
        self.kept: dict[Resident, JobProcess] = {}
        self._let_go: set[int] = set()

    def helper(self) -> JobProcess:
        """The process forked ahead, forked now where there is none."""
        if self.ahead is None:
            self.ahead = self._fork_ahead()
        return self.ahead

    def call(self, resident: Resident | None) -> tuple[JobProcess, bool]:
        """The process that is to be called, which is the current one from now on; whether it has served one before."""
        found = None if resident is None else self.kept.get(resident)
        if found is not None:
            self.current = found
            return found, True
        self.current = self.helper()
        self.ahead = None
        return self.current, False

    def living(self) -> set[int]:
        """All but the current one, unless that has served a call before."""
        present = [self.ahead, *self.kept.values()]
        return {process.pid for process in present if process is not None and process.status is None}

    def is_empty(self) -> bool:
        return not (self.ahead or self.current or self.kept or self._let_go)

    def leader(self) -> int:
        """The process group of the call, or of what waits for one."""
        leader = self.current or self.ahead
        return -1 if leader is None else leader.pid

    def note_exit(self, pid: int, status: int) -> str:
        """Takes note of an end; whose it was."""
        if pid in self._let_go:
            self._let_go.remove(pid)
            return RESIDENT
        for process in (self.current, self.ahead, *self.kept.values()):
            if process is not None and process.pid == pid:
                process.status = status
                return CURRENT if process is self.current else RESIDENT
        return STRANGER

    def drop_dead(self) -> bool:
        """Lets go of who has ended, but for the current one; whether the process forked ahead had."""
        for resident, process in list(self.kept.items()):
            if process.status is not None:
                self._drop_kept(resident)
        if self.ahead is None or self.ahead.status is None:
            return False
        self.drop_ahead()
        return True

    def drop_ahead(self) -> bool:
        """Lets go of the process forked ahead, which then ends by itself; whether there was one."""
        if self.ahead is None:
            return False
        self._close(self.ahead)
        self.ahead = None
        return True

    def drop_current(self) -> None:
        if self.current is not None:
            self._close(self.current)
            self.current = None

    def drop_kept(self) -> None:
        for resident in list(self.kept):
            self._drop_kept(resident)

    def drop_all(self) -> None:
        """Lets go of everybody, where nobody lives any more."""
        self.drop_kept()
        self.drop_ahead()
        self.drop_current()

    def _drop_kept(self, resident: Resident) -> None:
        process = self.kept.pop(resident)
        if process is not self.current:
            self._close(process)

    def _close(self, process: JobProcess) -> None:
        if process.status is None:
            self._let_go.add(process.pid)
        process.close()
