"""The supervisor: one thread, one loop, between the worker's frames and the sandbox.

V1  What a job writes comes out in OUT and ERR frames and nowhere else: no job holds a descriptor of this process.
V2  The loop never waits for anything that a job can hold up, and always reads the job's pipes.
V3  The worker is trusted, so a frame out of its order is a fault that ends the runner, as a breach does.
"""

from __future__ import annotations

import os
import signal
from typing import Any, Callable

import frames
import job
from attempt import Attempt
from custody import Custody
from frames import Breach, FrameReader, decode_json
from inputs import parse_piece
from limits import READ_BYTES
from loop import Loop, Outbox, Wakeups
from request import VERSION, Refusal, identity, parse
from sandbox import Sandbox
from sweeper import Sweeper
from tools import TOOLS

RUNNER = "zerofleet-runner/1"
_SIGNALS = {"TERM": signal.SIGTERM, "KILL": signal.SIGKILL}
_STDIN = 0
_STREAM_FRAMES = (frames.OUT, frames.ERR)

# The sandbox is made ready; it waits for a RUN; the RUN's files come in; ACK was sent; NAK was; GO came; RESULT was
# sent.
_RESETTING, _READY, _LOADING, _LOADED = "resetting", "ready", "loading", "loaded"
_REFUSED, _RUNNING, _DONE = "refused", "running", "done"


class Supervisor:
    def __init__(self, setting: job.Setting, sweeper: Sweeper, custody: Custody) -> None:
        self._nonce = os.urandom(16).hex()
        self._greeted = False
        self._over = False
        self._state = _RESETTING
        self._attempt: Attempt | None = None
        self._reader = FrameReader(frames.FROM_WORKER)
        self._outbox = Outbox()
        self._loop = Loop()
        self._wakeups = Wakeups(job.SUPERVISED_SIGNALS)
        self._loop.watch(_STDIN, self._on_stdin)
        self._loop.watch(self._wakeups.fd, self._on_wakeup)
        self._sandbox = Sandbox(self._loop, setting, sweeper, custody, self)
        self._handlers: dict[int, Callable[[bytes], None]] = {
            frames.RUN: self._on_run,
            frames.FILE_IN: self._on_file,
            frames.GO: self._on_go,
            frames.SIGNAL: self._on_signal,
            frames.RESET: self._on_reset,
            frames.PING: self._on_ping,
        }

    def serve(self) -> None:
        """Serves until stdin ends or TERM comes, and ends everything however it ends. Raises Breach, RunnerFailed and
        SweeperLost."""
        try:
            while not self._over:
                self._loop.turn(self._sandbox.patience())
                self._outbox.flush()
        finally:
            self._sandbox.end_everything()

    # What the worker says

    def _on_stdin(self) -> None:
        data = os.read(_STDIN, READ_BYTES)
        if not data:
            self._over = True
        for kind, payload in self._reader.push(data):
            self._handlers[kind](payload)

    def _on_run(self, payload: bytes) -> None:
        self._expect(_READY)
        value = decode_json(payload)
        who = identity(value, self._nonce)
        try:
            attempt = self._attempt = Attempt(who, parse(value, self._nonce, TOOLS), payload)
        except Refusal as refusal:
            self._refuse(who, refusal)
            return
        self._state = _LOADING
        if not attempt.expects_files():
            self._acknowledge(attempt)

    def _on_file(self, payload: bytes) -> None:
        if self._state == _REFUSED:
            return  # It was on its way when NAK was sent.
        attempt = self._expect(_LOADING)
        piece = parse_piece(payload)
        if not attempt.expects_files():
            raise Breach("more input files than RUN said")
        try:
            attempt.check_piece(piece)
        except Refusal as refusal:
            self._refuse(attempt.identity, refusal)
            return
        self._sandbox.send(job.FILE, payload)

    def _on_go(self, payload: bytes) -> None:
        attempt = self._expect(_LOADED)
        decode_json(payload)
        self._state = _RUNNING
        attempt.start()
        self._sandbox.start(attempt.payload)
        self._outbox.add_json(frames.STARTED, {})

    def _on_signal(self, payload: bytes) -> None:
        value = decode_json(payload)
        number = _SIGNALS.get(str(value.get("signal"))) if isinstance(value, dict) else None
        if number is None:
            raise Breach("SIGNAL names no signal")
        self._sandbox.signal(number)

    def _on_reset(self, payload: bytes) -> None:
        decode_json(payload)
        if self._state == _RESETTING:
            raise Breach("RESET before READY")
        self._state = _RESETTING
        self._attempt = None
        self._sandbox.reset()

    def _on_ping(self, payload: bytes) -> None:
        decode_json(payload)
        self._outbox.add_json(frames.PONG, {})

    def _on_wakeup(self) -> None:
        if {signal.SIGTERM, signal.SIGINT} & set(self._wakeups.take()):
            self._over = True
        self._sandbox.bury()

    # What happens in the sandbox

    def sandbox_ready(self) -> None:
        self._state = _READY
        if self._greeted:
            self._outbox.add_json(frames.READY, {})
            return
        self._greeted = True
        tools = [{"name": name, "version": tool.version} for name, tool in TOOLS.items()]
        hello = {"v": [VERSION], "nonce": self._nonce, "runner": RUNNER, "tools": tools}
        self._outbox.add_json(frames.HELLO, hello)

    def job_said(self, kind: int, payload: bytes) -> None:
        attempt = self._attempt
        if attempt is None:
            return
        if kind == job.ANSWER and self._state == _RUNNING:
            attempt.take_answer(payload)
        elif kind == job.TAKEN and self._state == _LOADING:
            if attempt.file_taken():
                self._acknowledge(attempt)
        elif kind == job.REFUSED and self._state == _LOADING:
            self._refuse(attempt.identity, Refusal(*decode_json(payload)))

    def job_wrote(self, stream: int, data: bytes) -> None:
        if self._attempt is not None and self._state == _RUNNING:
            kept = self._attempt.clip(data)
            if kept:
                self._outbox.add(_STREAM_FRAMES[stream], kept)

    def job_used(self, cpu_s: float, max_rss_kib: int) -> None:
        if self._attempt is not None:
            self._attempt.add_usage(cpu_s, max_rss_kib)

    def tool_ended(self, status: int) -> None:
        if self._attempt is not None:
            self._attempt.tool_ended(status)

    def job_over(self) -> None:
        assert self._attempt is not None
        self._state = _DONE
        self._outbox.add_json(frames.RESULT, self._attempt.result())

    # From one state to the next

    def _expect(self, state: str) -> Any:
        if self._state != state:
            raise Breach(f"a frame that belongs to state {state} came in state {self._state}")
        return self._attempt

    def _acknowledge(self, attempt: Attempt) -> None:
        self._state = _LOADED
        self._outbox.add_json(frames.ACK, attempt.identity)

    def _refuse(self, who: dict[str, Any], refusal: Refusal) -> None:
        self._state = _REFUSED
        self._outbox.add_json(frames.NAK, {**who, "code": refusal.code, "message": refusal.message})
