"""Ends a turn."""

from framework.tool import Response, Tool


class ResponseTool(Tool):
    async def before_execution(self, **kwargs):
        pass

    async def execute(self, **kwargs):
        return Response(self.args["text"] if "text" in self.args else self.args["message"], True)

    async def after_execution(self, response, **kwargs):
        if self.loop_data and "item" in self.loop_data.params_temporary:
            raise AssertionError("there is no item")
