"""A session's agent: a job's process that stays, and serves the session's calls one after the other.

K1  Everything that the session's shells start stays below this process: it adopts orphans, and buries them after each
    call.
K2  INTERRUPT cancels the call that is under way and ends what began in the shells during it. Shells, files and what ran
    before are left alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any, NoReturn

import sealing
from agent_zero import terminal
from agent_zero.invocation import Loaded, invoke, settle_in
from agent_zero.stub_agent import Agent
from channel import Channel
from frames import decode_json
from messages import CALL, INTERRUPT, RETURNED
from report import Answer, killed_by

# How long what was interrupted has to end by itself.
_HEED_S = 0.2


def keep(tools: dict[str, Loaded], channel: Channel, run: dict[str, Any]) -> NoReturn:
    """Serves the call in `run` and those after it, until the supervisor is gone."""
    _Keeper(tools, channel, run).serve()


class _Keeper:
    def __init__(self, tools: dict[str, Loaded], channel: Channel, run: dict[str, Any]) -> None:
        self._tools = tools
        self._channel = channel
        self._first = run
        self._agent = Agent(tools[run["tool"]].layout)
        self._env: set[str] = set()
        self._loop = asyncio.new_event_loop()
        # The call under way, and what its tool does of it once that has begun.
        self._task: asyncio.Task[None] | None = None
        self._work: asyncio.Task[Answer] | None = None
        self._since_ticks = 0

    def serve(self) -> NoReturn:
        sealing.adopt_orphans()
        settle_in()
        self._loop.add_reader(self._channel.fd, self._on_message)
        self._begin(self._first)
        for kind, payload in self._channel.waiting():
            self._heed(kind, payload)
        self._loop.run_forever()
        os._exit(0)

    def _on_message(self) -> None:
        for kind, payload in self._channel.read():
            self._heed(kind, payload)

    def _heed(self, kind: int, payload: bytes) -> None:
        if kind == CALL:
            self._begin(decode_json(payload))
        elif kind == INTERRUPT and self._task is not None and not self._agent.is_cancelled:
            self._agent.is_cancelled = True
            terminal.interrupt(self._agent, self._since_ticks, signal.SIGTERM)
            if self._work is not None:
                self._work.cancel()

    def _begin(self, run: dict[str, Any]) -> None:
        for name in self._env - run["env"].keys():
            os.environ.pop(name, None)
        os.environ.update(run["env"])
        self._env = set(run["env"])
        self._agent.is_cancelled = False
        self._since_ticks = terminal.now_ticks()
        self._task = self._loop.create_task(self._serve(run))

    async def _serve(self, run: dict[str, Any]) -> None:
        answer = killed_by(signal.SIGTERM)
        if not self._agent.is_cancelled:
            self._work = self._loop.create_task(invoke(self._tools[run["tool"]], self._agent, run["arguments"]))
            try:
                answer = await self._work
            except asyncio.CancelledError:
                pass  # Before its first step; later it answers for itself.
        self._work = None
        if self._agent.is_cancelled:
            await self._end_interrupted()
        terminal.bury_orphans(self._agent)
        self._task = None
        self._answer(answer, run["limits"]["resultBytes"])

    async def _end_interrupted(self) -> None:
        """What did not heed TERM is ended."""
        await asyncio.sleep(_HEED_S)
        terminal.interrupt(self._agent, self._since_ticks, signal.SIGKILL)

    def _answer(self, answer: Answer, result_bytes: int) -> None:
        self._channel.send(RETURNED, answer.encoded(result_bytes))
