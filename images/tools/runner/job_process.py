"""The supervisor's side of a job's process: its birth, its descriptors, its end."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import struct
import sys
import termios
import time
import traceback
from collections.abc import Iterator
from functools import partial
from typing import Callable

import job
from frames import Breach, Frame, FrameReader, encode
from limits import READ_BYTES
from loop import Loop
from messages import FROM_JOB

STDOUT, STDERR = 0, 1
Sink = Callable[[int, bytes], None]


class JobProcess:
    """One process, from the fork ahead to the last byte of its output; or, of a session, a shell with its keeper."""

    def __init__(self, setting: job.Setting, loop: Loop) -> None:
        self.status: int | None = None
        self.cpu_s_before = 0.0
        self.sealed = False
        self._loop = loop
        self._reader = FrameReader(FROM_JOB)
        self._unsent = bytearray()
        ours, theirs = (end.detach() for end in socket.socketpair())
        # The job's user owns its pipes: a program may open /dev/stdout, which is the pipe by another name.
        with setting.account.acting():
            stdout, job_stdout = os.pipe()
            stderr, job_stderr = os.pipe()
        # The job may read its own pipe too, and be quicker: what seemed readable must not be waited for. Nor is a
        # process waited for that does not read, because another one stopped it.
        for fd in (ours, stdout, stderr):
            os.set_blocking(fd, False)
        streams = job.Streams(theirs, job_stdout, job_stderr)
        self.pid = _fork(streams, setting)
        for fd in streams:
            os.close(fd)
        self.socket = ours
        self.pipes = [stdout, stderr]

    def watch(self, on_socket: Callable[[], None], on_pipe: Callable[[int], None]) -> None:
        self._loop.watch(self.socket, on_socket)
        self.watch_pipes(on_pipe)

    def watch_pipes(self, on_pipe: Callable[[int], None]) -> None:
        for stream, fd in enumerate(self.pipes):
            self._loop.watch(fd, partial(on_pipe, stream))

    def unwatch_pipe(self, stream: int) -> None:
        self._loop.unwatch(self.pipes[stream])

    def unwatch_pipes(self) -> None:
        for fd in self.pipes:
            self._loop.unwatch(fd)

    def unwatch_socket(self) -> None:
        self._unsent.clear()
        self._loop.unwatch(self.socket)

    def send(self, kind: int, payload: bytes) -> None:
        """Sends a message, now or when there is room for it. One for a process that is gone is lost: its exit says the
        rest. What waits is bounded by the files that a RUN may bring."""
        self._unsent += encode(kind, payload)
        self._flush()

    def _flush(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: os.write(self.socket, self._unsent)]
        except BlockingIOError:
            self._loop.watch_room(self.socket, self._flush)
            return
        except OSError:
            self._unsent.clear()
        self._loop.watch_room(self.socket, None)

    def receive(self) -> list[Frame]:
        """What the process said. Raises EOFError when its end is closed and Breach when it makes no sense."""
        try:
            data = os.read(self.socket, READ_BYTES)
        except BlockingIOError:
            return []
        if not data:
            raise EOFError
        return self._reader.push(data)

    def rest_of_messages(self) -> Iterator[Frame]:
        """What it said before it ended; a breach ends it early."""
        try:
            while True:
                said = self.receive()
                if not said and not select.select([self.socket], [], [], 0)[0]:
                    return
                yield from said
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

    def drain_available(self, sink: Sink) -> None:
        """Reads what is in both pipes at this moment, however fast they are filled again."""
        for stream, fd in enumerate(self.pipes):
            left = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]
            while left > 0:
                data = self.read_pipe(stream)
                if not data:
                    break
                sink(stream, data)
                left -= len(data)

    def descriptors(self) -> tuple[int, ...]:
        return (self.socket, *self.pipes)

    def close(self) -> None:
        """Lets go of it: a process forked ahead that has no call then ends by itself."""
        for fd in self.descriptors():
            self._loop.unwatch(fd)
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
