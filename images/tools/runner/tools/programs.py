"""Programs that a tool starts, and files in memory to hand them."""

from __future__ import annotations

import os
import signal

from tools.contract import ToolError

# Python ignores these, or has handlers; a program that inherits what it ignores would miss its broken pipes.
_DEFAULT_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ)


def spawn(argv: list[str], descriptors: dict[int, int], new_session: bool = False) -> int:
    """Starts a program with descriptors 0 to 2 and, under their keys, those in `descriptors`; its id."""
    try:
        return os.posix_spawnp(
            argv[0],
            [word.encode("utf-8", "surrogatepass") for word in argv],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in descriptors.items()],
            setsigdef=_DEFAULT_SIGNALS,
            setsigmask=(),
            setsid=new_session,
        )
    except FileNotFoundError:
        raise ToolError(f"{argv[0]} is not installed where this tool runs; choose another runtime.") from None
    except OSError as error:
        raise ToolError(f"{argv[0]} could not be started: {error.strerror}. Are the arguments too long?") from None


def memory_file(name: str, content: str) -> int:
    """A file in memory, open at its start."""
    fd = os.memfd_create(name)
    rest = memoryview(content.encode("utf-8", "surrogatepass"))
    while rest:
        rest = rest[os.write(fd, rest) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
