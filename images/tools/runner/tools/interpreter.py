"""A Python interpreter without the start of one: a fork of this process that becomes a fresh `python3 -c`.

A fork takes a tenth of what a new interpreter does, and the code must not be able to tell:

P1  `__main__`, sys.argv, sys.path, the standard streams and signal handlers are as `python3 -u -c code` has them, and
    nothing of the runner can be imported or is reachable through a descriptor.
P2  Tracebacks show the code's frames only; at the end threads are waited for, atexit functions and finalizers run and
    the exit code is what an interpreter's would be.
P3  A module that a file in the work directory hides is forgotten, so that its import finds the file.

What remains different: string hashing has the same seed for every call in a container.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import linecache
import os
import signal
import sys
import types
import weakref
from typing import Any, NoReturn

import sealing

_FILENAME = "<string>"
# The interpreter's exit status when it cannot flush its streams.
_STREAM_BROKEN = 120
# What much code imports, loaded before the first fork: every fork has it for nothing.
for _name in (
    "collections",
    "csv",
    "datetime",
    "functools",
    "itertools",
    "json",
    "math",
    "pathlib",
    "random",
    "re",
    "string",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "traceback",
    "typing",
    "urllib.parse",
):
    importlib.import_module(_name)
_RUNNER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def fork(code: str, args: list[str]) -> int:
    """The id of a child process that runs `code`."""
    pid = os.fork()
    if pid == 0:
        try:
            _become(code, args)
        finally:
            os._exit(70)  # Never back into the runner's own code.
    return pid


def _become(code: str, args: list[str]) -> NoReturn:
    sealing.close_from(3)
    sealing.set_dumpable(True)  # The code may look into its own /proc, as any program may.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    sys.stdin = sys.__stdin__ = io.open(0, encoding="utf-8", errors="surrogateescape")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _unbuffered(1, "surrogateescape")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _unbuffered(2, "backslashreplace")  # type: ignore[misc]
    sys.argv = ["-c", *args]
    _forget_runner()
    _forget_hidden()
    before = frozenset(sys.modules) - {"__main__"}
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.modules["__main__"].__dict__["__builtins__"] = sys.modules["builtins"]
    status = _run(code, sys.modules["__main__"].__dict__)
    _leave(status, before)


def _unbuffered(fd: int, errors: str) -> io.TextIOWrapper:
    raw = io.FileIO(fd, "w", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, write_through=True)


def _forget_runner() -> None:
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if isinstance(origin, str) and origin.startswith(_RUNNER + os.sep):
            del sys.modules[name]
    sys.path.remove(_RUNNER)
    sys.path_importer_cache.clear()
    if "site" not in sys.modules:  # The runner itself may run without it.
        import site

        site.main()
    sys.path.insert(0, "")


def _forget_hidden() -> None:
    """P3. Modules without a file are part of the interpreter and win over files there too."""
    try:
        names = {name.partition(".")[0] for name in os.listdir(".")}
    except OSError:
        return
    for name in names & sys.modules.keys():
        if getattr(sys.modules[name], "__file__", None) is not None:
            del sys.modules[name]


def _run(code: str, main: dict[str, Any]) -> int:
    """Runs `code` with `main` as its globals; gives the exit status that the interpreter would give."""
    linecache.cache[_FILENAME] = (len(code), None, [line + "\n" for line in code.split("\n")], _FILENAME)
    try:
        exec(compile(code, _FILENAME, "exec", dont_inherit=True), main)
    except SystemExit as stop:
        return _status_of(stop)
    except BaseException as error:
        # The outermost frame is this function's; an error of the compiler has no other.
        trace = error.__traceback__
        sys.excepthook(type(error), error.with_traceback(trace.tb_next if trace else None), error.__traceback__)
        return 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _status_of(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code & 0xFF
    print(stop.code, file=sys.stderr)
    return 1


def _leave(status: int, modules_before: frozenset[str]) -> NoReturn:
    """The interpreter's own exit for what the code made: threads, atexit functions, finalizers, streams. What the
    runner had loaded stays as it is: taking all of it down would take longer than most code runs."""
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    atexit._run_exitfuncs()
    _flush_files()
    left = [weakref.ref(sys.modules.pop(name)) for name in set(sys.modules) - modules_before]
    gc.collect()
    for reference in left:
        module = reference()
        if module is not None:  # Something holds it: its names are let go instead, as the interpreter does.
            module.__dict__.update(dict.fromkeys(set(module.__dict__) - {"__builtins__"}))
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        status = status or _STREAM_BROKEN
    os._exit(status)


def _flush_files() -> None:
    """The collector may close a file before the buffer in front of it, and then what is in the buffer is lost."""
    for found in gc.get_objects():
        if issubclass(type(found), (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)):
            try:
                found.flush()
            except (OSError, ValueError):
                pass  # Closed, or open for reading only.
