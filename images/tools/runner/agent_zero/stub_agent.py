"""The agent that upstream's tools are called with: what they touch of one, and no more. Upstream's state (shells, what
was read) lives in its `data`, so an agent lives as long as a session does.

A1  It has no model: a tool that asks for one is told so.
A2  When the call was cancelled, the next time the tool gives way it does not come back.
"""

from __future__ import annotations

import importlib
from typing import Any, Callable, ClassVar

from agent_zero.layout import Layout
from agent_zero.log import Log


class InterventionException(Exception):
    """The call was cancelled."""


class NoModel(Exception):
    """The tool asked for a language model, and there is none here."""


class AgentConfig:
    """What v0.9.x asks of it; later versions ask plugins."""

    mcp_servers = ""
    profile = ""
    memory_subdir = ""
    code_exec_ssh_enabled = False
    code_exec_ssh_addr = ""
    code_exec_ssh_port = 0
    code_exec_ssh_user = ""
    code_exec_ssh_pass = ""

    def __init__(self) -> None:
        self.knowledge_subdirs = ["default", "custom"]
        self.additional: dict[str, Any] = {}


class Notifications:
    """Stands for upstream's manager: what a tool notifies of is part of the call's result."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []

    def add_notification(self, **fields: Any) -> None:
        self.items.append({name: getattr(value, "value", value) for name, value in fields.items()})

    def take(self) -> list[dict[str, Any]]:
        taken, self.items = self.items, []
        return taken


class AgentContext:
    # Upstream has one manager a process, and asks the class for it.
    notifications: ClassVar[Notifications] = Notifications()

    def __init__(self) -> None:
        self.id = "session"
        self.name = None
        self.no = 0
        self.paused = False
        self.task = None
        self.log = Log()
        self.data: dict[str, Any] = {}
        self.output_data: dict[str, Any] = {}

    @classmethod
    def get_notification_manager(cls) -> Notifications:
        return cls.notifications

    def get_data(self, key: str, recursive: bool = True) -> Any:
        return self.data.get(key)

    def set_data(self, key: str, value: Any, recursive: bool = True) -> None:
        self.data[key] = value


class LoopData:
    def __init__(self, **fields: Any) -> None:
        self.iteration = 0
        self.params_temporary: dict[str, Any] = {}
        self.params_persistent: dict[str, Any] = {}
        self.extras_temporary: dict[str, Any] = {}
        self.extras_persistent: dict[str, Any] = {}
        self.current_tool: Any = None
        self.__dict__.update(fields)


class Agent:
    def __init__(self, layout: Layout) -> None:
        self.number = 0
        self.agent_name = "A0"
        self.config = AgentConfig()
        self.context = AgentContext()
        self.data: dict[str, Any] = {}
        self.loop_data = LoopData()
        self.intervention = None
        self.is_cancelled = False
        self.history: list[Any] = []
        self._files = importlib.import_module(f"{layout.helpers}.files")
        self._prompt_folders = layout.prompt_folders()

    def get_data(self, field: str) -> Any:
        return self.data.get(field)

    def set_data(self, field: str, value: Any) -> None:
        self.data[field] = value

    def read_prompt(self, file: str, **variables: Any) -> str:
        files = self._files
        prompt: str = files.read_prompt_file(file, _directories=self._prompt_folders, _agent=self, **variables)
        return str(files.remove_code_fences(prompt)) if files.is_full_json_template(prompt) else prompt

    def parse_prompt(self, _prompt_file: str, **variables: Any) -> Any:
        return self._files.parse_file(_prompt_file, _directories=self._prompt_folders, _agent=self, **variables)

    def hist_add_message(self, ai: bool, content: Any, tokens: int = 0, id: str = "") -> None:
        """The messages of a call are taken with its result; there is no conversation here that they would go on."""
        self.history.append(content)

    def hist_add_tool_result(self, tool_name: str, tool_result: str, **fields: Any) -> None:
        self.history.append({"tool_name": tool_name, "tool_result": tool_result})

    def hist_add_warning(self, message: Any, id: str = "") -> None:
        self.history.append(message)

    async def handle_intervention(self, progress: str = "") -> None:
        if self.is_cancelled:
            raise InterventionException("the call was cancelled")

    def _no_model(self, *_: Any, **__: Any) -> Any:
        raise NoModel("This takes a language model, which tools have none of here; do it in the agent itself.")

    get_chat_model: Callable[..., Any] = _no_model
    get_utility_model: Callable[..., Any] = _no_model
    get_browser_model: Callable[..., Any] = _no_model
    get_embedding_model: Callable[..., Any] = _no_model
    call_chat_model: Callable[..., Any] = _no_model
    call_utility_model: Callable[..., Any] = _no_model
