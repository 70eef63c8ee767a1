"""Sealing: the kernel calls that keep a job away from the supervisor and from more rights than it has.

Python wraps none of prctl and capset, so they go through ctypes. All of them only ever take rights away.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal

from limits import FILE_BYTES_MAX, OPEN_FILES_MAX, PROCESSES_MAX

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_LAST = 63
_CAPABILITY_VERSION_3 = 0x20080522


def _prctl(option: int, argument: int = 0) -> bool:
    word = ctypes.c_ulong
    return bool(_libc.prctl(option, word(argument), word(0), word(0), word(0)) == 0)


def set_dumpable(dumpable: bool) -> None:
    """Not dumpable: no unprivileged process may trace this one or open what /proc has of it (fd, mem, environ)."""
    if not _prctl(_PR_SET_DUMPABLE, int(dumpable)):
        raise OSError(ctypes.get_errno(), "PR_SET_DUMPABLE")


def adopt_orphans() -> bool:
    """Makes every orphaned descendant a child of this process, so that having no child means that none is alive."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Ends this process when `parent` ends. Called after the last change of user, which would undo it."""
    if not _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL):
        raise OSError(ctypes.get_errno(), "PR_SET_PDEATHSIG")
    if os.getppid() != parent:
        os._exit(1)


def forbid_new_privileges() -> None:
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_bounding_set() -> None:
    """Empties the bounding set where that is allowed. In a container it is not (it takes CAP_SETPCAP): there the set
    holds three capabilities, no-new-privileges keeps any program from gaining them, and the change to an unprivileged
    user empties the permitted and effective sets."""
    for capability in range(_CAPABILITY_LAST + 1):
        if not _prctl(_PR_CAPBSET_DROP, capability):
            return


def clear_capabilities() -> None:
    """Empties the ambient set and, what a change of user leaves alone, the inheritable set."""
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    empty = (ctypes.c_uint32 * 6)()
    if _libc.capset(header, empty) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def limit_open_files() -> None:
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES_MAX)


def close_from(first: int) -> None:
    """Closes every descriptor from `first` on; limit_open_files keeps that short."""
    os.closerange(first, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def limit_job(container: bool, dedicated: bool) -> None:
    """The per-process limits of a job. There is none on address space: Node reserves far more of it than it uses."""
    _lower(resource.RLIMIT_CORE, 0)
    if container:
        return
    _lower(resource.RLIMIT_FSIZE, FILE_BYTES_MAX)
    if dedicated:
        # The kernel counts processes by user: for a shared one the limit would count strangers.
        _lower(resource.RLIMIT_NPROC, PROCESSES_MAX)


def _lower(which: int, most: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(which, (most, most))


def prefer_for_oom() -> None:
    """When memory runs out the kernel takes a job before the supervisor."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass  # A place without this file has its own way to choose.


def replace_environment(fresh: dict[str, str]) -> None:
    """Takes `fresh` as the environment and blanks the block the process was started with. A forked job shows that block
    as its own /proc/self/environ, and what the runner's starter put there is not for tenants."""
    os.environ.clear()
    os.environ.update(fresh)
    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return
    start, end = int(fields[47]), int(fields[48])
    if 0 < start < end:
        ctypes.memset(start, 0, end - start)
