"""One connection of a job's to the proxy, and the tunnel behind it.

C1  Nothing here waits: what a socket does not take stays in a buffer, and that is as long as the credit of one tunnel.
C2  The job's bytes are read only while there is credit for them, and those of a plain request only to its body's end.
C3  A tunnel that did not come to its end is reset at the job's side: half an answer must not look whole.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Callable, Protocol

from limits import PROXY_HEAD_BYTES_MAX, READ_BYTES, TUNNEL_CREDIT_BYTES
from proxy_head import BadHead, ProxyRequest, parse

_HEAD_END = b"\r\n\r\n"
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_CREDIT_PORTION_BYTES = TUNNEL_CREDIT_BYTES // 4
# What is thrown away of a request that was refused, so that its sender comes to read why.
_DISCARD_BYTES_MAX = 4 * 1024 * 1024
_REASON_CHARS_MAX = 200
_STATUS = {"unresolved": 502, "unreachable": 502, "busy": 503, "late": 504}
_STATUS_OTHERWISE = 403

# Its head comes in; the worker is asked; bytes flow; an answer is written; what still comes is thrown away.
_READING, _ASKED, _OPEN, _LEAVING, _DISCARDING, _GONE = "reading", "asked", "open", "leaving", "discarding", "gone"


class Office(Protocol):
    """Who speaks to the worker for a tunnel. `ask` gives the number that all others take."""

    def ask(self, tunnel: Tunnel, request: ProxyRequest) -> int: ...
    def send(self, number: int, data: bytes) -> None: ...
    def credit(self, number: int, count: int) -> None: ...
    def closed(self, number: int, reason: str) -> None: ...


class Tunnel:
    def __init__(self, connection: socket.socket, office: Office) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fd = connection.fileno()
        self._socket = connection
        self._office = office
        self._state = _READING
        # The worker's number for it, while it counts there.
        self._number = 0
        self._head = bytearray()
        self._greeting = b""
        # What the host is sent first.
        self._early = b""
        # What may still follow of a plain request's body.
        self._body_left: int | None = None
        self._credit = TUNNEL_CREDIT_BYTES
        self._job_ended = False
        self._host_ended = False
        self._to_job = bytearray()
        # Of `_to_job`, bytes at its front that are the proxy's own words.
        self._own = 0
        self._written = 0
        self._discarded = 0

    @property
    def is_gone(self) -> bool:
        return self._state == _GONE

    @property
    def wants_read(self) -> bool:
        if self._state == _OPEN:
            return self._credit > 0 and not self._job_ended
        return self._state in (_READING, _DISCARDING)

    @property
    def wants_write(self) -> bool:
        return bool(self._to_job)

    def on_event(self) -> None:
        """Writes and reads what it can; also to be called when the job's end has gone."""
        if self.wants_write:
            self._try(self._flush)
        if self.wants_read:
            self._try(self._read)

    # What the worker says

    def opened(self) -> None:
        if self._state != _ASKED:
            return
        self._state = _OPEN
        self._say(self._greeting)
        if self._number and self._early:
            self._credit -= len(self._early)
            self._office.send(self._number, self._early)
        self._early = b""

    def refused(self, code: str, message: str) -> None:
        self._close_number("refused")
        self._answer(_STATUS.get(code, _STATUS_OTHERWISE), code, message)

    def came(self, data: bytes) -> None:
        """Bytes of the host's, none where no more come."""
        self._to_job += data
        self._host_ended = not data
        if self._host_ended and not self._to_job:
            self._try(self._flushed)
        elif len(self._to_job) == len(data):
            self._try(self._flush)

    def credited(self, count: int) -> None:
        self._credit += count

    def shut(self) -> None:
        """The worker ended it."""
        self._end("shut")

    def end(self) -> None:
        """The job is over."""
        self._end("the job is over")

    def close(self) -> None:
        """Once it is gone, and nobody watches its descriptor."""
        self._socket.close()

    # What the job does

    def _read(self) -> None:
        if self._state == _OPEN:
            self._on_data(self._socket.recv(min(READ_BYTES, self._credit)))
        elif self._state == _READING:
            self._on_head(self._socket.recv(PROXY_HEAD_BYTES_MAX))
        else:
            data = self._socket.recv(READ_BYTES)
            self._discarded += len(data)
            if not data or self._discarded > _DISCARD_BYTES_MAX:
                self._end("refused")

    def _on_head(self, data: bytes) -> None:
        self._head += data
        end = self._head.find(_HEAD_END) + len(_HEAD_END)
        if not data:
            self._end("")
        elif end >= len(_HEAD_END) and end <= PROXY_HEAD_BYTES_MAX:
            head, rest = bytes(self._head[:end]), bytes(self._head[end:])
            self._head.clear()
            self._ask(head, rest)
        elif len(self._head) >= PROXY_HEAD_BYTES_MAX:
            self._head.clear()
            self._answer(431, "bad_request", "the head is too long")

    def _ask(self, head: bytes, rest: bytes) -> None:
        try:
            request = parse(head)
        except BadHead as error:
            self._answer(400, "bad_request", str(error))
            return
        self._state = _ASKED
        self._greeting = _ESTABLISHED if request.kind == "connect" else b""
        self._body_left = request.body_bytes
        self._early = request.head + self._clip(rest)
        self._number = self._office.ask(self, request)

    def _on_data(self, data: bytes) -> None:
        if not data:
            self._job_ended = True
            self._office.send(self._number, b"")
            self._end_if_done()
            return
        kept = self._clip(data)
        if kept:
            self._credit -= len(kept)
            self._office.send(self._number, kept)
        if len(kept) < len(data):
            self._end("another request came")

    def _clip(self, data: bytes) -> bytes:
        """The part of `data` that belongs to the request (C2)."""
        if self._body_left is None:
            return data
        kept = data[: self._body_left]
        self._body_left -= len(kept)
        return kept

    # To the job

    def _answer(self, status: int, code: str, message: str) -> None:
        """Says no. Many programs show the status line alone, so the sentence stands there too."""
        body = json.dumps({"error": {"code": code, "message": message}}).encode() + b"\n"
        reason = "".join(one if " " <= one <= "~" else "?" for one in message)[:_REASON_CHARS_MAX]
        head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._state = _LEAVING
        self._say(head.encode() + b"Connection: close\r\n\r\n" + body)

    def _say(self, words: bytes) -> None:
        """The proxy's own words; nothing of the host's is there yet."""
        self._own += len(words)
        self._to_job += words
        if words:
            self._try(self._flush)

    def _flush(self) -> None:
        count = self._socket.send(self._to_job[:READ_BYTES])
        del self._to_job[:count]
        own = min(count, self._own)
        self._own -= own
        self._written += count - own
        if self._number and self._written >= _CREDIT_PORTION_BYTES:
            self._office.credit(self._number, self._written)
            self._written = 0
        if not self._to_job:
            self._flushed()

    def _flushed(self) -> None:
        if self._state == _LEAVING:
            self._state = _DISCARDING
            self._socket.shutdown(socket.SHUT_WR)
        elif self._host_ended:
            self._socket.shutdown(socket.SHUT_WR)
            self._end_if_done()

    # The end

    def _end_if_done(self) -> None:
        if self._job_ended and self._host_ended and not self._to_job:
            self._end("done")

    def _end(self, reason: str) -> None:
        if self._state == _GONE:
            return
        self._close_number(reason)
        if self._state == _OPEN and not (self._job_ended and self._host_ended and not self._to_job):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._state = _GONE
        self._to_job.clear()

    def _close_number(self, reason: str) -> None:
        if self._number:
            self._office.closed(self._number, reason)
            self._number = 0

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except BlockingIOError:
            pass
        except OSError:
            self._end("the job went away")
