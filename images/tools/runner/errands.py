"""What the process forked ahead is sent for between two calls: to save the work directory, or to fill it.

G1  One errand at a time, and only in an idle sandbox; after one that filled the work directory in vain nothing but a
    reset follows.
G2  An errand ends with its last SAVED, or with RESTORED, also when whoever was sent is ended on the way.
"""

from __future__ import annotations

from typing import Callable

import frames
import messages
from frames import Breach, decode_json, json_bytes
from loop import Outbox

_LAST, _REFUSED = 1, 2
_NONE, _SAVING, _RESTORING, _SPOILT = "none", "saving", "restoring", "spoilt"

Ask = Callable[[int, bytes], None]


class Errands:
    def __init__(self, ask: Ask, outbox: Outbox) -> None:
        """`ask` sends a message to the process forked ahead."""
        self._ask = ask
        self._outbox = outbox
        self._state = _NONE

    @property
    def is_saving(self) -> bool:
        return self._state == _SAVING

    @property
    def is_none(self) -> bool:
        return self._state == _NONE

    def forget(self) -> None:
        """A reset ended whatever was under way."""
        self._state = _NONE

    def save(self, payload: bytes) -> None:
        """Takes in a SAVE. Raises Breach."""
        value = decode_json(payload)
        most = value.get("maxBytes") if isinstance(value, dict) else None
        if not self.is_none or type(most) is not int or most < 0:
            raise Breach("SAVE without maxBytes, or amid something else")
        self._state = _SAVING
        self._ask(messages.PACK, json_bytes(most))

    def restore(self, payload: bytes) -> None:
        """Takes in a RESTORE. Raises Breach."""
        if self._state == _SPOILT:
            return  # It was on its way when RESTORED said no.
        if self._state == _SAVING or not payload or payload[0] > _LAST:
            raise Breach("RESTORE with a bad head, or amid something else")
        self._state = _RESTORING
        self._ask(messages.UNPACK, payload)

    def ping(self) -> None:
        """PONG says that all before it was taken in: of what is to be restored, by whoever was sent."""
        if self._state == _RESTORING:
            self._ask(messages.MARK, b"")
        else:
            self._outbox.add_json(frames.PONG, {})

    def said(self, kind: int, payload: bytes) -> bool:
        """Takes in what the process forked ahead said; whether it was about an errand."""
        if kind == messages.MARKED:
            self._outbox.add_json(frames.PONG, {})
        elif kind == messages.PACKED and self._state == _SAVING:
            self._outbox.add(frames.SAVED, payload)
            self._state = _NONE if payload[0] & _LAST else _SAVING
        elif kind == messages.UNPACKED and self._state == _RESTORING:
            restored = decode_json(payload)
            self._state = _NONE if restored["ok"] else _SPOILT
            self._outbox.add_json(frames.RESTORED, restored)
        else:
            return False
        return True

    def gone(self) -> None:
        """Whoever was sent is gone."""
        why = "what the session left running ended the process that did it"
        if self._state == _SAVING:
            self._state = _NONE
            refusal = json_bytes({"code": "failed", "message": why})
            self._outbox.add(frames.SAVED, bytes([_LAST | _REFUSED]) + refusal)
        elif self._state == _RESTORING:
            self._state = _SPOILT
            self._outbox.add_json(frames.RESTORED, {"ok": False, "files": 0, "bytes": 0, "error": why})
