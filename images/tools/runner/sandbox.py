"""The sandbox: where one job runs after the other, each in a process forked ahead for it.

B1  A job is over when its own process and every other process of it are gone and its pipes are at their end.
B2  A process is forked ahead only after the last job's processes are gone, and counts as ready only when it is sealed
    and the last job's files are wiped.
B3  Any doubt about either raises RunnerFailed, which ends the runner and the container with it.
"""

from __future__ import annotations

import resource
import signal
import time
from functools import partial
from typing import Protocol

import job
from custody import Custody
from frames import Breach, decode_json
from job_process import JobProcess
from limits import FAREWELL_S_MAX, GONE_S_MAX, RESET_S_MAX
from loop import Loop
from sweeper import Sweeper

# Where one signal does not reach all, how long to wait before the next.
_SIGNAL_AGAIN_S = 0.02

# Waiting until the last job's processes are gone; then for the wipe and for the process forked ahead.
_CLEARING, _RESETTING = "clearing", "resetting"
# A sealed process waits; the tool was called; its process is gone but others may not be; nothing is left but files.
_READY, _BUSY, _ENDING, _OVER = "ready", "busy", "ending", "over"


class RunnerFailed(Exception):
    """The runner cannot vouch for its sandbox any more (B3)."""


class Listener(Protocol):
    """Who hears of what happens in the sandbox."""

    def sandbox_ready(self) -> None: ...
    def job_said(self, kind: int, payload: bytes) -> None: ...
    def job_wrote(self, stream: int, data: bytes) -> None: ...
    def job_used(self, cpu_s: float, max_rss_kib: int) -> None: ...
    def tool_ended(self, status: int) -> None: ...
    def job_over(self) -> None: ...


class Sandbox:
    def __init__(
        self, loop: Loop, setting: job.Setting, sweeper: Sweeper, custody: Custody, listener: Listener
    ) -> None:
        self._loop = loop
        self._setting = setting
        self._sweeper = sweeper
        self._custody = custody
        self._listener = listener
        self._state = _RESETTING
        self._deadline: float | None = None
        self._wiped = True
        self._sealed = False
        loop.watch(sweeper.fd, self._on_sweeper)
        self._process = self._fork_ahead()

    def send(self, kind: int, payload: bytes) -> None:
        """To the process forked ahead, before `start`."""
        try:
            self._process.send(kind, payload)
        except OSError as error:
            raise RunnerFailed(f"the process forked ahead is gone: {error}") from error

    def start(self, payload: bytes) -> None:
        """Has the process forked ahead call its tool. From here on it is hostile."""
        self._become(_BUSY)
        try:
            self._process.send(job.CALL, payload)
        except OSError:
            pass  # It died under our eyes: the outcome is made of its exit.

    def signal(self, number: int) -> None:
        """Signals every process of a running job."""
        if self._state == _BUSY:
            self._signal(number)

    def reset(self) -> None:
        """Ends what runs, wipes, forks ahead; the listener hears `sandbox_ready`."""
        over = self._state == _OVER
        self._become(_CLEARING, GONE_S_MAX)
        if not over:
            self._signal(signal.SIGKILL)
        self.bury()

    def bury(self) -> None:
        """Takes note of every process that is gone; to be called when SIGCHLD came."""
        none_left = self._custody.reap(self._note_exit)
        if self._state == _BUSY and self._process.status is not None:
            self._become(_ENDING, GONE_S_MAX)
            if self._custody.may_hide(none_left):
                self._signal(signal.SIGKILL)
                none_left = self._custody.reap(self._note_exit)
        if self._state == _ENDING and none_left:
            self._finish()
        elif self._state == _CLEARING and none_left:
            self._start_reset()
        elif self._state in (_RESETTING, _READY) and self._process.status is not None:
            raise RunnerFailed("the process forked ahead is gone")

    def patience(self) -> float | None:
        """How long the loop may wait for an event before it asks again. Raises RunnerFailed when time is up."""
        if self._deadline is None:
            return None
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise RunnerFailed(f"still {self._state} when its time was up")
        if self._state in (_ENDING, _CLEARING) and not self._custody.reaches_all_at_once:
            self._signal(signal.SIGKILL)
            return min(left, _SIGNAL_AGAIN_S)
        return left

    def end_everything(self) -> None:
        """Ends what was started, as far as that is done in the time it has."""
        deadline = time.monotonic() + FAREWELL_S_MAX
        while not self._custody.reap(lambda *_: None) and time.monotonic() < deadline:
            self._signal(signal.SIGKILL)
            time.sleep(0.001)

    def _become(self, state: str, seconds: float | None = None) -> None:
        self._state = state
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def _signal(self, number: int) -> None:
        self._custody.signal_all(number, self._process.pid)

    def _note_exit(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        if pid == self._process.pid:
            self._process.status = status
            self._listener.tool_ended(status)
        before = self._process.cpu_s_before if pid == self._process.pid else 0.0
        self._listener.job_used(usage.ru_utime + usage.ru_stime - before, usage.ru_maxrss)

    def _finish(self) -> None:
        self._become(_OVER)
        if not self._process.drain(self._listener.job_wrote, GONE_S_MAX):
            raise RunnerFailed("someone outside the job holds its pipes")
        for kind, payload in self._process.rest_of_messages():
            self._listener.job_said(kind, payload)
        self._listener.job_over()

    def _start_reset(self) -> None:
        for fd in self._process.descriptors():
            self._loop.unwatch(fd)
        self._process.close()
        self._become(_RESETTING, RESET_S_MAX)
        self._wiped = False
        self._sweeper.start_wipe()
        self._process = self._fork_ahead()

    def _fork_ahead(self) -> JobProcess:
        self._sealed = False
        process = JobProcess(self._setting)
        self._loop.watch(process.socket, self._on_socket)
        for stream, fd in enumerate(process.pipes):
            self._loop.watch(fd, partial(self._on_pipe, stream, fd))
        return process

    def _on_socket(self) -> None:
        try:
            messages = self._process.receive()
        except (EOFError, OSError, Breach):
            self._loop.unwatch(self._process.socket)  # Its exit will say the rest.
            return
        for kind, payload in messages:
            if kind == job.SEALED and self._state == _RESETTING:
                self._process.cpu_s_before = decode_json(payload)
                self._sealed = True
                self._ready_when_reset()
            else:
                self._listener.job_said(kind, payload)

    def _on_pipe(self, stream: int, fd: int) -> None:
        data = self._process.read_pipe(stream)
        if data:
            self._listener.job_wrote(stream, data)
        elif data is not None:
            self._loop.unwatch(fd)

    def _on_sweeper(self) -> None:
        self._sweeper.finish_wipe()
        self._wiped = True
        self._ready_when_reset()

    def _ready_when_reset(self) -> None:
        if self._wiped and self._sealed:
            self._become(_READY)
            self._listener.sandbox_ready()
