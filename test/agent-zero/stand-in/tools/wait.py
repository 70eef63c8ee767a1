"""Waits."""

import asyncio

from framework.tool import Response, Tool


class WaitTool(Tool):
    async def execute(self, **kwargs):
        seconds = int(self.args.get("seconds", 0))
        if seconds <= 0:
            return Response("That is no time to wait.", False)
        for _ in range(seconds * 10):
            await self.agent.handle_intervention()
            await asyncio.sleep(0.1)
        return Response(self.agent.read_prompt("fw.wait_complete.md", target_time="now"), False)
