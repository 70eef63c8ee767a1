"""Input files: they land below the work directory, as the job's, or the RUN is refused."""

from __future__ import annotations

import os
import sys
import unittest

from case import RunnerCase
from client import ACK, GO, IS_ROOT, NAK, PATIENCE_S, RUN, RUNNER, STARTED

sys.path.insert(0, RUNNER)
from inputs import components  # noqa: E402
from request import Refusal  # noqa: E402

HOSTILE = [
    b"",
    b"/etc/passwd",
    b"../outside",
    b"a/../../outside",
    b"a/..",
    b".",
    b"./a",
    b"a//b",
    b"a/",
    b"a\0b",
    b"\xff",
    b"x" * 256,
    b"ok/" + b"x" * 256,
    b"/".join([b"x" * 200] * 6),
    "\u00e9".encode() * 128,
]


class Paths(unittest.TestCase):
    def test_hostile_paths_are_refused(self) -> None:
        for path in HOSTILE:
            with self.subTest(path[:40]), self.assertRaises(Refusal) as caught:
                components(path)
            self.assertEqual(caught.exception.code, "bad_path")

    def test_odd_but_honest_paths_are_taken(self) -> None:
        for path in (
            b"a",
            b"a/b/c",
            b"..a/b..",
            b"a b\n",
            b"-rf",
            b"x" * 255,
            "\u00e9/\U0001f642".encode(),
            b"...",
            b"~",
        ):
            with self.subTest(path):
                self.assertEqual("/".join(components(path)).encode(), path)


class Inputs(RunnerCase):
    def test_files_are_the_jobs_own_and_may_come_in_pieces(self) -> None:
        runner = self.runner
        data = os.urandom(2_500_000)
        arguments = {"runtime": "terminal", "code": "cat big | cksum; stat -c '%u' big sub/deep sub; rm -r sub big"}
        runner.send_json(RUN, runner.request("code_execution", arguments, fileCount=3))
        for start in range(0, len(data), 1_000_000):
            runner.send_file(b"big", data[start : start + 1_000_000], last=start + 1_000_000 >= len(data))
        runner.send_file(b"sub/deep/empty", b"")
        runner.send_file(b"sub/other", b"x")
        runner.expect(ACK)
        with open(os.path.join(runner.work, "big"), "rb") as file:
            self.assertEqual(file.read(), data)
        runner.send_json(GO, {})
        runner.expect(STARTED)
        report = runner.finish()
        owner = self.runner.account if IS_ROOT else os.getuid()
        self.assertEqual(report.out.decode().splitlines()[1:], [str(owner)] * 3)
        self.assertTrue(report.result["ok"], report.err)

    def test_hostile_paths_are_refused_and_nothing_is_written(self) -> None:
        runner = self.runner
        for path in HOSTILE:
            with self.subTest(path[:40]):
                runner.send_json(RUN, runner.request("echo", {"text": "x"}, fileCount=2))
                runner.send_file(path, b"planted")
                runner.send_file(b"fine", b"on its way when NAK was sent")
                nak = runner.expect_json(NAK)
                self.assertEqual((nak["code"], nak["job"]), ("bad_path", "job-1"))
                runner.reset()
        self.assertEqual(sorted(os.listdir(runner.root)), ["tmp", "work"])
        self.assertEqual(runner.bash("ls -A").out, b"")

    def test_files_that_stand_in_each_others_way_are_refused(self) -> None:
        runner = self.runner
        for first, second in ((b"a", b"a"), (b"a", b"a/b"), (b"a/b", b"a")):
            with self.subTest((first, second)):
                runner.send_json(RUN, runner.request("echo", {"text": "x"}, fileCount=2))
                runner.send_file(first, b"1")
                runner.send_file(second, b"2")
                self.assertEqual(runner.expect_json(NAK)["code"], "bad_path")
                runner.reset()

    def test_a_file_that_was_not_finished_is_refused(self) -> None:
        runner = self.runner
        runner.send_json(RUN, runner.request("echo", {"text": "x"}, fileCount=2))
        runner.send_file(b"a", b"1", last=False)
        runner.send_file(b"b", b"2")
        self.assertEqual(runner.expect_json(NAK)["code"], "bad_path")

    def test_a_symlink_in_the_work_directory_is_not_followed(self) -> None:
        # A reset removes them all; this one is planted from outside, as a flaw elsewhere would.
        runner = self.runner
        outside = os.path.join(runner.root, "outside")
        os.mkdir(outside, 0o777)
        os.chmod(outside, 0o777)
        os.symlink(outside, os.path.join(runner.work, "link"))
        os.symlink(os.path.join(outside, "file"), os.path.join(runner.work, "file"))
        for path in (b"link/planted", b"link", b"file"):
            runner.send_json(RUN, runner.request("echo", {"text": "x"}, fileCount=1))
            runner.send_file(path, b"x")
            self.assertEqual(runner.expect_json(NAK)["code"], "bad_path")
            runner.reset()
            self.assertEqual(os.listdir(outside), [])
            os.symlink(outside, os.path.join(runner.work, "link"))
            os.symlink(os.path.join(outside, "file"), os.path.join(runner.work, "file"))

    def test_more_bytes_than_the_limit_are_refused(self) -> None:
        runner = self.runner
        runner.send_json(RUN, runner.request("echo", {"text": "x"}, fileCount=1))
        piece = bytes(1_000_000)
        for _ in range(51):
            runner.send_file(b"big", piece, last=False)
        self.assertEqual(runner.expect_json(NAK)["code"], "too_large")
        runner.reset()
        self.assertTrue(runner.run("echo", {"text": "x"}).result["ok"])

    def test_one_file_too_many_is_a_breach(self) -> None:
        runner = self.runner
        runner.send_json(RUN, runner.request("echo", {"text": "x"}, fileCount=1))
        runner.send_file(b"a", b"1")
        runner.send_file(b"b", b"2")
        self.assertEqual(runner.process.wait(PATIENCE_S), 3)
