"""The order of frames, the refusals, and the breaches that end the runner."""

from __future__ import annotations

import json
import struct
import subprocess
import time

from case import RunnerCase
from client import (
    ACK,
    GO,
    HELLO,
    LIMITS,
    NAK,
    PATIENCE_S,
    PING,
    PONG,
    PYTHON,
    READY,
    RESET,
    RESULT,
    RUN,
    RUNNER,
    SIGNAL,
    STARTED,
    Runner,
)


class Handshake(RunnerCase):
    def test_hello_names_version_nonce_and_tools(self) -> None:
        hello = self.runner.hello
        self.assertEqual(hello["v"], [1])
        self.assertRegex(hello["nonce"], "^[0-9a-f]{32}$")
        names = [tool["name"] for tool in hello["tools"]]
        self.assertEqual(names, ["code_execution", "echo", "text_editor"])
        self.assertEqual({tool["version"] for tool in hello["tools"]}, {1})

    def test_frames_come_in_the_order_of_the_contract(self) -> None:
        runner = self.runner
        runner.send_json(RUN, runner.request("echo", {"text": "x"}, job="j-7", attempt=3))
        self.assertEqual(runner.expect_json(ACK), {"nonce": runner.hello["nonce"], "job": "j-7", "attempt": 3})
        runner.send_json(GO, {})
        self.assertEqual(runner.expect_json(STARTED), {})
        result = runner.expect_json(RESULT)
        self.assertEqual(
            {name: result[name] for name in ("ok", "value", "error", "exitCode", "signal")},
            {"ok": True, "value": {"text": "x"}, "error": None, "exitCode": None, "signal": None},
        )
        self.assertEqual(result["output"], {"bytes": 0, "truncated": False})
        self.assertGreater(result["usage"]["maxRssKiB"], 1_000)
        self.assertGreater(result["usage"]["wallMs"], 0)
        runner.send_json(RESET, {})
        self.assertEqual(runner.expect_json(READY), {})

    def test_nothing_runs_before_go(self) -> None:
        runner = self.runner
        arguments = {"runtime": "terminal", "code": "touch ran"}
        runner.send_json(RUN, runner.request("code_execution", arguments))
        runner.expect(ACK)
        with self.assertRaises(TimeoutError):
            runner.receive(0.2)
        runner.send_json(RESET, {})
        runner.expect(READY)
        self.assertEqual(runner.bash("ls -A").out, b"")

    def test_all_frames_of_a_job_may_arrive_in_one_piece(self) -> None:
        runner = self.runner
        body = json.dumps(runner.request("echo", {"text": "x"})).encode()
        pieces = struct.pack(">IB", len(body), RUN) + body + struct.pack(">IB", 2, PING) + b"{}"
        for byte in range(0, len(pieces), 7):
            runner.process.stdin.write(pieces[byte : byte + 7])
        runner.expect(ACK)
        runner.expect(PONG)

    def test_a_wrong_nonce_is_refused(self) -> None:
        runner = self.runner
        runner.send_json(RUN, runner.request("echo", {"text": "x"}, nonce="0" * 32))
        nak = runner.expect_json(NAK)
        self.assertEqual((nak["code"], nak["nonce"], nak["job"]), ("bad_nonce", "0" * 32, "job-1"))
        runner.reset()
        self.assertTrue(runner.run("echo", {"text": "x"}).result["ok"])

    def test_a_run_that_cannot_be_run_is_refused_with_its_reason(self) -> None:
        runner = self.runner
        cases = [
            ("unknown_tool", {"tool": "nosuch"}),
            ("too_large", {"fileCount": 33}),
            ("bad_run", {"v": 2}),
            ("bad_run", {"arguments": []}),
            ("bad_run", {"attempt": -1}),
            ("bad_run", {"attempt": True}),
            ("bad_run", {"limits": {**LIMITS, "outputBytes": "1"}}),
            ("bad_run", {"limits": {**LIMITS, "resultBytes": 1 << 20}}),
            ("bad_run", {"limits": {}}),
            ("bad_run", {"env": {"A": 1}}),
            ("bad_run", {"env": {"A=B": "x"}}),
            ("bad_run", {"env": {"A": "x\0"}}),
            ("bad_run", {"env": {"A": "\ud800"}}),
        ]
        for code, changes in cases:
            with self.subTest(code=code, changes=changes):
                runner.send_json(RUN, runner.request("echo", {"text": "x"}, **changes))
                nak = runner.expect_json(NAK)
                self.assertEqual((nak["code"], nak["nonce"]), (code, runner.hello["nonce"]))
                self.assertTrue(nak["message"])
                runner.reset()

    def test_a_run_that_is_no_object_is_refused(self) -> None:
        self.runner.send_json(RUN, [1])
        self.assertEqual(self.runner.expect_json(NAK)["code"], "bad_run")

    def test_ping_is_answered_while_a_job_runs(self) -> None:
        runner = self.runner
        runner.send_json(PING, {})
        runner.expect(PONG)
        runner.start("echo", {"text": "x", "delayMs": 60_000})
        for _ in range(3):
            runner.send_json(PING, {})
            runner.expect(PONG)
        runner.signal("KILL")
        runner.expect(RESULT)
        runner.send_json(PING, {})
        runner.expect(PONG)

    def test_signal_outside_a_job_does_nothing(self) -> None:
        runner = self.runner
        runner.signal("KILL")
        self.assertTrue(runner.run("echo", {"text": "x"}).result["ok"])
        runner.signal("KILL")
        runner.reset()
        self.assertTrue(runner.run("echo", {"text": "x"}).result["ok"])

    def test_breaches_end_the_runner_with_3(self) -> None:
        header = struct.Struct(">IB")
        run = json.dumps({"v": 1}).encode()
        cases = {
            "too long": header.pack((1 << 20) + 1, RUN),
            "unknown type": header.pack(2, 0x07) + b"{}",
            "a type of the other side": header.pack(2, HELLO) + b"{}",
            "no JSON": header.pack(3, RUN) + b"{v}",
            "an empty payload": header.pack(0, RESET),
            "a file before RUN": header.pack(4, 0x02) + b"\1\0\1x",
            "GO before RUN": header.pack(2, GO) + b"{}",
            "no signal": header.pack(2, SIGNAL) + b"{}",
            "another signal": header.pack(16, SIGNAL) + b'{"signal":"USR"}',
            "RUN after NAK": (header.pack(len(run), RUN) + run) * 2,
        }
        for name, data in cases.items():
            with self.subTest(name), Runner() as runner:
                runner.process.stdin.write(data)
                self.assertEqual(runner.process.wait(PATIENCE_S), 3)

    def test_end_of_stdin_ends_an_idle_runner_at_once(self) -> None:
        began = time.monotonic()
        self.runner.process.stdin.close()
        self.assertEqual(self.runner.process.wait(PATIENCE_S), 0)
        self.assertLess(time.monotonic() - began, 2)

    def test_bad_options_end_with_2(self) -> None:
        for options in (
            [],
            ["--mode"],
            ["--mode", "other"],
            ["--mode", "process"],
            ["--mode", "process", "--work", "w", "--tmp", "t"],
            ["--mode", "process", "--work", "/w", "--tmp", "/t", "--uid", "0", "--gid", "0"],
            ["--mode", "process", "--work", "/w", "--tmp", "/t", "--uid", "77"],
            ["--mode", "process", "--work", "/w", "--tmp", "/t", "--what", "1"],
        ):
            with self.subTest(options):
                command = [PYTHON, "-I", "-S", "-u", RUNNER, *options]
                done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(b"usage:", done.stderr)
