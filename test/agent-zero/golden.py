"""Runs the golden calls against a tree of Agent Zero's, and reports where the tree is not what the definitions were
written for.

    npm run test:agent-zero -- --root PATH [--definitions PATH]
        [--image IMAGE [--as-is | [--packages PATH] [--program FILE]...]]

The runner is started by the Python that runs this, which has to have upstream's packages, or in a container of IMAGE
with the runner, the tree, PATH as the packages of its Python, and each FILE as a program; or, as it is, in one of an
image that has all that. Exit codes: 0 all as expected, 1 not, 2 no such tree.
"""

from __future__ import annotations

import argparse
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_REPOSITORY = os.path.dirname(os.path.dirname(_HERE))
_TOOLS = os.path.join(_REPOSITORY, "images", "tools")
_DEFINITIONS = os.path.join(_REPOSITORY, "images", "agent-zero", "definitions")
sys.path[:0] = [os.path.join(_TOOLS, "test"), os.path.join(_TOOLS, "runner")]

from agent_zero.layout import Layout, NoTree  # noqa: E402
from client import RUNNER, Runner  # noqa: E402
from drift import drift  # noqa: E402
from golden_calls import play, stories  # noqa: E402

# The release whose definitions fit a layout.
_RELEASE_OLD, _RELEASE_NEW = "0.9.8.2", "1.7"
_SEARXNG_PORT = 18_888
_SEARXNG = ["--searxng", f"http://127.0.0.1:{_SEARXNG_PORT}/search"]

_TMPFS = "uid=10001,gid=10001,mode=700,exec"
# As workers start it.
_CONTAINER = [
    *"docker run -i --rm --init --network=none --read-only --user=0 --cap-drop=ALL".split(),
    "--security-opt=no-new-privileges",
    *(f"--cap-add={capability}" for capability in ("SETUID", "SETGID", "KILL")),
    *(f"--tmpfs={place}:{_TMPFS}" for place in ("/work", "/tmp")),
]


def main() -> int:
    asked = _arguments()
    try:
        layout = Layout(asked.root)
    except NoTree as error:
        print(error, file=sys.stderr)
        return 2
    definitions = asked.definitions or os.path.join(_DEFINITIONS, _RELEASE_OLD if layout.is_old else _RELEASE_NEW)
    for found in drift(layout.root, definitions):
        print(f"drift: {found.definition}: {found.file} is {found.what}")
    return 1 if _play_all(asked, layout, os.path.abspath(definitions)) else 0


def _play_all(asked: argparse.Namespace, layout: Layout, definitions: str) -> int:
    failed = 0
    with _runner(asked, layout, definitions) as runner:
        places = {"work": "/work" if asked.image else runner.work, "port": str(_SEARXNG_PORT)}
        for story in stories("old" if layout.is_old else "new"):
            wrong = play(story, runner, places)
            failed += bool(wrong)
            print(f"{'not ok' if wrong else 'ok'}: {story.what}", *wrong, sep="\n  ", flush=True)
    return failed


def _runner(asked: argparse.Namespace, layout: Layout, definitions: str) -> Runner:
    if asked.image is None:
        return Runner(options=["--agent-zero", layout.root, "--definitions", definitions, *_SEARXNG], isolated=False)
    if asked.as_is:
        return Runner(command=[*_CONTAINER, asked.image, *_SEARXNG])
    mounts = {RUNNER: "/opt/zerofleet/runner", layout.root: "/a0", definitions: "/definitions"}
    programs = os.path.join(layout.root, "docker", "run", "fs", "exe")
    if os.path.isdir(programs):
        mounts[programs] = "/exe"  # Where upstream's image has them.
    if asked.packages is not None:
        mounts[os.path.abspath(asked.packages)] = "/packages"
    mounts.update((os.path.abspath(path), f"/usr/local/bin/{os.path.basename(path)}") for path in asked.program)
    return Runner(command=_in_container(asked.image, mounts))


def _in_container(image: str, mounts: dict[str, str]) -> list[str]:
    volumes = [f"--volume={here}:{there}:ro" for here, there in mounts.items()]
    runner = "/opt/zerofleet/runner --mode container --agent-zero /a0 --definitions /definitions"
    # Isolated, Python would not look there.
    flags = "-P -s -u" if "/packages" in mounts.values() else "-I -u"
    start = f"PYTHONPATH=/packages exec python3 {flags} {runner} {' '.join(_SEARXNG)}"
    return [*_CONTAINER, *volumes, "--entrypoint=/bin/sh", image, "-c", start]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True)
    parser.add_argument("--image")
    parser.add_argument("--as-is", action="store_true")
    parser.add_argument("--packages")
    parser.add_argument("--program", action="append", default=[])
    parser.add_argument("--definitions")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
