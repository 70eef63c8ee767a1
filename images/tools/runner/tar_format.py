"""Tar headers: POSIX ustar with pax records for what does not fit. Pure.

M1  Names are bytes; any a file can have goes in and comes out as it is, newlines and broken UTF-8 too.
M2  Reading accepts what `header` writes and nothing else: plain files, directories, symlinks and their pax records.
    Everything else (devices, hard links, sparse files, numbers that are none) raises BadTar.
"""

from __future__ import annotations

from typing import NamedTuple

BLOCK = 512
FILE, DIRECTORY, SYMLINK = b"0", b"5", b"2"
_PAX = b"x"
_NAME_MAX, _LINK_MAX = 100, 100
# Octal digits of a size, and so the largest that needs no record of its own: more than any limit here.
_SIZE_MAX = 8**11 - 1
# A pax header's records: two paths, and little else.
PAX_BYTES_MAX = 3 * 4096
_PAX_NAME = b"././@PaxHeader"
_MAGIC = b"ustar\x0000"
END = b"\0" * (2 * BLOCK)


class BadTar(Exception):
    """These bytes are no tar that this module would have written."""


class Header(NamedTuple):
    kind: bytes
    path: bytes
    mode: int
    size: int
    mtime: int
    target: bytes = b""


def padding(size: int) -> int:
    """Bytes after `size` bytes of data up to the next block."""
    return -size % BLOCK


def encode(header: Header) -> bytes:
    """The blocks before a member's data."""
    records: list[tuple[bytes, bytes]] = []
    name, target = header.path, header.target
    if len(name) > _NAME_MAX:
        records.append((b"path", name))
        name = name[:_NAME_MAX]
    if len(target) > _LINK_MAX:
        records.append((b"linkpath", target))
        target = target[:_LINK_MAX]
    if not records:
        return _block(header, name, target)
    if not _is_utf8(header.path + header.target):
        records.insert(0, (b"hdrcharset", b"BINARY"))
    body = b"".join(_record(key, value) for key, value in records)
    pax = _block(Header(_PAX, _PAX_NAME, 0o644, len(body), 0), _PAX_NAME, b"")
    return pax + body + b"\0" * padding(len(body)) + _block(header, name, target)


def _block(header: Header, name: bytes, target: bytes) -> bytes:
    if not 0 <= header.size <= _SIZE_MAX:
        raise ValueError(f"size {header.size}")
    mtime = min(max(header.mtime, 0), _SIZE_MAX)
    fields = b"".join(
        (
            name.ljust(100, b"\0"),
            b"%07o\0" % (header.mode & 0o7777),
            b"%07o\0%07o\0" % (0, 0),
            b"%011o\0%011o\0" % (header.size, mtime),
            b" " * 8,
            header.kind,
            target.ljust(100, b"\0"),
            _MAGIC,
            b"\0" * (32 + 32),
            b"%07o\0%07o\0" % (0, 0),
        )
    ).ljust(BLOCK, b"\0")
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def _record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_end(block: bytes) -> bool:
    return block.count(0) == BLOCK


def is_pax(block: bytes) -> bool:
    return block[156:157] == _PAX


def decode(block: bytes, records: dict[bytes, bytes]) -> Header:
    """The header in `block`; `records` are those of the pax header before it. Raises BadTar (M2)."""
    _check(block)
    kind = block[156:157]
    if kind not in (FILE, DIRECTORY, SYMLINK, _PAX):
        raise BadTar(f"a member of type {kind!r}")
    path = records.get(b"path", _text(block[0:100]))
    target = records.get(b"linkpath", _text(block[157:257]))
    size = _number(block[124:136])
    if kind in (DIRECTORY, SYMLINK) and size:
        raise BadTar("a directory or symlink with data")
    return Header(kind, path, _number(block[100:108]) & 0o7777, size, _number(block[136:148]), target)


def decode_records(data: bytes) -> dict[bytes, bytes]:
    """The records of a pax header. Raises BadTar."""
    records: dict[bytes, bytes] = {}
    while data:
        digits, space, _ = data[:8].partition(b" ")
        if not space or not digits.isdigit():
            raise BadTar("a pax record without its length")
        length = int(digits)
        record = data[len(digits) + 1 : length]
        key, equals, value = record.partition(b"=")
        if length > len(data) or not equals or not value.endswith(b"\n"):
            raise BadTar("a pax record that is cut short")
        if key not in (b"path", b"linkpath", b"hdrcharset"):
            raise BadTar(f"a pax record {key[:40]!r}")
        records[key] = value[:-1]
        data = data[length:]
    return records


def _check(block: bytes) -> None:
    total = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    if block[257:265] != _MAGIC or _number(block[148:156]) != total:
        raise BadTar("a block that is no header")
    if block[345:500].count(0) != 155:
        raise BadTar("a name in two parts")


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes) -> int:
    digits = field.rstrip(b"\0 ")
    if not digits or any(digit not in b"01234567" for digit in digits):
        raise BadTar("a number that is none")
    return int(digits, 8)
