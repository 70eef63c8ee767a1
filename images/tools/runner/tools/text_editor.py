"""text_editor: reads, writes and patches UTF-8 text files by line, as the job's user.

Paths are relative to the work directory; absolute ones are the container's own affair. Only regular files are touched,
so that a pipe or a device cannot hold the call up, and none above a limit.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Any

from frames import json_bytes
from limits import EDITOR_FILE_BYTES_MAX
from report import Answer
from tools.contract import Call, ToolError, text
from tools.lines import Text, apply, numbered_range, parse_edits, split

# A pipe without a writer, or a terminal, must not hold up or take over the process.
_CAREFULLY = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_ADVICE = {
    errno.ENOENT: "does not exist; write it first, or send it with the job as an input file",
    errno.EISDIR: "is a directory; name a file in it",
    errno.ENOTDIR: "goes through a file as if it were a directory; choose another path",
    errno.EACCES: "may not be touched by this job; use a path in the work directory",
    errno.EPERM: "may not be touched by this job; use a path in the work directory",
    errno.EROFS: "is on a read-only file system; use a path in the work directory",
    errno.ENOSPC: "does not fit: the work directory is full; remove something first",
    errno.EFBIG: "does not fit: the file would be over the size limit",
    errno.ENAMETOOLONG: "is too long for a path; shorten it",
    errno.ELOOP: "is a loop of symbolic links; use the file's real path",
}


def call(asked: Call) -> Answer:
    action = text(asked.arguments, "action")
    if action == "read":
        return Answer(_read(asked))
    if action == "write":
        return Answer(_write(asked.arguments))
    if action == "patch":
        return Answer(_patch(asked.arguments))
    raise ToolError("'action' must be read, write or patch.")


def _read(asked: Call) -> dict[str, Any]:
    path = _path(asked.arguments)
    lines, ends_with_newline = split(_load(path))
    first, last = numbered_range(asked.arguments, len(lines))
    found = Text(lines[first - 1 : last], ends_with_newline or last < len(lines)).joined()
    size = len(json_bytes(found))
    if size > asked.result_bytes - 1_024:
        raise ToolError(
            f"Lines {first} to {last} of {path} are {size} bytes as a result, over the limit of {asked.result_bytes}; "
            "read fewer with 'line_from' and 'line_to'."
        )
    return {"path": path, "text": found, "line_from": first, "line_to": last, "total_lines": len(lines)}


def _write(arguments: dict[str, Any]) -> dict[str, Any]:
    path, content = _path(arguments), text(arguments, "content")
    size = _store(path, content)
    return {"path": path, "bytes": size, "lines": len(split(content).lines)}


def _patch(arguments: dict[str, Any]) -> dict[str, Any]:
    path = _path(arguments)
    before = split(_load(path))
    after, excerpt = apply(before, parse_edits(arguments.get("edits"), len(before.lines)))
    _store(path, after.joined())
    return {"path": path, "lines": len(after.lines), "excerpt": excerpt}


def _path(arguments: dict[str, Any]) -> str:
    path = text(arguments, "path")
    if not path or "\0" in path:
        raise ToolError("'path' must be a path, without NUL characters.")
    return path


def _load(path: str) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | _CAREFULLY)
        with open(fd, "rb") as file:
            _refuse_special(fd, path)
            data = file.read(EDITOR_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise _refusal(path, error) from None
    if len(data) > EDITOR_FILE_BYTES_MAX:
        raise ToolError(f"{path} is over the limit of {EDITOR_FILE_BYTES_MAX} bytes; use code_execution for it.")
    try:
        if b"\0" not in data:
            return data.decode()
    except UnicodeDecodeError:
        pass
    raise ToolError(f"{path} is not UTF-8 text; use code_execution for binary files.")


def _store(path: str, content: str) -> int:
    try:
        data = content.encode()
    except UnicodeEncodeError:
        raise ToolError("'content' holds half of a surrogate pair, which no UTF-8 file can; take it out.") from None
    if len(data) > EDITOR_FILE_BYTES_MAX:
        raise ToolError(
            f"{path} would be {len(data)} bytes, over the limit of {EDITOR_FILE_BYTES_MAX}; "
            "write less, or use code_execution."
        )
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | _CAREFULLY, 0o666)
        with open(fd, "wb") as file:
            _refuse_special(fd, path)
            file.truncate(0)
            file.write(data)
    except OSError as error:
        raise _refusal(path, error) from None
    return len(data)


def _refuse_special(fd: int, path: str) -> None:
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        raise IsADirectoryError(errno.EISDIR, "directory")
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise ToolError(f"{path} is not a regular file; choose one that is.")


def _refusal(path: str, error: OSError) -> ToolError:
    if error.errno == errno.ENXIO:
        return ToolError(f"{path} is not a regular file; choose one that is.")
    if error.errno == errno.EEXIST:  # From makedirs: a file where a directory is needed.
        return ToolError(f"{path} {_ADVICE[errno.ENOTDIR]}.")
    return ToolError(f"{path} {_ADVICE.get(error.errno or 0, f'cannot be used: {error.strerror}')}.")
