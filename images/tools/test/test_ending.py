"""How jobs end: by themselves, by SIGNAL, by their own hand; and that nothing of them lives on."""

from __future__ import annotations

import os
import signal
import time
import uuid

from case import RunnerCase
from client import IS_ROOT, OUT, PATIENCE_S, RESULT, Runner, processes_marked

# Each leaves a process behind that carries a mark, in another way.
DAEMONS = {
    "background": "bash -c 'exec -a {mark} sleep 1000' &",
    "own session": "setsid bash -c 'exec -a {mark} sleep 1000' &",
    "double fork": "(setsid bash -c '(exec -a {mark} sleep 1000) & exit' &)",
    "deaf to signals": "(trap '' TERM HUP INT; setsid bash -c 'exec -a {mark} sleep 1000' &)",
    "holds no pipe": "setsid bash -c 'exec -a {mark} sleep 1000' </dev/null >/dev/null 2>&1 &",
    "stopped": "bash -c 'exec -a {mark} sleep 1000' & kill -STOP $!",
}


class Ending(RunnerCase):
    def mark(self) -> str:
        return f"mark-{uuid.uuid4().hex}"

    def test_daemons_are_gone_at_the_result(self) -> None:
        for name, code in DAEMONS.items():
            with self.subTest(name):
                mark = self.mark()
                began = time.monotonic()
                report = self.runner.bash(code.format(mark=mark) + "\nsleep 0.05; echo done")
                self.assertEqual(processes_marked(mark), [])
                self.assertEqual(report.out, b"done\n")
                self.assertTrue(report.result["ok"])
                self.assertLess(time.monotonic() - began, 5)
                self.runner.reset()

    def test_the_daemons_were_there_before(self) -> None:
        # Otherwise the test above would prove nothing.
        mark = self.mark()
        self.runner.start(
            "code_execution",
            {
                "runtime": "terminal",
                "code": f"setsid bash -c 'exec -a {mark} sleep 1000' & sleep 0.05; echo up; sleep 1000",
            },
        )
        self.runner.expect(OUT)
        self.assertGreaterEqual(len(processes_marked(mark)), 1)
        self.runner.signal("KILL")
        self.runner.expect(RESULT)
        self.assertEqual(processes_marked(mark), [])

    def test_a_thousand_zombies_are_buried(self) -> None:
        code = """
import os, sys, time
for _ in range(100 if len(sys.argv) > 1 else 1000):
    if os.fork() == 0:
        os._exit(0)
print("bred")
"""
        # A dedicated account is limited to 128 processes, so there they come in turns.
        turns, args = (10, ["few"]) if IS_ROOT else (1, [])
        for _ in range(turns):
            report = self.runner.python(code, args=args)
            self.assertEqual((report.out, report.err), (b"bred\n", b""))
            self.runner.reset()
        self.assertTrue(self.runner.run("echo", {"text": "x"}).result["ok"])

    def test_output_of_a_dying_daemon_still_comes_before_the_result(self) -> None:
        report = self.runner.bash("(while :; do echo tick; done) & sleep 0.1; exit 0")
        self.assertEqual(report.order[-1], RESULT)
        self.assertIn(b"tick\n", report.out)

    def test_term_ends_a_tool_of_the_runners_own(self) -> None:
        self.runner.start("echo", {"text": "x", "repeat": 2, "delayMs": 60_000})
        self.runner.expect(OUT)
        self.runner.signal("TERM")
        result = self.runner.finish().result
        self.assertEqual((result["ok"], result["value"], result["signal"]), (False, None, "SIGTERM"))
        self.assertEqual(result["error"]["code"], "killed")

    def test_term_reaches_the_code_which_may_answer_it(self) -> None:
        for runtime, code, out in (
            ("terminal", "trap 'echo bye; exit 9' TERM; echo up; while :; do sleep 0.02; done", b"bye\n"),
            (
                "python",
                "import signal, time, sys\nsignal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit(9)))\n"
                "print('up')\nwhile True: time.sleep(0.02)",
                b"bye\n",
            ),
        ):
            with self.subTest(runtime):
                self.runner.start("code_execution", {"runtime": runtime, "code": code})
                self.assertEqual(self.runner.expect(OUT)[:2], b"up")
                self.runner.signal("TERM")
                report = self.runner.finish()
                self.assertEqual(report.out.lstrip(b"\n"), out)
                self.assertEqual((report.result["ok"], report.result["exitCode"]), (False, 9))
                self.runner.reset()

    def test_code_without_an_answer_dies_of_term(self) -> None:
        for runtime, code in (("terminal", "echo up; exec sleep 60"), ("python", "print('up', end='')\nwhile 1: pass")):
            with self.subTest(runtime):
                self.runner.start("code_execution", {"runtime": runtime, "code": code})
                self.runner.expect(OUT)
                self.runner.signal("TERM")
                result = self.runner.finish().result
                self.assertEqual((result["error"]["code"], result["signal"]), ("killed", "SIGTERM"))
                self.runner.reset()

    def test_kill_ends_what_is_deaf_to_term(self) -> None:
        mark = self.mark()
        self.runner.start(
            "code_execution",
            {
                "runtime": "terminal",
                "code": f"trap '' TERM; (setsid bash -c 'exec -a {mark} sleep 99' &); echo up; while :; do :; done",
            },
        )
        self.runner.expect(OUT)
        self.runner.signal("TERM")
        with self.assertRaises(TimeoutError):
            self.runner.receive(0.2)
        began = time.monotonic()
        self.runner.signal("KILL")
        result = self.runner.finish().result
        self.assertLess(time.monotonic() - began, 1)
        self.assertEqual((result["error"]["code"], result["signal"], result["exitCode"]), ("killed", "SIGKILL", None))
        self.assertEqual(processes_marked(mark), [])

    def test_a_job_that_stops_itself_can_be_killed(self) -> None:
        self.runner.start("code_execution", {"runtime": "terminal", "code": "echo up; kill -STOP $PPID; kill -STOP $$"})
        self.runner.expect(OUT)
        self.runner.signal("KILL")
        self.assertEqual(self.runner.finish().result["signal"], "SIGKILL")

    def test_reset_ends_a_running_job_without_a_result(self) -> None:
        mark = self.mark()
        self.runner.start(
            "code_execution",
            {"runtime": "terminal", "code": f"(setsid bash -c 'exec -a {mark} sleep 99' &); echo up; sleep 99"},
        )
        self.runner.expect(OUT)
        self.runner.reset()
        self.assertEqual(processes_marked(mark), [])
        self.assertTrue(self.runner.run("echo", {"text": "x"}).result["ok"])

    def test_end_of_stdin_ends_everything(self) -> None:
        mark = self.mark()
        runner = Runner()
        try:
            code = f"(trap '' TERM; setsid bash -c 'exec -a {mark} sleep 99' &); echo up; while :; do :; done"
            runner.start("code_execution", {"runtime": "terminal", "code": code})
            runner.expect(OUT)
            runner.process.stdin.close()
            began = time.monotonic()
            self.assertEqual(runner.process.wait(PATIENCE_S), 0)
            self.assertLess(time.monotonic() - began, 2)
            self.wait_until(lambda: processes_marked(mark) == [])
            self.wait_until(lambda: processes_marked(runner.work) == [])
        finally:
            runner.__exit__()

    def test_a_killed_runner_takes_its_jobs_along(self) -> None:
        mark = self.mark()
        sleeper = f"bash -c 'exec -a {mark} sleep 99'"
        code = f"{sleeper} & setsid {sleeper} & sleep 0.05; echo up; sleep 99"
        self.runner.start("code_execution", {"runtime": "terminal", "code": code})
        self.runner.expect(OUT)
        self.runner.process.kill()
        self.runner.process.wait(PATIENCE_S)
        if IS_ROOT:
            # The sweeper outlives the supervisor by as much as it takes to end the account's processes.
            self.wait_until(lambda: processes_marked(mark) == [])
        else:
            # Without an account of its own only the job's first process is tied to the runner.
            self.wait_until(lambda: processes_marked(self.runner.work) == [])
            for pid in processes_marked(mark):
                os.kill(pid, signal.SIGKILL)
