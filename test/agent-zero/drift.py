"""Whether a tree of Agent Zero's is the one that definitions were written for, by the hashes of its files. Reads files
only."""

from __future__ import annotations

import hashlib
import json
import os
from typing import NamedTuple


class Drift(NamedTuple):
    definition: str
    file: str
    # "changed" or "missing".
    what: str


def drift(root: str, definitions: str) -> list[Drift]:
    """What is not as the definitions say; each file of theirs is looked at, that of the code and that of the prompt."""
    found = []
    for name in sorted(os.listdir(definitions)):
        with open(os.path.join(definitions, name), encoding="utf-8") as file:
            upstream = json.load(file)["upstream"]
        for path, sha256 in (("file", "sha256"), ("prompt", "promptSha256")):
            if path in upstream:
                what = _compared(os.path.join(root, upstream[path]), upstream[sha256])
                if what is not None:
                    found.append(Drift(name.removesuffix(".json"), upstream[path], what))
    return found


def _compared(path: str, sha256: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return None if hashlib.sha256(file.read()).hexdigest() == sha256 else "changed"
    except OSError:
        return "missing"
