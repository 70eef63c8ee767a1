"""The job's process: forked ahead, sealed, and waiting on its private socket for files and for GO.

J1  Until GO it does nothing but take in files; all that a tenant sends reaches it after it lost every right it had.
J2  Its socket is its only descriptor beside 0 to 2, closes on exec, and cannot be opened through /proc: it is a socket,
    and this process is not dumpable.
J3  It gives one answer and exits; whatever still runs then is the supervisor's to end.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

import sealing
from account import Account
from frames import Frame, FrameReader, decode_json, encode, encode_json
from inputs import InputWriter, parse_piece
from report import TOOL_ERROR, Answer
from request import Refusal
from tools import TOOLS
from tools.contract import Call, ToolError

# Supervisor to job.
FILE, CALL = 0x01, 0x02
# Job to supervisor. SEALED carries the processor seconds that being made ready took: they are not the job's.
SEALED, TAKEN, REFUSED, ANSWER = 0x81, 0x82, 0x83, 0x84
FROM_JOB = frozenset((SEALED, TAKEN, REFUSED, ANSWER))

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
    _send(encode_json(SEALED, time.process_time()))
    writer = InputWriter(setting.work)
    for kind, payload in _received():
        if kind == CALL:
            _answer(payload, setting)
            os._exit(0)
        _take_in(writer, payload)
    os._exit(0)  # The supervisor is gone.


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


def _received() -> Iterator[Frame]:
    reader = FrameReader((FILE, CALL))
    while True:
        data = os.read(_SOCKET, 1 << 18)
        if not data:
            return
        yield from reader.push(data)


def _take_in(writer: InputWriter, payload: bytes) -> None:
    try:
        piece = parse_piece(payload)
        writer.write(piece)
    except Refusal as refusal:
        _send(encode_json(REFUSED, [refusal.code, refusal.message]))
        return
    if piece.last:
        _send(encode(TAKEN, b""))


def _answer(payload: bytes, setting: Setting) -> None:
    run = decode_json(payload)
    os.environ.clear()
    os.environ.update(setting.env)
    os.environ.update(run["env"])
    result_bytes = run["limits"]["resultBytes"]
    answer = _call(run["tool"], Call(run["arguments"], result_bytes))
    _send(encode(ANSWER, answer.encoded(result_bytes)))


def _call(tool: str, call: Call) -> Answer:
    try:
        return TOOLS[tool].call(call)
    except ToolError as error:
        return Answer(None, TOOL_ERROR, str(error))
    except Exception as error:  # A fault of the tool's own is that job's outcome, not the runner's end.
        return Answer(None, TOOL_ERROR, f"the tool failed: {type(error).__name__}: {error}")


def _send(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(_SOCKET, rest) :]
