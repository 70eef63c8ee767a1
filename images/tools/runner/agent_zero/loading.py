"""Loads upstream's tools: each file once, before the first job.

D1  Of a file the class is taken that upstream would take: of those derived from the base class the last by name.
D2  What goes wrong while a file loads is kept and said to whoever calls the tool; upstream would go on as if there were
    none.
D3  Nothing that upstream's modules write while they load reaches the worker.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

from agent_zero import definitions, framework, proxies, terminal, tool_base
from agent_zero.definitions import Definition
from agent_zero.invocation import Loaded, call
from agent_zero.keeper import keep
from agent_zero.layout import Layout
from agent_zero.refused import REFUSED
from tools import Tool

# A module that upstream imports under a name where it is no more, and where it is.
_MOVED = {"tools.memory_load": "plugins._memory.tools.memory_load"}


_REASON_CHARS_MAX = 1_000


class Unloadable(Exception):
    """The text says why."""


def load(root: str, definitions_folder: str, searxng_url: str | None) -> dict[str, Tool]:
    """The tools that are defined, by their names here. Raises NoTree and BadDefinition; what is wrong with one tool is
    that tool's refusal."""
    layout = Layout(root)
    defined = definitions.read(definitions_folder)
    tools = {name: Tool(1, _never, refusal=why) for name, why in REFUSED.items()}
    with _streams_of_its_own():
        sys.path.append(layout.root)
        framework.install(layout, searxng_url)
        # First: it and `strings` import each other, and only this way around does that end well.
        importlib.import_module(f"{layout.helpers}.files")
        base = importlib.import_module(f"{layout.helpers}.tool").Tool
        tool_base.mend(base)
        # All of a session's tools share its agent.
        loaded: dict[str, Loaded] = {}
        for definition in defined:
            tools[definition.name] = _load(layout, definition, base, loaded)
        proxies.mend()
    return tools


def _load(layout: Layout, definition: Definition, base: type[Any], loaded: dict[str, Loaded]) -> Tool:
    try:
        tool_class = _class_of(layout, definition.tool, base)
    except Exception as error:  # D2; whatever upstream's code raises.
        why = f"it does not load: {type(error).__name__}: {error}"[:_REASON_CHARS_MAX]
        return Tool(definition.version, _never, refusal=why)
    tool = loaded[definition.name] = Loaded(layout, tool_class, definition)
    return Tool(definition.version, partial(call, tool), partial(keep, loaded))


def _class_of(layout: Layout, tool: str, base: type[Any]) -> type[Any]:
    path = layout.tool_file(tool)
    if path is None:
        raise Unloadable(f"this Agent Zero has no tool {tool}")
    module = _module(layout, path)
    found = [value for _, value in inspect.getmembers(module, inspect.isclass)]
    tool_classes = [value for value in found if value is not base and issubclass(value, base)]
    if not tool_classes:
        raise Unloadable(f"{path} has no class of a tool")
    for each in tool_classes:
        terminal.mend(layout, each)
    return tool_classes[-1]


def _module(layout: Layout, path: str) -> ModuleType:
    """The module of a file, under the name by which other files of upstream's import it."""
    name = layout.module_of(path)
    found = sys.modules.get(name)
    if found is not None and getattr(found, "__file__", None) == path:
        return found
    _put_back_what_moved(layout)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Unloadable(f"{path} is no module")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _put_back_what_moved(layout: Layout) -> None:
    for name, now in _MOVED.items():
        if name not in sys.modules and os.path.exists(os.path.join(layout.root, *now.split(".")) + ".py"):
            sys.modules[name] = _Elsewhere(name, now)


class _Elsewhere(ModuleType):
    """Stands where a module was, and loads it where it is when something of it is asked for."""

    def __init__(self, name: str, now: str) -> None:
        super().__init__(name)
        self._now = now

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self._now), name)


@contextmanager
def _streams_of_its_own() -> Iterator[None]:
    """D3; and text streams, which some modules set up when they load, whatever the runner's own are."""
    streams, stdout = (sys.stdin, sys.stdout), os.dup(1)
    os.dup2(2, 1)
    sys.stdin, sys.stdout = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    try:
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
        sys.stdin, sys.stdout = streams


def _never(_: Any) -> Any:
    raise AssertionError("a refused tool is never called")
