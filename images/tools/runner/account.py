"""Account: the user that jobs run as, and the two ways to become it.

A1  `drop` leaves no way back: real, effective and saved ids are the job's, and no group but the job's is kept.
A2  `watch_over` may signal the job's processes and act on their files but cannot be signalled or traced by them: only
    its effective id is the job's, its real and saved ids belong to nobody else.
A3  A dedicated account runs nothing but this runner's jobs, so that "every process of the user" means "the job".
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager

import sealing
from options import Options

# Above every id that people and pools of accounts are numbered by, so that the watching id is shared with nobody (A2).
# A container's user namespace may end at 65,535: there the next id is as good, since nobody else is in the container.
_WATCHER_OFFSET_ON_HOST = 1 << 30
_WATCHER_OFFSET_IN_CONTAINER = 1
_PATH_DEFAULT = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Account:
    def __init__(self, options: Options) -> None:
        self.container = options.container
        self.dedicated = options.uid is not None
        self.uid = os.getuid() if options.uid is None else options.uid
        self.gid = os.getgid() if options.gid is None else options.gid

    def drop(self) -> None:
        """Becomes the job's user for good (A1)."""
        sealing.forbid_new_privileges()
        if not self.dedicated:
            return
        sealing.drop_bounding_set()
        os.setgroups([])
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)
        sealing.clear_capabilities()

    def watch_over(self) -> None:
        """Becomes the watcher of the job's user for good (A2)."""
        sealing.forbid_new_privileges()
        if not self.dedicated:
            return
        watcher = self.uid + (_WATCHER_OFFSET_IN_CONTAINER if self.container else _WATCHER_OFFSET_ON_HOST)
        os.setgroups([])
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(watcher, self.uid, watcher)
        sealing.clear_capabilities()

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Acts on files as the job's user for a moment; signals and tracing still go by the real id, which stays."""
        if not self.dedicated:
            yield
            return
        os.seteuid(self.uid)
        try:
            yield
        finally:
            os.seteuid(0)

    def environment(self, work: str, tmp: str) -> dict[str, str]:
        """All that a job finds in its environment unless its RUN adds to it."""
        fresh = {
            "HOME": work,
            "LANG": "C.UTF-8",
            "PATH": os.environ.get("PATH", _PATH_DEFAULT),
            "PWD": work,
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": tmp,
        }
        try:
            fresh["USER"] = fresh["LOGNAME"] = pwd.getpwuid(self.uid).pw_name
        except KeyError:
            pass  # A dedicated account on a host need not have a passwd entry.
        return fresh
