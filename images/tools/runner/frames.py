"""Frames: a 5-byte header (length, type) and a payload; docs/protocol/runner-frames.md says what they mean.

F1  A reader never buffers more than one frame beyond what one push brought; a longer length prefix is a breach.
F2  An unknown type or JSON that does not parse is a breach: the connection cannot go on.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from typing import Any

from limits import FRAME_BYTES_MAX

RUN, FILE_IN, GO, SIGNAL, RESET, PING = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
KEEP, SAVE, RESTORE = 0x07, 0x08, 0x09
TUNNEL_OPENED, TUNNEL_IN, TUNNEL_SHUT, CREDIT = 0x0A, 0x0B, 0x0C, 0x0D
HELLO, ACK, NAK, STARTED, OUT, ERR, RESULT, READY, PONG = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89
FILE_OUT, SAVED, RESTORED = 0x8A, 0x8B, 0x8C
TUNNEL_OPEN, TUNNEL_OUT, TUNNEL_CLOSED, TUNNEL_CREDIT = 0x90, 0x91, 0x92, 0x93

FROM_WORKER = frozenset(
    (RUN, FILE_IN, GO, SIGNAL, RESET, PING, KEEP, SAVE, RESTORE, TUNNEL_OPENED, TUNNEL_IN, TUNNEL_SHUT, CREDIT)
)
FROM_RUNNER = frozenset(
    (HELLO, ACK, NAK, STARTED, OUT, ERR, RESULT, READY, PONG, FILE_OUT, SAVED, RESTORED)
    + (TUNNEL_OPEN, TUNNEL_OUT, TUNNEL_CLOSED, TUNNEL_CREDIT)
)

_HEADER = struct.Struct(">IB")

Frame = tuple[int, bytes]


class Breach(Exception):
    """The peer broke the frame protocol."""


def encode(kind: int, payload: bytes) -> bytes:
    """One frame as bytes."""
    if len(payload) > FRAME_BYTES_MAX:
        raise ValueError(f"frame payload of {len(payload)} bytes")
    return _HEADER.pack(len(payload), kind) + payload


def json_bytes(value: Any) -> bytes:
    """`value` as compact JSON. A lone surrogate has no UTF-8, so a text that holds one is written with escapes."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def encode_json(kind: int, value: Any) -> bytes:
    return encode(kind, json_bytes(value))


def decode_json(payload: bytes) -> Any:
    """The JSON value in `payload`. JSON nested too deep for the parser counts as JSON that does not parse."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Breach(f"payload is not JSON: {type(error).__name__}") from None


class FrameReader:
    """Turns a byte stream that may be cut anywhere into frames."""

    def __init__(self, known: Iterable[int], payload_max: int = FRAME_BYTES_MAX) -> None:
        self._known = frozenset(known)
        self._payload_max = payload_max
        self._buffer = bytearray()

    def push(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes. Raises Breach (F1, F2)."""
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        at = 0
        while len(buffer) - at >= _HEADER.size:
            length, kind = _HEADER.unpack_from(buffer, at)
            if length > self._payload_max:
                raise Breach(f"length prefix of {length} bytes")
            if kind not in self._known:
                raise Breach(f"unknown frame type 0x{kind:02x}")
            end = at + _HEADER.size + length
            if len(buffer) < end:
                break
            frames.append((kind, bytes(buffer[at + _HEADER.size : end])))
            at = end
        del buffer[:at]
        return frames
