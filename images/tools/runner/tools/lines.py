"""Text as numbered lines, and edits of them. Pure.

E1  Edits speak of the text as it was; they are applied from the bottom up, so no edit moves another's lines.
E2  Edits that could be applied in two ways (they overlap) are refused, and then none is applied.
E3  The text keeps its line ends: those it has, and whether the last line has one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tools.contract import ToolError

_EXCERPT_LINES_MAX = 40
_EXCERPT_LINE_CHARS_MAX = 200
# Lines shown before and after what changed.
_EXCERPT_AROUND = 2


class Text(NamedTuple):
    lines: list[str]
    ends_with_newline: bool

    def joined(self) -> str:
        return "\n".join(self.lines) + ("\n" if self.ends_with_newline and self.lines else "")


class Edit(NamedTuple):
    """Lines `first` to `last` become `content`; with `last` one below `first` it is inserted before `first`."""

    first: int
    last: int
    content: str | None

    @property
    def inserts(self) -> bool:
        return self.last < self.first


def split(text: str) -> Text:
    """A last line without a newline is a line too; nothing at all is no line."""
    lines = text.split("\n")
    if lines[-1]:
        return Text(lines, False)
    lines.pop()
    return Text(lines, bool(lines))


def parse_edits(value: Any, total: int) -> list[Edit]:
    """The edits for a text of `total` lines, in line order. Raises ToolError."""
    if not isinstance(value, list) or not value:
        raise ToolError("'edits' is needed, as an array of at least one edit.")
    edits = [_parse_edit(item, number, total) for number, item in enumerate(value, 1)]
    # An insertion before a line comes first, then what replaces the line; two at one place keep their order.
    edits.sort(key=lambda edit: (edit.first, not edit.inserts))
    replaced_to = 0
    for edit in edits:
        if edit.first <= replaced_to:
            raise ToolError(
                f"Two edits overlap at line {edit.first}; every line may be changed once: merge them into one edit."
            )
        if not edit.inserts:
            replaced_to = edit.last
    return edits


def _parse_edit(item: Any, number: int, total: int) -> Edit:
    if not isinstance(item, dict):
        raise ToolError(f"Edit {number} must be an object with 'from'.")
    first, last, content = item.get("from"), item.get("to"), item.get("content")
    for name, line in (("from", first), ("to", last)):
        if line is not None and (not isinstance(line, int) or isinstance(line, bool)):
            raise ToolError(f"Edit {number}: '{name}' must be a line number.")
    if content is not None and not isinstance(content, str):
        raise ToolError(f"Edit {number}: 'content' must be a string.")
    if first is None or not 1 <= first <= total + 1:
        raise ToolError(f"Edit {number}: 'from' must be a line from 1 to {total + 1}; the file has {total} lines.")
    if last is None:
        last = first - 1
    if last < first and content is None:
        raise ToolError(f"Edit {number}: give 'to' to delete lines {first} to 'to', or 'content' to insert.")
    if not first - 1 <= last <= total:
        raise ToolError(
            f"Edit {number}: 'to' must be from {first - 1} (which inserts before line {first}) to {total}, "
            "the last line of the file."
        )
    return Edit(first, last, content)


def apply(text: Text, edits: list[Edit]) -> tuple[Text, str]:
    """The edited text and an excerpt of it around what changed. `edits` are parse_edits' (E1, E2)."""
    lines = list(text.lines)
    carriage = "\r" if lines and lines[0].endswith("\r") else ""
    for edit in reversed(edits):
        fresh = [line if line.endswith("\r") else line + carriage for line in split(edit.content or "").lines]
        lines[edit.first - 1 : edit.last] = fresh
    newline = text.ends_with_newline
    if not text.lines:
        newline = (edits[-1].content or "").endswith("\n")
    changed_from = edits[0].first
    changed_to = edits[-1].last + len(lines) - len(text.lines)
    return Text(lines, newline), _excerpt(lines, changed_from, changed_to)


def _excerpt(lines: list[str], first: int, last: int) -> str:
    start = max(1, first - _EXCERPT_AROUND)
    end = min(len(lines), max(last, first - 1) + _EXCERPT_AROUND)
    shown = range(start, min(end, start + _EXCERPT_LINES_MAX - 1) + 1)
    width = len(str(end))
    rows = [f"{number:>{width}} {_shortened(lines[number - 1])}" for number in shown]
    if end > start + _EXCERPT_LINES_MAX - 1:
        rows.append(f"... and on to line {end}")
    return "\n".join(rows)


def _shortened(line: str) -> str:
    line = line.rstrip("\r")
    return line if len(line) <= _EXCERPT_LINE_CHARS_MAX else line[:_EXCERPT_LINE_CHARS_MAX] + "..."


def numbered_range(call: dict[str, Any], total: int) -> tuple[int, int]:
    """The lines that a read asks for. Raises ToolError."""
    first, last = call.get("line_from", 1), call.get("line_to", total)
    for name, line in (("line_from", first), ("line_to", last)):
        if not isinstance(line, int) or isinstance(line, bool) or (line < 1 and name in call):
            raise ToolError(f"'{name}' must be a line number from 1.")
    if first > max(total, 1):
        raise ToolError(f"'line_from' is {first}, but the file has {total} lines; ask for a line it has.")
    if last < first and "line_to" in call:
        raise ToolError(f"'line_to' is {last}, before 'line_from' {first}; ask for a range that goes down.")
    return first, min(last, total)
