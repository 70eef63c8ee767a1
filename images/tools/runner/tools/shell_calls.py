"""One line after the other for a bash that lives on: how its commands are handed over and its exit statuses read. Pure.

The shell runs what is in a file, with arguments and standard input of the call's own, and then says how it went under a
name that the code does not know beforehand. Quoting is the shell's own; nothing of a call is read as a command of the
line around it.
"""

from __future__ import annotations

import re

# Nothing of the shell's own start is the job's output, and nothing of a call goes to a file of its history. `stderr` is
# the real one by a path; so far it is /dev/null, where bash has complained that it has no terminal.
_START = "unset HISTFILE; set +o history +H; history -c; PS1= PS2= PS4='+ '; exec 2>{stderr}\n"
_CALL = "\\builtin source {code}{args} <{stdin}\n"
_STATUS = "\\builtin printf '{name} %d\\n' \"$?\" >{status}\n"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def start_line(stderr: str) -> bytes:
    return _START.format(stderr=stderr).encode()


def call_lines(name: str, code: str, args: list[str], stdin: str, status: str) -> bytes:
    """What makes the shell run the file `code` and write "`name` exit-status" to `status`."""
    words = "".join(" " + quoted(word) for word in args)
    line = _CALL.format(code=code, args=words, stdin=stdin)
    return line.encode("utf-8", "surrogatepass") + status_line(name, status)


def status_line(name: str, status: str) -> bytes:
    """What makes the shell say its last exit status."""
    return _STATUS.format(name=name, status=status).encode()


def export_lines(variables: dict[str, str]) -> str:
    """What gives the shell these variables; a name that no shell can have is left out."""
    return "".join(f"\\export {name}={quoted(value)}\n" for name, value in variables.items() if _NAME.match(name))


def quoted(word: str) -> str:
    """`word` as one word of a line, whatever is in it but NUL."""
    return "'" + word.replace("'", "'\\''") + "'"


def status_in(said: bytes, name: str) -> int | None:
    """The exit status that was said under `name`, once it was."""
    found = re.search(rb"%s (\d{1,3})\n" % name.encode(), said)
    return None if found is None else min(int(found[1]), 255)
