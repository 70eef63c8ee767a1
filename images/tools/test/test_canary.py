"""The canary: what a reset ought to have taken away and the runner ought to be, looked at again."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from typing import Any
from unittest import mock

from case import RunnerCase
from client import IS_ROOT, PATIENCE_S, RESET, RUNNER, Runner

sys.path.insert(0, RUNNER)
import sysv  # noqa: E402
from canary import Canary, NotClean, what_is_amiss  # noqa: E402

STRANGER = 1_900_000 + os.getpid()

GIVE_AWAY = """
import ctypes, os
libc = ctypes.CDLL(None)
number = libc.shmget(0, 4096, 0o1666)
status = (ctypes.c_char * 256)()
assert libc.shmctl(number, 2, status) == 0
ctypes.c_uint32.from_buffer(status, 4).value = 12345
assert libc.shmctl(number, 1, status) == 0
print(number)
"""


class Account:
    """As much of an account as the canary asks for."""

    def __init__(self, **changes: Any) -> None:
        self.container = False
        self.dedicated = False
        self.uid, self.gid = os.getuid(), os.getgid()
        self.__dict__.update(changes)

    @contextlib.contextmanager
    def acting(self) -> Iterator[None]:
        yield


class Looking(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def look(self, canary_: Canary, words: str | None, ahead: int = 0) -> None:
        if words is None:
            canary_.look(ahead, ())
            return
        with self.assertRaises(NotClean) as caught:
            canary_.look(ahead, ())
        self.assertIn(words, str(caught.exception))

    def new(self, shared: list[str] | None = None, **account: Any) -> Canary:
        # Where the tests run as root everything is in reach of whoever acts.
        with mock.patch("os.access", return_value=False):
            made = Canary(Account(**account), [self.folder], shared or [])  # type: ignore[arg-type]
        made.begin(0, ())
        return made

    def test_a_clean_place_is_clean(self) -> None:
        self.look(self.new(), None)

    def test_a_file_that_is_left_is_found(self) -> None:
        made = self.new()
        with open(os.path.join(self.folder, "left"), "w"):
            pass
        self.look(made, "'left'")

    def test_the_jobs_own_in_a_shared_folder_is_found_and_in_a_container_anyones(self) -> None:
        with tempfile.TemporaryDirectory() as shared:
            with open(os.path.join(shared, "left"), "w"):
                pass
            self.look(self.new([shared], dedicated=True, uid=STRANGER), None)
            with mock.patch.object(Canary, "_look_at_processes"):
                self.look(self.new([shared], dedicated=True), "'left'")
                with mock.patch("canary._lines", return_value=[]):
                    self.look(self.new([shared], dedicated=True, container=True, uid=STRANGER), "'left'")

    def test_a_process_that_is_left_is_found(self) -> None:
        if not IS_ROOT:
            self.skipTest("it takes root to be another user")
        made = self.new(dedicated=True, uid=STRANGER)
        self.look(made, None)
        left = subprocess.Popen(["sleep", "100"], user=STRANGER)
        try:
            self.look(made, f"process {left.pid} is left")
            self.look(made, None, ahead=left.pid)
        finally:
            left.kill()
            left.wait()

    def test_in_a_container_any_new_process_is_found(self) -> None:
        made = self.new(dedicated=True, uid=STRANGER)
        made._account.container = True
        left = subprocess.Popen(["sleep", "100"])
        try:
            with self.assertRaisesRegex(NotClean, "process [0-9]+ is left"):
                made._look_at_processes(0)
        finally:
            left.kill()
            left.wait()

    def test_a_socket_of_a_name_is_found_in_a_container(self) -> None:
        made = self.new()
        made._look_at_sockets()
        made._account.container = True
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"\0left-{os.getpid()}")
            with self.assertRaisesRegex(NotClean, "unix socket"):
                made._look_at_sockets()

    def test_a_changed_file_a_thread_and_a_descriptor_are_found(self) -> None:
        with tempfile.NamedTemporaryFile() as module:
            with mock.patch("canary._loaded", return_value=[module.name]):
                made = self.new()
            self.look(made, None)
            module.write(b"1")
            module.flush()
            self.look(made, "is not what it was")
        made = self.new()
        fd = os.open("/", os.O_RDONLY)
        self.look(made, "descriptors")
        os.close(fd)
        self.look(made, None)
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        self.look(made, "thread")
        stop.set()
        thread.join()
        self.look(made, None)

    def test_files_in_reach_of_the_job_are_refused_at_the_start(self) -> None:
        path = os.path.join(self.folder, "module.py")
        with open(path, "w"):
            pass
        account = Account(dedicated=True)
        with mock.patch("canary._loaded", return_value=[path]), self.assertRaisesRegex(NotClean, "changed by jobs"):
            Canary(account, [self.folder], [])  # type: ignore[arg-type]

    def test_a_root_that_became_writable_is_found(self) -> None:
        with mock.patch("canary._is_read_only", return_value=True):
            made = self.new()
            self.look(made, None)
        self.look(made, "not read-only any more")


class Amiss(unittest.TestCase):
    def amiss(self, env: dict[str, str] | None = None, work: str = ".", more: int = 0, **account: Any) -> str | None:
        """Asked in a process of its own, with descriptors 0 to 2 and `more`."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.dup2(writing, 2)
                os.closerange(3, 1_000)
                for _ in range(more):
                    os.open("/", os.O_RDONLY)
                asked: Any = Account(**account)
                found = what_is_amiss(asked, dict(os.environ) if env is None else env, work, 3)
                os.write(2, str(found).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with open(reading) as file:
            found = file.read()
        os.waitpid(pid, 0)
        return None if found == "None" else found

    def test_each_of_them(self) -> None:
        self.assertIsNone(self.amiss())
        self.assertIn("environment", self.amiss(env={}) or "")
        self.assertIn("descriptors", self.amiss(more=1) or "")
        self.assertIn("directory", self.amiss(work="/proc") or "")
        self.assertIn("user", self.amiss(dedicated=True, uid=STRANGER) or "")
        if IS_ROOT and not os.getgroups():
            self.assertIn("rights", self.amiss(dedicated=True) or "")


class Resetting(RunnerCase):
    def test_a_changed_runner_ends_at_the_next_reset_and_says_why(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            copy = os.path.join(folder, "runner")
            shutil.copytree(RUNNER, copy, ignore=shutil.ignore_patterns("__pycache__"))
            with mock.patch("client.RUNNER", copy), Runner() as runner:
                runner.run("echo", {"text": "x"})
                runner.reset()
                os.utime(os.path.join(copy, "tools", "echo.py"))
                runner.run("echo", {"text": "x"})
                runner.send_json(RESET, {})
                self.assertEqual(runner.process.wait(PATIENCE_S), 1)
                self.assertIn(b"echo.py is not what it was", runner.process.stderr.read())

    def test_shared_memory_that_was_given_away_goes_all_the_same(self) -> None:
        if not IS_ROOT:
            self.skipTest("only with an account of its own")
        report = self.runner.python(GIVE_AWAY)
        self.assertEqual(report.err, b"")
        self.assertIn(int(report.out), list(sysv.owned("shm", 12345)))
        self.runner.reset()
        self.assertNotIn(int(report.out), list(sysv.owned("shm", 12345)))

    def test_a_reset_looks_quickly(self) -> None:
        self.runner.run("echo", {"text": "x"})
        began = time.monotonic()
        for _ in range(5):
            self.runner.reset()
        self.assertLess(time.monotonic() - began, 2)
