"""Modules that stand for those of upstream's framework which a tool imports and a call does not need, or must not have:
the agent loop, settings, secrets, remote calls, SSH, its log on disk.

F1  They are in sys.modules before the first tool is imported; upstream's own never run.
F2  Only what the offered tools touch is there. A tool that wants more fails to load, and says so.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, Callable

from agent_zero import searxng, stub_agent, tokens
from agent_zero.layout import Layout
from agent_zero.log import Log


def install(layout: Layout, searxng_url: str | None) -> None:
    _put("agent", {name: value for name, value in vars(stub_agent).items() if inspect.isclass(value)})
    _put("agent", {"AgentContextType": SimpleNamespace(USER="user", TASK="task"), "UserMessage": SimpleNamespace})
    _put("models", {})
    # Loaded by modules for what is not done here: shells over SSH, loops inside of loops, containers.
    _put("paramiko", {})
    _put("nest_asyncio", {"apply": _nothing})
    if not tokens.can_count_exactly():
        _put("tiktoken", {"get_encoding": tokens.get_encoding})
    for name, names in _helpers(layout, searxng_url).items():
        _put(f"{layout.helpers}.{name}", names)


class PrintStyle:
    """Upstream's writes all that tools put out to a file that only grows."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass


def _helpers(layout: Layout, searxng_url: str | None) -> dict[str, dict[str, Any]]:
    return {
        "print_style": {"PrintStyle": PrintStyle},
        "log": {"Log": Log},
        "dotenv": {
            "get_dotenv_value": os.environ.get,
            "save_dotenv_value": _nothing,
            "load_dotenv": _nothing,
        },
        "docker": {"DockerContainerManager": object},
        "duckduckgo_search": {},
        "perplexity_search": {},
        "extension": {
            "Extension": object,
            "call_extensions": _nothing_later,
            "call_extensions_async": _nothing_later,
            "call_extensions_sync": _nothing,
            "extensible": lambda function: function,
        },
        # Imported by a search engine that does not use it, with all that it takes.
        "memory": {},
        "history": {"RawMessage": dict},
        "plugins": {"get_plugin_config": PluginConfigs(layout).get},
        "projects": {"get_context_project_name": _nothing, "get_project_folder": _nothing},
        "rfc_exchange": {"get_root_password": _nothing_later},
        "runtime": {
            "args": {"dockerized": True},
            "call_development_function": _call,
            # Without `exec` the shell would be the child of a shell, and outlive it when that is ended.
            "get_terminal_executable": lambda: "exec /bin/bash",
            "is_development": lambda: False,
            "is_dockerized": lambda: True,
            "is_windows": lambda: False,
        },
        "searxng": {"search": searxng.searcher(searxng_url)},
        "secrets": {"get_secrets_manager": lambda *_, **__: _SECRETS},
        "settings": {"get_settings": lambda: {"workdir_path": os.getcwd()}},
    }


class PluginConfigs:
    """What upstream ships as a plugin's defaults."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._found: dict[str, Any] = {}

    def get(self, plugin: str, *_: Any, **__: Any) -> Any:
        if plugin not in self._found:
            self._found[plugin] = self._read(plugin)
        return self._found[plugin]

    def _read(self, plugin: str) -> Any:
        folder = self._layout.plugin_folder(plugin)
        path = os.path.join(folder or "", "default_config.yaml")
        if folder is None or not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as file:
            text = file.read()
        yaml = __import__(f"{self._layout.helpers}.yaml", fromlist=["loads"])
        return json.loads(json.dumps(yaml.loads(text)))


# A job has what secrets it was given and no others, and the worker hides them (docs/SECURITY.md).
_SECRETS = SimpleNamespace(mask_values=lambda text, *_, **__: text)


def _nothing(*_: Any, **__: Any) -> None:
    return None


async def _nothing_later(*_: Any, **__: Any) -> None:
    return None


for _name in ("print", "stream", "standard", "hint", "info", "success", "warning", "debug", "error"):
    setattr(PrintStyle, _name, staticmethod(_nothing))


async def _call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What upstream calls in its container from a developer's machine; here it is the container."""
    result = function(*args, **kwargs)
    return await result if inspect.isawaitable(result) else result


def _put(name: str, names: dict[str, Any]) -> None:
    module = sys.modules.setdefault(name, ModuleType(name, "Stands for upstream's."))
    vars(module).update(names)
