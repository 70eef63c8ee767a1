"""The supervisor: one thread, one loop, between the worker's frames and the sandbox.

V1  What a job writes comes out in OUT and ERR frames and nowhere else: no job holds a descriptor of this process.
V2  The loop never waits for anything that a job can hold up, and always reads the pipes of the call under way.
V3  The worker is trusted, so a frame out of its order is a fault that ends the runner, as a breach does.
"""

from __future__ import annotations

import os
import signal
from typing import Any, Callable

import channel
import frames
import job
import messages
from attempt import Attempt
from canary import Canary
from custody import Custody
from egress import FEATURE as EGRESS
from egress import Egress
from errands import Errands
from frames import Breach, FrameReader, decode_json, json_bytes
from inputs import parse_piece
from limits import READ_BYTES
from loop import Loop, Outbox, Wakeups
from meter import Meter
from request import VERSION, Refusal, identity, parse
from sandbox import Sandbox
from sweeper import Sweeper
from tools import TOOLS

RUNNER = "zerofleet-runner/1"
_SIGNALS = {"TERM": signal.SIGTERM, "KILL": signal.SIGKILL}
_STDIN = 0
_STREAM_FRAMES = (frames.OUT, frames.ERR)

# The sandbox is made ready; it waits for a RUN; the RUN's files come in; ACK was sent; NAK was; GO came; the files it
# left go out; RESULT was sent.
_RESETTING, _READY, _LOADING, _LOADED = "resetting", "ready", "loading", "loaded"
_REFUSED, _RUNNING, _COLLECTING, _DONE = "refused", "running", "collecting", "done"


class Supervisor:
    def __init__(self, setting: job.Setting, sweeper: Sweeper, custody: Custody, canary: Canary) -> None:
        self._nonce = os.urandom(16).hex()
        self._greeted = False
        self._over = False
        self._state = _RESETTING
        self._attempt: Attempt | None = None
        # Whether what an earlier call of a session left is there.
        self._session = False
        self._reader = FrameReader(frames.FROM_WORKER)
        self._outbox = Outbox()
        self._meter = Meter(setting.account.container)
        self._loop = Loop()
        self._wakeups = Wakeups(job.SUPERVISED_SIGNALS)
        self._loop.watch(_STDIN, self._on_stdin)
        self._loop.watch(self._wakeups.fd, self._on_wakeup)
        # Before the sandbox, whose canary takes note of the descriptors that there are.
        self._egress = Egress(self._loop, self._outbox)
        self._sandbox = Sandbox(self._loop, setting, sweeper, custody, canary, self)
        self._errands = Errands(self._sandbox.ask, self._outbox)
        self._features = ["files-out", EGRESS, *(["session"] if self._sandbox.can_hold_sessions else [])]
        self._handlers: dict[int, Callable[[bytes], None]] = {
            frames.RUN: self._on_run,
            frames.FILE_IN: self._on_file,
            frames.GO: self._on_go,
            frames.SIGNAL: self._on_signal,
            frames.RESET: self._on_reset,
            frames.PING: self._on_ping,
            frames.KEEP: self._on_keep,
            frames.SAVE: self._on_save,
            frames.RESTORE: self._on_restore,
            frames.CREDIT: self._on_credit,
            **self._egress.handlers,
        }

    def serve(self) -> None:
        """Serves until stdin ends or TERM comes, and ends everything however it ends. Raises Breach, RunnerFailed and
        SweeperLost."""
        try:
            while not self._over:
                patience = self._sandbox.patience()
                self._outbox.flush()
                self._loop.turn(patience)
        finally:
            self._sandbox.end_everything()

    # What the worker says

    def _on_stdin(self) -> None:
        data = os.read(_STDIN, READ_BYTES)
        if not data:
            self._over = True
        for kind, payload in self._reader.push(data):
            handler = self._handlers.get(kind)
            if handler is None:
                raise Breach(f"a frame 0x{kind:02x} of a feature that this runner did not name")
            handler(payload)

    def _on_run(self, payload: bytes) -> None:
        self._expect(_READY)
        if not self._errands.is_none:
            raise Breach("RUN while the work directory goes out or comes in")
        value = decode_json(payload)
        who = identity(value, self._nonce)
        try:
            attempt = self._attempt = Attempt(who, parse(value, self._nonce, TOOLS), payload)
            if self._session and not attempt.request.session:
                raise Refusal("bad_run", "a session is here, and this RUN is none of its calls")
        except Refusal as refusal:
            self._refuse(who, refusal)
            return
        self._state = _LOADING
        if attempt.request.session and attempt.expects_files():
            self._sandbox.ask(messages.REPLACE, b"")
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
        self._sandbox.ask(messages.FILE, payload)

    def _on_go(self, payload: bytes) -> None:
        attempt = self._expect(_LOADED)
        decode_json(payload)
        self._state = _RUNNING
        self._session = self._session or attempt.request.session
        attempt.start()
        self._meter.begin()
        # Said first: the process that is woken to call the tool may take this one's processor.
        self._outbox.add_json(frames.STARTED, {})
        self._outbox.flush()
        self._sandbox.start(self._call_of(attempt), attempt.request.session, attempt.request.resident)

    def _on_signal(self, payload: bytes) -> None:
        value = decode_json(payload)
        number = _SIGNALS.get(str(value.get("signal"))) if isinstance(value, dict) else None
        if number is None:
            raise Breach("SIGNAL names no signal")
        if self._state in (_RUNNING, _COLLECTING):
            self._sandbox.signal(number)

    def _on_reset(self, payload: bytes) -> None:
        decode_json(payload)
        if self._state == _RESETTING:
            raise Breach("RESET before READY")
        self._state = _RESETTING
        self._attempt = None
        self._session = False
        self._egress.end()
        self._errands.forget()
        self._sandbox.reset()

    def _on_keep(self, payload: bytes) -> None:
        decode_json(payload)
        if self._state not in (_DONE, _REFUSED) or self._state == _DONE and not self._session:
            raise Breach(f"KEEP in state {self._state}, with no session to keep")
        self._state = _RESETTING
        self._attempt = None
        self._sandbox.keep()

    def _on_save(self, payload: bytes) -> None:
        self._expect(_READY)
        self._errands.save(payload)

    def _on_restore(self, payload: bytes) -> None:
        self._expect(_READY)
        self._session = True
        self._errands.restore(payload)

    def _on_credit(self, payload: bytes) -> None:
        value = decode_json(payload)
        if isinstance(value, dict) and "tunnel" in value:
            self._egress.credited(value)
            return
        count = value.get("bytes") if isinstance(value, dict) else None
        if type(count) is not int or count < 0:
            raise Breach("CREDIT without bytes")
        if self._state == _COLLECTING or self._errands.is_saving:
            self._sandbox.ask(messages.CREDIT, channel.credit(count))

    def _on_ping(self, payload: bytes) -> None:
        decode_json(payload)
        self._errands.ping()

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
        offered = ((name, tool) for name, tool in TOOLS.items() if tool.refusal is None)
        tools = [{"name": name, "version": tool.version} for name, tool in offered]
        hello = {"v": [VERSION], "nonce": self._nonce, "runner": RUNNER, "tools": tools, "features": self._features}
        self._outbox.add_json(frames.HELLO, hello)

    def tool_answered(self, payload: bytes) -> None:
        if self._attempt is not None and self._state == _RUNNING:
            self._attempt.take_answer(payload)

    def helper_said(self, kind: int, payload: bytes) -> None:
        attempt = self._attempt
        if self._errands.said(kind, payload) or attempt is None:
            return
        if kind == messages.TAKEN and self._state == _LOADING:
            if attempt.file_taken():
                self._acknowledge(attempt)
        elif kind == messages.REFUSED and self._state == _LOADING:
            self._refuse(attempt.identity, Refusal(*decode_json(payload)))
        elif kind == messages.COLLECTED and self._state == _COLLECTING:
            attempt.file_sent(payload)
            self._outbox.add(frames.FILE_OUT, payload)
        elif kind == messages.COLLECTION and self._state == _COLLECTING:
            attempt.files_sent(decode_json(payload))
            self._conclude(attempt)

    def helper_gone(self) -> None:
        attempt = self._attempt
        self._errands.gone()
        if self._state == _LOADING and attempt is not None:
            self._refuse(
                attempt.identity, Refusal("lost", "what the session left running ended the taking in of files")
            )
        elif self._state == _COLLECTING and attempt is not None:
            amid = attempt.files_lost()
            if amid is not None:
                self._outbox.add(frames.FILE_OUT, amid)
            self._conclude(attempt)

    def job_wrote(self, stream: int, data: bytes) -> None:
        if self._attempt is not None and self._state == _RUNNING:
            kept = self._attempt.clip(data)
            if kept:
                self._outbox.add(_STREAM_FRAMES[stream], kept)

    def job_used(self, cpu_s: float, max_rss_kib: int) -> None:
        if self._attempt is not None and self._state == _RUNNING:
            self._attempt.add_usage(cpu_s, max_rss_kib)

    def tool_ended(self, status: int) -> None:
        if self._attempt is not None:
            self._attempt.tool_ended(status)

    def job_over(self) -> None:
        attempt = self._attempt
        assert attempt is not None
        self._egress.end()
        attempt.add_usage(self._meter.unseen_s(attempt.cpu_s), 0)
        if attempt.request.collect is None:
            self._conclude(attempt)
            return
        self._state = _COLLECTING
        self._sandbox.ask(messages.COLLECT, json_bytes(attempt.request.collect))

    # From one state to the next

    def _expect(self, state: str) -> Any:
        if self._state != state:
            raise Breach(f"a frame that belongs to state {state} came in state {self._state}")
        return self._attempt

    def _acknowledge(self, attempt: Attempt) -> None:
        self._state = _LOADED
        self._outbox.add_json(frames.ACK, attempt.identity)

    def _call_of(self, attempt: Attempt) -> bytes:
        request = attempt.request
        return self._egress.begin(attempt.payload, request.env) if request.egress else attempt.payload

    def _refuse(self, who: dict[str, Any], refusal: Refusal) -> None:
        self._state = _REFUSED
        self._sandbox.spoil()
        self._outbox.add_json(frames.NAK, {**who, "code": refusal.code, "message": refusal.message})

    def _conclude(self, attempt: Attempt) -> None:
        self._state = _DONE
        self._outbox.add_json(frames.RESULT, attempt.result(self._sandbox.kept))
