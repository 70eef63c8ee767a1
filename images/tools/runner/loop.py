"""The event loop's machinery: descriptors to watch, signals as bytes, frames on their way out.

L1  Signals only ever wake the loop; nothing runs inside a signal handler.
L2  `flush` may block, for the worker always reads. What waits to be written is what one turn made, so it is bounded.
"""

from __future__ import annotations

import os
import select
import selectors
import signal
import socket
from collections.abc import Iterable
from typing import Any, Callable

import frames

_STDOUT = 1


Handler = Callable[[], None]


class _Watch:
    """Who hears of a descriptor."""

    def __init__(self, reader: Handler | None, writer: Handler | None) -> None:
        self.reader = reader
        self.writer = writer

    def events(self) -> int:
        return (selectors.EVENT_READ if self.reader else 0) | (selectors.EVENT_WRITE if self.writer else 0)


class Loop:
    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def watch(self, fd: int, reader: Handler) -> None:
        """Calls `reader` whenever there is something to read."""
        self._set(fd, reader=reader)

    def watch_room(self, fd: int, writer: Handler | None) -> None:
        """Calls `writer` whenever there is room to write; None: not any more."""
        self._set(fd, writer=writer)

    def unwatch(self, fd: int) -> None:
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def turn(self, patience_s: float | None) -> None:
        """Waits for events and handles each once."""
        for key, events in self._selector.select(patience_s):
            for event in (selectors.EVENT_READ, selectors.EVENT_WRITE):
                # A handler earlier in this turn may have unwatched it; another descriptor may have its number by now.
                found = self._selector.get_map().get(key.fd)
                if found is None or found.data is not key.data:
                    break
                handler = key.data.reader if event == selectors.EVENT_READ else key.data.writer
                if events & event and handler is not None:
                    handler()

    def _set(self, fd: int, **handlers: Handler | None) -> None:
        key = self._selector.get_map().get(fd)
        watch = key.data if key is not None else _Watch(None, None)
        before = watch.events()
        for name, handler in handlers.items():
            setattr(watch, name, handler)
        if key is None and watch.events():
            self._selector.register(fd, watch.events(), watch)
        elif not watch.events():
            self.unwatch(fd)
        elif watch.events() != before:
            self._selector.modify(fd, watch.events(), watch)


class Wakeups:
    """Signals, as bytes on a descriptor that the loop watches (L1)."""

    def __init__(self, numbers: Iterable[int]) -> None:
        here, there = (end.detach() for end in socket.socketpair())
        os.set_blocking(here, False)
        os.set_blocking(there, False)
        self.fd = here
        signal.set_wakeup_fd(there, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, lambda number, frame: None)

    def take(self) -> bytes:
        """The numbers of the signals since the last time, in no more copies than fit."""
        try:
            return os.read(self.fd, 4096)
        except BlockingIOError:
            return b""


class Outbox:
    """Frames to the worker, one write a turn."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []

    def add(self, kind: int, payload: bytes) -> None:
        self._frames.append(frames.encode(kind, payload))

    def add_json(self, kind: int, value: Any) -> None:
        self._frames.append(frames.encode_json(kind, value))

    def flush(self) -> None:
        if not self._frames:
            return
        rest = memoryview(b"".join(self._frames))
        self._frames.clear()
        while rest:
            try:
                rest = rest[os.write(_STDOUT, rest) :]
            except BlockingIOError:  # Whoever made the pipe may have set it so.
                select.select([], [_STDOUT], [])
