"""Sessions: what one call leaves, the next one finds, and only what was meant to stay stays."""

from __future__ import annotations

import os
import time
import uuid

from case import RunnerCase, end_others
from client import (
    ACK,
    GO,
    HEADER,
    IS_ROOT,
    KEEP,
    NAK,
    OUT,
    PATIENCE_S,
    PING,
    PONG,
    RUN,
    Report,
    SIGNAL,
    STARTED,
    processes_marked,
)


class SessionCase(RunnerCase):
    def setUp(self) -> None:
        super().setUp()
        self.mark = f"mark-{uuid.uuid4().hex}"
        self.sleeper = f"bash -c 'exec -a {self.mark} sleep 1000'"

    def marked(self) -> int:
        return len(processes_marked(self.mark))

    def shell_of(self, report: Report) -> dict[str, object]:
        return report.result["value"]["shell"]

    def start_shell(self, code: str, number: int = 0, **changes: object) -> None:
        arguments = {"runtime": "terminal", "code": code, "shell": number}
        self.runner.start("code_execution", arguments, session=True, **changes)


class Session(SessionCase):
    def test_hello_names_it(self) -> None:
        self.assertEqual(sorted(self.runner.hello["features"]), ["egress", "files-out", "session"])

    def test_files_stay_between_calls_and_go_with_reset(self) -> None:
        runner = self.runner
        runner.call("code_execution", {"runtime": "terminal", "code": "echo one > a; echo two > $TMPDIR/b; mkdir d"})
        runner.call("text_editor", {"action": "write", "path": "d/c", "content": "three\n"})
        code = "import os; print(open('a').read(), open(os.environ['TMPDIR'] + '/b').read(), open('d/c').read())"
        self.assertEqual(
            runner.call("code_execution", {"runtime": "python", "code": code}).out, b"one\n two\n three\n\n"
        )
        self.assertEqual(runner.shell("cat a d/c").out, b"one\nthree\n")
        runner.reset()
        self.assertEqual(runner.bash("ls -A . $TMPDIR | grep -v :").out.strip(), b"")

    def test_a_result_says_how_many_shells_live(self) -> None:
        runner = self.runner
        self.assertEqual(runner.call("echo", {"text": "x"}).result["session"], {"shells": 0})
        self.assertEqual(runner.shell("true", 3).result["session"], {"shells": 1})
        self.assertEqual(runner.shell("true", 9).result["session"], {"shells": 2})
        self.assertEqual(runner.call("echo", {"text": "x"}).result["session"], {"shells": 2})
        runner.reset()
        self.assertNotIn("session", runner.run("echo", {"text": "x"}).result)

    def test_an_input_file_takes_the_place_of_an_older_one(self) -> None:
        runner = self.runner
        runner.call("code_execution", {"runtime": "terminal", "code": "echo old > f; ln -s /etc/passwd g"})
        arguments = {"runtime": "terminal", "code": "cat f g", "shell": 0}
        runner.start("code_execution", arguments, {"f": b"new\n", "g": b"own\n"}, session=True)
        self.assertEqual(runner.finish().out, b"new\nown\n")
        runner.keep()
        # The same one twice in one RUN is still a mistake.
        runner.send_json(RUN, runner.request("echo", {"text": "x"}, fileCount=2, session=True))
        runner.send_file(b"f", b"1")
        runner.send_file(b"f", b"2")
        self.assertEqual(runner.expect_json(NAK)["code"], "bad_path")

    def test_a_refused_call_leaves_the_session_as_it_was(self) -> None:
        runner = self.runner
        runner.shell("x=5; echo kept > f")
        runner.send_json(RUN, runner.request("echo", {"text": "x"}, fileCount=1, session=True))
        runner.send_file(b"half", b"ha", last=False)
        runner.send_file(b"../out", b"", last=False)
        self.assertEqual(runner.expect_json(NAK)["code"], "bad_path")
        runner.keep()
        self.assertEqual(runner.shell("echo $x; cat f").out, b"5\nkept\n")
        runner.start("echo", {"text": "x"}, {"whole": b"w"}, session=True)
        self.assertTrue(runner.finish().result["ok"])

    def test_a_run_that_is_none_of_the_session_is_refused_in_it(self) -> None:
        self.runner.call("echo", {"text": "x"})
        self.runner.send_json(RUN, self.runner.request("echo", {"text": "x"}))
        self.assertEqual(self.runner.expect_json(NAK)["code"], "bad_run")
        self.runner.keep()
        self.runner.call("echo", {"text": "x"})

    def test_keep_without_a_session_ends_the_runner(self) -> None:
        self.runner.run("echo", {"text": "x"})
        self.runner.send_json(KEEP, {})
        self.assertEqual(self.runner.process.wait(PATIENCE_S), 3)

    def test_what_a_call_leaves_running_outside_of_shells_ends_with_it(self) -> None:
        runner = self.runner
        code = f"{self.sleeper} & setsid {self.sleeper} & (setsid {self.sleeper} &); sleep 0.05; echo up"
        for shells in (0, 1):
            with self.subTest(shells=shells):
                report = runner.call("code_execution", {"runtime": "terminal", "code": code})
                self.assertEqual((report.out, self.marked()), (b"up\n", 0))
                if shells == 0:
                    runner.shell(f"{self.mark}=1")
        self.assertEqual(runner.shell(f"echo ${{{self.mark.replace('-', '_')}}}").result["session"], {"shells": 1})

    def test_what_a_shell_runs_lives_through_calls_outside_of_it(self) -> None:
        runner = self.runner
        runner.shell(f"{self.sleeper} & setsid {self.sleeper} & (setsid {self.sleeper} &); sleep 0.1")
        self.wait_until(lambda: self.marked() == 3)
        runner.call("code_execution", {"runtime": "python", "code": "print(1)"})
        runner.call("echo", {"text": "x"})
        runner.shell("true", 1)
        self.assertEqual(self.marked(), 3)
        runner.reset()
        self.assertEqual(self.marked(), 0)

    def test_a_call_that_breeds_beyond_its_time_ends_in_time_with_all_it_bred(self) -> None:
        # Whether what breeds is caught within its second is chance: if it is not, the shells go with it.
        breeder = f"""
import os
for _ in range({30 if IS_ROOT else 1}):
    if os.fork() > 0:
        continue
    os.setsid()
    while True:
        try:
            if os.fork() > 0:
                os._exit(0)
        except OSError:
            pass
"""
        self.runner.shell("x=1")
        began = time.monotonic()
        report = self.runner.run("code_execution", {"runtime": "python", "code": breeder}, session=True)
        self.assertLess(time.monotonic() - began, 5)
        shells = report.result["session"]["shells"]
        self.assertIn(shells, (0, 1))
        self.runner.keep()
        after = self.runner.shell("test ${x:-0} = " + str(shells))
        self.assertTrue(after.result["ok"])

    def test_a_session_may_end_what_is_forked_ahead_but_not_for_ever(self) -> None:
        if not IS_ROOT:
            self.skipTest("only with an account of its own")
        runner = self.runner
        runner.shell(f"({end_others('ever')}) & true")
        self.assertEqual(runner.process.wait(PATIENCE_S), 1)
        self.assertIn(b"ends whatever is forked ahead", runner.process.stderr.read())

    def test_the_process_ahead_is_replaced_when_a_session_ends_it(self) -> None:
        if not IS_ROOT:
            self.skipTest("only with an account of its own")
        runner = self.runner
        runner.shell(f"echo x > f; {end_others('once')}")
        report = runner.call("code_execution", {"runtime": "terminal", "code": "cat f"})
        self.assertEqual(report.out, b"x\n")
        self.assertEqual(runner.shell("true").result["session"], {"shells": 1})


class Shells(SessionCase):
    def test_directory_variables_functions_and_jobs_stay(self) -> None:
        runner = self.runner
        report = runner.shell("mkdir d; cd d; x=5; export y=6; f() { echo f $1; }; alias g='echo g'; shopt -s nullglob")
        self.assertEqual(self.shell_of(report), {"number": 0, "fresh": True, "alive": True})
        report = runner.shell("pwd; echo $x; bash -c 'echo $y'; f 1; g; shopt -q nullglob && echo glob")
        lines = report.out.decode().split("\n")
        self.assertEqual(lines, [f"{runner.work}/d", "5", "6", "f 1", "g", "glob", ""])
        self.assertEqual((report.err, self.shell_of(report)["fresh"]), (b"", False))
        runner.shell(f"{self.sleeper} & p=$!")
        self.assertEqual(runner.shell("kill $p && wait $p; echo $?").out, b"143\n")

    def test_shells_are_apart(self) -> None:
        runner = self.runner
        runner.shell("x=zero; cd /", 0)
        runner.shell("x=one", 1)
        self.assertEqual(runner.shell("echo $x $PWD", 0).out, b"zero /\n")
        self.assertEqual(runner.shell("echo $x $PWD", 1).out, f"one {runner.work}\n".encode())

    def test_code_arguments_stdin_streams_and_exit_code(self) -> None:
        runner = self.runner
        code = 'echo "$0|$1|$2|$#"; cat; echo err >&2; (exit 3)'
        report = runner.shell(code, args=["a 'b' \"c\" $x `y` \\", "l1\nl2"], stdin="in\n")
        self.assertEqual(report.out, b"bash|a 'b' \"c\" $x `y` \\|l1\nl2|2\nin\n")
        self.assertEqual((report.err, report.result["exitCode"], report.result["ok"]), (b"err\n", 3, False))
        self.assertEqual(report.result["error"], {"code": "tool_error", "message": "exit code 3"})
        self.assertEqual(runner.shell("read x || echo none; echo $#").out, b"none\n0\n")

    def test_a_call_may_return_and_leaves_no_trace_of_how_it_was_made(self) -> None:
        report = self.runner.shell("history; set -o | grep -E 'hist|monitor'; ls -A; return 7")
        self.assertEqual(report.result["exitCode"], 7)
        self.assertEqual(report.out, b"histexpand     \toff\nhistory        \toff\nmonitor        \toff\n")
        self.assertEqual(report.err, b"")
        report = self.runner.shell("ls -A $HOME; echo '!!' a!b")
        self.assertEqual((report.out, report.err), (b"!! a!b\n", b""))

    def test_children_of_a_shell_hold_their_three_descriptors_and_no_more(self) -> None:
        report = self.runner.shell("exec 3>&- ; ls /proc/self/fd")
        self.assertEqual(report.out.split(), [b"0", b"1", b"2", b"3"])

    def test_broken_code_is_the_calls_fault_only(self) -> None:
        runner = self.runner
        for code, status in (("if then", 2), ("echo 'open", 2), ("nosuchcommand", 127), ("cd /nowhere", 1)):
            with self.subTest(code):
                report = runner.shell(f"x=7; {code}" if status != 2 else code)
                self.assertEqual(report.result["exitCode"], status)
                self.assertIn(b"bash: ", report.err)
        self.assertEqual(runner.shell("echo $x").out, b"7\n")

    def test_long_code_and_output(self) -> None:
        code = "echo start\n" + "# filler line of a long script\n" * 20_000 + "seq 200000"
        report = self.runner.shell(code)
        self.assertTrue(report.out.startswith(b"start\n1\n2\n"))
        self.assertEqual(len(report.out), 6 + sum(len(str(n)) + 1 for n in range(1, 200_001)))

    def test_a_shell_that_exits_is_said_to_be_gone_and_made_anew(self) -> None:
        runner = self.runner
        runner.shell("x=1")
        report = runner.run(
            "code_execution",
            {"runtime": "terminal", "code": f"(setsid {self.sleeper} &); sleep 0.05; echo bye; exit 4", "shell": 0},
            session=True,
        )
        self.assertEqual((report.out, report.err, report.result["exitCode"]), (b"bye\n", b"", 4))
        self.assertEqual(self.shell_of(report), {"number": 0, "fresh": False, "alive": False})
        self.assertEqual(report.result["session"], {"shells": 0})
        self.assertEqual(self.marked(), 0)
        runner.keep()
        report = runner.shell("echo ${x-none}")
        self.assertEqual((report.out, self.shell_of(report)["fresh"]), (b"none\n", True))

    def test_a_shell_that_dies_between_calls_takes_its_own_along(self) -> None:
        runner = self.runner
        runner.shell(f"{self.sleeper} & (sleep 0.2; kill -9 $$) &")
        runner.shell("x=other", 1)
        self.wait_until(lambda: self.marked() == 0)
        report = runner.shell("echo $x", 1)
        self.assertEqual((report.out, report.result["session"]), (b"other\n", {"shells": 1}))
        self.assertTrue(self.shell_of(runner.shell("true"))["fresh"])

    def test_a_shell_that_ends_its_keeper_ends_itself(self) -> None:
        runner = self.runner
        report = runner.shell(f"{self.sleeper} & echo up; kill -9 $PPID; sleep 0.2; echo after")
        self.assertEqual(report.out[:3], b"up\n")
        self.assertEqual((report.result["ok"], report.result["signal"]), (False, "SIGKILL"))
        self.assertEqual((report.result["session"], self.marked()), ({"shells": 0}, 0))
        self.assertTrue(runner.shell("true").result["ok"])

    def test_a_replaced_shell_ends_with_what_replaced_it(self) -> None:
        report = self.runner.shell("exec bash -c 'echo other; exit 6'")
        self.assertEqual((report.out, report.result["exitCode"]), (b"other\n", 6))
        self.assertEqual(report.result["session"], {"shells": 0})

    def test_what_a_shell_writes_between_calls_comes_with_the_next_on_it(self) -> None:
        runner = self.runner
        runner.shell("(sleep 0.3; echo late) &")
        time.sleep(0.5)
        self.assertEqual(runner.shell("echo other", 1).out, b"other\n")
        self.assertEqual(runner.call("echo", {"text": "x"}).out, b"")
        self.assertEqual(runner.shell("echo now").out, b"late\nnow\n")

    def test_a_shell_that_floods_its_pipe_waits_and_costs_nothing(self) -> None:
        runner = self.runner
        report = runner.shell("yes & sleep 0.1")
        self.assertGreater(len(report.out), 65_536)
        began = time.monotonic()
        report = runner.shell("echo done", 1)
        self.assertEqual(report.out, b"done\n")
        self.assertLess(time.monotonic() - began, 2)
        # What floods is cut off like everything else, and the call ends although it goes on.
        self.start_shell("echo x >&2", limits={"timeoutMs": 1, "outputBytes": 1_000, "resultBytes": 1_000})
        report = runner.finish()
        self.assertEqual(
            (len(report.out) + len(report.err), report.result["output"]), (1_000, {"bytes": 1_000, "truncated": True})
        )

    def test_the_environment_of_a_call_reaches_its_shell(self) -> None:
        arguments = {"runtime": "terminal", "code": "echo $A $B; bash -c 'echo $A'", "shell": 0}
        self.assertEqual(self.runner.call("code_execution", arguments, env={"A": "1"}).out, b"1\n1\n")
        report = self.runner.call("code_execution", arguments, env={"A": "it's\n", "B": "2", "no name": "x"})
        self.assertEqual((report.out, report.err), (b"it's 2\nit's\n", b""))

    def test_where_there_is_no_shell_the_tool_says_so(self) -> None:
        runner = self.runner
        for arguments in (
            {"runtime": "python", "code": "1", "shell": 0},
            {"runtime": "terminal", "code": "true", "shell": 10},
            {"runtime": "terminal", "code": "true", "shell": -1},
            {"runtime": "terminal", "code": "true", "shell": True},
            {"runtime": "terminal", "code": "true", "shell": "0"},
        ):
            with self.subTest(arguments):
                self.assert_said_no(runner.call("code_execution", arguments), "'shell' is a number from 0 to 9")
        runner.reset()
        self.assert_said_no(
            runner.run("code_execution", {"runtime": "terminal", "code": "true", "shell": 0}), "'shell'"
        )

    def test_bad_arguments_are_refused_and_the_shell_lives_on(self) -> None:
        runner = self.runner
        runner.shell("x=8")
        self.assert_said_no(runner.shell("echo \0"), "NUL")
        self.assert_said_no(runner.call("code_execution", {"runtime": "terminal", "shell": 0}), "'code'")
        self.assertEqual(runner.shell("echo $x").out, b"8\n")

    def test_usage_is_the_calls_own(self) -> None:
        burn = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done"
        first = self.runner.shell(f"{burn}; bash -c '{burn}'").result["usage"]
        self.assertGreater(first["cpuMs"], 100)
        self.assertGreater(first["maxRssKiB"], 1_000)
        second = self.runner.shell("true").result["usage"]
        self.assertLess(second["cpuMs"], 50)
        self.assertLess(second["wallMs"], first["wallMs"])

    def test_many_calls_leave_nothing_behind_in_the_runner(self) -> None:
        runner = self.runner
        if not IS_ROOT:
            self.skipTest("nobody but root may look")
        before = len(os.listdir(f"/proc/{runner.process.pid}/fd"))
        for number in range(40):
            runner.shell(f"echo {number} & wait; exit" if number % 4 == 0 else "true", number % 3)
        runner.reset()
        self.assertEqual(len(os.listdir(f"/proc/{runner.process.pid}/fd")), before)


class Interrupted(SessionCase):
    def test_term_ends_what_the_call_began_and_nothing_before_it(self) -> None:
        runner = self.runner
        runner.shell(f"x=5; {self.sleeper} & true")
        time.sleep(0.05)
        for code in (
            "sleep 100",
            "while :; do :; done",
            "while :; do sleep 0.2; done",
            "while :; do sleep 0.003; done",
            "while :; do /bin/true; done",
            "f() { while :; do sleep 0.05; done; }; f; echo not this",
            "sleep 100 & wait",
            "yes > /dev/null",
            "(sleep 100)",
            "sleep 100 | cat",
            "python3 -c 'import time; time.sleep(100)'",
        ):
            with self.subTest(code):
                self.start_shell(f"echo up; {code}")
                self.assertEqual(runner.expect(OUT), b"up\n")
                began = time.monotonic()
                runner.signal("TERM")
                report = runner.finish()
                self.assertLess(time.monotonic() - began, 1)
                self.assertEqual((report.result["ok"], report.result["signal"]), (False, "SIGTERM"))
                self.assertNotIn(b"not this", report.out)
                self.assertEqual(report.result["session"], {"shells": 1})
                runner.keep()
                self.assertEqual((runner.shell("echo $x").out, self.marked()), (b"5\n", 1))

    def test_code_may_answer_term(self) -> None:
        self.start_shell(
            "trap 'echo bye; trap - TERM; stop=1' TERM; echo up; until [ $stop ]; do sleep 0.02; done; (exit 9)"
        )
        self.runner.expect(OUT)
        self.runner.signal("TERM")
        report = self.runner.finish()
        self.assertEqual((report.out, report.result["exitCode"]), (b"bye\n", 9))

    def test_term_before_the_shell_is_up_still_comes(self) -> None:
        runner = self.runner
        arguments = {"runtime": "terminal", "code": "sleep 100", "shell": 0}
        for _ in range(10):
            runner.send_json(RUN, runner.request("code_execution", arguments, session=True))
            runner.expect(ACK)
            # In one piece, so that the call and the signal come to the shell's keeper together.
            go, term = b"{}", b'{"signal":"TERM"}'
            runner.process.stdin.write(HEADER.pack(len(go), GO) + go + HEADER.pack(len(term), SIGNAL) + term)
            runner.expect(STARTED)
            self.assertEqual(runner.finish().result["signal"], "SIGTERM")
            runner.reset()

    def test_kill_ends_the_call_and_every_shell(self) -> None:
        runner = self.runner
        for number in range(1, 7):
            runner.shell(f"echo kept > f; {self.sleeper} & true", number)
        self.start_shell("trap '' TERM INT; (trap '' TERM INT; echo up; sleep 100)")
        runner.expect(OUT)
        runner.signal("TERM")
        with self.assertRaises(TimeoutError):
            runner.receive(0.3)
        runner.signal("KILL")
        report = runner.finish()
        self.assertEqual((report.result["signal"], report.result["session"]), ("SIGKILL", {"shells": 0}))
        self.assertEqual(self.marked(), 0)
        runner.keep()
        self.assertEqual(runner.shell("cat f").out, b"kept\n")

    def test_term_of_a_call_outside_of_shells_spares_them(self) -> None:
        runner = self.runner
        runner.shell(f"x=5; {self.sleeper} & true")
        for runtime, code in (("terminal", "echo up; sleep 100"), ("python", "print('up', flush=True)\nwhile 1: pass")):
            with self.subTest(runtime):
                runner.start("code_execution", {"runtime": runtime, "code": code}, session=True)
                runner.expect(OUT)
                runner.signal("TERM")
                self.assertEqual(runner.finish().result["signal"], "SIGTERM")
                runner.keep()
                self.assertEqual((runner.shell("echo $x").out, self.marked()), (b"5\n", 1))

    def test_a_stopped_keeper_does_not_hold_the_runner_up(self) -> None:
        runner = self.runner
        runner.shell("keeper=$PPID; (sleep 0.1; kill -STOP $keeper; echo stopped > stopped) &")
        while not runner.call("code_execution", {"runtime": "terminal", "code": "cat stopped"}).out:
            pass
        # More than a socket takes.
        self.start_shell("true # " + "x" * 500_000)
        runner.send_json(PING, {})
        runner.expect(PONG)
        runner.signal("TERM")
        runner.signal("KILL")
        self.assertEqual(runner.finish().result["session"], {"shells": 0})

    def test_reset_ends_a_call_in_a_shell(self) -> None:
        runner = self.runner
        self.start_shell(f"{self.sleeper} & echo up; sleep 99")
        runner.expect(OUT)
        runner.reset()
        self.assertEqual(self.marked(), 0)
        self.assertTrue(runner.run("echo", {"text": "x"}).result["ok"])

    def test_end_of_stdin_ends_shells(self) -> None:
        self.runner.shell(f"{self.sleeper} & (setsid {self.sleeper} &); sleep 0.05")
        self.runner.process.stdin.close()
        self.assertEqual(self.runner.process.wait(PATIENCE_S), 0)
        self.wait_until(lambda: self.marked() == 0)


class Forging(SessionCase):
    def test_garbage_where_the_status_goes_is_no_status(self) -> None:
        code = """
        for f in /proc/$PPID/fd/*; do
            case $f,$(readlink $f) in
                */[12],*) ;;
                *,pipe:*) printf '0 0\\nxxxxxxxxxxxxxxxx 0\\n%05000d\\n' 1 2>/dev/null 1<>$f & ;;
            esac
        done
        sleep 0.1
        (exit 5)
        """
        report = self.runner.shell(code)
        self.assertEqual(report.result["exitCode"], 5)
        self.assertEqual(self.runner.shell("(exit 6)").result["exitCode"], 6)
