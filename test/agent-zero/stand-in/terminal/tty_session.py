"""A shell on a terminal. Its streams are set up when this is imported, and there have to be some."""

import asyncio
import os
import pty
import sys
import termios
import time

sys.stdin.reconfigure(errors="replace")
sys.stdout.reconfigure(errors="replace")
print("said while it was imported")


class TTYSession:
    def __init__(self, cmd, *, cwd=None, env=None):
        self.cmd, self.cwd, self.env, self._proc = cmd, cwd, env or os.environ.copy(), None

    def __del__(self):
        # Whoever collects this starts an event loop, in the middle of another one.
        import nest_asyncio

        nest_asyncio.apply()
        asyncio.run(self.wait())

    async def wait(self):
        await self._proc.wait()

    async def start(self):
        self._said = asyncio.Queue()
        self._master, slave = pty.openpty()
        ways = termios.tcgetattr(slave)
        ways[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, ways)
        self._proc = await asyncio.create_subprocess_shell(
            self.cmd, stdin=slave, stdout=slave, stderr=slave, cwd=self.cwd, env=self.env
        )
        os.close(slave)
        asyncio.get_running_loop().add_reader(self._master, self._take)

    def _take(self):
        try:
            data = os.read(self._master, 65536)
        except OSError:
            data = b""
        if data:
            self._said.put_nowait(data.decode("utf-8", "replace"))
        else:
            asyncio.get_running_loop().remove_reader(self._master)

    async def sendline(self, line):
        os.write(self._master, (line + "\n").encode())

    async def read_full_until_idle(self, idle_timeout, total_timeout):
        said, until = "", time.monotonic() + total_timeout
        while time.monotonic() < until:
            try:
                said += await asyncio.wait_for(self._said.get(), idle_timeout)
            except asyncio.TimeoutError:
                break
        return said

    def kill(self):
        if self._proc is not None and self._proc.returncode is None:
            self._proc.kill()
