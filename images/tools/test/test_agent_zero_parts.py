"""Parts of the Agent Zero adapter by themselves: arguments, the log, layouts, and the search that stands for
upstream's."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import sys
import tempfile
import threading
import types
import unittest
import urllib.parse

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "runner"))

from agent_zero import proxies  # noqa: E402
from agent_zero.arguments import normalised  # noqa: E402
from agent_zero.layout import Layout, NoTree  # noqa: E402
from agent_zero.log import unwritten  # noqa: E402
from agent_zero.searxng import NoSearch, searcher  # noqa: E402
from agent_zero.tokens import get_encoding  # noqa: E402


class Arguments(unittest.TestCase):
    def test_get_the_type_that_their_schema_asks_for(self) -> None:
        yes_or_no, number = {"type": ["boolean", "string"]}, {"type": ["integer", "string"]}
        for schema, given, wanted in (
            (yes_or_no, "false", False),
            (yes_or_no, "False", False),
            (yes_or_no, " TRUE ", True),
            (yes_or_no, "", False),
            (yes_or_no, True, True),
            (yes_or_no, "perhaps", "perhaps"),
            (number, "3", 3),
            (number, "-1", -1),
            (number, "three", "three"),
            ({"type": "number"}, "0.5", 0.5),
            ({"type": "string"}, "3", "3"),
            ({"type": "string"}, "false", "false"),
            ({}, "3", "3"),
        ):
            with self.subTest(schema=schema, given=given):
                found = normalised({"a": given}, {"a": schema})["a"]
                self.assertEqual((found, type(found)), (wanted, type(wanted)))

    def test_may_be_none_at_all_and_lose_those_that_are_null(self) -> None:
        self.assertEqual(normalised({}, {}), {})
        self.assertEqual(normalised({"a": None, "b": None}, {"b": {"type": ["null", "string"]}}), {"b": None})


class Log(unittest.TestCase):
    def test_writes_what_was_not_written(self) -> None:
        for before, content, wanted in (
            ("", "one\n", "one\n"),
            ("one\n", "one\ntwo", "two"),
            ("one\ntwo", "one\ntwo", ""),
            ("one\n10 %", "one\n20 %", "\n20 %"),
            ("one\ntwo\n", "one\nthree\n", "three\n"),
            ("one", "two", "\ntwo"),
        ):
            with self.subTest(before=before, content=content):
                self.assertEqual(unwritten(before, content), wanted)


class Layouts(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = os.path.realpath(folder.name)

    def put(self, *paths: str) -> None:
        for path in paths:
            os.makedirs(os.path.dirname(os.path.join(self.root, path)), exist_ok=True)
            with open(os.path.join(self.root, path), "w"):
                pass

    def test_are_told_apart_by_the_base_class(self) -> None:
        with self.assertRaises(NoTree):
            Layout(self.root)
        self.put("helpers/tool.py")
        self.assertEqual((Layout(self.root).is_old, Layout(self.root).helpers), (False, "helpers"))
        self.put("python/helpers/tool.py")
        self.assertEqual((Layout(self.root).is_old, Layout(self.root).helpers), (True, "python.helpers"))

    def test_find_the_file_that_upstream_would(self) -> None:
        self.put("helpers/tool.py", "tools/t.py")
        for closer in (
            "plugins/b/tools/t.py",
            "usr/plugins/a/tools/t.py",
            "usr/tools/t.py",
            "agents/agent0/tools/t.py",
            "usr/agents/agent0/tools/t.py",
        ):
            self.put(closer)
            self.assertEqual(Layout(self.root).tool_file("t"), os.path.join(self.root, closer))
        self.assertIsNone(Layout(self.root).tool_file("u"))
        self.assertEqual(Layout(self.root).module_of(f"{self.root}/plugins/b/tools/t.py"), "plugins.b.tools.t")

    def test_of_old_trees_have_no_plugins(self) -> None:
        self.put("python/helpers/tool.py", "python/tools/t.py", "plugins/b/tools/t.py", "prompts/p.md")
        self.assertEqual(Layout(self.root).tool_file("t"), f"{self.root}/python/tools/t.py")
        self.assertEqual(Layout(self.root).prompt_folders(), [f"{self.root}/prompts"])


class Search(unittest.TestCase):
    def test_asks_what_is_configured_through_the_calls_proxy(self) -> None:
        asked: list[tuple[str, dict[str, list[str]]]] = []

        class Proxy(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked.append((self.path, urllib.parse.parse_qs(body)))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps({"results": []}).encode())

            def log_message(self, *_: object) -> None:
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Proxy) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            os.environ["http_proxy"] = f"http://127.0.0.1:{server.server_port}"
            try:
                found = asyncio.run(searcher("http://searxng.example/search")("a b"))
            finally:
                del os.environ["http_proxy"]
                server.shutdown()
        self.assertEqual(found, {"results": []})
        self.assertEqual(asked, [("http://searxng.example/search", {"q": ["a b"], "format": ["json"]})])

    def test_says_when_nobody_is_configured(self) -> None:
        with self.assertRaises(NoSearch):
            asyncio.run(searcher(None)("x"))


class WayOut(unittest.TestCase):
    def test_is_the_environments_whatever_a_tool_says(self) -> None:
        class ClientSession:
            def __init__(self, base: str = "", trust_env: bool = False) -> None:
                self.said = (base, trust_env)

        module = types.ModuleType("aiohttp")
        module.ClientSession = ClientSession  # type: ignore[attr-defined]
        sys.modules["aiohttp"] = module
        self.addCleanup(sys.modules.pop, "aiohttp")
        proxies.mend()
        self.assertEqual(ClientSession("b", trust_env=False).said, ("b", True))
        self.assertEqual(ClientSession().said, ("", True))


class Tokens(unittest.TestCase):
    def test_are_estimated_above_none(self) -> None:
        encode = get_encoding("cl100k_base").encode
        self.assertEqual([len(encode(text, disallowed_special=())) for text in ("", "a", "a" * 400)], [0, 1, 100])
