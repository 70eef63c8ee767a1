"""Builds a tree that stands in for Agent Zero's, in either of its layouts, from the sources in stand-in/. They are this
project's own: small tools with the interfaces and the traps of upstream's, and nothing else of it.

    python3 test/agent-zero/stand_in.py --layout new|old FOLDER
"""

from __future__ import annotations

import argparse
import os

_SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stand-in")
NEW, OLD = "new", "old"

# Where each source goes, by layout; what only one of them has is missing from the other. Folders are taken with all
# their files.
_PLACES = {
    NEW: {
        "framework": "helpers",
        "terminal": "plugins/_code_execution/helpers",
        "terminal_tools": "plugins/_code_execution/tools",
        "terminal_prompts": "plugins/_code_execution/prompts",
        "terminal_config": "plugins/_code_execution",
        "editor_tools": "plugins/_text_editor/tools",
        "editor_prompts": "plugins/_text_editor/prompts",
        "memory_tools": "plugins/_memory/tools",
        "tools": "tools",
        "prompts": "prompts",
    },
    OLD: {
        "framework": "python/helpers",
        "terminal": "python/helpers",
        "terminal_tools": "python/tools",
        "terminal_prompts": "prompts",
        "tools": "python/tools",
        "prompts": "prompts",
    },
}


def build(layout: str, folder: str) -> str:
    """Builds the tree in `folder`, readable for everyone; gives its path."""
    places = _PLACES[layout]
    for source, place in places.items():
        for name in sorted(os.listdir(os.path.join(_SOURCES, source))):
            with open(os.path.join(_SOURCES, source, name), encoding="utf-8") as file:
                text = file.read()
            target = os.path.join(folder, place, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w", encoding="utf-8") as file:
                file.write(_with_imports_of(places, text) if name.endswith(".py") else text)
    for above, _, names in os.walk(folder):
        os.chmod(above, 0o755)
        for name in names:
            os.chmod(os.path.join(above, name), 0o644)
    return folder


def _with_imports_of(places: dict[str, str], text: str) -> str:
    """The sources import each other by where they are; the tree's files by where they went."""
    for source in sorted(places, key=len, reverse=True):
        text = text.replace(f"from {source}.", f"from {places[source].replace('/', '.')}.")
        text = text.replace(f"from {source} ", f"from {places[source].replace('/', '.')} ")
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layout", choices=[NEW, OLD], required=True)
    parser.add_argument("folder")
    asked = parser.parse_args()
    print(build(asked.layout, asked.folder))
