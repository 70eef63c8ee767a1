"""The runner: takes frames on stdin, runs tools in a sealed process, answers in frames on stdout.

    python3 -I -S -u images/tools/runner --mode container|process [--uid N --gid N] [--work DIR --tmp DIR]
        [--agent-zero DIR --definitions DIR [--searxng URL]]

`container`: container root with SETUID, SETGID and KILL, under an init; jobs run as the user `tool` in /work and /tmp.
`process`: on the worker itself, with folders of its own. It isolates little, and as root it wants --uid and --gid of an
account that runs nothing else. Exit codes: 0 stdin ended, 1 the sandbox failed, 2 bad options, 3 the worker's frames
made no sense. stderr is for crash reports only.
"""

from __future__ import annotations

import os
import sys

# A relative path here would follow the job's process into its work directory.
sys.path[0] = os.path.dirname(os.path.abspath(__file__))

import gc  # noqa: E402

import sealing  # noqa: E402
import sweeper  # noqa: E402
import tools  # noqa: E402
from account import Account  # noqa: E402
from canary import Canary, NotClean  # noqa: E402
from custody import Custody  # noqa: E402
from frames import Breach  # noqa: E402
from job import Setting  # noqa: E402
from options import USAGE, BadOptions, Options, Source, parse  # noqa: E402
from sandbox import RunnerFailed  # noqa: E402
from supervisor import Supervisor  # noqa: E402

# Where else a job's user can write. Only what belongs to a dedicated account is wiped there, never a shared one's.
_SHARED_FOLDERS = ["/dev/shm", "/dev/mqueue"]


def main() -> int:
    try:
        options = parse(sys.argv[1:])
        if os.getpid() == 1:
            raise BadOptions("the runner cannot be process 1, which is everyone's parent: start it under an init")
    except BadOptions as error:
        print(f"runner: {error}\n{USAGE}", file=sys.stderr)
        return 2
    try:
        _supervisor(options).serve()
    except Breach as error:
        print(f"runner: breach: {error}", file=sys.stderr)
        return 3
    except (RunnerFailed, NotClean, sweeper.SweeperLost, OSError) as error:
        print(f"runner: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _supervisor(options: Options) -> Supervisor:
    account = Account(options)
    sealing.set_dumpable(False)
    sealing.limit_open_files()
    sealing.replace_environment(account.environment(options.work, options.tmp))
    watch = sweeper.start(account, [options.work, options.tmp], _SHARED_FOLDERS)
    # After the sweeper left the family: from here on every descendant is a job's.
    custody = Custody(account, watch, sealing.adopt_orphans())
    if options.agent_zero is not None:
        _offer_agent_zero(options.agent_zero)
    canary = Canary(account, [options.work, options.tmp], _SHARED_FOLDERS)
    # What is loaded by now is shared with every fork; the collector must not touch, and so copy, it.
    gc.collect()
    gc.freeze()
    setting = Setting(account, options.work, dict(os.environ))
    return Supervisor(setting, watch, custody, canary)


def _offer_agent_zero(source: Source) -> None:
    import agent_zero  # Only here: the native tools need not wait for it.

    tools.offer(agent_zero.load(source.root, source.definitions, source.searxng_url))


if __name__ == "__main__":
    sys.exit(main())
