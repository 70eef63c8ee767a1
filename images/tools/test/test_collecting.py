"""Collected files: what a job leaves comes out, and nothing that is not its own."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import unittest
from typing import Any
from unittest import mock

from case import RunnerCase, end_others
from client import (
    CREDIT,
    FILE_OUT,
    IS_ROOT,
    LIMITS,
    NAK,
    OUT,
    PATIENCE_S,
    PING,
    PONG,
    RESULT,
    RUN,
    RUNNER,
    Report,
)

sys.path.insert(0, RUNNER)
from collecting import Collector, Wanted, head_of  # noqa: E402


class Collecting(RunnerCase):
    def collect(self, code: str, *paths: str, most: int = 10_000_000, count: int = 100, **changes: Any) -> Report:
        limits = {**LIMITS, "filesBytes": most, "filesCount": count}
        arguments = {"runtime": "python", "code": f"import os\n{code}"}
        report = self.runner.run("code_execution", arguments, collect=list(paths), limits=limits, **changes)
        self.assertEqual(report.err, b"")
        return report

    def skipped(self, report: Report) -> dict[str, str]:
        return {one["path"]: one["why"] for one in report.result["files"]["skipped"]}

    def test_files_and_folders_come_whole_after_all_output_and_before_the_result(self) -> None:
        code = """
os.makedirs("out/a/b")
open("out/one", "w").write("1"); open("out/a/b/two", "w").write("22"); open("out/empty", "w").close()
open("big", "wb").write(bytes(range(256)) * 5_000); open("not", "w").write("x")
print("output")
"""
        report = self.collect(code, "out/", "big", "missing")
        self.assertEqual(set(report.files), {b"out/one", b"out/a/b/two", b"out/empty", b"big"})
        self.assertEqual(report.files[b"out/a/b/two"], b"22")
        self.assertEqual(report.files[b"big"], bytes(range(256)) * 5_000)
        files = report.result["files"]
        self.assertEqual((files["count"], files["bytes"], files["truncated"]), (4, 1_280_003, False))
        self.assertEqual((self.skipped(report), files["skippedMore"]), ({"missing": "missing"}, 0))
        self.assertEqual((report.out, report.order[-1]), (b"output\n", RESULT))
        self.assertEqual(sorted(report.order[:-1]), report.order[:-1])
        self.assertLess(OUT, FILE_OUT)
        self.runner.reset()
        self.assertNotIn("files", self.runner.run("echo", {"text": "x"}).result)

    def test_everything_is_a_dot(self) -> None:
        report = self.collect("open('a', 'w').close(); os.mkdir('d'); open('d/b', 'w').close()", ".")
        self.assertEqual(set(report.files), {b"a", b"d/b"})

    def test_paths_that_overlap_come_once(self) -> None:
        report = self.collect("os.mkdir('d'); open('d/b', 'w').close()", "d", "d/b", ".", "d")
        self.assertEqual(report.order.count(FILE_OUT), 1)

    def test_what_is_no_plain_file_of_one_name_is_listed_and_stays(self) -> None:
        code = """
import socket
os.mkdir("o"); os.chdir("o")
os.symlink("/etc/passwd", "link"); os.symlink("..", "up"); os.symlink("/proc/self/root", "magic")
open("a", "w").write("x"); os.link("a", "b")
os.mkfifo("pipe"); socket.socket(socket.AF_UNIX).bind("socket")
open(b"\\xff", "w").close()
open("closed", "w").write("c"); os.chmod("closed", 0)
os.mkdir("shut"); open("shut/in", "w").write("i"); os.chmod("shut", 0)
"""
        report = self.collect(code, "o", "o/link", "o/up/o/a", "o/magic/etc/passwd", "o/pipe", "o/a")
        self.assertEqual(report.files, {b"o/closed": b"c", b"o/shut/in": b"i"})
        self.assertEqual(
            self.skipped(report),
            {
                "o/link": "symlink",
                "o/up": "symlink",
                "o/magic": "symlink",
                "o/a": "hard_link",
                "o/b": "hard_link",
                "o/pipe": "special",
                "o/socket": "special",
                "o/\\xff": "name",
                "o/up/o/a": "symlink",
                "o/magic/etc/passwd": "symlink",
            },
        )

    def test_limits_are_exact(self) -> None:
        code = "for n in range(5): open(str(n), 'w').write('x' * 100)"
        for most, count, came in ((300, 9, 3), (299, 9, 2), (1_000, 4, 4), (500, 5, 5), (0, 0, 0)):
            with self.subTest(most=most, count=count):
                report = self.collect(code, ".", most=most, count=count)
                files = report.result["files"]
                self.assertEqual((len(report.files), files["count"], files["bytes"]), (came, came, came * 100))
                self.assertEqual(files["truncated"], came < 5)
                self.runner.reset()

    def test_a_sparse_file_of_a_terabyte_costs_nothing(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "sparse"), "wb") as file:
                file.truncate(1 << 40)
            report = Collector(Wanted(["."], 1 << 30, 10), self.fail).collect(folder)
        self.assertEqual((report["skipped"], report["truncated"]), ([{"path": "sparse", "why": "over_limit"}], True))

    def test_a_list_of_the_skipped_that_does_not_end_ends(self) -> None:
        code = "for n in range(300): os.symlink('x', f'{n}' + '\\n' * 200)"
        files = self.collect(code, ".").result["files"]
        self.assertLessEqual(len(files["skipped"]), 100)
        self.assertEqual(len(files["skipped"]) + files["skippedMore"], 300)

    def test_a_tree_without_end_is_left(self) -> None:
        report = self.collect("for _ in range(70): os.mkdir('d'); os.chdir('d')\nopen('end', 'w').close()", ".")
        self.assertTrue(report.result["files"]["truncated"])
        with tempfile.TemporaryDirectory() as folder, mock.patch("collecting.TREE_ENTRIES_MAX", 100):
            for number in range(101):
                os.mkdir(os.path.join(folder, str(number)))
            self.assertTrue(Collector(Wanted(["."], 10, 10), self.fail).collect(folder)["truncated"])

    def test_paths_that_lead_elsewhere_are_refused(self) -> None:
        runner = self.runner
        limits = {**LIMITS, "filesBytes": 1, "filesCount": 1}
        for path in (
            "",
            "/",
            "/etc",
            "..",
            "a/../b",
            "./a",
            "a//b",
            "a\0b",
            "x" * 256,
            "/".join(["x" * 200] * 6),
            "\ud800",
            5,
        ):
            with self.subTest(path):
                runner.send_json(RUN, runner.request("echo", {"text": "x"}, collect=[path], limits=limits))
                self.assertEqual(runner.expect_json(NAK)["code"], "bad_path")
                runner.reset()
        for change in (
            {"collect": ["x"] * 65, "limits": limits},
            {"collect": "x", "limits": limits},
            {"collect": ["x"]},
        ):
            with self.subTest(change):
                runner.send_json(RUN, runner.request("echo", {"text": "x"}, **change))
                self.assertEqual(runner.expect_json(NAK)["code"], "bad_run")
                runner.reset()

    def test_no_more_is_sent_than_credit_allows(self) -> None:
        runner = self.runner
        limits = {**LIMITS, "filesBytes": 10_000_000, "filesCount": 10}
        code = "open('big', 'wb').write(b'x' * 3_000_000)"
        runner.start("code_execution", {"runtime": "python", "code": code}, collect=["big"], limits=limits)
        sent = 0
        with self.assertRaises(TimeoutError):
            while True:
                kind, payload = runner.receive(0.5)
                self.assertEqual(kind, FILE_OUT)
                sent += len(payload)
        self.assertLessEqual(sent, 1024 * 1024)
        self.assertGreater(sent, 512 * 1024)
        runner.send_json(PING, {})
        runner.expect(PONG)
        runner.send_json(CREDIT, {"bytes": sent})
        report = runner.finish()
        self.assertEqual(report.result["files"]["bytes"], 3_000_000)

    def test_a_signal_ends_the_collecting_and_takes_back_the_file_under_way(self) -> None:
        runner = self.runner
        limits = {**LIMITS, "filesBytes": 10_000_000, "filesCount": 10}
        code = "open('a', 'wb').write(b'x'); open('big', 'wb').write(b'x' * 3_000_000)"
        for name in ("TERM", "KILL"):
            with self.subTest(name):
                arguments = {"runtime": "python", "code": code}
                runner.start("code_execution", arguments, collect=["a", "big"], limits=limits)
                self.assertEqual(runner.expect(FILE_OUT), b"\1\0\1ax")
                runner.expect(FILE_OUT)
                runner.signal(name)
                report = runner.finish(credit=False)
                self.assertEqual(report.files[b"big"], None)
                files = report.result["files"]
                self.assertEqual((files["count"], files["bytes"], files["truncated"]), (1, 1, True))
                self.assertTrue(report.result["ok"])
                runner.reset()
                self.assertTrue(runner.run("echo", {"text": "x"}).result["ok"])
                runner.reset()

    def test_files_of_a_job_that_was_killed_come_too(self) -> None:
        runner = self.runner
        limits = {**LIMITS, "filesBytes": 1_000, "filesCount": 10}
        code = "open('half', 'w').write('done so far')\nprint('up', flush=True)\nwhile 1: pass"
        runner.start("code_execution", {"runtime": "python", "code": code}, collect=["half"], limits=limits)
        runner.expect(OUT)
        runner.signal("KILL")
        report = runner.finish()
        self.assertEqual((report.files, report.result["signal"]), ({b"half": b"done so far"}, "SIGKILL"))

    def test_in_a_session_they_come_from_beside_what_runs(self) -> None:
        runner = self.runner
        limits = {**LIMITS, "filesBytes": 1_000_000, "filesCount": 10}
        runner.shell(
            "x=5; (while :; do echo more >> grows; ln -sf /etc/passwd swap; rm swap; echo > swap; done) & true"
        )
        for number in range(20):
            arguments = {"runtime": "terminal", "code": f"echo {number} > f; echo $x", "shell": 0}
            report = runner.run("code_execution", arguments, session=True, collect=["."], limits=limits)
            self.assertEqual((report.out, report.files[b"f"]), (b"5\n", f"{number}\n".encode()))
            self.assertNotIn(b"root", report.files.get(b"swap") or b"")
            self.assertEqual(
                len(report.files) - list(report.files.values()).count(None), report.result["files"]["count"]
            )
            runner.keep()

    def test_a_collector_that_is_ended_ends_the_collecting_only(self) -> None:
        if not IS_ROOT:
            self.skipTest("only with an account of its own")
        runner = self.runner
        limits = {**LIMITS, "filesBytes": 10_000_000, "filesCount": 10}
        code = f"x=1; (sleep 0.5; {end_others('once')}) & head -c 3000000 /dev/zero > big"
        arguments = {"runtime": "terminal", "code": code, "shell": 0}
        runner.start("code_execution", arguments, session=True, collect=["big"], limits=limits)
        report = runner.finish(credit=False)
        self.assertEqual((report.files, report.result["files"]["truncated"]), ({b"big": None}, True))
        runner.keep()
        self.assertEqual(runner.shell("echo $x").out, b"1\n")


class Swapped(unittest.TestCase):
    def test_a_file_swapped_for_a_symlink_while_it_is_read_gives_nothing_away(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            work, secret = os.path.join(folder, "work"), os.path.join(folder, "secret")
            os.makedirs(os.path.join(work, "d"))
            for path in (secret, os.path.join(work, "d/f")):
                with open(path, "w") as file:
                    file.write("secret" if path == secret else "public")
            stop = threading.Event()

            def swap() -> None:
                target, hidden = os.path.join(work, "d/f"), os.path.join(work, "hidden")
                while not stop.is_set():
                    os.rename(target, hidden)
                    os.symlink("../../secret", target)
                    os.unlink(target)
                    os.rename(hidden, target)

            swapper = threading.Thread(target=swap)
            swapper.start()
            seen = set()
            try:
                for _ in range(1_500):
                    sent: list[bytes] = []
                    Collector(Wanted(["d/f", "d"], 1_000, 10), sent.append).collect(work)
                    seen |= {payload[-head_of(payload)[2] :] for payload in sent if head_of(payload)[2]}
            finally:
                stop.set()
                swapper.join(PATIENCE_S)
            self.assertEqual(seen, {b"public"})
