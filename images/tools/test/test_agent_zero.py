"""Agent Zero's tools through the runner: the golden calls, and what is the adapter's own, on trees that stand in for
upstream's."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import sys
import tempfile
import unittest

_REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.append(os.path.join(_REPOSITORY, "test", "agent-zero"))

from client import NAK, RUN, Runner  # noqa: E402
from drift import Drift, drift  # noqa: E402
from golden_calls import Happened, faults, play, stories  # noqa: E402
from stand_in import NEW, OLD, build  # noqa: E402

_DEFINITIONS = os.path.join(_REPOSITORY, "images", "agent-zero", "definitions")
_RELEASES = {NEW: "1.7", OLD: "0.9.8.2"}


class AgentZeroCase(unittest.TestCase):
    layout = NEW

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.mkdtemp(prefix="zf-agent-zero-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.tree = build(cls.layout, os.path.join(cls.folder, "a0"))
        os.chmod(cls.folder, 0o755)
        cls.definitions = os.path.join(_DEFINITIONS, _RELEASES[cls.layout])

    def start(self, *options: str, definitions: str | None = None) -> Runner:
        given = ["--agent-zero", self.tree, "--definitions", definitions or self.definitions, *options]
        runner = Runner(options=given)
        self.addCleanup(runner.__exit__)
        return runner

    def refusal(self, runner: Runner, tool: str) -> dict[str, str]:
        runner.send_json(RUN, runner.request(tool, {}))
        refused: dict[str, str] = runner.expect_json(NAK)
        runner.reset()
        return refused


class GoldenOfNewLayout(AgentZeroCase):
    def test_golden_calls(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        runner = self.start("--searxng", f"http://127.0.0.1:{port}/search")
        places = {"work": runner.work, "port": str(port)}
        for story in stories(self.layout):
            with self.subTest(story.what):
                self.assertEqual(play(story, runner, places), [])


class GoldenOfOldLayout(GoldenOfNewLayout):
    layout = OLD


class Adapter(AgentZeroCase):
    def test_offers_upstreams_tools_alone_and_says_which(self) -> None:
        runner = self.start()
        offered = {tool["name"]: tool["version"] for tool in runner.hello["tools"]}
        self.assertEqual(offered["text_editor_patch"], 2)
        self.assertFalse({"echo", "code_execution", "memory_load", "document_query"} & offered.keys())
        self.assertEqual(self.refusal(runner, "echo")["code"], "unknown_tool")

    def test_says_why_a_tool_did_not_load(self) -> None:
        refused = self.refusal(self.start(), "document_query")
        self.assertEqual(refused["code"], "not_offered")
        self.assertIn("ModuleNotFoundError: No module named 'a_package_that_is_nowhere'", refused["message"])

    def test_loads_a_tool_that_imports_another_from_where_it_was(self) -> None:
        definitions = os.path.join(self.folder, "memory")
        os.mkdir(definitions)
        os.chmod(definitions, 0o755)
        upstream = {"tool": "memory_forget", "file": "plugins/_memory/tools/memory_forget.py", "sha256": ""}
        with open(os.path.join(definitions, "memory_forget.json"), "w") as file:
            json.dump({"name": "memory_forget", "version": 1, "upstream": upstream, "arguments": {}}, file)
        report = self.start(definitions=definitions).run("memory_forget", {})
        self.assertEqual(report.result["value"]["message"], "forgot above 0.7")

    def test_a_search_without_anyone_to_ask_says_so(self) -> None:
        report = self.start().run("search_engine", {"query": "x"})
        self.assertEqual(report.result["error"]["code"], "tool_error")
        self.assertIn("No SearXNG is configured", report.result["error"]["message"])

    def test_what_upstream_prints_is_not_the_jobs_output(self) -> None:
        runner = self.start()
        # A terminal that is let go of has a word to say of its own.
        for asked in ({"runtime": "terminal", "code": "echo it"}, {"runtime": "reset"}, {"runtime": "reset"}):
            report = runner.call("code_execution_tool", asked)
            self.assertNotIn(b"said while", report.out)
            self.assertEqual(report.err, b"")

    def test_a_sessions_agent_sees_each_calls_environment(self) -> None:
        runner = self.start()
        asked = {"runtime": "terminal", "code": "echo [$given]", "reset": True}
        for given in ("one", "two"):
            report = runner.call("code_execution_tool", asked, env={"given": given})
            self.assertIn(f"[{given}]", report.result["value"]["message"])
        self.assertIn("[]", runner.call("code_execution_tool", asked).result["value"]["message"])

    def test_an_agent_that_was_ended_is_replaced_and_the_files_stay(self) -> None:
        runner = self.start()
        code = "echo file > kept; kill -9 $PPID; sleep 60"
        report = runner.call("code_execution_tool", {"runtime": "terminal", "code": code})
        self.assertEqual((report.result["error"]["code"], report.result["session"]), ("killed", {"shells": 0}))
        report = runner.call("code_execution_tool", {"runtime": "terminal", "code": "cat kept"})
        self.assertIn("file", report.result["value"]["message"])


class DriftReport(AgentZeroCase):
    def test_names_what_is_changed_and_what_is_missing(self) -> None:
        found = drift(self.tree, self.definitions)
        self.assertIn(Drift("wait", "tools/wait.py", "changed"), found)
        self.assertIn(Drift("wait", "prompts/agent.system.tool.wait.md", "missing"), found)

    def test_is_empty_for_what_the_definitions_were_written_for(self) -> None:
        definitions = os.path.join(self.folder, "same")
        os.mkdir(definitions)
        with open(os.path.join(self.tree, "tools/wait.py"), "rb") as file:
            upstream = {"file": "tools/wait.py", "sha256": hashlib.sha256(file.read()).hexdigest()}
        with open(os.path.join(definitions, "wait.json"), "w") as file:
            json.dump({"upstream": upstream}, file)
        self.assertEqual(drift(self.tree, definitions), [])


class Expectations(unittest.TestCase):
    def test_notice_what_is_otherwise(self) -> None:
        happened = Happened({"ok": True, "value": {"list": [{"a": 1}], "text": "one two"}}, 50.0)
        self.assertEqual(
            faults({"ok": True, "value.list.0.a": 1, "value.text": {"has": ["one"], "lacks": ["three"]}}, happened), []
        )
        for wrong in (
            {"ok": False},
            {"value.list.1.a": 1},
            {"value.list": {"count": 2}},
            {"value.text": {"has": ["three"]}},
            {"value.text": {"lacks": ["two"]}},
            {"value.text": {"matches": "^two"}},
            {"value.nothing": {"lacks": ["x"]}},
            {"atMostMs": 40},
        ):
            with self.subTest(wrong):
                self.assertEqual(len(faults(wrong, happened)), 1)
