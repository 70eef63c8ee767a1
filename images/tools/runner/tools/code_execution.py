"""code_execution: runs bash, Python or Node code as a child of the job's process, its streams passed straight through.

X1  The code never holds the job's private socket: a spawned program inherits descriptors 0 to 2 only, a forked
    interpreter closes the rest before it compiles a line of the code.
X2  TERM reaches the code, and the job's process outlives it to report how the code took it.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from limits import INLINE_CODE_BYTES_MAX
from report import TOOL_ERROR, Answer, killed_by
from tools import interpreter
from tools.contract import Call, ToolError, text, texts
from tools.programs import memory_file, spawn

# What `node -e` does itself, for code too long to be an argument.
_NODE_FROM_FILE = (
    "const vm=require('vm');vm.runInThisContext(require('fs').readFileSync(3,'utf8'),"
    "{filename:'[eval]',importModuleDynamically:vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER})"
)


def call(asked: Call) -> Answer:
    arguments = asked.arguments
    runtime, code, args = text(arguments, "runtime"), text(arguments, "code"), texts(arguments, "args")
    if "shell" in arguments:
        raise ToolError("'shell' is a number from 0 to 9, for runtime terminal, in a job of a session.")
    _refuse_nul([*args] if runtime == "python" else [code, *args])
    _take_stdin(text(arguments, "stdin", ""))
    # While the code runs TERM is the code's to answer (X2). A handler, not SIG_IGN: a program would inherit that.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    if runtime == "python":
        pid = interpreter.fork(code, args)
    elif runtime == "terminal":
        pid = _run(*_bash(code, args))
    elif runtime == "nodejs":
        pid = _run(*_node(code, args))
    else:
        raise ToolError("'runtime' must be terminal, python or nodejs.")
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return _answer(os.waitpid(pid, 0)[1])


def _answer(status: int) -> Answer:
    if os.WIFSIGNALED(status):
        return killed_by(os.WTERMSIG(status), {"exitCode": None})
    code = os.WEXITSTATUS(status)
    value: dict[str, Any] = {"exitCode": code}
    if code == 0:
        return Answer(value, exit_code=0)
    return Answer(value, TOOL_ERROR, f"exit code {code}", code)


def _refuse_nul(strings: list[str]) -> None:
    if any("\0" in string for string in strings):
        raise ToolError("Code for this runtime and 'args' cannot hold a NUL character; take it out.")


def _take_stdin(given: str) -> None:
    """Makes `given` descriptor 0. It is a file in memory: a pipe would need this process to feed it."""
    if not given:
        return
    fd = memory_file("stdin", given)
    os.dup2(fd, 0)
    os.close(fd)


Command = tuple[list[str], int]


def _bash(code: str, args: list[str]) -> Command:
    if _fits(code):
        return ["bash", "-c", code, "bash", *args], -1
    return ["bash", "/proc/self/fd/3", *args], memory_file("code", code)


def _node(code: str, args: list[str]) -> Command:
    if _fits(code):
        return ["node", "-e", code, "--", *args], -1
    return ["node", "-e", _NODE_FROM_FILE, "--", *args], memory_file("code", code)


def _fits(code: str) -> bool:
    return len(code.encode("utf-8", "surrogatepass")) <= INLINE_CODE_BYTES_MAX


def _run(argv: list[str], code_fd: int) -> int:
    """Starts a program; `code_fd`, when there is one, is its descriptor 3."""
    return spawn(argv, {3: code_fd} if code_fd >= 0 else {})
