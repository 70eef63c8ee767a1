"""Forgets. It looks for the other tool where that was before."""

from framework.tool import Response, Tool
from tools.memory_load import THRESHOLD


class MemoryForget(Tool):
    async def execute(self, **kwargs):
        return Response(f"forgot above {THRESHOLD}", False)
