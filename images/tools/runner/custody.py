"""Custody: every process of the current job, to signal and to know gone.

U1  Orphans become this process's children, so "no child left" means that no process of the job is left, however it
    hid. Where the kernel cannot arrange that, everything is killed at the end whether or not something seems to live.
U2  Where some processes are spared (a session's shells with what is below them), the rest is found by the tree.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Collection
from typing import Callable

import descendants
from account import Account
from sweeper import Sweeper

Collect = Callable[[int, int, resource.struct_rusage], None]


class Custody:
    def __init__(self, account: Account, sweeper: Sweeper, orphans_adopted: bool) -> None:
        self._account = account
        self._sweeper = sweeper
        self._orphans_adopted = orphans_adopted

    @property
    def reaches_all_at_once(self) -> bool:
        """Whether one signal_all reaches every process, also one that is being born; otherwise it is sent again."""
        return self._account.dedicated

    @property
    def can_spare(self) -> bool:
        """Whether it can be told what belongs to whom (U2)."""
        return self._orphans_adopted

    def signal_all(self, number: int, group: int) -> None:
        """Signals every process of the job; `group` is the process group that its first process leads."""
        if self._account.dedicated:
            self._sweeper.signal_all(number)
        else:
            descendants.signal_all(number, group)

    def signal_others(self, number: int, spared: Collection[int]) -> bool:
        """Signals every process but `spared` and what is below them; whether there was any."""
        with self._account.acting():
            return descendants.signal_others(number, spared)

    def reap(self, collect: Collect) -> bool:
        """Buries what died, telling `collect` (pid, status, usage) of each; whether no child is left."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            collect(pid, status, usage)

    def may_hide(self, none_left: bool) -> bool:
        """Whether something of the job may live although its first process is gone."""
        return not none_left or not self._orphans_adopted

    def signal_one(self, number: int, pid: int) -> None:
        """Signals one process of the job, a child of this one."""
        with self._account.acting():
            descendants.send(os.kill, pid, number)

    def usage_of(self, pid: int) -> tuple[float, int]:
        """Processor seconds of a process and all that lives or lived below it, and the largest that one of those that
        live has been, in KiB."""
        return descendants.usage_of(pid)
