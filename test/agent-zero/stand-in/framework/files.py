"""Files and prompts. It and `strings` need each other, and can be imported only with this one first."""

import json
import os
import re

from framework import yaml  # noqa: F401

_ONLY_IF = re.compile(r"{{if (\w+)}}(.*?){{endif}}", re.DOTALL)


def read_file(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def exists(path):
    return os.path.exists(path)


from framework.strings import tidy  # noqa: E402


def _found(name, folders):
    for folder in folders:
        if os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    raise FileNotFoundError(name)


def read_prompt_file(_file, _directories=None, **variables):
    text = read_file(_found(_file, _directories or []))
    text = _ONLY_IF.sub(lambda found: found[2] if variables.get(found[1]) else "", text)
    for name, value in variables.items():
        text = text.replace("{{" + name + "}}", str(value))
    return tidy(text)


def parse_file(_filename, _directories=None, **variables):
    return read_prompt_file(_filename, _directories, **variables)


def is_full_json_template(text):
    return text.startswith("~~~json") and text.endswith("~~~")


def remove_code_fences(text):
    return json.dumps(json.loads(text.removeprefix("~~~json").removesuffix("~~~")))
