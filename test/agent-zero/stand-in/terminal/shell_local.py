"""A shell here."""

import re

from framework import runtime
from terminal import shell_ssh, tty_session  # noqa: F401

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\].*?\x07)|\r")


class LocalInteractiveSession:
    def __init__(self, cwd=None):
        self.cwd, self.session, self.full_output = cwd, None, ""

    async def connect(self):
        self.session = tty_session.TTYSession(runtime.get_terminal_executable(), cwd=self.cwd)
        await self.session.start()
        await self.session.read_full_until_idle(idle_timeout=1, total_timeout=1)

    async def close(self):
        self.session.kill()

    async def send_command(self, command):
        self.full_output = ""
        await self.session.sendline(command)

    async def read_output(self, timeout=0, reset_full_output=False):
        if reset_full_output:
            self.full_output = ""
        said = _ESCAPES.sub("", await self.session.read_full_until_idle(0.01, timeout))
        self.full_output += said
        return self.full_output, said or None
