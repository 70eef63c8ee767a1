"""Reads, writes and changes text files."""

import os

from framework import plugins, runtime, tokens
from framework.tool import Response, Tool

_READ = "_text_editor_mtimes"


def _lines(path):
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def _store(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))


class TextEditor(Tool):
    async def execute(self, **kwargs):
        plugins.get_plugin_config("_text_editor", agent=self.agent)
        return Response(await getattr(self, self.method)(**kwargs), False)

    async def read(self, path, line_from=1, line_to=None, **kwargs):
        if not os.path.exists(path):
            return self.agent.read_prompt("fw.text_editor.error.md", path=path, error="is not there")
        return await self._shown(path, line_from, line_to)

    async def write(self, path, content="", **kwargs):
        await runtime.call_development_function(_store, path, content.splitlines())
        return await self._shown(path, 1, None)

    async def patch(self, path, edits, **kwargs):
        if self.agent.data.get(_READ, {}).get(path) != os.path.getmtime(path):
            return self.agent.read_prompt("fw.text_editor.error.md", path=path, error="was not read")
        lines = _lines(path)
        for edit in sorted(edits, key=lambda edit: -int(edit["from"])):
            first, last = int(edit["from"]), int(edit.get("to", int(edit["from"]) - 1))
            lines[first - 1 : last] = edit.get("content", "").splitlines()
        _store(path, lines)
        return await self._shown(path, 1, None)

    async def _shown(self, path, first, last):
        lines = await runtime.call_development_function(_lines, path)
        self.agent.data.setdefault(_READ, {})[path] = os.path.getmtime(path)
        shown = [f"{at + first} {line}" for at, line in enumerate(lines[first - 1 : last])]
        long = sum(map(tokens.count_tokens, shown)) > 1_000
        return self.agent.read_prompt("fw.text_editor.ok.md", path=path, content="\n".join(shown), long=long)
