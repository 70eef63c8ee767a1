"""The canary: whether nothing of the last job is left, and the runner is still what it was. It looks after every reset.

What it finds is a fault of the runner's, or a job's success against it; nothing is mended here, the runner ends and its
container with it.

Z1  Places: work, tmp, shared memory, message queues, System V IPC, names of unix sockets.
Z2  Processes: nobody but the runner's own and the one forked ahead, which looks at itself: user, rights, environment,
    descriptors.
Z3  The runner: every file that it has loaded, and in a container every folder that modules come from, as at the start
    and out of the job's reach; its own threads and descriptors. Where the root file system is read-only it is enough
    that it stays so, beside the runner's own files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import descendants
import sysv
from account import Account

_Stamp = tuple[int, ...]
_RUNNER = os.path.dirname(os.path.abspath(__file__))
_CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapAmb")


class NotClean(Exception):
    """The text says what is left, or what has changed."""


class Canary:
    def __init__(self, account: Account, folders: Iterable[str], shared_folders: Iterable[str]) -> None:
        """`folders` are the job's alone, `shared_folders` those where it may write beside others."""
        self._account = account
        self._folders = list(folders)
        self._shared_folders = [path for path in shared_folders if os.path.isdir(path)]
        loaded = _loaded(folders_too=account.container)
        self._is_read_only = _is_read_only()
        watched = [path for path in loaded if path.startswith(_RUNNER)] if self._is_read_only else loaded
        self._stamps = {path: _stamp(path) for path in watched}
        self._processes: set[int] = set()
        self._descriptors: dict[int, str] = {}
        self._refuse_files_in_reach(loaded)

    def begin(self, pid: int, ahead: Iterable[int]) -> None:
        """Takes the runner as it is now for how it ought to be, but for the process forked ahead, `pid`, and the
        descriptors `ahead` to it: the like of these come and go."""
        self._descriptors = _descriptors(ahead)
        self._processes = set(descendants.table()) - {pid}

    def look(self, pid: int, ahead: Iterable[int]) -> None:
        """Looks everywhere; `pid` is the process forked ahead. Raises NotClean."""
        for place in (self._look_at_folders, self._look_at_ipc, self._look_at_sockets, self._look_at_files):
            place()
        self._look_at_processes(pid)
        if len(os.listdir("/proc/self/task")) != 1:
            raise NotClean("the runner has more than one thread")
        if _descriptors(ahead) != self._descriptors:
            raise NotClean("the runner has other descriptors than at its start")

    def _look_at_folders(self) -> None:
        with self._account.acting():
            for path in self._folders:
                with os.scandir(path) as entries:
                    for entry in entries:
                        raise NotClean(f"{path} holds {entry.name!r}")
        if self._account.dedicated:
            for path in self._shared_folders:
                self._look_at_shared(path)

    def _look_at_shared(self, path: str) -> None:
        with os.scandir(path) as entries:
            for entry in entries:
                if self._account.container or entry.stat(follow_symlinks=False).st_uid == self._account.uid:
                    raise NotClean(f"{path} holds {entry.name!r}")

    def _look_at_ipc(self) -> None:
        if self._account.dedicated:
            for kind in sysv.KINDS:
                for identifier in sysv.owned(kind, self._account.uid):
                    raise NotClean(f"System V {kind} {identifier} is left")

    def _look_at_sockets(self) -> None:
        """In a container nobody else has any. The names of abstract ones, too, are the network namespace's."""
        if self._account.container:
            for line in _lines("/proc/net/unix")[1:]:
                if len(line.split(None, 7)) > 7:
                    raise NotClean(f"a unix socket has the name {line.split(None, 7)[7]!r}")

    def _look_at_processes(self, ahead: int) -> None:
        if not self._account.dedicated:
            return
        for name in os.listdir("/proc"):
            if not name.isdecimal() or int(name) == ahead:
                continue
            # On a host there are others, who are not the runner's affair.
            if int(name) not in self._processes if self._account.container else _user_of(name) == self._account.uid:
                raise NotClean(f"process {name} is left")

    def _look_at_files(self) -> None:
        if self._is_read_only and not _is_read_only():
            raise NotClean("the root file system is not read-only any more")
        for path, stamp in self._stamps.items():
            if _stamp(path) != stamp:
                raise NotClean(f"{path} is not what it was")

    def _refuse_files_in_reach(self, paths: Iterable[str]) -> None:
        if not self._account.dedicated:
            return
        with self._account.acting():
            for path in paths:
                if os.access(path, os.W_OK, effective_ids=True):
                    raise NotClean(f"{path} can be changed by jobs")


def what_is_amiss(account: Account, env: dict[str, str], work: str, descriptors: int) -> str | None:
    """For the process forked ahead, of itself (Z2). It may have `descriptors` of them."""
    if dict(os.environ) != env:
        return "its environment is another"
    # One more to look with.
    if sorted(int(fd) for fd in os.listdir("/proc/self/fd")) != list(range(descriptors + 1)):
        return "it has other descriptors"
    if not os.path.samestat(os.stat("."), os.stat(work)):
        return "it is in another directory"
    if not account.dedicated:
        return None
    user, group = account.uid, account.gid
    if os.getresuid() != (user, user, user) or os.getresgid() != (group, group, group) or os.getgroups():
        return "it is another user"
    rights = dict(line.split(":\t", 1) for line in _lines("/proc/self/status") if ":\t" in line)
    if rights.get("NoNewPrivs", "1") != "1" or any(int(rights.get(name, "0"), 16) for name in _CAPABILITIES):
        return "it has rights"
    return None


def _loaded(folders_too: bool) -> list[str]:
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    files |= {getattr(module, "__cached__", None) for module in list(sys.modules.values())}
    paths = {sys.executable, os.path.realpath(sys.executable), *(path for path in files if path)}
    if folders_too:
        # A module that is not there yet would be found there by the next that asks for it.
        paths |= {os.path.dirname(path) for path in paths} | {path for path in sys.path if path}
    return sorted(path for path in paths if os.path.exists(path))


def _is_read_only() -> bool:
    return bool(os.statvfs("/").f_flag & os.ST_RDONLY)


def _stamp(path: str) -> _Stamp | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode)


def _descriptors(besides: Iterable[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # That of the listing itself.
    return {fd: target for fd, target in found.items() if fd not in set(besides)}


def _user_of(pid: str) -> int:
    for line in _lines(f"/proc/{pid}/status"):
        if line.startswith("Uid:"):
            return int(line.split()[1])
    return -1


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as file:
            return file.read().splitlines()
    except OSError:
        return []  # A kernel without this file has nothing of its kind.
