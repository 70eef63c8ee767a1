"""Loads what was remembered."""

from framework.tool import Response, Tool

THRESHOLD = 0.7


class MemoryLoad(Tool):
    async def execute(self, **kwargs):
        return Response("nothing", False)
