"""Arguments as upstream's tools need them: models write "false" and "3" where they mean false and 3, and upstream takes
any text for true. Pure."""

from __future__ import annotations

from typing import Any

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0", "")


def normalised(arguments: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    """`arguments` with the types that `properties` (JSON Schema by name) ask for, where a text says the same; without
    those that are null, but for where null means something."""
    types = {name: _types(properties.get(name, {})) for name in arguments}
    typed = {name: _typed(value, types[name]) for name, value in arguments.items()}
    return {name: value for name, value in typed.items() if value is not None or "null" in types[name]}


def _types(schema: Any) -> list[str]:
    named = schema.get("type", []) if isinstance(schema, dict) else []
    return [named] if isinstance(named, str) else list(named)


def _typed(value: Any, types: list[str]) -> Any:
    if not isinstance(value, str):
        return value
    plain = value.strip().lower()
    if "boolean" in types and plain in (*_TRUE, *_FALSE):
        return plain in _TRUE
    for name, parse in (("integer", int), ("number", float)):
        if name in types:
            try:
                return parse(plain)
            except ValueError:
                continue
    return value
