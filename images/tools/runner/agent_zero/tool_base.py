"""What is replaced of upstream's base class of tools."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any


class _Done:
    """Already over, and so the same whether it is awaited or, as upstream forgets to in places, is not."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


def mend(base: type[Any]) -> None:
    def set_progress(self: Any, content: str | None) -> _Done:
        self.progress = content or ""
        return _Done()

    base.set_progress = set_progress
