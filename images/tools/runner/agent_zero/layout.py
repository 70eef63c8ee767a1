"""Where things are in a tree of Agent Zero's: two layouts, told apart by where the base class of tools is. Reads names
only.

Y1  Folders are searched in the order in which upstream searches them for an agent of its default profile outside of any
    project, so that the file found is the one upstream would load.
"""

from __future__ import annotations

import os

# The profile that upstream's settings begin with.
_PROFILE = "agent0"
_OLD_BASE_CLASS = os.path.join("python", "helpers", "tool.py")
_BASE_CLASS = os.path.join("helpers", "tool.py")


class NoTree(Exception):
    """This is no tree of Agent Zero's; the text says why."""


class Layout:
    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)
        self.is_old = os.path.exists(os.path.join(self.root, _OLD_BASE_CLASS))
        if not self.is_old and not os.path.exists(os.path.join(self.root, _BASE_CLASS)):
            raise NoTree(f"{root} has neither {_OLD_BASE_CLASS} nor {_BASE_CLASS}")

    @property
    def helpers(self) -> str:
        """The package of the framework's modules."""
        return "python.helpers" if self.is_old else "helpers"

    @property
    def terminal_helpers(self) -> str:
        """The package of the modules that run shells."""
        return "python.helpers" if self.is_old else "plugins._code_execution.helpers"

    def module_of(self, path: str) -> str:
        """The name under which upstream's own imports would find a file of the tree."""
        return os.path.relpath(path, self.root).removesuffix(".py").replace(os.sep, ".")

    def tool_file(self, tool: str) -> str | None:
        """The file that upstream would load a tool from."""
        candidates = (os.path.join(folder, "tools", f"{tool}.py") for folder in self._folders("python"))
        return next((path for path in candidates if os.path.isfile(path)), None)

    def prompt_folders(self) -> list[str]:
        folders = (os.path.join(folder, "prompts") for folder in self._folders(""))
        return [folder for folder in folders if os.path.isdir(folder)]

    def plugin_folder(self, plugin: str) -> str | None:
        found = [folder for folder in self._plugins() if os.path.basename(folder) == plugin]
        return found[0] if found else None

    def _folders(self, root_of_old: str) -> list[str]:
        last = os.path.join(self.root, root_of_old) if self.is_old else self.root
        agents = [os.path.join(*above, "agents", _PROFILE) for above in (("usr",), ())]
        return [*(os.path.join(self.root, path) for path in (*agents, "usr")), *self._plugins(), last]

    def _plugins(self) -> list[str]:
        if self.is_old:
            return []
        found: dict[str, str] = {}
        for above in ("plugins", os.path.join("usr", "plugins")):
            folder = os.path.join(self.root, above)
            if os.path.isdir(folder):
                found.update((name, os.path.join(folder, name)) for name in os.listdir(folder))
        return [found[name] for name in sorted(found)]
