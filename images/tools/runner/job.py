"""The job's process: forked ahead, sealed, and waiting on its private socket for what it is to do.

J1  Until GO it does nothing but take in and give out files; all that a tenant sends reaches it after it lost every
    right it had.
J2  Its socket is its only descriptor beside 0 to 2, closes on exec, and cannot be opened through /proc: it is a socket,
    and this process is not dumpable.
J3  It gives one answer and exits; whatever still runs then is the supervisor's to end. Only what keeps a session's
    shell or agent stays.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from typing import Any, Callable, NamedTuple, NoReturn

import canary
import sealing
from account import Account
from channel import Channel, Flow
from collecting import Collector, Wanted
from frames import decode_json, json_bytes
from inputs import InputWriter, parse_piece
from messages import (
    ANSWER,
    CALL,
    COLLECT,
    COLLECTED,
    COLLECTION,
    FILE,
    MARK,
    MARKED,
    PACK,
    PACKED,
    REFUSED,
    REPLACE,
    SEALED,
    TAKEN,
    UNPACK,
    UNPACKED,
)
from packing import Packer
from report import TOOL_ERROR, Answer
from request import Refusal, resident_of
from shell_keeper import ShellKeeper
from tools import TOOLS
from tools.contract import Call, ToolError
from unpacking import Restoring

_SOCKET = 3
# What the supervisor handles itself and a job's process must not.
SUPERVISED_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)

# What Python itself ignores, in any program of its own; the tools give them back to what they start.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


class Streams(NamedTuple):
    """The descriptors that a job's process keeps."""

    socket: int
    stdout: int
    stderr: int


class Setting(NamedTuple):
    account: Account
    work: str
    env: dict[str, str]


def main(streams: Streams, setting: Setting, supervisor: int) -> NoReturn:
    """Runs in the fork, from its first instruction to its end."""
    _seal(setting, supervisor)
    _keep_only(streams)
    channel = Channel(_SOCKET)
    amiss = canary.what_is_amiss(setting.account, setting.env, setting.work, _SOCKET + 1)
    channel.send(SEALED, json_bytes([time.process_time(), amiss]))
    Waiting(channel, setting).serve()


def _to_restore() -> list[int]:
    """Signals that must not go on as they are here: ours, and what whoever started the runner ignored (nohup: HUP)."""
    ignored = [number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN]
    return [*SUPERVISED_SIGNALS, *(number for number in ignored if number not in _IGNORED_BY_PYTHON)]


def _seal(setting: Setting, supervisor: int) -> None:
    signal.set_wakeup_fd(-1)
    for number in _to_restore():
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.setsid()
    account = setting.account
    sealing.prefer_for_oom()
    sealing.limit_job(account.container, account.dedicated)
    os.umask(0o022 if account.container else 0o077)
    account.drop()
    sealing.set_dumpable(False)
    sealing.die_with(supervisor)
    os.chdir(setting.work)


def _keep_only(streams: Streams) -> None:
    # Copies out of the way first: the targets may be among the sources.
    socket, stdout, stderr = (fcntl.fcntl(fd, fcntl.F_DUPFD, _SOCKET + 1) for fd in streams)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (stdout, 1), (stderr, 2)):
        os.dup2(source, target)
    os.dup2(socket, _SOCKET, inheritable=False)
    sealing.close_from(_SOCKET + 1)


class Waiting:
    """A process forked ahead, up to its call."""

    def __init__(self, channel: Channel, setting: Setting) -> None:
        self._channel = channel
        self._setting = setting
        self._writer = InputWriter(setting.work)
        self._restoring = Restoring(setting.work)

    def serve(self) -> NoReturn:
        while True:
            kind, payload = self._channel.receive()
            if kind == CALL:
                self._call(decode_json(payload))
                os._exit(0)
            elif kind == FILE:
                self._take_in(payload)
            elif kind == REPLACE:
                self._writer.replace()
            elif kind == MARK:
                self._channel.send(MARKED, b"")
            elif kind == UNPACK:
                self._unpack(payload)
            elif kind == PACK:
                flow = Flow(self._channel)
                Packer(decode_json(payload), lambda piece: flow.send(PACKED, piece)).pack(self._setting.work)
            elif kind == COLLECT:
                self._collect(Wanted(*decode_json(payload)))

    def _take_in(self, payload: bytes) -> None:
        try:
            piece = parse_piece(payload)
            self._writer.write(piece)
        except Refusal as refusal:
            self._channel.send(REFUSED, json_bytes([refusal.code, refusal.message]))
            return
        if piece.last:
            self._channel.send(TAKEN, b"")

    def _unpack(self, payload: bytes) -> None:
        answer = self._restoring.take(payload)
        if answer is not None:
            self._channel.send(UNPACKED, json_bytes(answer))
            if answer["ok"]:
                self._restoring = Restoring(self._setting.work)

    def _collect(self, wanted: Wanted) -> None:
        flow = Flow(self._channel)
        report = Collector(wanted, lambda piece: flow.send(COLLECTED, piece)).collect(self._setting.work)
        self._channel.send(COLLECTION, json_bytes(report))

    def _call(self, run: dict[str, Any]) -> None:
        os.environ.clear()
        os.environ.update(self._setting.env)
        os.environ.update(run["env"])
        result_bytes = run["limits"]["resultBytes"]
        call = Call(run["arguments"], result_bytes)
        tool = TOOLS[run["tool"]]
        resident = resident_of(run, tool.keep is not None)
        if resident is None:
            answer = _answer(lambda: tool.call(call))
        elif isinstance(resident, int):
            answer = _answer(lambda: ShellKeeper(self._channel, resident).serve(call, run["env"]))
        else:
            assert tool.keep is not None
            tool.keep(self._channel, run)
        self._channel.send(ANSWER, answer.encoded(result_bytes))


def _answer(call: Callable[[], Answer]) -> Answer:
    try:
        return call()
    except ToolError as error:
        return Answer(None, TOOL_ERROR, str(error))
    except Exception as error:  # A fault of the tool's own is that job's outcome, not the runner's end.
        return Answer(None, TOOL_ERROR, f"the tool failed: {type(error).__name__}: {error}")
