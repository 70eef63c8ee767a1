"""The sandbox: where one job runs after the other, each in a process forked ahead for it.

B1  A call is over when its own process and every other process of it are gone and its pipes are at their end. Of a
    session, shells, the keeper of its agent and what is below them live on; a call of theirs is over when they say so.
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
import residents
from canary import Canary, NotClean
from custody import Custody
from frames import Breach, decode_json
from job_process import JobProcess
from limits import FAREWELL_S_MAX, GONE_S_MAX, REPLACEMENTS_MAX, RESET_S_MAX, STRAYS_S_MAX
from loop import Loop
from request import Resident
from residents import Residents
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
    def helper_said(self, kind: int, payload: bytes) -> None: ...
    def helper_gone(self) -> None: ...
    def job_wrote(self, stream: int, data: bytes) -> None: ...
    def job_used(self, cpu_s: float, max_rss_kib: int) -> None: ...
    def tool_ended(self, status: int) -> None: ...
    def job_over(self) -> None: ...


class Sandbox:
    def __init__(
        self, loop: Loop, setting: job.Setting, sweeper: Sweeper, custody: Custody, canary: Canary, listener: Listener
    ) -> None:
        self._loop = loop
        self._setting = setting
        self._sweeper = sweeper
        self._custody = custody
        self._canary = canary
        self._listener = listener
        self._state = _RESETTING
        self._deadline: float | None = None
        # When a session's shells end too, should what is left of a call still breed.
        self._strays_until: float | None = None
        self._wiped = True
        self._session = False
        # Who of the session's was called, and the processor seconds that the process called had used before.
        self._called: Resident | None = None
        self._cpu_s_before = 0.0
        # The process forked ahead has files that never came whole: it cannot serve another call.
        self._spoilt = False
        self._replaced = 0
        loop.watch(sweeper.fd, self._on_sweeper)
        self._residents = Residents(self._fork_ahead)
        ahead = self._residents.helper()
        canary.begin(ahead.pid, ahead.descriptors())

    @property
    def can_hold_sessions(self) -> bool:
        return self._custody.can_spare

    @property
    def kept(self) -> int:
        """How many processes of the session live that have state of it."""
        return len(self._residents.kept)

    def ask(self, kind: int, payload: bytes) -> None:
        """Asks something of the process forked ahead that is not a call. It runs no code of a job; the listener hears
        what it says, or that it is gone and what it was asked to do is not done."""
        self._residents.helper().send(kind, payload)

    def spoil(self) -> None:
        """What the process forked ahead was asked for was broken off."""
        self._spoilt = True

    def start(self, payload: bytes, session: bool, resident: Resident | None) -> None:
        """Has a tool called, by the session's `resident` or by the process forked ahead, which is hostile then."""
        self._become(_BUSY)
        self._session = self._session or session
        self._called = resident
        process, has_lived = self._residents.call(resident)
        if has_lived:
            process.watch_pipes(partial(self._on_pipe, process))
        self._cpu_s_before = self._custody.usage_of(process.pid)[0] if has_lived else process.cpu_s_before
        process.send(messages.CALL, payload)

    def signal(self, number: int) -> None:
        """Signals every process of the call that is under way, or ends the collecting of its files. KILL ends all."""
        current, ahead = self._residents.current, self._residents.ahead
        if number == signal.SIGKILL:
            self._end_all()
        elif current is not None and self._called is not None:
            current.send(messages.INTERRUPT, b"")
        elif current is not None and self._spared():
            self._custody.signal_others(number, self._spared())
        elif current is not None:
            self._signal(number)
        elif ahead is not None:
            self._custody.signal_one(signal.SIGKILL, ahead.pid)

    def reset(self) -> None:
        """Ends what runs, wipes, forks ahead; the listener hears `sandbox_ready`."""
        self._become(_CLEARING, GONE_S_MAX)
        if not self._residents.is_empty():
            self._signal(signal.SIGKILL)
        self.bury()

    def keep(self) -> None:
        """Makes ready for the session's next call, beside its files and shells; the listener hears `sandbox_ready`."""
        self._session = True
        self._replaced = 0
        if self._spoilt:
            self._residents.drop_ahead()
        if self._residents.helper().sealed:
            self._be_ready()
        else:
            self._become(_KEEPING, RESET_S_MAX)

    def bury(self) -> None:
        """Takes note of every process that is gone; to be called when SIGCHLD came."""
        none_left = self._custody.reap(self._note_exit)
        if self._state == _CLEARING:
            if none_left:
                self._start_reset()
            return
        if self._residents.drop_dead():
            self._replace_ahead()
        if self._state == _BUSY and self._has_ended():
            self._become(_ENDING, GONE_S_MAX)
            if not self._spared() and self._custody.may_hide(none_left):
                self._signal(signal.SIGKILL)
                none_left = self._custody.reap(self._note_exit)
        if none_left or not self._end_strays():
            self._strays_until = None
            if self._state == _ENDING:
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
        self._custody.signal_all(number, self._residents.leader())

    def _fork_ahead(self) -> JobProcess:
        self._spoilt = False
        process = JobProcess(self._setting, self._loop)
        process.watch(partial(self._on_socket, process), partial(self._on_pipe, process))
        return process

    def _has_ended(self) -> bool:
        return self._residents.current is not None and self._residents.current.status is not None

    def _spared(self) -> set[int]:
        """Of a session, what lives on when the call is over; a call in a shell ends none of it."""
        if not self._session:
            return set()
        current = self._residents.current
        in_shell = self._called is not None and current is not None and current.status is None
        return self._residents.living() | ({current.pid} if in_shell and current is not None else set())

    def _end_strays(self) -> bool:
        """Ends what belongs neither to a shell nor to a call that is under way; whether there is, or may be, any."""
        if self._state == _BUSY and self._called is None:
            return False
        spared = self._spared()
        if not spared:
            # All that is left was killed at once already; should it have been born since, it is killed again.
            if self._session and self._state == _ENDING:
                self._signal(signal.SIGKILL)
            return True
        if not self._custody.signal_others(signal.SIGKILL, spared):
            return False
        if self._strays_until is None:
            self._strays_until = time.monotonic() + STRAYS_S_MAX
        elif time.monotonic() > self._strays_until:
            self._end_all()
        return True

    def _end_all(self) -> None:
        """Kills whatever lives, the session's shells and the process forked ahead too."""
        self._signal(signal.SIGKILL)
        self._strays_until = None
        self._residents.drop_kept()
        if self._residents.drop_ahead():
            self._refill()

    def _replace_ahead(self) -> None:
        self._replaced += 1
        if self._state == _RESETTING or self._state == _READY and not self._session:
            raise RunnerFailed("the process forked ahead is gone")
        if self._replaced > REPLACEMENTS_MAX:
            raise RunnerFailed("what the session left running ends whatever is forked ahead")
        self._refill()

    def _refill(self) -> None:
        """The process forked ahead is gone."""
        if self._state in (_READY, _KEEPING):
            self._residents.helper()
        self._listener.helper_gone()

    def _note_exit(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        cpu_s = usage.ru_utime + usage.ru_stime
        whose = self._residents.note_exit(pid, status)
        if whose == residents.CURRENT:
            self._listener.tool_ended(status)
            self._listener.job_used(cpu_s - self._cpu_s_before, usage.ru_maxrss)
        elif whose == residents.STRANGER:
            self._listener.job_used(cpu_s, usage.ru_maxrss)

    # Calls

    def _returned(self, process: JobProcess, resident: Resident, answer: bytes) -> None:
        """A call is over, and whoever served it lives on."""
        self._residents.kept[resident] = process
        self._residents.current = None
        self._listener.tool_ended(0)
        self._listener.tool_answered(answer)
        process.drain_available(self._listener.job_wrote)
        process.unwatch_pipes()
        cpu_s, max_rss_kib = self._custody.usage_of(process.pid)
        self._listener.job_used(cpu_s - self._cpu_s_before, max_rss_kib)
        self._become(_OVER)
        self._listener.job_over()

    def _finish(self) -> None:
        process = self._residents.current
        assert process is not None
        if self._spared():
            # A shell may hold the pipes of another's call; all that wrote to them for this call is gone.
            process.drain_available(self._listener.job_wrote)
        elif not process.drain(self._listener.job_wrote, GONE_S_MAX):
            raise RunnerFailed("someone outside the job holds its pipes")
        for kind, payload in process.rest_of_messages():
            if kind == messages.ANSWER:
                self._listener.tool_answered(payload)
        self._residents.drop_current()
        self._become(_OVER)
        self._listener.job_over()

    def _start_reset(self) -> None:
        self._residents.drop_all()
        self._session = False
        self._strays_until = None
        self._become(_RESETTING, RESET_S_MAX)
        self._wiped = False
        self._sweeper.start_wipe()
        self._residents.helper()

    def _be_ready(self) -> None:
        self._become(_READY)
        self._listener.sandbox_ready()

    # Events

    def _on_socket(self, process: JobProcess) -> None:
        try:
            said = process.receive()
        except (EOFError, OSError, Breach):
            process.unwatch_socket()  # Its exit will say the rest.
            return
        for kind, payload in said:
            self._heed(process, kind, payload)

    def _heed(self, process: JobProcess, kind: int, payload: bytes) -> None:
        if kind == messages.SEALED:
            self._on_sealed(process, payload)
        elif process is self._residents.ahead:
            self._listener.helper_said(kind, payload)
        elif process is self._residents.current and kind == messages.ANSWER:
            self._listener.tool_answered(payload)
        elif process is self._residents.current and kind == messages.RETURNED and self._called is not None:
            self._returned(process, self._called, payload)

    def _on_sealed(self, process: JobProcess, payload: bytes) -> None:
        if process.sealed:
            return
        process.sealed = True
        process.cpu_s_before, amiss = decode_json(payload)
        if amiss is not None:
            raise RunnerFailed(f"the process forked ahead is not as it ought to be: {amiss}")
        if process is self._residents.ahead and self._state == _KEEPING:
            self._be_ready()
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
        ahead = self._residents.helper()
        if not self._wiped or not ahead.sealed:
            return
        try:
            self._canary.look(ahead.pid, ahead.descriptors())
        except NotClean as found:
            raise RunnerFailed(f"not clean: {found}") from None
        self._be_ready()
