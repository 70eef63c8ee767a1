"""text_editor: reading, writing and patching, in a job and, for the line arithmetic, without one."""

from __future__ import annotations

import os
import sys
import unittest
from typing import Any

from case import RunnerCase
from client import ACK, GO, LIMITS, RUN, RUNNER, STARTED, Report

sys.path.insert(0, RUNNER)
from tools.contract import ToolError  # noqa: E402
from tools.lines import apply, parse_edits, split  # noqa: E402

MIB = 1024 * 1024


def patched(text: str, edits: list[dict[str, Any]]) -> str:
    before = split(text)
    return apply(before, parse_edits(edits, len(before.lines)))[0].joined()


class Lines(unittest.TestCase):
    def test_edits_mean_what_the_schema_says(self) -> None:
        cases = [
            ("replaces a line", "a\nb\nc\n", [{"from": 2, "to": 2, "content": "B\n"}], "a\nB\nc\n"),
            ("replaces lines by more", "a\nb\nc\n", [{"from": 1, "to": 2, "content": "1\n2\n3\n"}], "1\n2\n3\nc\n"),
            ("needs no newline at the end", "a\nb\n", [{"from": 1, "to": 1, "content": "A"}], "A\nb\n"),
            ("deletes", "a\nb\nc\n", [{"from": 1, "to": 2}], "c\n"),
            ("deletes with empty content", "a\nb\n", [{"from": 2, "to": 2, "content": ""}], "a\n"),
            ("deletes everything", "a\nb\n", [{"from": 1, "to": 2}], ""),
            ("inserts before without to", "a\nb\n", [{"from": 2, "content": "new\n"}], "a\nnew\nb\n"),
            ("inserts before with to", "a\nb\n", [{"from": 1, "to": 0, "content": "new"}], "new\na\nb\n"),
            ("inserts an empty line", "a\nb\n", [{"from": 2, "content": "\n"}], "a\n\nb\n"),
            ("appends", "a\nb\n", [{"from": 3, "content": "c\n"}], "a\nb\nc\n"),
            ("appends to a last line without newline", "a\nb", [{"from": 3, "content": "c"}], "a\nb\nc"),
            ("fills an empty file", "", [{"from": 1, "content": "a\nb\n"}], "a\nb\n"),
            ("keeps carriage returns", "a\r\nb\r\n", [{"from": 2, "to": 2, "content": "B\nC\n"}], "a\r\nB\r\nC\r\n"),
            (
                "counts in the file as it was",
                "1\n2\n3\n4\n5\n",
                [{"from": 5, "to": 5, "content": "five"}, {"from": 1, "to": 2}, {"from": 4, "content": "x\ny"}],
                "3\nx\ny\n4\nfive\n",
            ),
            (
                "inserts before a line that is replaced, twice in order",
                "a\nb\n",
                [{"from": 2, "to": 2, "content": "B"}, {"from": 2, "content": "x"}, {"from": 2, "content": "y"}],
                "a\nx\ny\nB\n",
            ),
        ]
        for name, text, edits, expected in cases:
            with self.subTest(name):
                self.assertEqual(patched(text, edits), expected)

    def test_edits_that_make_no_sense_are_refused(self) -> None:
        cases: list[Any] = [
            [],
            "x",
            ["x"],
            [{}],
            [{"from": 0, "content": "x"}],
            [{"from": 5, "content": "x"}],
            [{"from": True, "to": 1}],
            [{"from": 1, "to": 4}],
            [{"from": 3, "to": 1, "content": "x"}],
            [{"from": 1}],
            [{"from": 1, "to": 1, "content": 5}],
            [{"from": 1, "to": 2}, {"from": 2, "to": 3}],
            [{"from": 1, "to": 3}, {"from": 2, "content": "x"}],
            [{"from": 2, "to": 2}, {"from": 2, "to": 2}],
        ]
        for edits in cases:
            with self.subTest(edits), self.assertRaises(ToolError):
                patched("a\nb\nc\n", edits)

    def test_the_excerpt_shows_what_changed_with_its_new_numbers(self) -> None:
        before = split("".join(f"line {n}\n" for n in range(1, 21)))
        edits = parse_edits([{"from": 10, "to": 11, "content": "new\n"}], 20)
        self.assertEqual(apply(before, edits)[1], " 8 line 8\n 9 line 9\n10 new\n11 line 12\n12 line 13")
        many = parse_edits([{"from": 1, "content": "x\n" * 500}], 20)
        self.assertLess(len(apply(before, many)[1].splitlines()), 45)


class TextEditor(RunnerCase):
    def edit(self, files: dict[str, bytes], **arguments: Any) -> Report:
        report = self.runner.run("text_editor", arguments, files)
        self.assertEqual(report.out + report.err, b"")
        return report

    def test_read_gives_raw_lines_and_where_they_are(self) -> None:
        files = {"d/f.txt": "eins\nzwei\ndrei".encode()}
        whole = self.edit(files, action="read", path="d/f.txt").result["value"]
        expected = {"path": "d/f.txt", "text": "eins\nzwei\ndrei", "line_from": 1, "line_to": 3, "total_lines": 3}
        self.assertEqual(whole, expected)
        self.runner.reset()
        part = self.edit(files, action="read", path="d/f.txt", line_from=2, line_to=2).result["value"]
        self.assertEqual((part["text"], part["line_from"], part["line_to"]), ("zwei\n", 2, 2))
        self.runner.reset()
        beyond = self.edit(files, action="read", path="d/f.txt", line_from=3, line_to=99).result["value"]
        self.assertEqual((beyond["text"], beyond["line_to"]), ("drei", 3))

    def test_an_empty_file_has_no_lines(self) -> None:
        value = self.edit({"f": b""}, action="read", path="f").result["value"]
        self.assertEqual((value["text"], value["line_to"], value["total_lines"]), ("", 0, 0))

    def test_write_makes_directories_and_tells_sizes(self) -> None:
        report = self.edit({}, action="write", path="a/b/c.txt", content="ä\nb")
        self.assertEqual(report.result["value"], {"path": "a/b/c.txt", "bytes": 4, "lines": 2})
        with open(os.path.join(self.runner.work, "a/b/c.txt"), "rb") as file:
            self.assertEqual(file.read(), "ä\nb".encode())

    def test_write_replaces_a_longer_file(self) -> None:
        self.edit({"f": b"long " * 100}, action="write", path="f", content="short")
        with open(os.path.join(self.runner.work, "f"), "rb") as file:
            self.assertEqual(file.read(), b"short")

    def test_patch_changes_an_input_file(self) -> None:
        report = self.edit({"f": b"a\nb\nc\n"}, action="patch", path="f", edits=[{"from": 2, "to": 2, "content": "B"}])
        self.assertEqual(report.result["value"], {"path": "f", "lines": 3, "excerpt": "1 a\n2 B\n3 c"})
        with open(os.path.join(self.runner.work, "f"), "rb") as file:
            self.assertEqual(file.read(), b"a\nB\nc\n")

    def test_a_refused_patch_changes_nothing(self) -> None:
        self.assert_said_no(self.edit({"f": b"a\n"}, action="patch", path="f", edits=[{"from": 1, "to": 7}]), "'to'")
        with open(os.path.join(self.runner.work, "f"), "rb") as file:
            self.assertEqual(file.read(), b"a\n")

    def test_refusals_say_what_was_wrong(self) -> None:
        cases: list[Any] = [
            ({}, {"action": "read", "path": "none"}, "does not exist"),
            ({}, {"action": "patch", "path": "none", "edits": [{"from": 1, "content": "x"}]}, "does not exist"),
            ({"d/f": b""}, {"action": "read", "path": "d"}, "is a directory"),
            ({"d/f": b""}, {"action": "write", "path": "d", "content": "x"}, "is a directory"),
            ({"f": b""}, {"action": "write", "path": "f/g", "content": "x"}, "as if it were a directory"),
            ({"f": b"\xff\xfe"}, {"action": "read", "path": "f"}, "not UTF-8"),
            ({"f": b"a\0b"}, {"action": "read", "path": "f"}, "not UTF-8"),
            ({"f": b"a\n"}, {"action": "read", "path": "f", "line_from": 2}, "'line_from' is 2"),
            ({"f": b"a\nb\n"}, {"action": "read", "path": "f", "line_from": 2, "line_to": 1}, "goes down"),
            ({"f": b"x" * (MIB - 9) + b"0123456789"}, {"action": "read", "path": "f"}, "over the limit"),
            ({}, {"action": "write", "path": "f", "content": "x" * (MIB - 400)}, None),
            ({}, {"action": "write", "path": "f", "content": "\ud800"}, "surrogate"),
            ({}, {"action": "write", "path": "x" * 256, "content": ""}, "too long"),
            ({}, {"action": "write", "path": "a\0b", "content": ""}, "NUL"),
            ({}, {"action": "read", "path": "/dev/null"}, "not a regular file"),
            ({}, {"action": "remove", "path": "f"}, "'action'"),
            ({}, {"action": "read"}, "'path'"),
        ]
        for files, arguments, words in cases:
            with self.subTest(arguments=str(arguments)[:80]):
                report = self._start_in_pieces(files, arguments)
                if words is None:
                    self.assertTrue(report.result["ok"])
                else:
                    self.assert_said_no(report, words)
                self.runner.reset()

    def _start_in_pieces(self, files: dict[str, bytes], arguments: dict[str, Any]) -> Report:
        self.runner.send_json(RUN, self.runner.request("text_editor", arguments, fileCount=len(files)))
        for path, data in files.items():
            half = len(data) // 2
            self.runner.send_file(path.encode(), data[:half], last=False)
            self.runner.send_file(path.encode(), data[half:])
        self.runner.expect(ACK)
        self.runner.send_json(GO, {})
        self.runner.expect(STARTED)
        return self.runner.finish()

    def test_a_read_over_the_result_limit_says_which_way_is_left(self) -> None:
        arguments = {"action": "read", "path": "f"}
        limits = {**LIMITS, "resultBytes": 4_096}
        report = self.runner.run("text_editor", arguments, {"f": b"0123456789\n" * 1000}, limits=limits)
        self.assert_said_no(report, "read fewer with 'line_from' and 'line_to'")

    def test_a_pipe_does_not_hold_it_up(self) -> None:
        # No job can leave a pipe behind for another, so the tool meets one only through /proc.
        for action in ({"action": "read"}, {"action": "write", "content": "x"}):
            self.assert_said_no(self.edit({}, path="/proc/self/fd/1", **action), "not a regular file")
            self.runner.reset()
