"""The meter: processor time that nobody waited for, from the counter of a control group."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from unittest import mock

from client import RUNNER

sys.path.insert(0, RUNNER)
from meter import Meter  # noqa: E402


class Metering(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "counter")

    def unseen_s(self, key: bytes, unit_s: float, text: str, container: bool = True) -> float:
        """What is unseen when the counter goes up by 5 s, of which 2 s were seen."""
        with mock.patch("meter._COUNTERS", (("/nowhere", b"", 1.0), (self.path, key, unit_s))):
            self.write(text, 10 / unit_s)
            meter = Meter(container)
            meter.begin()
            self.write(text, 15 / unit_s)
            return meter.unseen_s(2.0)

    def write(self, text: str, value: float) -> None:
        with open(self.path, "w") as file:
            file.write(text.format(round(value)))

    def test_both_kinds_of_counters_are_read(self) -> None:
        self.assertAlmostEqual(self.unseen_s(b"usage_usec ", 1e-6, "other 1\nusage_usec {}\nuser_usec 7\n"), 3.0, 1)
        self.assertAlmostEqual(self.unseen_s(b"", 1e-9, "{}\n"), 3.0, 1)

    def test_without_a_counter_nothing_is_unseen(self) -> None:
        self.assertEqual(self.unseen_s(b"", 1e-9, "no number {}\n"), 0.0)
        self.assertEqual(self.unseen_s(b"", 1e-9, "{}\n", container=False), 0.0)

    def test_what_clocks_differ_by_is_not_a_jobs(self) -> None:
        with mock.patch("meter._COUNTERS", ((self.path, b"", 1e-9),)):
            self.write("{}", 10e9)
            meter = Meter(True)
            meter.begin()
            self.write("{}", 12.009e9)
            self.assertEqual(meter.unseen_s(2.0), 0.0)
