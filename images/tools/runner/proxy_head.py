"""The head of a request to an HTTP proxy: CONNECT host:port, or a plain request for an http:// address.

Q1  The head is the job's: whatever is not plainly well-formed is refused, so that host and proxy read the same in it.
Q2  A plain request goes to one host, once: the connection is not kept for another, and no byte beyond its body follows.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HTTP_PORT = 80
_HOST_CHARS_MAX = 255

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rf"({_TOKEN}) ([\x21-\x7e]+) HTTP/1\.([01])")
_HEADER = re.compile(rf"({_TOKEN}):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z._-]+))(?::([0-9]{1,5}))?")
_ADDRESS = re.compile(r"http://([^/?#]*)([/?][^#]*)?", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,18}")

# What two neighbours say to each other and does not go on (RFC 9110 7.6.1); `host` and `connection` are said anew.
_HOP = frozenset(
    ("connection", "host", "keep-alive", "te", "upgrade")
    + ("proxy-authenticate", "proxy-authorization", "proxy-connection")
)


class BadHead(Exception):
    """No request that this proxy takes; the text says why."""


class ProxyRequest(NamedTuple):
    kind: str
    host: str
    port: int
    # What the host is sent first.
    head: bytes
    # How many bytes of body may follow the head; None: without an end, as in a tunnel.
    body_bytes: int | None


def parse(head: bytes) -> ProxyRequest:
    """The request in a head, with the empty line that ends it. Raises BadHead."""
    lines = head[: -len(b"\r\n\r\n")].decode("latin-1").split("\r\n")
    line = _REQUEST_LINE.fullmatch(lines[0])
    if line is None:
        raise BadHead("not an HTTP/1 request")
    method, target, minor = line.groups()
    headers = [_header(text) for text in lines[1:]]
    if method == "CONNECT":
        host, port = _authority(target, None)
        return ProxyRequest("connect", host, port, b"", None)
    address = _ADDRESS.fullmatch(target)
    if address is None:
        raise BadHead("a proxy takes CONNECT, and http:// addresses")
    authority, path = address.groups()
    host, port = _authority(authority, HTTP_PORT)
    kept = _kept(headers)
    if not (path or "").startswith("/"):
        path = "/" + (path or "")
    said = [f"{method} {path} HTTP/1.{minor}", f"Host: {authority}", *(f"{name}: {value}" for name, value in kept)]
    text = "\r\n".join([*said, "Connection: close", "", ""])
    return ProxyRequest("http", host, port, text.encode("latin-1"), _body_bytes(kept))


def _header(text: str) -> tuple[str, str]:
    header = _HEADER.fullmatch(text)
    if header is None:
        raise BadHead("a header that is none")
    return header.group(1), header.group(2)


def _authority(text: str, port_default: int | None) -> tuple[str, int]:
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        raise BadHead("not host:port")
    host = found.group(1) or found.group(2)
    port = int(found.group(3)) if found.group(3) else port_default
    if port is None or not 0 < port < 65_536 or len(host) > _HOST_CHARS_MAX:
        raise BadHead("not host:port")
    return host, port


def _kept(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    named = {
        name.strip().lower() for header, value in headers if header.lower() == "connection" for name in value.split(",")
    }
    # Whoever names these there would make the host read another end of the body than the proxy does.
    dropped = _HOP | named - {"content-length", "transfer-encoding"}
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def _body_bytes(headers: list[tuple[str, str]]) -> int | None:
    lengths = [value.strip() for name, value in headers if name.lower() == "content-length"]
    chunked = any(name.lower() == "transfer-encoding" for name, _ in headers)
    if chunked and lengths or len(lengths) > 1:
        raise BadHead("a body with two lengths")
    if chunked:
        return None  # Its end is in the body.
    if not lengths:
        return 0
    if not _DIGITS.fullmatch(lengths[0]):
        raise BadHead("a body with a length that is no number")
    return int(lengths[0])
