"""RESET: what one job left, the next one does not find."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
import uuid

from case import RunnerCase
from client import IS_ROOT, PATIENCE_S, RESET, RUNNER

sys.path.insert(0, RUNNER)
from wipe import WipedDirectory, wipe_all  # noqa: E402

HOSTILE_FILES = """
import os, socket
for top in (os.environ["HOME"], os.environ["TMPDIR"]):
    os.chdir(top)
    for name in (".hidden", "new\\nline", "-rf", "a" * 255, "\\u00e9", " "):
        open(name, "w").write("x")
    os.makedirs("closed/inner/more")
    open("closed/inner/file", "w").close()
    os.symlink("/", "closed/root")
    os.symlink("/etc", "etc")
    os.symlink("loop", "loop")
    os.link(".hidden", "closed/hard")
    os.mkfifo("closed/pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind("closed/socket")
    os.makedirs("wide")
    for number in range(2000):
        open(f"wide/{number}", "w").close()
    for _ in range(1500):
        os.mkdir("deep", 0o700)
        os.chdir("deep")
    open("bottom", "w").close()
    os.chdir(top)
    for path in ("closed/inner/more", "closed/inner", "closed", "deep", "wide"):
        os.chmod(path, 0)
    os.chmod(".", 0)
print("planted")
"""


class Reset(RunnerCase):
    def test_files_of_any_kind_are_gone(self) -> None:
        report = self.runner.python(HOSTILE_FILES)
        self.assertEqual((report.out, report.err), (b"planted\n", b""))
        self.runner.reset()
        report = self.runner.bash(
            "ls -A . $TMPDIR; stat -c %a . $TMPDIR; touch can-write $TMPDIR/can-write && echo yes"
        )
        self.assertEqual(report.out.decode().splitlines()[-3:], ["700", "700", "yes"])
        self.assertNotIn(b"deep", report.out)
        self.assertTrue(os.path.exists("/etc/passwd"))

    def test_a_full_life_of_many_jobs(self) -> None:
        for number in range(20):
            report = self.runner.bash(f"ls -A; echo {number} > left; sleep 100 &")
            self.assertEqual(report.out, b"")
            self.runner.reset()

    def test_what_lives_outside_the_folders_goes_as_far_as_it_is_the_jobs(self) -> None:
        name = f"/dev/shm/zf-test-{uuid.uuid4().hex}"
        plant = f"""
import ctypes, os
os.makedirs({name!r} + "/inner"); open({name!r} + "/inner/file", "w").close()
os.chmod({name!r} + "/inner", 0)
libc = ctypes.CDLL(None)
print(libc.shmget(0, 4096, 0o1600), libc.msgget(0, 0o1600), libc.semget(0, 1, 0o1600))
"""
        report = self.runner.python(plant)
        ids = [int(word) for word in report.out.split()]
        self.assertEqual(len([number for number in ids if number >= 0]), 3, report.err)
        self.runner.reset()
        if IS_ROOT:
            self.assertFalse(os.path.exists(name))
            for kind, number in zip(("shm", "msg", "sem"), ids):
                with open(f"/proc/sysvipc/{kind}") as file:
                    self.assertNotIn(str(number), [line.split()[1] for line in file.readlines()[1:]])
        else:
            # A shared account's other belongings cannot be told from the job's, so they are left alone.
            self.assertTrue(os.path.exists(name))
            remove = f"chmod 700 {name}/inner; rm -r {name}; ipcrm -m {ids[0]} -q {ids[1]} -s {ids[2]}"
            self.assertTrue(self.runner.bash(remove).result["ok"])

    def test_a_wipe_that_fails_ends_the_runner_with_1(self) -> None:
        # Only someone else can put what the job's user cannot remove; a mount point stands for it here.
        if IS_ROOT:
            planted = os.path.join(self.runner.work, "foreign")
            os.makedirs(os.path.join(planted, "full"))
            os.chmod(planted, 0o755)
            self.runner.send_json(RESET, {})
            self.assertEqual(self.runner.process.wait(PATIENCE_S), 1)
            self.assertIn(b"sweeper", self.runner.process.stderr.read())
        else:
            os.rmdir(self.runner.tmp)
            self.runner.reset()  # The sweeper holds the folder itself open, so it still has one to wipe.


class Wipe(unittest.TestCase):
    def test_only_the_owners_files_go_where_others_have_files_too(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "mine"))
            open(os.path.join(folder, "mine", "file"), "w").close()
            wipe_all([WipedDirectory(folder, os.getuid() + 1)])
            self.assertEqual(os.listdir(folder), ["mine"])
            wipe_all([WipedDirectory(folder, os.getuid())])
            self.assertEqual(os.listdir(folder), [])

    def test_symlinks_go_and_their_targets_stay(self) -> None:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
            open(os.path.join(other, "kept"), "w").close()
            os.mkdir(os.path.join(folder, "sub"))
            for name in ("link", "sub/link"):
                os.symlink(other, os.path.join(folder, name))
            wipe_all([WipedDirectory(folder)])
            self.assertEqual((os.listdir(folder), os.listdir(other)), ([], ["kept"]))
