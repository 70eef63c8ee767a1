"""Agent Zero's own tools, as the runner's: upstream's classes, loaded once, called with an agent of ours.

G1  The supervisor imports upstream's modules and does nothing else with them; a tenant's data meets them in a job's
    process only.
G2  No file of upstream's is changed. What of it does not fit here is replaced in memory, each thing in one place:
    framework.py for modules, terminal.py for the shells, tool_base.py for the base class, proxies.py for the
    way out.
G3  A tool that does not load is refused with the reason why it does not.
"""

from __future__ import annotations

from agent_zero.loading import load

__all__ = ["load"]
