"""code_execution: the three runtimes, and that a forked interpreter cannot be told from a fresh one."""

from __future__ import annotations

import shutil
import textwrap
import time

from case import RunnerCase
from client import OUT, Report


class Terminal(RunnerCase):
    def test_code_arguments_streams_and_exit_code(self) -> None:
        report = self.runner.bash('echo "$0 $1 $2"; echo err >&2; exit 3', args=["a b", "c"])
        self.assertEqual((report.out, report.err), (b"bash a b c\n", b"err\n"))
        self.assertEqual(report.result["value"], {"exitCode": 3})
        self.assertEqual(report.result["exitCode"], 3)
        self.assertEqual(report.result["error"], {"code": "tool_error", "message": "exit code 3"})

    def test_a_job_starts_in_an_empty_work_directory_with_a_small_environment(self) -> None:
        report = self.runner.bash("pwd; ls -A; env | cut -d= -f1 | sort | tr '\\n' ' '; echo $HOME $TMPDIR")
        lines = report.out.decode().splitlines()
        self.assertEqual(lines[0], self.runner.work)
        names = set(lines[1].split(" ")) - {"_", "SHLVL", "USER", "LOGNAME", f"{self.runner.work}"}
        self.assertEqual(names & {"HOME", "LANG", "PATH", "PWD", "TMPDIR"}, {"HOME", "LANG", "PATH", "PWD", "TMPDIR"})
        self.assertNotIn("CANARY_OF_STARTER", names)
        self.assertTrue(lines[1].endswith(f"{self.runner.work} {self.runner.tmp}"))

    def test_the_environment_of_run_reaches_the_code_of_that_job_only(self) -> None:
        arguments = {"runtime": "terminal", "code": "echo $TOKEN $LANG"}
        report = self.runner.run("code_execution", arguments, env={"TOKEN": "s3", "LANG": "C"})
        self.assertEqual(report.out, b"s3 C\n")
        self.runner.reset()
        self.assertEqual(self.runner.run("code_execution", arguments).out, b"C.UTF-8\n")

    def test_stdin_is_what_was_given_and_empty_without(self) -> None:
        self.assertEqual(self.runner.bash("cat", stdin="línea\n" * 50_000).out, "línea\n".encode() * 50_000)
        self.runner.reset()
        self.assertEqual(self.runner.bash("cat; echo end").out, b"end\n")

    def test_the_streams_can_be_opened_by_name(self) -> None:
        report = self.runner.bash("echo a > /dev/stdout; echo b > /dev/stderr; echo c > /proc/self/fd/1")
        self.assertEqual((report.out, report.err, report.result["exitCode"]), (b"a\nc\n", b"b\n", 0))

    def test_code_longer_than_an_argument_may_be(self) -> None:
        code = "echo start $1; read line; echo $line\n" + "# filler\n" * 40_000 + "exit 4"
        report = self.runner.bash(code, args=["x"], stdin="in\n")
        self.assertEqual((report.out, report.result["exitCode"]), (b"start x\nin\n", 4))

    def test_an_argument_longer_than_the_kernel_takes_is_refused(self) -> None:
        self.assert_said_no(self.runner.bash("true", args=["x" * 140_000]), "too long")

    def test_a_nul_character_is_refused(self) -> None:
        self.assert_said_no(self.runner.bash("echo \0"), "NUL")

    def test_code_that_kills_itself_is_reported_as_killed(self) -> None:
        result = self.runner.bash("kill -SEGV $$").result
        self.assertEqual((result["ok"], result["signal"], result["exitCode"]), (False, "SIGSEGV", None))
        self.assertEqual(result["error"]["code"], "killed")
        self.assertEqual(result["value"], {"exitCode": None})

    def test_signals_have_their_default_meaning(self) -> None:
        # A shell that inherits an ignored PIPE would see head's writer go on for ever, or fail with another status.
        report = self.runner.bash("yes | head -1; echo ${PIPESTATUS[0]}; trap")
        self.assertEqual(report.out, b"y\n141\n")

    def test_usage_counts_the_child(self) -> None:
        code = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done"
        self.assertGreater(self.runner.bash(code).result["usage"]["cpuMs"], 20)


class Python(RunnerCase):
    def run_code(self, code: str, **arguments: object) -> Report:
        return self.runner.python(textwrap.dedent(code), **arguments)

    def test_code_arguments_and_streams(self) -> None:
        report = self.run_code(
            """
            import sys
            print(__name__, sys.argv, repr(sys.path[0]), sys.stdin.read())
            print("err", file=sys.stderr)
            """,
            args=["a", "b"],
            stdin="given",
        )
        self.assertEqual(report.out, b"__main__ ['-c', 'a', 'b'] '' given\n")
        self.assertEqual(report.err, b"err\n")
        self.assertTrue(report.result["ok"])
        self.assertEqual(report.result["value"], {"exitCode": 0})

    def test_output_is_not_held_back(self) -> None:
        self.runner.start(
            "code_execution",
            {"runtime": "python", "code": "import time\nprint('now', end='')\ntime.sleep(0.4)\nprint('later')"},
        )
        began = time.monotonic()
        self.assertEqual(self.runner.expect(OUT), b"now")
        self.assertLess(time.monotonic() - began, 0.35)
        self.assertEqual(self.runner.finish().out, b"later\n")

    def test_exit_codes(self) -> None:
        cases = [
            ("raise SystemExit", 0, b""),
            ("import sys; sys.exit(7)", 7, b""),
            ("import sys; sys.exit(256 + 9)", 9, b""),
            ("import sys; sys.exit('words')", 1, b"words\n"),
            ("import os; os._exit(5)", 5, b""),
            ("raise KeyboardInterrupt", 130, None),
            ("1/0", 1, None),
        ]
        for code, status, err in cases:
            with self.subTest(code):
                report = self.run_code(code)
                self.assertEqual(report.result["exitCode"], status)
                if err is not None:
                    self.assertEqual(report.err, err)
                self.runner.reset()

    def test_a_traceback_shows_the_code_and_nothing_else(self) -> None:
        report = self.run_code(
            """
            def inner():
                return {}["key"]
            inner()
            """
        )
        text = report.err.decode()
        self.assertTrue(text.startswith('Traceback (most recent call last):\n  File "<string>", line 4, in <module>\n'))
        self.assertIn('  File "<string>", line 3, in inner\n', text)
        self.assertTrue(text.endswith("KeyError: 'key'\n"))
        self.assertNotIn("runner", text)

    def test_a_syntax_error_is_shown_as_the_interpreter_shows_it(self) -> None:
        report = self.run_code("x = = 1")
        self.assertEqual(report.result["exitCode"], 1)
        text = report.err.decode()
        self.assertTrue(text.startswith('  File "<string>", line 1\n'), text)
        self.assertTrue(text.endswith("SyntaxError: invalid syntax\n"), text)

    def test_the_end_of_the_interpreter_is_gone_through(self) -> None:
        report = self.run_code(
            """
            import atexit, threading, time
            class Last:
                def __del__(self):
                    print("finalizer", name)
            name = "of a global"
            last = Last()
            cycle = [Last()]; cycle.append(cycle)
            file = open("unclosed", "w"); file.write("text")
            def slow():
                time.sleep(0.1); print("thread")
            threading.Thread(target=slow).start()
            atexit.register(print, "atexit")
            print("code")
            """
        )
        self.assertEqual(report.err, b"")
        lines = report.out.decode().splitlines()
        self.assertEqual(lines, ["code", "thread", "atexit", "finalizer of a global", "finalizer of a global"])

    def test_what_was_written_to_an_unclosed_file_is_in_it(self) -> None:
        code = """
            import os, subprocess
            if os.fork() == 0:
                file = open("unclosed", "w"); file.write("text")
                def global_user(): return file
                keep = global_user
            else:
                os.wait(); print(open("unclosed").read())
            """
        self.assertEqual(self.run_code(code).out, b"text\n")

    def test_input_files_are_imported_even_under_the_name_of_a_loaded_module(self) -> None:
        files = dict.fromkeys(("helper.py", "json.py", "frames.py", "report/__init__.py"), b"WHO = 'the job'\n")
        code = "import helper, json, frames, report; print(helper.WHO, json.WHO, frames.WHO, report.WHO)"
        report = self.runner.run("code_execution", {"runtime": "python", "code": code}, files)
        self.assertEqual((report.out, report.err), (b"the job the job the job the job\n", b""))

    def test_nothing_of_the_runner_is_within_reach(self) -> None:
        report = self.run_code(
            """
            import os, sys
            for name in ("frames", "supervisor", "job", "tools", "sealing", "report"):
                assert name not in sys.modules, name
                try:
                    __import__(name)
                except ImportError:
                    continue
                raise SystemExit(f"{name} could be imported")
            open_now = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
            print(open_now[:3], len(open_now), "CANARY" in open("/proc/self/environ").read())
            """
        )
        self.assertEqual((report.out, report.err), (b"[0, 1, 2] 4 False\n", b""))

    def test_main_is_what_pickle_and_dataclasses_expect(self) -> None:
        report = self.run_code(
            """
            import dataclasses, pickle, sys
            @dataclasses.dataclass
            class Point:
                x: int
            print(pickle.loads(pickle.dumps(Point(3))), sys.modules["__main__"].Point is Point)
            """
        )
        self.assertEqual(report.out, b"Point(x=3) True\n")

    def test_two_calls_draw_different_random_numbers(self) -> None:
        drawn = set()
        for _ in range(3):
            drawn.add(self.run_code("import random; print(random.random())").out)
            self.runner.reset()
        self.assertEqual(len(drawn), 3)

    def test_a_crash_of_the_interpreter_is_reported_as_killed(self) -> None:
        result = self.run_code("import ctypes; ctypes.string_at(0)").result
        self.assertEqual((result["error"]["code"], result["signal"]), ("killed", "SIGSEGV"))

    def test_subprocesses_and_deep_recursion_work(self) -> None:
        report = self.run_code(
            """
            import subprocess, sys
            def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
            print(deep(900))
            print(subprocess.run([sys.executable, "-c", "print(6*7)"], capture_output=True, text=True).stdout)
            """
        )
        self.assertEqual(report.out, b"900\n42\n\n", report.err)


class NodeJs(RunnerCase):
    def test_node_runs_where_it_is_installed_and_is_refused_where_not(self) -> None:
        code = "process.stdin.on('data', d => console.log(`${process.argv.slice(1)} ${d}`)); process.exitCode = 6"
        arguments = {"runtime": "nodejs", "code": code, "args": ["a", "--b"], "stdin": "given"}
        report = self.runner.run("code_execution", arguments)
        if shutil.which("node"):
            self.assertEqual((report.out, report.result["exitCode"]), (b"a,--b given\n", 6))
        else:
            self.assert_said_no(report, "node is not installed")

    def test_code_longer_than_an_argument_may_be(self) -> None:
        code = "console.log(require('os').EOL.length, process.argv.slice(1), __filename);" + "// filler\n" * 20_000
        report = self.runner.run("code_execution", {"runtime": "nodejs", "code": code, "args": ["x"]})
        if shutil.which("node"):
            self.assertEqual((report.out, report.err), (b"1 [ 'x' ] [eval]\n", b""))
        else:
            self.assert_said_no(report, "node is not installed")

    def test_another_runtime_is_refused(self) -> None:
        self.assert_said_no(self.runner.run("code_execution", {"runtime": "ruby", "code": "x"}), "runtime")
