"""A worker's end of the runner's frames: starts the real runner in process mode and talks to it."""

from __future__ import annotations

import itertools
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

RUNNER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "runner")
RUN, FILE_IN, GO, SIGNAL, RESET, PING = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
HELLO, ACK, NAK, STARTED, OUT, ERR, RESULT, READY, PONG = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89
KEEP, SAVE, RESTORE, CREDIT = 0x07, 0x08, 0x09, 0x0D
FILE_OUT, SAVED, RESTORED = 0x8A, 0x8B, 0x8C
HEADER = struct.Struct(">IB")
LIMITS = {"timeoutMs": 60_000, "outputBytes": 4 * 1024 * 1024, "resultBytes": 256 * 1024}
IS_ROOT = os.getuid() == 0
# Where the tests run as root, every runner gets an account that runs nothing else, not even other runs of these tests.
_ACCOUNTS = itertools.cycle(range(1_000_000 + 16 * os.getpid(), 1_000_000 + 16 * os.getpid() + 16))
PATIENCE_S = 20.0


def _open_to_all(path: str) -> bool:
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & 0o001:
            return False
    return True


# As root, jobs run under an account that must be able to read the standard library; one in a closed home will not do.
PYTHON = sys.executable if not IS_ROOT or _open_to_all(os.path.realpath(sys.executable)) else "/usr/bin/python3"
Frame = tuple[int, bytes]


class Report(NamedTuple):
    """What a job left: its RESULT, its two streams, and its frame types in order."""

    result: dict[str, Any]
    out: bytes
    err: bytes
    order: list[int]
    # The files that were collected; None where one was taken back.
    files: dict[bytes, bytes | None] = {}


class Runner:
    """One runner process with folders of its own."""

    def __init__(
        self,
        dedicated: bool = IS_ROOT,
        command: list[str] | None = None,
        options: Sequence[str] = (),
        isolated: bool = True,
    ) -> None:
        """`options`: more of the runner's own; `command`: what starts it instead, in a place of its own; `isolated`:
        without the packages that this Python has."""
        self.root = tempfile.mkdtemp(prefix="zf-runner-test-")
        os.chmod(self.root, 0o755)
        self.work, self.tmp = os.path.join(self.root, "work"), os.path.join(self.root, "tmp")
        self.account = next(_ACCOUNTS) if dedicated else os.getuid()
        options = ["--mode", "process", "--work", self.work, "--tmp", self.tmp, *options]
        for folder in (self.work, self.tmp):
            os.mkdir(folder, 0o700)
            if dedicated:
                os.chown(folder, self.account, self.account)
        if dedicated:
            options += ["--uid", str(self.account), "--gid", str(self.account)]
        self.process = subprocess.Popen(
            command or [*([PYTHON, "-S"] if isolated else [sys.executable]), "-I", "-u", RUNNER, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={"PATH": os.environ["PATH"], "CANARY_OF_STARTER": "secret-of-the-worker"},
            # As nohup and some service managers start programs: a job must not inherit it.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )
        self._buffer = bytearray()
        try:
            self.hello = self.expect_json(HELLO)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.process.stderr.close()
            shutil.rmtree(self.root, ignore_errors=True)

    def send(self, kind: int, payload: bytes) -> None:
        self.process.stdin.write(HEADER.pack(len(payload), kind) + payload)

    def send_json(self, kind: int, value: Any) -> None:
        self.send(kind, json.dumps(value).encode())

    def send_file(self, path: bytes, data: bytes, last: bool = True) -> None:
        self.send(FILE_IN, struct.pack(">BH", int(last), len(path)) + path + data)

    def receive(self, seconds: float = PATIENCE_S) -> Frame:
        """The next frame. Raises EOFError when the runner's stdout ended, TimeoutError when none comes."""
        deadline = time.monotonic() + seconds
        while True:
            if len(self._buffer) >= HEADER.size:
                length, kind = HEADER.unpack_from(self._buffer)
                if len(self._buffer) >= HEADER.size + length:
                    payload = bytes(self._buffer[HEADER.size : HEADER.size + length])
                    del self._buffer[: HEADER.size + length]
                    return kind, payload
            if not select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError("no frame")
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            if not data:
                raise EOFError(self.process.stderr.read().decode())
            self._buffer += data

    def expect(self, kind: int) -> bytes:
        found, payload = self.receive()
        if found != kind:
            raise AssertionError(f"expected frame 0x{kind:02x}, got 0x{found:02x} {payload[:500]!r}")
        return payload

    def expect_json(self, kind: int) -> Any:
        return json.loads(self.expect(kind))

    def request(self, tool: str, arguments: Any, /, **changes: Any) -> dict[str, Any]:
        request = {
            "v": 1, "nonce": self.hello["nonce"], "job": "job-1", "attempt": 1, "tool": tool, "arguments": arguments,
            "fileCount": 0, "limits": LIMITS, "env": {},
        }  # fmt: skip
        return {**request, **changes}

    def start(
        self, tool: str, arguments: dict[str, Any], files: dict[str, bytes] | None = None, **changes: Any
    ) -> None:
        """RUN to STARTED."""
        files = files or {}
        self.send_json(RUN, self.request(tool, arguments, fileCount=len(files), **changes))
        for path, data in files.items():
            self.send_file(path.encode(), data)
        self.expect(ACK)
        self.send_json(GO, {})
        self.expect(STARTED)

    def finish(self, credit: bool = True) -> Report:
        """What comes up to RESULT; with `credit`, files are answered for as they come."""
        streams = {OUT: bytearray(), ERR: bytearray()}
        order: list[int] = []
        files: dict[bytes, bytes | None] = {}
        while True:
            kind, payload = self.receive()
            order.append(kind)
            if kind == RESULT:
                return Report(json.loads(payload), bytes(streams[OUT]), bytes(streams[ERR]), order, files)
            if kind == FILE_OUT:
                flags, length = struct.unpack_from(">BH", payload)
                path, data = payload[3 : 3 + length], payload[3 + length :]
                files[path] = None if flags & 2 else (files.get(path) or b"") + data
                if credit:
                    self.send_json(CREDIT, {"bytes": len(payload)})
            else:
                streams[kind] += payload

    def run(
        self, tool: str, arguments: dict[str, Any], files: dict[str, bytes] | None = None, **changes: Any
    ) -> Report:
        self.start(tool, arguments, files, **changes)
        return self.finish()

    def bash(self, code: str, **arguments: Any) -> Report:
        return self.run("code_execution", {"runtime": "terminal", "code": code, **arguments})

    def python(self, code: str, **arguments: Any) -> Report:
        return self.run("code_execution", {"runtime": "python", "code": code, **arguments})

    def reset(self) -> None:
        self.send_json(RESET, {})
        self.expect(READY)

    def keep(self) -> None:
        self.send_json(KEEP, {})
        self.expect(READY)

    def call(self, tool: str, arguments: dict[str, Any], /, **changes: Any) -> Report:
        """One call of a session, kept for the next."""
        report = self.run(tool, arguments, session=True, **changes)
        self.keep()
        return report

    def shell(self, code: str, number: int = 0, **arguments: Any) -> Report:
        """One call in a shell of the session, kept for the next."""
        asked = {"runtime": "terminal", "code": code, "shell": number, **arguments}
        return self.call("code_execution", asked)

    def save(self, bytes_max: int = 64 * 1024 * 1024, credit: bool = True) -> tuple[bytes, dict[str, Any] | None]:
        """The saved work directory, and why it is none."""
        self.send_json(SAVE, {"maxBytes": bytes_max})
        tar = bytearray()
        while True:
            payload = self.expect(SAVED)
            if payload[0] & 2:
                return b"", json.loads(payload[1:])
            tar += payload[1:]
            if payload[0] & 1:
                return bytes(tar), None
            if credit:
                self.send_json(CREDIT, {"bytes": len(payload)})

    def restore(self, tar: bytes, piece: int = 256 * 1024) -> dict[str, Any]:
        for start in range(0, len(tar), piece):
            self.send(RESTORE, b"\0" + tar[start : start + piece])
        self.send(RESTORE, b"\1")
        return self.expect_json(RESTORED)

    def signal(self, name: str) -> None:
        self.send_json(SIGNAL, {"signal": name})


def processes_marked(mark: str) -> list[int]:
    """The ids of all processes on this machine whose command line holds `mark`; zombies have none."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    if mark.encode() in file.read():
                        found.append(int(name))
            except OSError:
                continue
    return found


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
