"""The sweeper: a process beside the supervisor that ends a job's processes and wipes its files.

It is forked before the first job, for a job may leave no room for another process or no memory to fork with, and it
carries the watcher's ids (account.A2), so that the job it is about to end cannot end it first.

S1  It is not a child of the supervisor: that one's children are then the job's processes and nothing else.
S2  When the supervisor is gone, however it went, the sweeper ends every process of the job's user and leaves.
S3  One `kill(-1)` reaches every process that exists, for the kernel lets none be born meanwhile.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys

import sealing
import sysv
from account import Account
from limits import GONE_S_MAX
from wipe import WipedDirectory, WipeFailed, wipe_all

_SIGNAL, _WIPE = b"s", b"w"
_DONE, _FAILED = b"d", b"f"


class SweeperLost(Exception):
    """The sweeper did not answer: nothing can be vouched for any more."""


class Sweeper:
    """The supervisor's end."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._take_answer()

    def signal_all(self, number: int) -> None:
        """Signals every process of the job's user; returns when that is done, so that it never hits a later job."""
        self._ask(_SIGNAL + bytes([number]))
        if not select.select([self.fd], [], [], GONE_S_MAX)[0]:
            raise SweeperLost("no answer")
        self._take_answer()

    def start_wipe(self) -> None:
        """Begins to wipe; `fd` becomes readable when it is done."""
        self._ask(_WIPE + b"\0")

    def finish_wipe(self) -> None:
        """Raises SweeperLost unless everything is wiped."""
        self._take_answer()

    def _ask(self, request: bytes) -> None:
        try:
            os.write(self.fd, request)
        except OSError as error:
            raise SweeperLost(str(error)) from error

    def _take_answer(self) -> None:
        if os.read(self.fd, 1) != _DONE:
            raise SweeperLost("it failed or ended")


def start(account: Account, folders: list[str], shared_folders: list[str]) -> Sweeper:
    """Forks the sweeper. Of `shared_folders` only what belongs to the job's user is wiped."""
    here, there = (end.detach() for end in socket.socketpair())
    between = os.fork()
    if between == 0:
        try:
            os.setsid()
            if os.fork() == 0:  # S1
                _main(there, account, folders, shared_folders)
        except BaseException as error:  # A crash report, and never back into the supervisor's code.
            print(f"sweeper: {type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    os.close(there)
    os.waitpid(between, 0)
    return Sweeper(here)


def _main(fd: int, account: Account, folders: list[str], shared_folders: list[str]) -> None:
    os.dup2(fd, 3, inheritable=False)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    sealing.close_from(4)
    account.watch_over()
    sealing.set_dumpable(False)
    directories = [WipedDirectory(path) for path in folders]
    if account.dedicated:
        directories += [WipedDirectory(path, account.uid) for path in shared_folders if os.path.isdir(path)]
    os.write(3, _DONE)
    while True:
        request = os.read(3, 2)
        if request[:1] == _SIGNAL and account.dedicated:
            _signal_user(request[1])
            os.write(3, _DONE)
        elif request[:1] == _WIPE:
            os.write(3, _wipe(directories, account))
        else:
            break
    if account.dedicated:
        _signal_user(signal.SIGKILL)  # S2


def _signal_user(number: int) -> None:
    try:
        os.kill(-1, number)  # S3
    except ProcessLookupError:
        pass  # Nobody is left.


def _wipe(directories: list[WipedDirectory], account: Account) -> bytes:
    try:
        wipe_all(directories)
    except WipeFailed as error:
        print(f"sweeper: {error}", file=sys.stderr)
        return _FAILED
    if account.dedicated:
        sysv.remove_all(account.uid)
    return _DONE
