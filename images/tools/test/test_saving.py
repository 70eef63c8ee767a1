"""SAVE and RESTORE: a work directory comes back as it was, and no tar reaches beyond it."""

from __future__ import annotations

import io
import os
import shutil
import signal
import stat
import sys
import tarfile
import tempfile
import threading
import time
import unittest
from typing import Any
from unittest import mock

from case import RunnerCase
from client import CREDIT, IS_ROOT, PATIENCE_S, PING, PONG, READY, RESET, RESTORE, RUN, RUNNER, SAVE, SAVED, Runner

sys.path.insert(0, RUNNER)
import beneath  # noqa: E402
import tar_format  # noqa: E402
from packing import Packer  # noqa: E402
from tar_format import BadTar, Header  # noqa: E402
from unpacking import Unpacker  # noqa: E402

ODD_NAMES = [b"a b", b"new\nline", b"-rf", b"\xff\xfe", "\u00e9".encode(), b"x" * 255, b"...", b"~", b"=\n8 path=x\n"]

PLANT = """
import os, socket
os.makedirs("d/e/f")
open("d/file", "w").write("text")
open("d/e/empty", "w").close()
open("big", "wb").write(bytes(n * n & 255 for n in range(700_001)))
os.link("big", "second-name")
os.symlink("../../etc/passwd", "d/out")
os.symlink("x" * 300, "long-link")
os.symlink("nowhere", b"odd\\xff")
os.mkfifo("pipe")
socket.socket(socket.AF_UNIX).bind("socket")
for name in %r:
    open(name, "wb").write(name)
deep = "/".join(["p" * 60] * 20)
os.makedirs(deep)
open(deep + "/end", "w").write("deep")
os.chmod("d/file", 0o640); os.chmod("d/e/empty", 0o755 | 0o4000)
open("closed", "w").write("c"); os.chmod("closed", 0)
os.mkdir("shut"); open("shut/in", "w").write("i"); os.chmod("shut", 0)
os.chmod("d/e", 0o500)
os.utime("d/file", (1_000_000_000, 1_000_000_000))
"""

LOOK = """
import hashlib, os, stat
for top, names, files in os.walk(b"."):
    for name in sorted(names + files):
        path = os.path.join(top, name)
        status = os.lstat(path)
        kind = stat.S_IFMT(status.st_mode)
        if kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
            continue
        mode = stat.S_IMODE(status.st_mode)
        if mode == 0:
            os.chmod(path, 0o700)
        seen = os.readlink(path) if stat.S_ISLNK(status.st_mode) else b""
        if stat.S_ISREG(status.st_mode):
            seen = hashlib.sha256(open(path, "rb").read()).hexdigest()
        print(path, oct(kind), oct(mode & 0o777), seen, int(status.st_mtime) if b"file" in name else "")
"""


class Saving(RunnerCase):
    def plant(self, code: str, runner: Runner | None = None) -> None:
        report = (runner or self.runner).call("code_execution", {"runtime": "python", "code": code})
        self.assertEqual((report.err, report.result["ok"]), (b"", True))

    def look(self, runner: Runner) -> list[str]:
        report = runner.call("code_execution", {"runtime": "python", "code": LOOK})
        self.assertEqual(report.err, b"")
        return sorted(report.out.decode().splitlines())

    def other(self) -> Runner:
        runner = Runner()
        self.addCleanup(runner.__exit__)
        return runner

    def test_a_work_directory_comes_back_as_it_was(self) -> None:
        self.plant(PLANT % (ODD_NAMES,))
        tar, why = self.runner.save()
        self.assertIsNone(why)
        self.runner.reset()
        restored = self.runner.restore(tar)
        self.assertEqual((restored["ok"], restored["error"]), (True, None))
        self.assertEqual(restored["files"], 8 + len(ODD_NAMES) - 1)
        found = self.look(self.runner)
        self.runner.reset()
        self.plant(PLANT % (ODD_NAMES,))
        self.assertEqual(found, self.look(self.runner))
        self.assertGreater(len(found), 30)

    def test_others_can_read_the_tar(self) -> None:
        self.plant(PLANT % (ODD_NAMES,))
        tar, _ = self.runner.save()
        with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
            members = {os.fsencode(member.name): member for member in archive}
        self.assertTrue(set(ODD_NAMES) <= set(members))
        self.assertEqual(members[b"long-link"].linkname, "x" * 300)
        self.assertEqual(members[b"d/file"].mtime, 1_000_000_000)
        self.assertNotIn(b"pipe", members)
        self.assertIn(b"/".join([b"p" * 60] * 20 + [b"end"]), members)

    def test_saving_changes_nothing(self) -> None:
        self.plant(PLANT % (ODD_NAMES,))
        first, _ = self.runner.save()
        second, _ = self.runner.save()
        self.assertEqual(first, second)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.runner.work, "shut")).st_mode), 0)

    def test_shells_live_through_it(self) -> None:
        self.runner.shell("x=5; sleep 1000 &")
        self.runner.save()
        self.assertEqual(self.runner.shell("echo $x; jobs | wc -l").out, b"5\n1\n")

    def test_an_empty_directory_is_an_empty_tar(self) -> None:
        self.runner.call("echo", {"text": "x"})
        tar, why = self.runner.save()
        self.assertEqual((tar, why), (b"\0" * 1024, None))
        self.runner.reset()
        self.assertEqual(self.runner.restore(tar), {"ok": True, "files": 0, "bytes": 0, "error": None})

    def test_the_limit_is_exact(self) -> None:
        self.plant("open('f', 'wb').write(b'x' * 1000); open('g', 'w').close()")
        size = 512 + 1024 + 512 + 1024
        self.assertEqual(len(self.runner.save(size)[0]), size)
        self.assertEqual(self.runner.save(size - 1)[1]["code"], "too_large")
        self.assertEqual(self.runner.save(0)[1]["code"], "too_large")
        self.assertEqual(len(self.runner.save(size)[0]), size)

    def test_a_sparse_file_of_a_terabyte_is_refused_at_once(self) -> None:
        self.plant("import os\nos.truncate(os.open('sparse', os.O_CREAT | os.O_RDWR), 60 << 20)")
        began = time.monotonic()
        self.assertEqual(self.runner.save(32 << 20)[1]["code"], "too_large")
        self.assertLess(time.monotonic() - began, 1)
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "sparse"), "wb") as file:
                file.truncate(1 << 40)
            sent: list[bytes] = []
            Packer(1 << 30, lambda piece: sent.append(bytes(piece))).pack(folder)
            self.assertEqual((len(sent), sent[0][0]), (1, 3))

    def test_a_tree_too_deep_or_of_too_many_is_refused(self) -> None:
        self.plant("import os\nfor _ in range(70): os.mkdir('d'); os.chdir('d')")
        self.assertEqual(self.runner.save()[1]["code"], "too_deep")
        with tempfile.TemporaryDirectory() as folder, mock.patch("packing.TREE_ENTRIES_MAX", 100):
            for number in range(101):
                with open(os.path.join(folder, str(number)), "w"):
                    pass
            sent: list[bytes] = []
            Packer(1 << 30, lambda piece: sent.append(bytes(piece))).pack(folder)
            self.assertIn(b"too_many", sent[-1])

    def test_no_more_is_sent_than_credit_allows(self) -> None:
        self.plant("import os; open('big', 'wb').write(os.urandom(3_000_000))")
        runner = self.runner
        runner.send_json(SAVE, {"maxBytes": 10_000_000})
        sizes = []
        with self.assertRaises(TimeoutError):
            while True:
                kind, payload = runner.receive(0.5)
                self.assertEqual(kind, SAVED)
                sizes.append(len(payload))
        self.assertLessEqual(sum(sizes), 1024 * 1024)
        self.assertGreater(sum(sizes), 512 * 1024)
        self.assertLessEqual(max(sizes), 256 * 1024 + 1)
        runner.send_json(PING, {})
        runner.expect(PONG)
        total = sum(sizes) - len(sizes)
        while True:
            runner.send_json(CREDIT, {"bytes": 256 * 1024 + 1})
            payload = runner.expect(SAVED)
            total += len(payload) - 1
            if payload[0]:
                break
        self.assertEqual(total, 512 + 3_000_000 + tar_format.padding(3_000_000) + 1024)
        # What was granted too much is not there for the next one.
        runner.send_json(CREDIT, {"bytes": 1 << 30})
        runner.send_json(SAVE, {"maxBytes": 10_000_000})
        received = 0
        with self.assertRaises(TimeoutError):
            while True:
                received += len(runner.receive(0.5)[1])
        self.assertLessEqual(received, 1024 * 1024)

    def test_one_errand_at_a_time(self) -> None:
        for frame in ((SAVE, b'{"maxBytes":1}'), (RESTORE, b"\0"), (RUN, b"{}")):
            with self.subTest(frame[0]), Runner() as runner:
                self.plant("open('big', 'wb').write(b'x' * 3_000_000)", runner)
                runner.send_json(SAVE, {"maxBytes": 10_000_000})
                runner.expect(SAVED)
                runner.send(*frame)
                # Read to its end: a runner blocks where nobody does.
                with self.assertRaises(EOFError):
                    while True:
                        runner.receive()
                self.assertEqual(runner.process.wait(PATIENCE_S), 3)

    def test_files_that_change_meanwhile_spoil_nothing(self) -> None:
        runner = self.runner
        churn = """
mkdir -p d; (while :; do for n in 1 2 3 4 5; do head -c $((RANDOM * 10)) /dev/zero > d/$n; mv d/$n d/x; ln -sf /etc d/$n
rm -rf d/y; mkdir d/y; echo > d/y/z; mv d/y d/$n.d; rm -rf d/$n.d d/$n; done; done) 2>/dev/null & true
"""
        runner.shell(churn)
        for _ in range(30):
            tar, why = runner.save()
            self.assertIsNone(why)
            with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
                for member in archive:
                    self.assertTrue(member.isfile() or member.isdir() or member.issym())

    def test_a_file_that_shrinks_or_grows_while_it_is_read_stays_as_long_as_its_header_said(self) -> None:
        for now in (300_000, 900_000):
            with self.subTest(now), tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "f")
                with open(path, "wb") as file:
                    file.write(b"x" * 600_000)
                sent: list[bytes] = []

                def send(piece: bytes) -> None:
                    sent.append(bytes(piece))
                    os.truncate(path, now)

                Packer(1 << 30, send).pack(folder)
                with tarfile.open(fileobj=io.BytesIO(b"".join(piece[1:] for piece in sent))) as archive:
                    data = archive.extractfile("f").read()
                self.assertEqual((len(data), data[:300_000].strip(b"x")), (600_000, b""))
                self.assertEqual(data[-1:], b"\0" if now < 600_000 else b"x")

    def test_a_session_that_ends_the_saving_gets_its_refusal(self) -> None:
        if not IS_ROOT:
            self.skipTest("only with an account of its own")
        runner = self.runner
        runner.shell("head -c 3000000 /dev/zero > f")
        runner.send_json(SAVE, {"maxBytes": 10_000_000})
        runner.expect(SAVED)
        # The shell's keeper was forked before.
        os.kill(max(self._children(runner.process.pid)), signal.SIGKILL)
        last = b"\0"
        while not last[0]:
            last = runner.expect(SAVED)
        self.assertEqual(last[0], 3)
        self.assertIn(b'"code":"failed"', last)
        self.assertEqual(runner.shell("wc -c < f").out, b"3000000\n")

    def _children(self, pid: int) -> list[int]:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]


def member(path: bytes, kind: bytes = tar_format.FILE, data: bytes = b"", **changes: Any) -> bytes:
    header = Header(kind, path, 0o644, len(data), 0)._replace(**changes)
    return tar_format.encode(header) + data + b"\0" * tar_format.padding(len(data))


def checked(block: bytes) -> bytes:
    """`block` with its checksum made right."""
    block = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


END = tar_format.END
PLAIN = member(b"f", data=b"x")
HOSTILE = {
    "dots": member(b"../f", data=b"x"),
    "dots within": member(b"a/../../f", data=b"x"),
    "absolute": member(b"/f", data=b"x"),
    "empty": member(b"", data=b"x"),
    "dot": member(b".", tar_format.DIRECTORY),
    "double slash": member(b"a//f"),
    "through a symlink": member(b"l", tar_format.SYMLINK, target=b"/") + member(b"l/f", data=b"x"),
    "through a symlink to here": member(b"l", tar_format.SYMLINK, target=b".") + member(b"l/f", data=b"x"),
    "through a file": PLAIN + member(b"f/g", data=b"x"),
    "without its folder": member(b"no/f", data=b"x"),
    "folder over file": PLAIN + member(b"f", tar_format.DIRECTORY),
    "file over folder": member(b"d", tar_format.DIRECTORY) + member(b"d", data=b"x"),
    "folder over symlink": member(b"l", tar_format.SYMLINK, target=b"/tmp") + member(b"l", tar_format.DIRECTORY),
    "symlink to nothing": member(b"l", tar_format.SYMLINK),
    "long name": member(b"x" * 256),
    "long path": member(b"/".join([b"x" * 200] * 30)),
    "deep path": member(b"/".join([b"x"] * 65)),
    "hard link": checked(member(b"h")[:156] + b"1" + member(b"h")[157:]),
    "device": checked(member(b"h")[:156] + b"3" + member(b"h")[157:]),
    "fifo": checked(member(b"h")[:156] + b"6" + member(b"h")[157:]),
    "sparse": checked(member(b"h")[:156] + b"S" + member(b"h")[157:]),
    "gnu name": checked(member(b"h")[:156] + b"L" + member(b"h")[157:]),
    "global pax": checked(member(b"h")[:156] + b"g" + member(b"h")[157:]),
    "bad sum": b"x" + PLAIN[1:],
    "no magic": checked(PLAIN[:257] + b"\0" * 8 + PLAIN[265:]),
    "prefix": checked(PLAIN[:345] + b"etc" + PLAIN[348:]),
    "size in base 256": checked(PLAIN[:124] + b"\x80" + b"\0" * 10 + b"\1" + PLAIN[136:]),
    "size with a sign": checked(PLAIN[:124] + b"-0000000001\0" + PLAIN[136:]),
    "folder with data": checked(PLAIN[:156] + b"5" + PLAIN[157:]),
    "noise": os.urandom(1024),
    "pax without end": tar_format.encode(Header(b"x", b"p", 0, 7, 0)) + b"9 path=x".ljust(512, b"\0") + PLAIN,
    "pax without length": tar_format.encode(Header(b"x", b"p", 0, 7, 0)) + b"path=x\n".ljust(512, b"\0") + PLAIN,
    "pax size": tar_format.encode(Header(b"x", b"p", 0, 11, 0)) + b"11 size=99\n".ljust(512, b"\0") + PLAIN,
    "pax of a length beyond": tar_format.encode(Header(b"x", b"p", 0, 8**10, 0)) + PLAIN,
    "pax after pax": (tar_format.encode(Header(b"x", b"p", 0, 10, 0)) + b"10 path=x\n".ljust(512, b"\0")) * 2 + PLAIN,
    "pax NUL": tar_format.encode(Header(b"x", b"p", 0, 12, 0)) + b"12 path=a\0b\n".ljust(512, b"\0") + PLAIN,
    "pax dots": tar_format.encode(Header(b"x", b"p", 0, 13, 0)) + b"13 path=../f\n".ljust(512, b"\0") + PLAIN,
    "cut short": PLAIN[:700],
    "cut before the end": PLAIN,
    "nothing": b"",
}


class Restoring(RunnerCase):
    def test_hostile_tars_are_refused_and_reach_nothing(self) -> None:
        runner = self.runner
        bait = os.path.join(runner.root, "f")
        for name, tar in HOSTILE.items():
            with self.subTest(name):
                restored = runner.restore(tar + (END if not name.startswith(("cut", "nothing")) else b""))
                self.assertEqual(restored["ok"], False)
                self.assertTrue(restored["error"])
                self.assertFalse(os.path.exists(bait))
                self.assertFalse(os.path.exists("/f"))
                runner.reset()
                self.assertEqual(os.listdir(runner.work), [])
        self.assertTrue(runner.run("echo", {"text": "x"}).result["ok"])

    def test_what_comes_after_a_refusal_is_dropped(self) -> None:
        runner = self.runner
        runner.send(RESTORE, b"\0" + HOSTILE["device"])
        for _ in range(40):
            runner.send(RESTORE, b"\0" + PLAIN * 100)
        runner.send(RESTORE, b"\1" + END)
        restored = runner.receive()
        self.assertIn(b"type b'3'", restored[1])
        runner.send_json(RESET, {})
        runner.expect(READY)
        self.assertEqual(os.listdir(runner.work), [])

    def test_after_a_refusal_nothing_but_a_reset_will_do(self) -> None:
        runner = self.runner
        self.assertFalse(runner.restore(HOSTILE["device"] + END)["ok"])
        runner.send_json(RUN, runner.request("echo", {"text": "x"}, session=True))
        self.assertEqual(runner.process.wait(PATIENCE_S), 3)

    def test_what_is_restored_is_the_jobs_own_without_set_id_bits(self) -> None:
        tar = member(b"f", data=b"x", mode=0o6755) + member(b"d", tar_format.DIRECTORY, mode=0o1777) + END
        self.assertTrue(self.runner.restore(tar)["ok"])
        report = self.runner.call("code_execution", {"runtime": "terminal", "code": "stat -c '%a %u' f d; id -u"})
        lines = report.out.decode().split()
        self.assertEqual((lines[0], lines[2]), ("755", "777"))
        self.assertEqual(len({lines[1], lines[3], lines[4]}), 1)

    def test_the_last_of_several_counts(self) -> None:
        tar = (
            member(b"f", data=b"1") + member(b"f", tar_format.SYMLINK, target=b"/etc/passwd") + member(b"f", data=b"2")
        )
        self.assertTrue(self.runner.restore(tar + END)["ok"])
        self.assertEqual(self.runner.call("code_execution", {"runtime": "terminal", "code": "cat f"}).out, b"2")
        self.assertGreater(os.path.getsize("/etc/passwd"), 1)

    def test_any_cut_of_the_stream_will_do(self) -> None:
        tar = member(b"p" * 50, tar_format.DIRECTORY, mode=0o700) + member(
            b"p" * 50 + b"/" + b"q" * 200, data=b"y" * 700
        )
        tar += member(b"d", tar_format.DIRECTORY, mode=0o700) + member(b"d/f", data=b"z" * 512) + END
        for piece in (1, 7, 511, 512, 513, 4096):
            with self.subTest(piece), tempfile.TemporaryDirectory() as folder:
                unpacker = Unpacker(folder)
                for start in range(0, len(tar), piece):
                    unpacker.push(tar[start : start + piece])
                unpacker.finish()
                with open(os.path.join(folder, "p" * 50, "q" * 200), "rb") as file:
                    self.assertEqual(file.read(), b"y" * 700)
                self.assertEqual(os.path.getsize(os.path.join(folder, "d/f")), 512)

    def test_a_full_disk_is_a_refusal(self) -> None:
        if not IS_ROOT:
            self.skipTest("the limit stands only for an account of its own")
        big = member(b"big", data=b"")[:124] + b"%011o\0" % (70 << 20) + member(b"big", data=b"")[136:]
        tar = checked(big) + b"\0" * (70 << 20) + END
        restored = self.runner.restore(tar)
        self.assertFalse(restored["ok"])
        self.assertIn("does not fit", restored["error"])

    def test_a_pong_says_that_all_before_was_taken_in(self) -> None:
        runner = self.runner
        data = b"x" * 1_000_000
        tar = member(b"f", data=data)
        for start in range(0, len(tar), 100_000):
            runner.send(RESTORE, b"\0" + tar[start : start + 100_000])
        runner.send_json(PING, {})
        runner.expect(PONG)
        self.assertEqual(os.path.getsize(os.path.join(runner.work, "f")), len(data))

    def test_restoring_from_a_slow_peer_needs_no_memory(self) -> None:
        runner = self.runner
        before = self._memory_kib()
        tar = b"".join(member(b"f%d" % number, data=os.urandom(1_000_000)) for number in range(20)) + END
        for start in range(0, len(tar), 250_000):
            runner.send(RESTORE, b"\0" + tar[start : start + 250_000])
            runner.send_json(PING, {})
            runner.expect(PONG)
        runner.send(RESTORE, b"\1")
        self.assertIn(b'"files":20', runner.receive()[1])
        self.assertLess(self._memory_kib() - before, 4_000)

    def _memory_kib(self) -> int:
        with open(f"/proc/{self.runner.process.pid}/statm") as file:
            return int(file.read().split()[1]) * 4


class Format(unittest.TestCase):
    def test_headers_come_back(self) -> None:
        for path in (b"a", b"x" * 100, b"x" * 101, b"\xff" * 200, b"a/\n/b" * 30):
            for target in (b"", b"t", b"/" + b"\xfe" * 150):
                kind = tar_format.SYMLINK if target else tar_format.FILE
                header = Header(kind, path, 0o750, 0 if target else 77, 12345, target)
                blocks = tar_format.encode(header)
                records: dict[bytes, bytes] = {}
                if tar_format.is_pax(blocks[:512]):
                    size = tar_format.decode(blocks[:512], {}).size
                    records = tar_format.decode_records(blocks[512 : 512 + size])
                self.assertEqual(tar_format.decode(blocks[-512:], records), header)

    def test_names_that_are_not_utf_8_are_said_to_be_bytes(self) -> None:
        for path, are in ((b"\xff" * 200, True), ("\u00e9".encode() * 100, False)):
            header = Header(tar_format.FILE, path, 0, 0, 0)
            self.assertEqual(b" hdrcharset=BINARY\n" in tar_format.encode(header), are)

    def test_any_bytes_are_a_header_or_no_tar(self) -> None:
        for _ in range(2_000):
            block = bytearray(PLAIN[:512])
            for _ in range(1 + os.urandom(1)[0] % 4):
                block[int.from_bytes(os.urandom(2)) % 512] = os.urandom(1)[0]
            for tried in (bytes(block), checked(bytes(block))):
                try:
                    tar_format.decode(tried, {})
                except BadTar:
                    pass


class Beneath(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        os.makedirs(os.path.join(self.folder, "top/a/b"))
        for path in ("secret", "top/plain", "top/a/b/file"):
            with open(os.path.join(self.folder, path), "w") as file:
                file.write(path)
        os.symlink("../secret", os.path.join(self.folder, "top/out"))
        os.symlink("..", os.path.join(self.folder, "top/up"))
        os.symlink("a", os.path.join(self.folder, "top/within"))
        os.symlink("/proc/self/root", os.path.join(self.folder, "top/magic"))
        self.top = beneath.open_directory(os.path.join(self.folder, "top"))
        self.addCleanup(os.close, self.top)

    def test_both_ways_open_what_is_below_and_nothing_else(self) -> None:
        for way in (beneath.open_below, beneath.walk_down):
            with self.subTest(way.__name__):
                for path in (b"plain", b"a/b/file", b"a/b", b".", b"./plain"):
                    os.close(way(self.top, path))
                for path in (
                    b"out",
                    b"up",
                    b"up/secret",
                    b"within/b/file",
                    b"magic",
                    b"magic/etc/passwd",
                    b"../secret",
                ):
                    with self.subTest(path), self.assertRaises(OSError):
                        os.close(way(self.top, path))
                for path in (b"/etc/passwd", b"a/../../secret", b"none", b"plain/x"):
                    with self.subTest(path), self.assertRaises(OSError):
                        os.close(way(self.top, path))

    def test_a_path_that_is_swapped_while_it_is_opened_leads_nowhere(self) -> None:
        stop = threading.Event()
        a, hidden = os.path.join(self.folder, "top/a"), os.path.join(self.folder, "top/hidden")
        os.mkdir(os.path.join(self.folder, "b"))
        with open(os.path.join(self.folder, "b/file"), "w") as file:
            file.write("outside")

        def swap() -> None:
            while not stop.is_set():
                os.rename(a, hidden)
                os.symlink("..", a)
                os.unlink(a)
                os.rename(hidden, a)

        swapper = threading.Thread(target=swap)
        swapper.start()
        try:
            for way in (beneath.open_below, beneath.walk_down):
                for _ in range(3_000):
                    try:
                        fd = way(self.top, b"a/b/file")
                    except OSError:
                        continue
                    with open(fd) as file:
                        self.assertEqual(file.read(), "top/a/b/file")
        finally:
            stop.set()
            swapper.join(PATIENCE_S)
