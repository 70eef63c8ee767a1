"""Runs commands in shells that stay."""

import asyncio
import re
import shlex
import time
from dataclasses import dataclass

from framework import files, runtime, settings  # noqa: F401
from framework.tool import Response, Tool
from terminal.shell_local import LocalInteractiveSession

# Of a user with a name, and no other sign in the directory.
_PROMPT = re.compile(r"[a-zA-Z0-9_.-]+@[^:]+:[^$#]+[$#] ?$")
_FIRST_OUTPUT_S, _DIALOG_S, _AT_MOST_S = 8, 0.3, 12


@dataclass
class ShellWrap:
    id: int
    session: LocalInteractiveSession
    running: bool


@dataclass
class State:
    shells: dict[int, ShellWrap]


class CodeExecution(Tool):
    async def execute(self, **kwargs):
        await self.agent.handle_intervention()
        kind, number = self.args.get("runtime", ""), int(self.args.get("session", 0))
        self.allow_running = bool(self.args.get("allow_running", False))
        await self.prepare_state(number, bool(self.args.get("reset", False)) or kind == "reset")
        if kind == "reset":
            said = self.agent.read_prompt("fw.code.reset.md")
        elif kind == "output":
            said = await self.get_terminal_output(number)
        else:
            said = await self.run(kind, number)
        return Response(said or self.agent.read_prompt("fw.code.no_output.md"), False)

    async def run(self, kind, number):
        code = self.args["code"]
        words = {"python": "python3 -c ", "nodejs": "node -e "}
        command = words[kind] + shlex.quote(code) if kind in words else code
        shell = self.state.shells[number]
        if shell.running and not self.allow_running:
            if not _PROMPT.search((await shell.session.read_output(1, True))[0].strip()):
                return self.agent.read_prompt("fw.code.running.md", session=number)
        shell.running = True
        await shell.session.send_command(command)
        return await self.get_terminal_output(number, prefix=f"{kind}> {code}\n\n")

    async def prepare_state(self, number, reset):
        shells = getattr(self.agent.get_data("_cet_state"), "shells", {}).copy()
        if reset and number in shells:
            await shells.pop(number).session.close()
        if number not in shells:
            session = LocalInteractiveSession(cwd=settings.get_settings()["workdir_path"])
            shells[number] = ShellWrap(number, session, False)
            await session.connect()
        self.state = State(shells)
        self.agent.set_data("_cet_state", self.state)

    async def get_terminal_output(self, number=0, prefix="", sleep_time=0.5):
        started = last = time.time()
        shell, anew, full = self.state.shells[number], True, ""
        while True:
            await asyncio.sleep(sleep_time)
            full, partial = await shell.session.read_output(timeout=1, reset_full_output=anew)
            anew = False
            await self.agent.handle_intervention()
            if partial:
                last = time.time()
                self.set_progress(full)  # As upstream has it: nobody waits for it.
                self.log.update(content=prefix + full)
                if _PROMPT.search(full.rsplit("\n", 1)[-1].strip()):
                    shell.running = False
                    return full
            now = time.time()
            asks = full.rstrip().endswith("?") and now - last > _DIALOG_S
            if asks or now - started > (_AT_MOST_S if full else _FIRST_OUTPUT_S):
                return full + "\n" + self.agent.read_prompt("fw.code.running.md", session=number)
