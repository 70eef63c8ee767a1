"""Tools of upstream's that are not to be had here, and why: they are the agent itself, or cannot be without a model."""

from __future__ import annotations

_AGENT = "it is a part of the agent's own loop; the agent has to run it where it runs"
_MODEL = "it takes a language model, which tools have none of here"
_MEMORY = "it takes the agent's memory, which does not come along to where tools run"

REFUSED = {
    "a2a_chat": _AGENT,
    "behaviour_adjustment": _MODEL,
    "browser_agent": _MODEL,
    "call_subordinate": _AGENT,
    "memory_delete": _MEMORY,
    "memory_forget": _MEMORY,
    "memory_load": _MEMORY,
    "memory_save": _MEMORY,
    "scheduler": _AGENT,
    "skills_tool": _AGENT,
    "unknown": _AGENT,
}
