"""Loads images. What it has comes after it ran, and is no text."""

import base64

from framework import files, history, runtime
from framework.tool import Response, Tool


class VisionLoad(Tool):
    async def execute(self, paths=[], **kwargs):
        self.images = []
        for path in paths:
            if await runtime.call_development_function(files.exists, path):
                with open(path, "rb") as file:
                    self.images.append(base64.b64encode(file.read()).decode())
        return Response("dummy", False)

    async def after_execution(self, response, **kwargs):
        self.agent.hist_add_tool_result(self.name, f"{len(self.images)} images", id=self.log.id)
        content = [{"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{one}"}} for one in self.images]
        if content:
            message = history.RawMessage(raw_content=content, preview="an image")
            self.agent.hist_add_message(False, content=message, tokens=1500)
