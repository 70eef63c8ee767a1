"""A session's shell: a job's process that stays, and under it a bash that keeps its directory, variables and jobs.

Y1  Everything that the shell starts stays below this process: it adopts orphans, and buries them.
Y2  The shell holds descriptors 0 to 2 and hands its children nothing more. It reaches code, standard input and the way
    its exit status takes through /proc, by this process's descriptors.
Y3  A call is over when the shell says so under a name of that call, or is gone. Whatever the code says there, under
    whatever name, is only that call's exit status.
Y4  INTERRUPT reaches the processes that began during the call, and the shell; a shell that does not heed it
    is made to let go of what it is doing. What ran before is left alone. The call then counts as ended by the signal,
    unless its code ended with a failure of its own.
"""

from __future__ import annotations

import os
import select
import signal
import time
from typing import Any, NoReturn

import descendants
import sealing
from channel import Channel
from frames import decode_json
from messages import ANSWER, CALL, INTERRUPT, RETURNED
from report import TOOL_ERROR, Answer, killed_by
from tools import shell_calls
from tools.contract import Call, ToolError, text, texts
from tools.programs import memory_file, spawn

# How often what does not let go is told again, and when a shell is made to that has had its time to heed TERM.
_AGAIN_S = 0.03
_HEED_S = 0.2
# Below this age a process may not have become what it was forked for, in clock ticks.
_YOUNG_TICKS = 10
# How often a shell that was made to let go is asked for the exit status again.
_ASKS_MAX = 100
_STATUS_BYTES = 4_096
# An answer holds an exit status and little else.
_ANSWER_BYTES = 4_096


class ShellKeeper:
    """In the job's process. `number` is the shell's name to people."""

    def __init__(self, channel: Channel, number: int) -> None:
        self._channel = channel
        self._number = number
        self._env: dict[str, str] = {}
        self._shell = 0
        self._fresh = True
        # The call under way, if there is one: its name, and when it began.
        self._name = ""
        self._since = 0
        self._said = b""
        # Since the call was interrupted: which processes were told, by id and start; when that began, when it goes on.
        self._told: set[tuple[int, int]] | None = None
        self._told_at = 0.0
        self._tell_at = 0.0
        self._asks_left = 0
        self._variables = self._code = self._stdin = -1

    def serve(self, call: Call, env: dict[str, str]) -> NoReturn:
        """Starts the shell, makes the first call, and serves others until the shell or the supervisor is gone."""
        sealing.adopt_orphans()
        sealing.set_dumpable(True)  # Y2; there is nothing in this process that the code may not see.
        self._wake, there = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(there, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: None)
        self._status, self._status_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._start(env)
        self._begin(call, env)
        for kind, payload in self._channel.waiting():
            self._heed(kind, payload)
        while True:
            self._turn()

    def _start(self, env: dict[str, str]) -> None:
        commands, self._commands = os.pipe2(os.O_CLOEXEC)
        nothing = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        argv = ["bash", "--norc", "--noprofile", "--noediting", "-i"]
        os.environ.update(env)
        self._env = dict(env)
        self._shell = spawn(argv, {0: commands, 2: nothing}, new_session=True)
        os.close(commands)
        os.close(nothing)
        self._write(shell_calls.start_line(self._path(2)))

    def _begin(self, call: Call, env: dict[str, str]) -> None:
        arguments = call.arguments
        code, args = text(arguments, "code"), texts(arguments, "args")
        if any("\0" in word for word in (code, *args)):
            raise ToolError("Code for this runtime and 'args' cannot hold a NUL character; take it out.")
        self._name, self._said = os.urandom(8).hex(), b""
        self._since = _now_ticks()
        self._told = None
        changed = {name: value for name, value in env.items() if self._env.get(name) != value}
        if changed:
            self._env.update(changed)
            self._put("_variables", shell_calls.export_lines(changed))
            self._write(f"\\builtin source {self._path(self._variables)}\n".encode())
        self._put("_code", code)
        self._put("_stdin", text(arguments, "stdin", ""))
        paths = (self._path(self._code), args, self._path(self._stdin), self._path(self._status_in))
        self._write(shell_calls.call_lines(self._name, *paths))

    def _put(self, what: str, content: str) -> None:
        """A file of its own for each call: what an earlier call left running may still read its own."""
        if getattr(self, what) >= 0:
            os.close(getattr(self, what))
        setattr(self, what, memory_file(what.strip("_"), content))

    def _path(self, fd: int) -> str:
        return f"/proc/{os.getpid()}/fd/{fd}"

    def _turn(self) -> None:
        patience = None if self._told is None else max(0.0, self._tell_at - time.monotonic())
        ready = select.select([self._channel.fd, self._status, self._wake], [], [], patience)[0]
        if self._wake in ready:
            _read_some(self._wake)
        if self._status in ready:
            self._said = (self._said + _read_some(self._status))[-_STATUS_BYTES:]
        self._end_call_when_said()
        self._bury()
        if self._channel.fd in ready:
            for kind, payload in self._channel.read():
                self._heed(kind, payload)
        if self._told is not None and time.monotonic() >= self._tell_at:
            self._tell_at = time.monotonic() + _AGAIN_S
            self._interrupt(self._told)

    def _heed(self, kind: int, payload: bytes) -> None:
        if kind == INTERRUPT and self._name and self._told is None:
            self._told = set()
            self._told_at = self._tell_at = time.monotonic()
            self._asks_left = _ASKS_MAX
        elif kind == CALL:
            run = decode_json(payload)
            try:
                self._begin(Call(run["arguments"], run["limits"]["resultBytes"]), run["env"])
            except ToolError as error:
                self._answer(Answer(None, TOOL_ERROR, str(error)))

    def _end_call_when_said(self) -> None:
        status = shell_calls.status_in(self._said, self._name) if self._name else None
        if status is not None:
            self._answer(self._answer_of(status, alive=True))

    def _answer_of(self, status: int, alive: bool) -> Answer:
        if self._told is not None and (status == 0 or status > 128):
            return killed_by(signal.SIGTERM, self._value(None, alive))
        if status == 0:
            return Answer(self._value(0, alive), exit_code=0)
        return Answer(self._value(status, alive), TOOL_ERROR, f"exit code {status}", status)

    def _value(self, exit_code: int | None, alive: bool) -> dict[str, Any]:
        shell = {"number": self._number, "fresh": self._fresh, "alive": alive}
        return {"exitCode": exit_code, "shell": shell}

    def _answer(self, answer: Answer) -> None:
        """The call is over, the shell is not."""
        self._name = ""
        self._fresh = False
        self._told = None
        self._channel.send(RETURNED, answer.encoded(_ANSWER_BYTES))

    def _bury(self) -> None:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == self._shell:
                self._leave(status)
            if pid == 0:
                return

    def _leave(self, status: int) -> NoReturn:
        """The shell is gone, and this process goes with it."""
        if self._name and os.WIFSIGNALED(status):
            number = os.WTERMSIG(status) if self._told is None else signal.SIGTERM
            answer = killed_by(number, self._value(None, alive=False))
            self._channel.send(ANSWER, answer.encoded(_ANSWER_BYTES))
        elif self._name:
            answer = self._answer_of(os.WEXITSTATUS(status), alive=False)
            self._channel.send(ANSWER, answer.encoded(_ANSWER_BYTES))
        os._exit(0)

    def _interrupt(self, told: set[tuple[int, int]]) -> None:
        if (self._shell, 0) not in told:
            told.add((self._shell, 0))
            descendants.send(os.kill, self._shell, signal.SIGTERM)
        elif time.monotonic() > self._told_at + _HEED_S:
            self._make_let_go(told)
        processes = descendants.table()
        for pid in descendants.below([self._shell], processes):
            if self._is_to_be_told(pid, processes[pid].started, told):
                self._tell(pid, processes[pid].started, told)

    def _is_to_be_told(self, pid: int, started: int, told: set[tuple[int, int]]) -> bool:
        return started >= self._since and (pid, started) not in told

    def _tell(self, pid: int, started: int, told: set[tuple[int, int]]) -> None:
        # A shell that was told lets go when what it waits for dies of the first; the second is for the rest.
        descendants.send(os.kill, pid, signal.SIGINT)
        descendants.send(os.kill, pid, signal.SIGTERM)
        # One that was only just forked may not have heard: it still had the shell's own ways with signals.
        if started <= _now_ticks() - _YOUNG_TICKS:
            told.add((pid, started))

    def _make_let_go(self, told: set[tuple[int, int]]) -> None:
        """Interrupts the shell while what it waits for stands still: were that to end just then by itself, the shell
        would take it that it dealt with the interruption, and go on."""
        waited_for = {pid: process.started for pid, process in descendants.children_of(self._shell).items()}
        held = [(pid, at) for pid, at in waited_for.items() if self._is_to_be_told(pid, at, told)]
        for pid, _ in held:
            descendants.send(os.kill, pid, signal.SIGSTOP)
        descendants.send(os.kill, self._shell, signal.SIGINT)
        for pid, started in held:
            self._tell(pid, started, told)
            descendants.send(os.kill, pid, signal.SIGCONT)
        # A shell that was just reading its commands has dropped them, the one that asks for the exit status too.
        if self._asks_left > 0:
            self._asks_left -= 1
            self._write(shell_calls.status_line(self._name, self._path(self._status_in)))

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._commands, rest) :]
        except BrokenPipeError:
            pass  # The shell is gone; its exit will say the rest.


def _read_some(fd: int) -> bytes:
    """What there is to read; the code may have been quicker, for it can open this process's pipes."""
    try:
        return os.read(fd, _STATUS_BYTES)
    except BlockingIOError:
        return b""


def _now_ticks() -> int:
    """This moment as the start of a process is told in /proc."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))
