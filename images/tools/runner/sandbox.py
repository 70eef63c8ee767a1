"""The sandbox: where one job runs after the other, each in a process forked ahead for it.

B1  A call is over when its own process and every other process of it are gone and its pipes are at their end. Of a
    session, shells and what is below them live on; a call in a shell is over when the shell says so.
B2  A process is forked ahead only after the last job's processes are gone, and counts as ready only when it is sealed
    and the last job's files are wiped. Only within a session is it forked beside what the session has running, which
    may end it: then it is replaced, a bounded number of times.
B3  After a reset the canary looks. What it finds, and any doubt about the above, raises RunnerFailed, which ends the
    runner and the container with it.
"""

from __future__ import annotations

import resource
import signal
import time
from functools import partial
from typing import Protocol

import job
import messages
from canary import Canary, NotClean
from custody import Custody
from frames import Breach, decode_json
from job_process import JobProcess
from limits import FAREWELL_S_MAX, GONE_S_MAX, REPLACEMENTS_MAX, RESET_S_MAX, STRAYS_S_MAX
from loop import Loop
from sweeper import Sweeper

# Where one signal does not reach all, how long to wait before the next.
_SIGNAL_AGAIN_S = 0.02

# Waiting until the last job's processes are gone; then for the wipe and for the process forked ahead. Of a session:
# waiting for that process alone.
_CLEARING, _RESETTING, _KEEPING = "clearing", "resetting", "keeping"
# A sealed process waits; the tool was called; its process is gone but others may not be; the call is over.
_READY, _BUSY, _ENDING, _OVER = "ready", "busy", "ending", "over"


class RunnerFailed(Exception):
    """The runner cannot vouch for its sandbox any more (B3)."""


class Listener(Protocol):
    """Who hears of what happens in the sandbox."""

    def sandbox_ready(self) -> None: ...
    def tool_answered(self, payload: bytes) -> None: ...
    def helper_said(self, kind: int, payload: bytes) -> None:
        """The process forked ahead, which runs no code of a job, answers what it was asked."""

    def helper_gone(self) -> None:
        """It was ended; what it was asked to do is not done."""

    def job_wrote(self, stream: int, data: bytes) -> None: ...
    def job_used(self, cpu_s: float, max_rss_kib: int) -> None: ...
    def tool_ended(self, status: int) -> None: ...
    def job_over(self) -> None: ...
class Sandbox:
    def __init__(
        self,
        loop: Loop,
        setting: job.Setting,
        sweeper: Sweeper,
        custody: Custody,
        canary: Canary,
        listener: Listener,
    ) -> None:
        self._loop = loop
        self._setting = setting
        self._canary = canary
        self._sweeper = sweeper
        self._custody = custody
        self._listener = listener
        self._state = _RESETTING
        self._deadline: float | None = None
        # When a session's shells end too, should what is left of a call still breed.
        self._strays_until: float | None = None
        self._wiped = True
        self._session = False
        self._shells: dict[int, JobProcess] = {}
        # Whose call is under way, the shell it asked for, and the processor seconds that shell had used before.
        self._current: JobProcess | None = None
        self._shell: int | None = None
        self._cpu_s_before = 0.0
        # Asked to write files that never came whole: it cannot serve another call.
        self._spoilt = False
        self._replaced = 0
        self._let_go: set[int] = set()
        loop.watch(sweeper.fd, self._on_sweeper)
        self._ahead: JobProcess | None = self._fork_ahead()
        canary.begin(self._ahead.pid, self._ahead.descriptors())

    @property
    def can_hold_sessions(self) -> bool:
        return self._custody.can_spare

    @property
    def shells(self) -> int:
        """How many shells of the session live."""
        return len(self._shells)

    def ask(self, kind: int, payload: bytes) -> None:
        """Asks something of the process forked ahead that is not a call."""
        self._helper().send(kind, payload)

    def spoil(self) -> None:
        """What the process forked ahead was asked for was broken off."""
        self._spoilt = True

    def start(self, payload: bytes, session: bool, shell: int | None) -> None:
        """Has a tool called, in the session's shell `shell` or by the process forked ahead, which is hostile then."""
        self._become(_BUSY)
        self._session = self._session or session
        self._shell = shell
        process = None if shell is None else self._shells.get(shell)
        if process is None:
            process = self._helper()
            self._ahead = None
            self._cpu_s_before = process.cpu_s_before
        else:
            process.watch_pipes(partial(self._on_pipe, process))
            self._cpu_s_before = self._custody.usage_of(process.pid)[0]
        self._current = process
        process.send(messages.CALL, payload)

    def signal(self, number: int) -> None:
        """Signals every process of the call that is under way, or ends the collecting of its files. KILL ends all."""
        if number == signal.SIGKILL:
            self._end_all()
        elif self._state == _BUSY and self._shell is not None and self._current is not None:
            self._current.send(messages.INTERRUPT, b"")
        elif self._state == _BUSY and self._spared():
            self._custody.signal_others(number, self._spared())
        elif self._state == _BUSY:
            self._signal(number)
        elif self._ahead is not None:
            self._custody.signal_one(signal.SIGKILL, self._ahead.pid)

    def reset(self) -> None:
        """Ends what runs, wipes, forks ahead; the listener hears `sandbox_ready`."""
        nobody = self._state == _OVER and not self._shells and self._ahead is None
        self._become(_CLEARING, GONE_S_MAX)
        if not nobody:
            self._signal(signal.SIGKILL)
        self.bury()

    def keep(self) -> None:
        """Makes ready for the session's next call, beside its files and shells; the listener hears `sandbox_ready`."""
        self._session = True
        self._replaced = 0
        if self._spoilt and self._ahead is not None:
            self._let_go_of(self._ahead)
            self._ahead = None
        if self._helper().sealed:
            self._become(_READY)
            self._listener.sandbox_ready()
        else:
            self._become(_KEEPING, RESET_S_MAX)

    def bury(self) -> None:
        """Takes note of every process that is gone; to be called when SIGCHLD came."""
        none_left = self._custody.reap(self._note_exit)
        if self._state == _CLEARING:
            if none_left:
                self._start_reset()
            return
        self._drop_dead()
        if self._state == _BUSY and self._current is not None and self._current.status is not None:
            self._become(_ENDING, GONE_S_MAX)
            if not self._spared() and self._custody.may_hide(none_left):
                self._signal(signal.SIGKILL)
                none_left = self._custody.reap(self._note_exit)
        if not none_left:
            self._end_strays()
        if none_left:
            self._strays_until = None
        if self._state == _ENDING and (none_left or self._spared() and self._strays_until is None):
            self._finish()

    def patience(self) -> float | None:
        """How long the loop may wait for an event before it asks again. Raises RunnerFailed when time is up."""
        left = None if self._deadline is None else self._deadline - time.monotonic()
        if left is not None and left <= 0:
            raise RunnerFailed(f"still {self._state} when its time was up")
        if self._strays_until is not None:
            self.bury()
            return _SIGNAL_AGAIN_S
        if self._state in (_ENDING, _CLEARING) and not self._custody.reaches_all_at_once:
            self._signal(signal.SIGKILL)
            return _SIGNAL_AGAIN_S
        return left

    def end_everything(self) -> None:
        """Ends what was started, as far as that is done in the time it has."""
        deadline = time.monotonic() + FAREWELL_S_MAX
        while not self._custody.reap(lambda *_: None) and time.monotonic() < deadline:
            self._signal(signal.SIGKILL)
            time.sleep(0.001)

    # Processes

    def _become(self, state: str, seconds: float | None = None) -> None:
        self._state = state
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def _signal(self, number: int) -> None:
        leader = self._current or self._ahead
        self._custody.signal_all(number, -1 if leader is None else leader.pid)

    def _helper(self) -> JobProcess:
        """The process forked ahead."""
        if self._ahead is None:
            self._ahead = self._fork_ahead()
        return self._ahead

    def _fork_ahead(self) -> JobProcess:
        self._spoilt = False
        process = JobProcess(self._setting, self._loop)
        process.watch(partial(self._on_socket, process), partial(self._on_pipe, process))
        return process

    def _spared(self) -> set[int]:
        """Of a session, what lives on when a call is over."""
        if not self._session:
            return set()
        living = [self._ahead, *self._shells.values()]
        if self._state == _BUSY and self._shell is not None:
            living.append(self._current)
        return {process.pid for process in living if process is not None and process.status is None}

    def _end_strays(self) -> None:
        """Of a session, ends what belongs neither to a shell nor to a call that is under way."""
        spared = self._spared()
        if not self._session or self._state == _BUSY and self._shell is None:
            self._strays_until = None
        elif not spared and self._state == _ENDING:
            self._signal(signal.SIGKILL)
        elif not self._custody.signal_others(signal.SIGKILL, spared):
            self._strays_until = None
        elif self._strays_until is None:
            self._strays_until = time.monotonic() + STRAYS_S_MAX
        elif time.monotonic() > self._strays_until:
            self._end_all()

    def _end_all(self) -> None:
        """Kills whatever lives, the session's shells and the process forked ahead too."""
        self._signal(signal.SIGKILL)
        self._strays_until = None
        for shell in self._shells.values():
            if shell is not self._current:
                self._let_go_of(shell)
        self._shells.clear()
        if self._ahead is not None:
            self._let_go_of(self._ahead)
            self._ahead = None
            self._listener.helper_gone()

    def _let_go_of(self, process: JobProcess) -> None:
        if process.status is None:
            self._let_go.add(process.pid)
        process.close()

    def _note_exit(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        cpu_s = usage.ru_utime + usage.ru_stime
        if self._current is not None and pid == self._current.pid:
            self._current.status = status
            self._listener.tool_ended(status)
            self._listener.job_used(cpu_s - self._cpu_s_before, usage.ru_maxrss)
        elif self._ahead is not None and pid == self._ahead.pid:
            self._ahead.status = status
        elif pid in self._let_go:
            self._let_go.remove(pid)
        else:
            shell = next((shell for shell in self._shells.values() if shell.pid == pid), None)
            if shell is not None:
                shell.status = status
            else:
                self._listener.job_used(cpu_s, usage.ru_maxrss)

    def _drop_dead(self) -> None:
        """Lets go of shells that are gone, and replaces the process forked ahead when it is."""
        for number, shell in list(self._shells.items()):
            if shell.status is not None:
                del self._shells[number]
                if shell is not self._current:
                    shell.close()
        if self._ahead is None or self._ahead.status is None:
            return
        self._ahead.close()
        self._ahead = None
        self._replaced += 1
        if self._state == _RESETTING or self._state == _READY and not self._session:
            raise RunnerFailed("the process forked ahead is gone")
        if self._replaced > REPLACEMENTS_MAX:
            raise RunnerFailed("what the session left running ends whatever is forked ahead")
        if self._state in (_READY, _KEEPING):
            self._helper()
        self._listener.helper_gone()

    # Calls

    def _returned(self, process: JobProcess, answer: bytes) -> None:
        """A call in a shell is over, and the shell lives on."""
        assert self._shell is not None
        self._shells[self._shell] = process
        self._current = None
        self._listener.tool_ended(0)
        self._listener.tool_answered(answer)
        process.drain_available(self._listener.job_wrote)
        for stream in range(len(process.pipes)):
            process.unwatch_pipe(stream)
        cpu_s, max_rss_kib = self._custody.usage_of(process.pid)
        self._listener.job_used(cpu_s - self._cpu_s_before, max_rss_kib)
        self._become(_OVER)
        self._listener.job_over()

    def _finish(self) -> None:
        process = self._current
        assert process is not None
        if self._spared():
            # A shell may hold the pipes of another's call; all that wrote to them for this call is gone.
            process.drain_available(self._listener.job_wrote)
        elif not process.drain(self._listener.job_wrote, GONE_S_MAX):
            raise RunnerFailed("someone outside the job holds its pipes")
        for kind, payload in process.rest_of_messages():
            if kind == messages.ANSWER:
                self._listener.tool_answered(payload)
        process.close()
        self._current = None
        self._become(_OVER)
        self._listener.job_over()

    def _start_reset(self) -> None:
        for process in (self._current, self._ahead, *self._shells.values()):
            if process is not None:
                process.close()
        self._current = None
        self._shells.clear()
        self._let_go.clear()
        self._session = False
        self._strays_until = None
        self._become(_RESETTING, RESET_S_MAX)
        self._wiped = False
        self._sweeper.start_wipe()
        self._ahead = self._fork_ahead()

    # Events

    def _on_socket(self, process: JobProcess) -> None:
        try:
            said = process.receive()
        except (EOFError, OSError, Breach):
            process.unwatch_socket()  # Its exit will say the rest.
            return
        for kind, payload in said:
            if kind == messages.SEALED:
                self._on_sealed(process, payload)
            elif process is self._ahead:
                self._listener.helper_said(kind, payload)
            elif process is self._current and kind == messages.ANSWER:
                self._listener.tool_answered(payload)
            elif process is self._current and kind == messages.RETURNED and self._shell is not None:
                self._returned(process, payload)

    def _on_sealed(self, process: JobProcess, payload: bytes) -> None:
        if process.sealed:
            return
        process.sealed = True
        process.cpu_s_before, amiss = decode_json(payload)
        if amiss is not None:
            raise RunnerFailed(f"the process forked ahead is not as it ought to be: {amiss}")
        if process is not self._ahead:
            return
        if self._state == _KEEPING:
            self._become(_READY)
            self._listener.sandbox_ready()
        elif self._state == _RESETTING:
            self._ready_when_reset()

    def _on_pipe(self, process: JobProcess, stream: int) -> None:
        data = process.read_pipe(stream)
        if data:
            self._listener.job_wrote(stream, data)
        elif data is not None:
            process.unwatch_pipe(stream)

    def _on_sweeper(self) -> None:
        self._sweeper.finish_wipe()
        self._wiped = True
        self._ready_when_reset()

    def _ready_when_reset(self) -> None:
        if not self._wiped or self._ahead is None or not self._ahead.sealed:
            return
        try:
            self._canary.look(self._ahead.pid, self._ahead.descriptors())
        except NotClean as found:
            raise RunnerFailed(f"not clean: {found}") from None
        self._become(_READY)
        self._listener.sandbox_ready()
