"""The base class of tools."""

from dataclasses import dataclass
from typing import Any

from agent import Agent, LoopData  # noqa: F401
from framework.extension import call_extensions_async
from framework.print_style import PrintStyle
from framework.strings import tidy


@dataclass
class Response:
    message: str
    break_loop: bool
    additional: dict[str, Any] | None = None


class Tool:
    def __init__(self, agent, name, method, args, message, loop_data, **kwargs):
        self.agent, self.name, self.method, self.args = agent, name, method, args
        self.message, self.loop_data, self.progress = message, loop_data, ""

    async def set_progress(self, content):
        await call_extensions_async("tool_output_update", self.agent, ctx={"content": content})
        self.progress = content or ""

    async def before_execution(self, **kwargs):
        PrintStyle(bold=True).print(self.name)
        self.log = self.get_log_object()

    async def after_execution(self, response, **kwargs):
        text = tidy(response.message)
        self.agent.hist_add_tool_result(self.name, text, id=self.log.id)
        self.log.update(content=text)

    def get_log_object(self):
        return self.agent.context.log.log(type="tool", heading=self.name, content="", kvps=self.args)
