"""The runner's command line: --mode container|process [--uid N --gid N] [--work DIR --tmp DIR]
[--agent-zero DIR --definitions DIR [--searxng URL]].

Parsed by hand: argparse alone would be a tenth of a container's start.
"""

from __future__ import annotations

import os
import pwd
from typing import NamedTuple

USAGE = "usage: runner --mode container|process [--uid N --gid N] [--work DIR --tmp DIR]"
USAGE += " [--agent-zero DIR --definitions DIR [--searxng URL]]"
# The user that images/tools/Dockerfile makes for jobs.
JOB_USER = "tool"


class BadOptions(Exception):
    """The command line makes no sense; the text says why."""


class Source(NamedTuple):
    """Of Agent Zero's tools."""

    root: str
    definitions: str
    # What search_engine asks; None: nothing is searched.
    searxng_url: str | None


class Options(NamedTuple):
    container: bool
    # None: jobs run as the runner's own user (process mode only).
    uid: int | None
    gid: int | None
    work: str
    tmp: str
    # Where Agent Zero is and what of it is offered; None: the native tools are.
    agent_zero: Source | None = None


def parse(argv: list[str]) -> Options:
    given = _pairs(argv)
    mode = given.pop("mode", "")
    if mode not in ("container", "process"):
        raise BadOptions("--mode must be container or process")
    container = mode == "container"
    uid, gid = _number(given, "uid"), _number(given, "gid")
    work = given.pop("work", "/work" if container else "")
    tmp = given.pop("tmp", "/tmp" if container else "")
    agent_zero = _source(given)
    if given:
        raise BadOptions(f"unknown option --{next(iter(given))}")
    if not os.path.isabs(work) or not os.path.isabs(tmp):
        raise BadOptions("--work and --tmp must be absolute paths")
    if container and uid is None:
        uid, gid = _job_user()
    if (uid is None) != (gid is None):
        raise BadOptions("--uid and --gid go together")
    if uid is not None and os.getuid() != 0:
        raise BadOptions("only root can run jobs as another user")
    if uid == 0:
        raise BadOptions("--uid 0 would run jobs as root")
    return Options(container, uid, gid, work, tmp, agent_zero)


def _pairs(argv: list[str]) -> dict[str, str]:
    if len(argv) % 2:
        raise BadOptions("every option takes a value")
    pairs: dict[str, str] = {}
    for name, value in zip(argv[::2], argv[1::2]):
        if not name.startswith("--") or name[2:] in pairs:
            raise BadOptions(f"cannot take {name!r} here")
        pairs[name[2:]] = value
    return pairs


def _source(given: dict[str, str]) -> Source | None:
    root, definitions = given.pop("agent-zero", None), given.pop("definitions", None)
    searxng_url = given.pop("searxng", None)
    if root is None and definitions is None and searxng_url is None:
        return None
    if root is None or definitions is None or not os.path.isabs(root) or not os.path.isabs(definitions):
        raise BadOptions("--agent-zero and --definitions go together and are absolute paths")
    return Source(root, definitions, searxng_url)


def _number(given: dict[str, str], name: str) -> int | None:
    text = given.pop(name, None)
    if text is None:
        return None
    if not text.isdecimal() or int(text) >= 2**31:
        raise BadOptions(f"--{name} must be a number below 2^31")
    return int(text)


def _job_user() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam(JOB_USER)
    except KeyError:
        raise BadOptions(f"the image has no user '{JOB_USER}'; give --uid and --gid") from None
    return entry.pw_uid, entry.pw_gid
