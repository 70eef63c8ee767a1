"""Upstream's terminal: what is replaced of it, and what is done to what runs in it.

M1  A call is over when its prompt is there, within hundredths of a second: upstream looks twice a second, and waits a
    whole one for a new shell to say nothing more.
M2  The prompt is one that upstream knows as such, whoever the user is and whatever the directory is called.
M3  What is reset is gone with everything that was started there, also what has left it for a session of its own;
    upstream ends the shell alone. A terminal's processes are known by a variable, unless they took it away.
M4  A shell that has ended is not waited for, and the next call gets another one; upstream waits for it half a minute.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import signal
import time
from functools import wraps
from typing import Any

import descendants
from agent_zero.layout import Layout
from agent_zero.stub_agent import Agent

_POLL_S = 0.02
# What is ended may breed for that long.
_ENDED_S_MAX = 2.0
# Upstream waits that long where it waits for a new shell to say nothing more.
_LONG_IDLE_S = 0.5
_PROMPT_AT_END = re.compile(r"[$#] ?\Z")
_STATE = "_cet_state"
_MARK = "ZF_TERMINAL"
# Exported, so it is set before any file of the system's makes another prompt of it. A $ or # in the directory would
# hide the end of the prompt from upstream.
PROMPT_COMMAND = 'PS1="tool@\\h:${PWD//[\\$#]/_}\\\\$ "'


class ShellEnded(Exception):
    """The shell that the call ran in is no more."""


def mend(layout: Layout, tool_class: type[Any]) -> None:
    """Mends the class of a tool, if it is one that runs shells and was not mended before."""
    if "get_terminal_output" not in vars(tool_class) or hasattr(tool_class.get_terminal_output, "__wrapped__"):
        return
    _mend_polling(tool_class)
    sessions = importlib.import_module(f"{layout.terminal_helpers}.tty_session").TTYSession
    _mend_start(sessions)
    _mend_end(sessions)
    _mend_reading(importlib.import_module(f"{layout.terminal_helpers}.shell_local").LocalInteractiveSession)


def forget_ended(agent: Agent) -> None:
    """M4"""
    shells = getattr(agent.data.get(_STATE), "shells", {})
    for number, shell in list(shells.items()):
        if _has_ended(shell.session):
            del shells[number]


def interrupt(agent: Agent, since_ticks: int, number: int) -> None:
    """Signals what began in the agent's shells since, and has the shells drop what they are doing."""
    processes = descendants.table()
    mine = descendants.below([os.getpid()], processes)
    for shell in _shells(agent):
        descendants.send(os.kill, shell, signal.SIGINT)
    for pid in mine:
        if processes[pid].started >= since_ticks and pid not in _shells(agent):
            descendants.send(os.kill, pid, number)


def bury_orphans(agent: Agent) -> None:
    """Of what this process adopted; its own children are waited for by who started them."""
    started = set(_shells(agent))
    for pid in descendants.children():
        if pid not in started:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue


def now_ticks() -> int:
    """This moment as the start of a process is told in /proc."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))


def _shells(agent: Agent) -> list[int]:
    shells = getattr(agent.data.get(_STATE), "shells", {})
    found = [_process(shell.session) for shell in shells.values()]
    return [process.pid for process in found if process is not None]


def _process(local_session: Any) -> Any:
    return getattr(getattr(local_session, "session", None), "_proc", None)


def _has_ended(local_session: Any) -> bool:
    process = _process(local_session)
    return process is not None and process.returncode is not None


def _mend_polling(tool_class: type[Any]) -> None:
    upstreams = tool_class.get_terminal_output

    @wraps(upstreams)
    async def get_terminal_output(self: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("sleep_time", _POLL_S)
        try:
            return await upstreams(self, *args, **kwargs)
        except ShellEnded as ended:
            return str(ended)

    tool_class.get_terminal_output = get_terminal_output


def _mend_reading(local_session: type[Any]) -> None:
    upstreams = local_session.read_output

    @wraps(upstreams)
    async def read_output(self: Any, *args: Any, **kwargs: Any) -> Any:
        # Asked before: what it wrote in its last moments is then still to be read.
        has_ended = _has_ended(self)
        full, partial = await upstreams(self, *args, **kwargs)
        if has_ended and not partial:
            raise ShellEnded(f"{full}\n[the shell has exited; the next call gets another one]".lstrip())
        return full, partial

    local_session.read_output = read_output


def _mend_start(sessions: type[Any]) -> None:
    upstreams = sessions.read_full_until_idle

    @wraps(upstreams)
    async def read_full_until_idle(self: Any, idle_timeout: float, total_timeout: float) -> str:
        if idle_timeout < _LONG_IDLE_S:
            return str(await upstreams(self, idle_timeout, total_timeout))
        said, until = "", time.monotonic() + total_timeout
        while not _PROMPT_AT_END.search(said) and time.monotonic() < until:
            said += await upstreams(self, _POLL_S, total_timeout)
        return said

    sessions.read_full_until_idle = read_full_until_idle


def _mend_end(sessions: type[Any]) -> None:
    upstreams_init, upstreams_kill = sessions.__init__, sessions.kill

    @wraps(upstreams_init)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        self.zerofleet_mark = f"{_MARK}={os.urandom(8).hex()}"
        name, value = self.zerofleet_mark.split("=")
        upstreams_init(self, *args, **{**kwargs, "env": {**(kwargs.get("env") or os.environ), name: value}})

    @wraps(upstreams_kill)
    def kill(self: Any) -> None:
        if self._proc is not None:
            _end_all_of(self._proc.pid, self.zerofleet_mark)
        upstreams_kill(self)

    sessions.__init__ = init
    sessions.kill = kill
    # It would start an event loop inside of the one that runs, to end what `kill` has ended.
    sessions.__del__ = lambda self: None


def _end_all_of(shell: int, mark: str) -> None:
    """M3. Stopped first, so that none has another before it is ended itself."""
    until = time.monotonic() + _ENDED_S_MAX
    while time.monotonic() < until:
        processes = descendants.table()
        below = set(descendants.below([shell], processes))
        mine = descendants.below([os.getpid()], processes)
        living = [pid for pid in mine if pid != shell and _is_alive(pid) and (pid in below or _is_marked(pid, mark))]
        if not living:
            return
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in living:
                descendants.send(os.kill, pid, number)


def _is_marked(pid: int, mark: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark.encode() in file.read().split(b"\0")
    except OSError:
        return False


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False
