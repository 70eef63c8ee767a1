"""A test case with a runner of its own."""

from __future__ import annotations

import time
import unittest
from typing import Callable

from client import PATIENCE_S, Report, Runner

# In a shell: ends every process of its user but itself, its shell and that one's keeper. In a session that is first of
# all the process forked ahead.
END_OTHERS = """
for status in /proc/[0-9]*/status; do
    pid=${status#/proc/}; pid=${pid%/status}
    case " $$ $PPID $BASHPID " in *" $pid "*) continue;; esac
    grep -q "^Uid:.$UID" $status && kill -9 $pid
done 2>/dev/null
"""


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
