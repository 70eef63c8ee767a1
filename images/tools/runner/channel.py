"""The job's end of its private socket, and the flow of large answers on it.

H1  A process forked ahead does one thing at a time: it reads the next message when it is done with the last.
H2  Of a flow at most STREAM_CREDIT_BYTES are sent beyond what CREDIT has answered; each flow begins anew, and a CREDIT
    that comes late is dropped.
"""

from __future__ import annotations

import os
import struct

from frames import Frame, FrameReader, encode
from limits import READ_BYTES, STREAM_CREDIT_BYTES
from messages import CREDIT, TO_JOB

_BYTES = struct.Struct(">Q")


def credit(count: int) -> bytes:
    """The payload of a CREDIT message."""
    return _BYTES.pack(count)


class Channel:
    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._reader = FrameReader(TO_JOB)
        self._waiting: list[Frame] = []

    def receive(self) -> Frame:
        """The next message. Ends this process when the supervisor is gone."""
        while not self._waiting:
            self._waiting = self.read()
        return self._waiting.pop(0)

    def waiting(self) -> list[Frame]:
        """What has come with the message that was received last."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def read(self) -> list[Frame]:
        """What one read brings, which may be nothing whole. Ends this process when the supervisor is gone."""
        data = os.read(self.fd, READ_BYTES)
        if not data:
            os._exit(0)
        return self._reader.push(data)

    def send(self, kind: int, payload: bytes) -> None:
        rest = memoryview(encode(kind, payload))
        while rest:
            rest = rest[os.write(self.fd, rest) :]


class Flow:
    """One large answer (H2)."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._left = STREAM_CREDIT_BYTES

    def send(self, kind: int, payload: bytes) -> None:
        while len(payload) > self._left:
            asked, given = self._channel.receive()
            if asked == CREDIT:
                self._left += _BYTES.unpack(given)[0]
        self._left -= len(payload)
        self._channel.send(kind, payload)
