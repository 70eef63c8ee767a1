"""One call of a tool of upstream's: in the order in which upstream's agent does it, and what comes of it.

I1  Nothing of upstream's check on requests is here: it takes a call without arguments for no call.
I2  A call that was cancelled counts as ended by TERM, whatever the tool made of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any, NamedTuple

from agent_zero import terminal
from agent_zero.arguments import normalised
from agent_zero.definitions import Definition
from agent_zero.layout import Layout
from agent_zero.stub_agent import Agent, AgentContext
from report import TOOL_ERROR, Answer, killed_by
from tools.contract import Call


class Loaded(NamedTuple):
    """A tool of upstream's, ready to be called."""

    layout: Layout
    tool_class: type[Any]
    definition: Definition


def call(tool: Loaded, asked: Call) -> Answer:
    """A call with an agent of its own, which ends with it."""
    settle_in()
    loop = asyncio.new_event_loop()
    # The loop is left as it is: this process ends without a word to what the tool may still have running in it.
    return loop.run_until_complete(invoke(tool, Agent(tool.layout), asked.arguments))


def settle_in() -> None:
    """Makes a job's process one for upstream's code."""
    os.environ["PROMPT_COMMAND"] = terminal.PROMPT_COMMAND
    # What upstream prints is for whoever runs it, not for whoever asked.
    sys.stdout = sys.stderr


async def invoke(tool: Loaded, agent: Agent, arguments: dict[str, Any]) -> Answer:
    try:
        value = await _invoke(tool, agent, arguments)
    except asyncio.CancelledError:
        return killed_by(signal.SIGTERM)
    except Exception as error:  # Whatever upstream's code raises is that call's outcome.
        if agent.is_cancelled:
            return killed_by(signal.SIGTERM)
        return Answer(None, TOOL_ERROR, f"{type(error).__name__}: {error}")
    return killed_by(signal.SIGTERM, value) if agent.is_cancelled else Answer(value)


async def _invoke(tool: Loaded, agent: Agent, arguments: dict[str, Any]) -> dict[str, Any]:
    given = normalised(arguments, tool.definition.properties)
    name, method = tool.definition.tool, tool.definition.method
    agent.history.clear()
    AgentContext.notifications.take()
    terminal.forget_ended(agent)
    instance = tool.tool_class(
        agent=agent, name=name, method=method, args=given, message="", loop_data=agent.loop_data
    )
    agent.loop_data.current_tool = instance
    log = agent.context.log
    await agent.handle_intervention()
    try:
        log.is_live = True
        await instance.before_execution(**given)
        response = await instance.execute(**given)
        log.is_live = False
        await instance.after_execution(response)
    finally:
        log.is_live = False
        agent.loop_data.current_tool = None
    return _value(response, agent)


def _value(response: Any, agent: Agent) -> dict[str, Any]:
    entries = [entry for entry in agent.history if isinstance(entry, dict)]
    said = [str(entry["tool_result"]) for entry in entries if "tool_result" in entry]
    content = [part for entry in entries for part in entry.get("raw_content", [])]
    # What a tool has to say that gives content comes after it ran, if at all; before that its message is only a
    # placeholder.
    message = "\n".join(said) if content else response.message
    value: dict[str, Any] = {"message": message, "breakLoop": bool(response.break_loop)}
    if response.additional:
        value["additional"] = response.additional
    if content:
        value["content"] = content
    notifications = AgentContext.notifications.take()
    if notifications:
        value["notifications"] = notifications
    return value
