"""Egress: the job's HTTP proxy on loopback, whose streams travel as tunnel frames to the worker. The worker decides.

G1  There is a listener only while a job runs whose RUN says `egress`; when the job is over all connections are closed.
G2  At most TUNNELS_MAX connections are held, further ones wait in the kernel; a turn handles a bounded number of them.
G3  A tunnel's number comes once in the runner's life, and no frame names it after its TUNNEL_CLOSED.
"""

from __future__ import annotations

import select
import socket
import struct
from typing import Any, Callable

import frames
from egress_tunnel import Tunnel
from frames import Breach, decode_json, json_bytes
from limits import TUNNEL_EVENTS_MAX, TUNNELS_MAX
from loop import Loop, Outbox
from proxy_head import ProxyRequest

FEATURE = "egress"
_LOOPBACK = "127.0.0.1"
_NUMBER = struct.Struct(">I")
_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT


class Egress:
    def __init__(self, loop: Loop, outbox: Outbox) -> None:
        self._loop = loop
        self._outbox = outbox
        self._epoll = select.epoll()
        self._listener: socket.socket | None = None
        self._accepts = False
        # Kept from job to job: what a session left running goes on with the address that it was told.
        self._port = 0
        self._last_number = 0
        self._by_fd: dict[int, Tunnel] = {}
        self._by_number: dict[int, Tunnel] = {}
        self._interests: dict[int, int] = {}
        loop.watch(self._epoll.fileno(), self._turn)
        self.handlers: dict[int, Callable[[bytes], None]] = {
            frames.TUNNEL_OPENED: self._on_opened,
            frames.TUNNEL_IN: self._on_data,
            frames.TUNNEL_SHUT: self._on_shut,
        }

    def begin(self, run: bytes, env: dict[str, str]) -> bytes:
        """Opens the proxy; gives a RUN's payload with the address in its environment."""
        self._listener = _listen(self._port)
        self._port = self._listener.getsockname()[1]
        self._watch_listener()
        proxy = f"http://{_LOOPBACK}:{self._port}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        direct = "localhost,127.0.0.1,::1"
        ours = {**dict.fromkeys(names, proxy), "NO_PROXY": direct, "no_proxy": direct, "NODE_USE_ENV_PROXY": "1"}
        # Written behind the rest instead of into it: of a name that comes twice the last one counts.
        return run.rstrip()[:-1] + b',"env":' + json_bytes({**ours, **env}) + b"}"

    def end(self) -> None:
        """Closes the proxy and everything that went through it (G1)."""
        if self._listener is None:
            return
        self._unwatch_listener()
        self._listener.close()
        self._listener = None
        for tunnel in list(self._by_fd.values()):
            tunnel.end()
            self._forget(tunnel)

    def credited(self, value: dict[str, Any]) -> None:
        """A CREDIT that names a tunnel."""
        tunnel = self._by_number.get(_count(value, "tunnel"))
        count = _count(value, "bytes")
        if tunnel is not None:
            tunnel.credited(count)
            self._settle(tunnel)

    # What a tunnel says

    def ask(self, tunnel: Tunnel, request: ProxyRequest) -> int:
        self._last_number += 1
        self._by_number[self._last_number] = tunnel
        asked = {"id": self._last_number, "host": request.host, "port": request.port, "kind": request.kind}
        self._outbox.add_json(frames.TUNNEL_OPEN, asked)
        return self._last_number

    def send(self, number: int, data: bytes) -> None:
        self._outbox.add(frames.TUNNEL_OUT, _NUMBER.pack(number) + data)

    def credit(self, number: int, count: int) -> None:
        self._outbox.add_json(frames.TUNNEL_CREDIT, {"id": number, "bytes": count})

    def closed(self, number: int, reason: str) -> None:
        del self._by_number[number]
        self._outbox.add_json(frames.TUNNEL_CLOSED, {"id": number, "reason": reason})

    # What the worker says; a frame for a tunnel that has ended was on its way.

    def _on_opened(self, payload: bytes) -> None:
        value = decode_json(payload)
        tunnel = self._by_number.get(_count(value, "id"))
        if tunnel is None:
            return
        if value.get("ok") is True:
            tunnel.opened()
        else:
            tunnel.refused(str(value.get("code")), str(value.get("message")))
        self._settle(tunnel)

    def _on_data(self, payload: bytes) -> None:
        if len(payload) < _NUMBER.size:
            raise Breach("TUNNEL_IN has no number")
        tunnel = self._by_number.get(_NUMBER.unpack_from(payload)[0])
        if tunnel is not None:
            tunnel.came(payload[_NUMBER.size :])
            self._settle(tunnel)

    def _on_shut(self, payload: bytes) -> None:
        tunnel = self._by_number.get(_count(decode_json(payload), "id"))
        if tunnel is not None:
            tunnel.shut()
            self._settle(tunnel)

    # Descriptors

    def _turn(self) -> None:
        for fd, _ in self._epoll.poll(0, TUNNEL_EVENTS_MAX):
            tunnel = self._by_fd.get(fd)
            if tunnel is not None:
                tunnel.on_event()
                self._settle(tunnel)
            elif self._listener is not None and fd == self._listener.fileno():
                self._accept(self._listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # It went before it was taken.
        tunnel = Tunnel(connection, self)
        self._by_fd[tunnel.fd] = tunnel
        self._settle(tunnel)
        if len(self._by_fd) == TUNNELS_MAX:
            self._unwatch_listener()

    def _settle(self, tunnel: Tunnel) -> None:
        """Watches for what the tunnel can do next. One that can do nothing is not watched at all: the kernel reports a
        peer that is gone also to those who ask for nothing, and would do so without an end."""
        if tunnel.is_gone:
            self._forget(tunnel)
            self._watch_listener()
            return
        wanted = (_READ if tunnel.wants_read else 0) | (_WRITE if tunnel.wants_write else 0)
        before = self._interests.get(tunnel.fd, 0)
        if wanted == before:
            return
        if before == 0:
            self._epoll.register(tunnel.fd, wanted)
        elif wanted == 0:
            self._epoll.unregister(tunnel.fd)
        else:
            self._epoll.modify(tunnel.fd, wanted)
        self._interests[tunnel.fd] = wanted

    def _forget(self, tunnel: Tunnel) -> None:
        del self._by_fd[tunnel.fd]
        if self._interests.pop(tunnel.fd, 0):
            self._epoll.unregister(tunnel.fd)
        tunnel.close()

    def _watch_listener(self) -> None:
        if self._listener is not None and not self._accepts and len(self._by_fd) < TUNNELS_MAX:
            self._epoll.register(self._listener.fileno(), _READ)
            self._accepts = True

    def _unwatch_listener(self) -> None:
        if self._listener is not None and self._accepts:
            self._epoll.unregister(self._listener.fileno())
            self._accepts = False


def _listen(port: int) -> socket.socket:
    """A listener on `port`, or on another where that is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setblocking(False)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_LOOPBACK, port))
    except OSError:
        listener.bind((_LOOPBACK, 0))
    listener.listen(128)
    return listener


def _count(value: Any, name: str) -> int:
    found = value.get(name) if isinstance(value, dict) else None
    if type(found) is not int or found < 0:
        raise Breach(f"a tunnel's frame without '{name}'")
    return found
