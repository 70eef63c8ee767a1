"""echo, and how output reaches the worker: streaming, whole, and cut exactly."""

from __future__ import annotations

import time

from case import RunnerCase
from client import ERR, LIMITS, OUT, RESULT


class Echo(RunnerCase):
    def test_without_repeat_it_only_gives_the_text_back(self) -> None:
        report = self.runner.run("echo", {"text": "häß\n🙂"})
        self.assertEqual(report.result["value"], {"text": "häß\n🙂"})
        self.assertEqual(report.order, [RESULT])

    def test_a_lone_surrogate_survives(self) -> None:
        self.assertEqual(self.runner.run("echo", {"text": "\ud800"}).result["value"], {"text": "\ud800"})

    def test_repeat_prints_lines_on_the_stream_asked_for(self) -> None:
        report = self.runner.run("echo", {"text": "ab", "repeat": 3})
        self.assertEqual((report.out, report.err), (b"ab\nab\nab\n", b""))
        self.runner.reset()
        report = self.runner.run("echo", {"text": "ab", "repeat": 2, "stream": "stderr"})
        self.assertEqual((report.out, report.err), (b"", b"ab\nab\n"))
        self.assertEqual(report.result["output"], {"bytes": 6, "truncated": False})

    def test_delay_without_repeat_waits_once(self) -> None:
        began = time.monotonic()
        report = self.runner.run("echo", {"text": "x", "delayMs": 120})
        self.assertGreaterEqual(time.monotonic() - began, 0.12)
        self.assertGreaterEqual(report.result["usage"]["wallMs"], 120)
        self.assertLess(report.result["usage"]["cpuMs"], 60)

    def test_output_arrives_while_the_job_runs(self) -> None:
        self.runner.start("echo", {"text": "tick", "repeat": 3, "delayMs": 150})
        began = time.monotonic()
        self.assertEqual(self.runner.expect(OUT), b"tick\n")
        self.assertLess(time.monotonic() - began, 0.14)
        report = self.runner.finish()
        self.assertEqual(report.out, b"tick\ntick\n")
        self.assertGreaterEqual(time.monotonic() - began, 0.29)

    def test_ten_thousand_lines_arrive_byte_for_byte(self) -> None:
        report = self.runner.run("echo", {"text": "a line of text", "repeat": 10_000})
        self.assertEqual(report.out, b"a line of text\n" * 10_000)
        self.assertEqual(report.result["output"], {"bytes": 150_000, "truncated": False})

    def test_output_is_cut_at_exactly_the_limit(self) -> None:
        for limit in (0, 1, 65_536, 99_999, 100_000, 100_001):
            with self.subTest(limit):
                report = self.runner.run(
                    "echo", {"text": "012345678", "repeat": 10_000}, limits={**LIMITS, "outputBytes": limit}
                )
                kept = min(limit, 100_000)
                self.assertEqual(report.out, (b"012345678\n" * 10_000)[:kept])
                self.assertEqual(report.result["output"], {"bytes": kept, "truncated": limit < 100_000})
                self.assertTrue(report.result["ok"])
                self.runner.reset()

    def test_the_limit_is_of_both_streams_together(self) -> None:
        code = "for i in $(seq 1000); do echo out; echo err >&2; done"
        report = self.runner.run(
            "code_execution", {"runtime": "terminal", "code": code}, limits={**LIMITS, "outputBytes": 5_001}
        )
        self.assertEqual(len(report.out) + len(report.err), 5_001)
        self.assertTrue(report.result["output"]["truncated"])
        self.assertTrue(report.out and report.err)

    def test_a_flood_beyond_the_limit_does_not_block_the_job(self) -> None:
        report = self.runner.run(
            "code_execution",
            {"runtime": "terminal", "code": "head -c 200000000 /dev/zero; echo done >&2; head -c 1000 /dev/zero >&2"},
            limits={**LIMITS, "outputBytes": 1_000},
        )
        self.assertEqual(report.out + report.err, bytes(1_000))
        self.assertTrue(report.result["ok"])

    def test_every_output_frame_comes_before_the_result(self) -> None:
        for stream, kind in (("stdout", OUT), ("stderr", ERR)):
            report = self.runner.run("echo", {"text": "x" * 1000, "repeat": 1000, "stream": stream})
            self.assertEqual(report.order[-1], RESULT)
            self.assertEqual(set(report.order[:-1]), {kind})
            self.runner.reset()

    def test_a_result_over_the_limit_is_an_error_that_says_so(self) -> None:
        text = "x" * 5_000
        report = self.runner.run("echo", {"text": text}, limits={**LIMITS, "resultBytes": 5_000})
        self.assert_said_no(report, "over the limit of 5000")
        self.runner.reset()
        self.assertTrue(self.runner.run("echo", {"text": text}, limits={**LIMITS, "resultBytes": 5_011}).result["ok"])

    def test_the_largest_arguments_that_fit_a_frame_come_through(self) -> None:
        text = "x" * 900_000
        report = self.runner.run("echo", {"text": text}, limits={**LIMITS, "resultBytes": 950_000})
        self.assertEqual(report.result["value"], {"text": text})

    def test_arguments_that_went_around_the_schema_are_refused_by_the_tool(self) -> None:
        for arguments in ({}, {"text": 1}, {"text": "x", "repeat": 0}, {"text": "x", "stream": "both"}):
            with self.subTest(arguments):
                self.assert_said_no(self.runner.run("echo", arguments), "'")
                self.runner.reset()
