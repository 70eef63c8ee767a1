"""A test case with a runner of its own."""

from __future__ import annotations

import shlex
import time
import unittest
from typing import Callable

from client import PATIENCE_S, Report, Runner

_END_OTHERS = """
import os, sys
spared = {os.getpid(), *map(int, sys.argv[2:])}
while True:
    for name in os.listdir("/proc"):
        try:
            if name.isdecimal() and int(name) not in spared:
                if f"Uid:\\t{os.getuid()}\\t" in open(f"/proc/{name}/status").read():
                    os.kill(int(name), 9)
        except OSError:
            pass
    if sys.argv[1] == "once":
        break
"""


def end_others(how_often: str) -> str:
    """Code for a shell: ends every process of its user but itself and the shell's keeper, `once` or for `ever`. In a
    session that is first of all the process forked ahead."""
    return f"python3 -S -c {shlex.quote(_END_OTHERS)} {how_often} $$ $PPID $BASHPID"


class RunnerCase(unittest.TestCase):
    def setUp(self) -> None:
        self.runner = Runner()
        self.addCleanup(self.runner.__exit__)

    def assert_said_no(self, report: Report, words: str) -> None:
        """The tool itself refused, with a sentence that holds `words`."""
        self.assertFalse(report.result["ok"])
        self.assertEqual(report.result["error"]["code"], "tool_error")
        self.assertIn(words, report.result["error"]["message"])

    def wait_until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            self.assertLess(time.monotonic(), deadline, "it never came true")
            time.sleep(0.01)
