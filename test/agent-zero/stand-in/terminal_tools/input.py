"""Types into a shell. The class of the other tool is here too, and comes before by its name."""

from framework.tool import Tool
from terminal_tools.code_execution_tool import CodeExecution


class Input(Tool):
    async def execute(self, keyboard="", **kwargs):
        number = int(self.args.get("session", 0))
        args = {"runtime": "terminal", "code": keyboard, "session": number, "allow_running": True}
        tool = CodeExecution(self.agent, "code_execution_tool", "", args, self.message, self.loop_data)
        tool.log = self.log
        return await tool.execute(**args)
