"""Searches."""

from framework import dotenv, duckduckgo_search, perplexity_search  # noqa: F401
from framework.searxng import search
from framework.tool import Response, Tool


class SearchEngine(Tool):
    async def execute(self, query="", **kwargs):
        found = await search(query)
        return Response("\n".join(f"{one['title']} {one['url']}" for one in found["results"]), False)
