"""Jobs that attack the runner: forged frames, its memory, its processes, its room."""

from __future__ import annotations

import os
import struct
import time

from case import RunnerCase
from client import ERR, IS_ROOT, PATIENCE_S, PING, PONG, PYTHON, RESULT, Runner

FORGED = struct.pack(">IB", 2, RESULT) + b"{}"

# Tries every way from the code (C) to the job's process (J) and the supervisor (S); prints what opened.
REACH = """
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def parent_of(pid):
    return int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
job = os.getppid()
supervisor = parent_of(job)
opened = []
for name, pid in (("job", job), ("supervisor", supervisor)):
    for file, mode in (("mem", os.O_RDWR), ("environ", os.O_RDONLY), ("maps", os.O_RDONLY), ("cwd", os.O_RDONLY)):
        try:
            os.open(f"/proc/{pid}/{file}", mode); opened.append((name, file))
        except OSError:
            pass
    for fd in range(16):
        for mode in (os.O_RDONLY, os.O_WRONLY):
            try:
                os.write(os.open(f"/proc/{pid}/fd/{fd}", mode), sys.argv[1].encode()); opened.append((name, fd))
            except OSError:
                pass
        pidfd = libc.syscall(434, pid, 0)
        if libc.syscall(438, pidfd, fd, 0) >= 0:
            opened.append((name, "pidfd_getfd"))
    if libc.ptrace(16, pid, 0, 0) == 0:
        opened.append((name, "ptrace"))
    local = (ctypes.c_char * 8)()
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(local), 8)
    if libc.process_vm_readv(pid, vector, 1, vector, 1, 0) >= 0:
        opened.append((name, "process_vm_readv"))
for fd in range(3, 1024):
    try:
        os.write(fd, b"x"); opened.append(("own", fd))
    except OSError:
        pass
try:
    if sys.argv[2] == "kill":
        os.kill(supervisor, 9); opened.append(("supervisor", "kill"))
except PermissionError:
    pass
print(opened)
"""


class Hostile(RunnerCase):
    def test_frames_on_stdout_are_output(self) -> None:
        report = self.runner.python(f"import os; os.write(1, {FORGED!r} * 3); os.write(2, {FORGED!r})")
        self.assertEqual((report.out, report.err), (FORGED * 3, FORGED))
        self.assertTrue(report.result["ok"])

    def test_no_way_leads_from_the_code_to_the_runner(self) -> None:
        report = self.runner.python(REACH, args=["forged", "kill" if IS_ROOT else "spare"])
        self.assertEqual((report.out, report.err), (b"[]\n", b""))
        self.runner.reset()
        # A program of its own has as little; its parent is the job's process, too.
        report = self.runner.bash(f'exec {PYTHON} -c "$@"', args=[REACH, "forged", "kill" if IS_ROOT else "spare"])
        self.assertEqual((report.out, report.err), (b"[]\n", b""))

    def test_code_that_reads_its_own_output_away_does_not_hold_the_runner_up(self) -> None:
        code = """
import os, time
thief = os.open("/proc/self/fd/1", os.O_RDONLY | os.O_NONBLOCK)
for _ in range(10):
    time.sleep(0.02)
    os.write(1, b"here and gone")
    try:
        os.read(thief, 1000)
    except BlockingIOError:
        pass
os.write(2, b"silence")
time.sleep(60)
"""
        self.runner.start("code_execution", {"runtime": "python", "code": code})
        while self.runner.receive()[0] != ERR:
            pass
        self.runner.send_json(PING, {})
        self.runner.expect(PONG)
        self.runner.signal("KILL")
        self.assertEqual(self.runner.finish().result["signal"], "SIGKILL")

    def test_code_that_kills_its_parent_gets_no_result_of_its_making(self) -> None:
        report = self.runner.bash("echo before; kill -9 $PPID; sleep 0.2; echo after")
        self.assertEqual((report.result["ok"], report.result["signal"]), (False, "SIGKILL"))
        self.assertIsNone(report.result["value"])
        self.runner.reset()
        self.assertTrue(self.runner.run("echo", {"text": "x"}).result["ok"])

    def test_code_that_kills_all_it_can_ends_only_itself(self) -> None:
        # Sharing an account means sharing this fate, so without one of its own the code spares the others.
        report = self.runner.bash("kill -9 -1" if IS_ROOT else "kill -9 0")
        self.assertEqual(report.result["error"]["code"], "killed")
        self.runner.reset()
        self.assertTrue(self.runner.run("echo", {"text": "x"}).result["ok"])

    def test_a_process_that_breeds_while_it_is_killed_is_ended(self) -> None:
        code = """
import os, time
if os.fork() == 0:
    os.setsid()
    while True:
        try:
            if os.fork() > 0:
                os._exit(0)
        except OSError:
            pass
time.sleep(0.1)
"""
        for _ in range(3):
            self.assertTrue(self.runner.python(code).result["ok"])
            self.runner.reset()

    def test_a_fork_bomb_ends_with_its_time(self) -> None:
        bomb = "b() { b | b & }; b 2>/dev/null; sleep 60"
        if not IS_ROOT:
            # A shared account has no limit that would stop a bomb, so there it only fizzles.
            bomb = "for i in 1 2 3 4 5; do sleep 60 & done; wait"
        self.runner.start("code_execution", {"runtime": "terminal", "code": bomb})
        with self.assertRaises(TimeoutError):
            while True:
                self.assertNotEqual(self.runner.receive(0.5)[0], RESULT)
        self.runner.signal("KILL")
        self.assertEqual(self.runner.finish().result["error"]["code"], "killed")
        self.runner.reset()
        self.assertTrue(self.runner.run("echo", {"text": "x"}).result["ok"])

    def test_a_job_that_uses_up_all_descriptors_and_files_ends_alone(self) -> None:
        report = self.runner.python("import os\nwhile True: os.dup(1)")
        self.assertIn(b"Too many open files", report.err)
        self.runner.reset()
        report = self.runner.bash("head -c 100000000 /dev/zero > big")
        self.assertFalse(report.result["ok"])

    def test_the_starters_environment_is_nowhere(self) -> None:
        code = "import os; print('secret' in ''.join(map(str, os.environ.items())) + open('/proc/self/environ').read())"
        self.assertEqual(self.runner.python(code).out, b"False\n")

    def test_rights_are_gone(self) -> None:
        report = self.runner.bash("grep -E '^(Cap|NoNewPrivs|Uid|Gid|Groups)' /proc/self/status; umask; ulimit -c")
        lines = dict(line.split(":\t") for line in report.out.decode().splitlines() if ":\t" in line)
        self.assertEqual(lines["NoNewPrivs"], "1")
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(int(lines[name], 16), 0)
        if IS_ROOT:
            self.assertEqual(int(lines["CapBnd"], 16), 0)
            self.assertEqual((lines["Uid"].split(), lines["Groups"].strip()), ([str(self.runner.account)] * 4, ""))
        self.assertEqual(report.out.decode().splitlines()[-2:], ["0077", "0"])

    def test_as_root_without_an_account_jobs_still_run(self) -> None:
        if not IS_ROOT:
            self.assertEqual(self.runner.bash("id -u").out.decode().strip(), str(os.getuid()))
            return
        with Runner(dedicated=False) as runner:
            report = runner.bash("(setsid sleep 100 &); id -u")
            self.assertEqual((report.out, report.result["ok"]), (b"0\n", True))
            runner.reset()

    def test_a_stalled_worker_costs_no_memory(self) -> None:
        self.runner.start("code_execution", {"runtime": "terminal", "code": "yes"})
        # Nobody reads: the runner blocks, and so does the job.
        before = self._memory_kib()
        time.sleep(0.3)
        self.assertLess(self._memory_kib() - before, 4_000)
        self.runner.process.stdin.close()
        self.runner.process.stdout.close()
        self.assertIn(self.runner.process.wait(PATIENCE_S), (0, 1))

    def _memory_kib(self) -> int:
        with open(f"/proc/{self.runner.process.pid}/statm") as file:
            return int(file.read().split()[1]) * 4
