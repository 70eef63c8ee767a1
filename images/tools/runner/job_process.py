"""The supervisor's side of a job's process: its birth, its descriptors, its end."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Callable

import job
from frames import Breach, Frame, FrameReader, encode
from limits import READ_BYTES

STDOUT, STDERR = 0, 1
Sink = Callable[[int, bytes], None]


class JobProcess:
    """One process, from the fork ahead to the last byte of its output."""

    def __init__(self, setting: job.Setting) -> None:
        self.status: int | None = None
        self.cpu_s_before = 0.0
        self._reader = FrameReader(job.FROM_JOB)
        ours, theirs = (end.detach() for end in socket.socketpair())
        # The job's user owns its pipes: a program may open /dev/stdout, which is the pipe by another name.
        with setting.account.acting():
            stdout, job_stdout = os.pipe()
            stderr, job_stderr = os.pipe()
        # The job may read its own pipe too, and be quicker: what seemed readable must not be waited for.
        for fd in (stdout, stderr):
            os.set_blocking(fd, False)
        streams = job.Streams(theirs, job_stdout, job_stderr)
        self.pid = _fork(streams, setting)
        for fd in streams:
            os.close(fd)
        self.socket = ours
        self.pipes = [stdout, stderr]

    def send(self, kind: int, payload: bytes) -> None:
        """Raises OSError when the process is gone. It blocks; until GO the process does nothing but read."""
        rest = memoryview(encode(kind, payload))
        while rest:
            rest = rest[os.write(self.socket, rest) :]

    def receive(self) -> list[Frame]:
        """What the process said. Raises EOFError when its end is closed and Breach when it makes no sense."""
        data = os.read(self.socket, READ_BYTES)
        if not data:
            raise EOFError
        return self._reader.push(data)

    def rest_of_messages(self) -> Iterator[Frame]:
        """What it said before it ended; a breach ends it early."""
        try:
            while True:
                yield from self.receive()
        except (EOFError, OSError, Breach):
            return

    def read_pipe(self, stream: int) -> bytes | None:
        """Some output: None when there is none right now, nothing at the end."""
        try:
            return os.read(self.pipes[stream], READ_BYTES)
        except BlockingIOError:
            return None

    def drain(self, sink: Sink, seconds: float) -> bool:
        """Reads both pipes to their end. False when someone holds one open for longer than `seconds`."""
        deadline = time.monotonic() + seconds
        for stream, fd in enumerate(self.pipes):
            while True:
                data = self.read_pipe(stream)
                left = deadline - time.monotonic()
                if data == b"":
                    break
                if left <= 0:
                    return False
                if data is None:
                    select.select([fd], [], [], left)
                else:
                    sink(stream, data)
        return True

    def descriptors(self) -> tuple[int, ...]:
        return (self.socket, *self.pipes)

    def close(self) -> None:
        for fd in self.descriptors():
            os.close(fd)


def _fork(streams: job.Streams, setting: job.Setting) -> int:
    supervisor = os.getpid()
    # Blocked, so that no signal meets the supervisor's handlers in the child.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, job.SUPERVISED_SIGNALS)
    pid = os.fork()
    if pid == 0:
        try:
            job.main(streams, setting, supervisor)
        except BaseException:
            traceback.print_exc(file=sys.stderr)
        finally:
            os._exit(70)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return pid
