"""Golden calls: stories of calls with what has to come of them, as data (golden/*.json), and whether it does.

A story is one session: `{"what", "layouts"?, "calls": [{"tool", "args", "alone"?, "times"?, "cancelWhenOutputHas"?,
"expect"}]}`, where a call is cancelled at once when its output has to have nothing for that, and one that is made
several times is as quick as the quickest of them: what else the machine does only ever makes one slower. In `args`
`{work}` stands for the work directory and `{port}` for that of the SearXNG that the runner was told of, on the
loopback, which is a story's to start. A call that is `alone` is none of the session: it begins the next one. `expect`
names parts of the RESULT by their path (`ok`, `value.message`, `error.code`, …), and beside them `output` (what was
streamed), `refused` (why the call was not taken) and `atMostMs`. What is expected is a value, or an object of: `has`
(texts in it), `lacks`, `matches` (a regular expression), `count` (of items).
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from client import ACK, GO, NAK, OUT, PATIENCE_S, RESULT, RUN, STARTED, Runner

_MATCHERS = {"has", "lacks", "matches", "count"}
_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")


class Story(NamedTuple):
    what: str
    layouts: list[str]
    calls: list[dict[str, Any]]


class Happened(NamedTuple):
    """What came of a call: RESULT's parts, and the others by their names."""

    parts: dict[str, Any]
    ms: float


def stories(layout: str) -> Iterator[Story]:
    for name in sorted(os.listdir(_FOLDER)):
        with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
            for value in json.load(file):
                story = Story(value["what"], value.get("layouts", ["new", "old"]), value["calls"])
                if layout in story.layouts:
                    yield story


def play(story: Story, runner: Runner, places: dict[str, str]) -> list[str]:
    """What went otherwise than expected; `places` is what stands for what. The runner is ready for the next story."""
    wrong: list[str] = []
    for number, call in enumerate(story.calls):
        if call.get("alone"):
            runner.reset()
        args = _filled(call["args"], places)
        happened = _call(runner, call, args)
        for _ in range(1, call.get("times", 1)):
            runner.keep()
            again = _call(runner, call, args)
            happened = Happened(again.parts, min(happened.ms, again.ms))
        for fault in faults(call["expect"], happened):
            wrong.append(f"{story.what}, call {number + 1} ({call['tool']}): {fault}")
        if call.get("alone"):
            runner.reset()
        else:
            runner.keep()
    runner.reset()
    return wrong


def faults(expected: dict[str, Any], happened: Happened) -> list[str]:
    """One sentence for each part that is not as expected. Pure."""
    found = []
    for path, wanted in expected.items():
        if path == "atMostMs":
            if happened.ms > wanted:
                found.append(f"took {happened.ms:.0f} ms, more than {wanted}")
        elif not _fits(_part(happened.parts, path), wanted):
            found.append(f"{path} is {_part(happened.parts, path)!r}, not {wanted!r}")
    return found


def _call(runner: Runner, call: dict[str, Any], args: dict[str, Any]) -> Happened:
    session = not call.get("alone")
    began = time.perf_counter()
    runner.send_json(RUN, runner.request(call["tool"], args, session=session))
    kind, payload = runner.receive()
    if kind == NAK:
        return Happened({"refused": json.loads(payload)["message"]}, 0)
    assert kind == ACK, f"frame 0x{kind:02x}"
    runner.send_json(GO, {})
    runner.expect(STARTED)
    output, until = bytearray(), call.get("cancelWhenOutputHas")
    while True:
        if until is not None and until.encode() in output:
            runner.signal("TERM")
            until = None
        kind, payload = runner.receive(4 * PATIENCE_S)
        if kind == RESULT:
            ms = (time.perf_counter() - began) * 1000
            return Happened({**json.loads(payload), "output": output.decode("utf-8", "replace")}, ms)
        if kind == OUT:
            output += payload


def _filled(value: Any, places: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, place in places.items():
            value = value.replace("{" + name + "}", place)
        return value
    if isinstance(value, list):
        return [_filled(one, places) for one in value]
    return {name: _filled(one, places) for name, one in value.items()} if isinstance(value, dict) else value


def _part(parts: Any, path: str) -> Any:
    for name in path.split("."):
        if isinstance(parts, list) and name.isdecimal() and int(name) < len(parts):
            parts = parts[int(name)]
        else:
            parts = parts.get(name) if isinstance(parts, dict) else None
    return parts


def _fits(found: Any, wanted: Any) -> bool:
    if not isinstance(wanted, dict):
        return bool(found == wanted)
    if not wanted.keys() <= _MATCHERS:
        raise ValueError(f"an expectation of {wanted.keys() - _MATCHERS}")
    text = found if isinstance(found, str) else ""
    return (
        all(piece in text for piece in wanted.get("has", []))
        and not any(piece in text for piece in wanted.get("lacks", []))
        and (isinstance(found, str) or not {"lacks", "matches"} & wanted.keys())
        and ("matches" not in wanted or re.search(wanted["matches"], text) is not None)
        and ("count" not in wanted or isinstance(found, list) and len(found) == wanted["count"])
    )
