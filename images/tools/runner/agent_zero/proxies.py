"""The way out for upstream's HTTP client: jobs reach what they may reach through a proxy that their environment names,
and the client looks there only when it is told to."""

from __future__ import annotations

import sys
from functools import wraps
from typing import Any


def mend() -> None:
    """Has every session of the client ask the environment, if a tool loaded it."""
    aiohttp = sys.modules.get("aiohttp")
    if aiohttp is None:
        return
    upstreams = aiohttp.ClientSession.__init__

    @wraps(upstreams)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        upstreams(self, *args, **{**kwargs, "trust_env": True})

    aiohttp.ClientSession.__init__ = init
