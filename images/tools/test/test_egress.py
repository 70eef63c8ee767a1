"""The job's proxy: what it takes, what travels as frames, and what is left of it when the job is over.

In mode process the job's loopback is this test's too, so most tests speak to the proxy themselves while a job waits.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time

from case import RunnerCase
from client import OUT, PATIENCE_S, PING, PONG, RESULT

TUNNEL_OPENED, TUNNEL_IN, TUNNEL_SHUT, CREDIT = 0x0A, 0x0B, 0x0C, 0x0D
TUNNEL_OPEN, TUNNEL_OUT, TUNNEL_CLOSED, TUNNEL_CREDIT = 0x90, 0x91, 0x92, 0x93
WINDOW = 256 * 1024
NUMBER = struct.Struct(">I")
SAY = "import os, time; os.write(1, os.environ['HTTP_PROXY'].encode() + bytes([10]))\n"
WAIT = SAY + "time.sleep(600)"
CONNECT = b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Egress(RunnerCase):
    def begin(self, code: str = WAIT) -> int:
        """Starts a job that prints its proxy; gives the proxy's port."""
        self.runner.start("code_execution", {"runtime": "python", "code": code}, egress=True)
        said = self.runner.expect(OUT).decode()
        self.assertRegex(said, r"^http://127\.0\.0\.1:[0-9]+\n$")
        return int(said.strip().rpartition(":")[2])

    def connect(self, port: int, said: bytes = b"") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.addCleanup(connection.close)
        connection.sendall(said)
        return connection

    def tunnel(self, port: int, said: bytes = CONNECT) -> tuple[socket.socket, int]:
        """A tunnel that the worker has opened."""
        connection = self.connect(port, said)
        number = self.runner.expect_json(TUNNEL_OPEN)["id"]
        self.runner.send_json(TUNNEL_OPENED, {"id": number, "ok": True})
        if said is CONNECT:
            self.assertEqual(self.read(connection, len(ESTABLISHED)), ESTABLISHED)
        return connection, number

    def read(self, connection: socket.socket, count: int = 1 << 20) -> bytes:
        """So many bytes, or what comes up to the end."""
        data = b""
        while len(data) < count:
            more = connection.recv(count - len(data))
            if not more:
                break
            data += more
        return data

    def give(self, number: int, data: bytes) -> None:
        self.runner.send(TUNNEL_IN, NUMBER.pack(number) + data)

    def taken(self, number: int, count: int) -> bytes:
        """So many bytes that the job sent into a tunnel."""
        data = b""
        while len(data) < count:
            payload = self.runner.expect(TUNNEL_OUT)
            self.assertEqual(NUMBER.unpack_from(payload)[0], number)
            self.assertGreater(len(payload), NUMBER.size)
            data += payload[NUMBER.size :]
        return data

    def expect_end(self, number: int) -> None:
        """The job writes no more into a tunnel."""
        self.assertEqual(self.runner.expect(TUNNEL_OUT), NUMBER.pack(number))

    def expect_closed(self, number: int) -> str:
        closed = self.runner.expect_json(TUNNEL_CLOSED)
        self.assertEqual(closed["id"], number)
        return str(closed["reason"])

    def settle(self) -> None:
        """All that was sent before has been taken in, and nothing came of it."""
        self.runner.send_json(PING, {})
        self.runner.expect(PONG)

    # Where there is a proxy

    def test_only_a_job_that_may_have_one_has_a_proxy(self) -> None:
        self.assertIn("egress", self.runner.hello["features"])
        names = "import os; print([n for n in os.environ if 'proxy' in n.lower()])"
        self.assertEqual(self.runner.python(names).out, b"[]\n")
        self.runner.reset()
        report = self.runner.run("code_execution", {"runtime": "python", "code": names}, egress=True, env={"A": "1"})
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            self.assertIn(f"'{name}'", report.out.decode())
        self.runner.reset()
        self.assertEqual(self.runner.python(names).out, b"[]\n")

    def test_what_run_says_of_the_environment_stays(self) -> None:
        code = "import os; print(os.environ['A'], os.environ['http_proxy'], 'HTTP_PROXY' in os.environ)"
        arguments = {"runtime": "python", "code": code}
        env = {"A": "\ud83d\ude00", "http_proxy": "mine"}
        report = self.runner.run("code_execution", arguments, egress=True, env=env)
        self.assertEqual(report.out.decode(), "\U0001f600 mine True\n")

    def test_programs_of_the_job_inherit_it(self) -> None:
        arguments = {"runtime": "terminal", "code": "echo $https_proxy $NO_PROXY"}
        out = self.runner.run("code_execution", arguments, egress=True).out
        self.assertRegex(out.decode(), r"^http://127\.0\.0\.1:[0-9]+ localhost,127\.0\.0\.1,::1\n$")

    def test_the_proxy_is_gone_with_its_job_and_comes_back_at_its_place(self) -> None:
        port = self.begin()
        self.runner.signal("KILL")
        self.runner.finish()
        with self.assertRaises(ConnectionRefusedError):
            self.connect(port)
        self.runner.reset()
        with self.assertRaises(ConnectionRefusedError):
            self.connect(port)
        self.assertEqual(self.begin(), port)

    def test_a_place_that_is_taken_meanwhile_is_given_up(self) -> None:
        port = self.begin()
        self.runner.signal("KILL")
        self.runner.finish()
        self.runner.reset()
        with socket.create_server(("127.0.0.1", port)):
            other = self.begin()
        self.assertNotEqual(other, port)
        self.connect(other)

    def test_a_sessions_shell_finds_it_again_in_the_next_call(self) -> None:
        asked = {"runtime": "terminal", "shell": 0, "code": "echo $HTTP_PROXY"}
        first = self.runner.call("code_execution", asked, egress=True)
        self.assertRegex(first.out.decode(), r"^http://127\.0\.0\.1:[0-9]+\n$")
        port = int(first.out.decode().strip().rpartition(":")[2])
        with self.assertRaises(ConnectionRefusedError):
            self.connect(port)
        self.runner.call("code_execution", {**asked, "code": "true"})
        wait = {**asked, "code": "echo $HTTP_PROXY; sleep 600"}
        self.runner.start("code_execution", wait, session=True, egress=True)
        self.assertEqual(self.runner.expect(OUT), first.out)
        self.tunnel(port)

    def test_only_loopback_can_reach_it(self) -> None:
        port = self.begin()
        with open("/proc/net/tcp") as file:
            listening = [line.split()[1] for line in file if line.split()[3] == "0A"]
        self.assertEqual([one for one in listening if one.endswith(f":{port:04X}")], [f"0100007F:{port:04X}"])

    # Tunnels

    def test_bytes_travel_both_ways_and_each_way_ends_by_itself(self) -> None:
        port = self.begin()
        connection = self.connect(port, CONNECT)
        asked = self.runner.expect_json(TUNNEL_OPEN)
        self.assertEqual(asked, {"id": 1, "host": "api.example.com", "port": 443, "kind": "connect"})
        self.runner.send_json(TUNNEL_OPENED, {"id": 1, "ok": True})
        self.assertEqual(self.read(connection, len(ESTABLISHED)), ESTABLISHED)
        connection.sendall(b"question")
        self.assertEqual(self.taken(1, 8), b"question")
        connection.shutdown(socket.SHUT_WR)
        self.expect_end(1)
        self.give(1, b"an answer")
        self.give(1, b" that goes on")
        self.give(1, b"")
        self.assertEqual(self.read(connection), b"an answer that goes on")
        self.assertEqual(self.expect_closed(1), "done")

    def test_the_host_may_end_first(self) -> None:
        connection, number = self.tunnel(self.begin())
        self.give(number, b"bye")
        self.give(number, b"")
        self.assertEqual(self.read(connection), b"bye")
        connection.sendall(b"wait")
        self.assertEqual(self.taken(number, 4), b"wait")
        connection.close()
        self.expect_end(number)
        self.assertEqual(self.expect_closed(number), "done")

    def test_what_comes_with_the_head_is_not_lost(self) -> None:
        connection = self.connect(self.begin(), CONNECT + b"early")
        self.runner.expect(TUNNEL_OPEN)
        self.runner.send_json(TUNNEL_OPENED, {"id": 1, "ok": True})
        self.assertEqual(self.taken(1, 5), b"early")
        self.assertEqual(self.read(connection, len(ESTABLISHED)), ESTABLISHED)

    def test_a_head_may_come_in_pieces(self) -> None:
        connection = self.connect(self.begin())
        for at in range(len(CONNECT)):
            connection.sendall(CONNECT[at : at + 1])
        self.assertEqual(self.runner.expect_json(TUNNEL_OPEN)["host"], "api.example.com")

    def test_a_tunnel_that_the_worker_ends_is_reset(self) -> None:
        connection, number = self.tunnel(self.begin())
        self.give(number, b"half an ans")
        self.runner.send_json(TUNNEL_SHUT, {"id": number, "reason": "its bytes are spent"})
        self.expect_closed(number)
        with self.assertRaises(ConnectionResetError):
            self.read(connection)

    def test_a_client_that_goes_is_told_once(self) -> None:
        connection, number = self.tunnel(self.begin())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        self.assertEqual(self.expect_closed(number), "the job went away")
        # What was on its way then is for nobody.
        self.give(number, b"late")
        self.runner.send_json(CREDIT, {"tunnel": number, "bytes": 1})
        self.runner.send_json(TUNNEL_SHUT, {"id": number, "reason": ""})
        self.runner.send_json(TUNNEL_OPENED, {"id": number, "ok": True})
        self.settle()

    def test_a_client_that_goes_before_it_is_answered(self) -> None:
        self.connect(self.begin(), CONNECT).close()
        number = self.runner.expect_json(TUNNEL_OPEN)["id"]
        self.runner.send_json(TUNNEL_OPENED, {"id": number, "ok": True})
        self.give(number, b"x")
        self.give(number, b"y")
        while (kind := self.runner.receive()[0]) == TUNNEL_OUT:
            pass
        self.assertEqual(kind, TUNNEL_CLOSED)

    # Refusals

    def test_a_refusal_is_an_answer(self) -> None:
        port = self.begin()
        for code, status in (
            ("not_allowed", 403),
            ("forbidden_address", 403),
            ("spent", 403),
            ("unresolved", 502),
            ("unreachable", 502),
            ("busy", 503),
            ("late", 504),
        ):
            connection = self.connect(port, CONNECT)
            number = self.runner.expect_json(TUNNEL_OPEN)["id"]
            refusal = {"id": number, "ok": False, "code": code, "message": "api.example.com is not listed\r\nX: y"}
            self.runner.send_json(TUNNEL_OPENED, refusal)
            self.expect_closed(number)
            head, _, body = self.read(connection).partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            self.assertEqual(lines[0], f"HTTP/1.1 {status} api.example.com is not listed??X: y")
            self.assertIn(f"Content-Length: {len(body)}", lines)
            self.assertEqual(json.loads(body)["error"]["code"], code)

    def test_whoever_sends_a_long_request_reads_its_refusal_too(self) -> None:
        head = b"POST http://api.example.com/ HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n"
        connection = self.connect(self.begin(), head)
        number = self.runner.expect_json(TUNNEL_OPEN)["id"]
        self.runner.send_json(TUNNEL_OPENED, {"id": number, "ok": False, "code": "not_allowed", "message": "no"})
        self.expect_closed(number)
        connection.sendall(bytes(1_000_000))
        connection.shutdown(socket.SHUT_WR)
        self.assertTrue(self.read(connection).startswith(b"HTTP/1.1 403 no\r\n"))

    def test_heads_that_are_none_never_reach_the_worker(self) -> None:
        port = self.begin()
        for head in (
            b"",
            b"GET / HTTP/1.1",
            b"GET https://api.example.com/ HTTP/1.1",
            b"GET ftp://api.example.com/ HTTP/1.1",
            b"GET http:///x HTTP/1.1",
            b"GET http://user@api.example.com/ HTTP/1.1",
            b"GET http://api.example.com:0/ HTTP/1.1",
            b"GET http://api.example.com:65536/ HTTP/1.1",
            b"GET http://api.example.com:8x/ HTTP/1.1",
            b"GET http://api.example.com\\@evil.org/ HTTP/1.1",
            b"GET http://api.example.com/ HTTP/2.0",
            b"GET  http://api.example.com/ HTTP/1.1",
            b"GET http://api.example.com/\nX: y HTTP/1.1",
            b"CONNECT api.example.com HTTP/1.1",
            b"CONNECT api.example.com: HTTP/1.1",
            b"CONNECT http://api.example.com:443 HTTP/1.1",
            b"CONNECT user@api.example.com:443 HTTP/1.1",
            b"CONNECT api.example.com:443/x HTTP/1.1",
            b"CONNECT api.example.com:443:443 HTTP/1.1",
            b"CONNECT [::1:443 HTTP/1.1",
            b"CONNECT b\xc3\xbccher.example:443 HTTP/1.1",
            b"CONNECT api.example.com\0:443 HTTP/1.1",
            b"CONNECT " + b"a" * 256 + b":443 HTTP/1.1",
            b"CONNECT api.example.com:443 HTTP/1.1\r\n folded: header",
            b"CONNECT api.example.com:443 HTTP/1.1\r\nspace : header",
            b"CONNECT api.example.com:443 HTTP/1.1\r\nno colon",
            b"CONNECT api.example.com:443 HTTP/1.1\r\nA: b\nC: d",
            b"CONNECT api.example.com:443 HTTP/1.1\r\nA: b\rC: d",
            b"POST http://api.example.com/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2",
            b"POST http://api.example.com/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
            b"POST http://api.example.com/ HTTP/1.1\r\nContent-Length: +1",
            b"POST http://api.example.com/ HTTP/1.1\r\nContent-Length: -1",
        ):
            connection = self.connect(port, head + b"\r\n\r\n")
            self.assertTrue(self.read(connection).startswith(b"HTTP/1.1 400 "), head)
            connection.close()
        for head in (b"GET http://a.example/" + b"a" * 20_000, b"x" * 16_384):
            self.assertTrue(self.read(self.connect(port, head)).startswith(b"HTTP/1.1 431 "))
        self.settle()

    # Plain requests

    def test_a_plain_request_goes_on_as_its_host_wants_it(self) -> None:
        head = (
            b"POST HTTP://Api.example.com:8080?a=b HTTP/1.1\r\nHost: evil.org\r\nProxy-Connection: keep-alive\r\n"
            b"Proxy-Authorization: Basic eA==\r\nConnection: keep-alive, X-Hop, content-length\r\nX-Hop: 1\r\n"
            b"Content-Length: 4\r\nX-Kept: \xff\r\n\r\n"
        )
        connection = self.connect(self.begin(), head + b"body")
        asked = self.runner.expect_json(TUNNEL_OPEN)
        self.assertEqual((asked["host"], asked["port"], asked["kind"]), ("Api.example.com", 8080, "http"))
        self.runner.send_json(TUNNEL_OPENED, {"id": 1, "ok": True})
        expected = (
            b"POST /?a=b HTTP/1.1\r\nHost: Api.example.com:8080\r\nContent-Length: 4\r\nX-Kept: \xff\r\n"
            b"Connection: close\r\n\r\nbody"
        )
        self.assertEqual(self.taken(1, len(expected)), expected)
        self.give(1, b"HTTP/1.1 200 OK\r\n\r\nfine")
        self.give(1, b"")
        self.assertEqual(self.read(connection), b"HTTP/1.1 200 OK\r\n\r\nfine")

    def test_a_host_without_port_or_path_is_asked_at_80_for_the_root(self) -> None:
        self.connect(self.begin(), b"GET http://[2606:4700::1] HTTP/1.0\r\n\r\n")
        asked = self.runner.expect_json(TUNNEL_OPEN)
        self.assertEqual((asked["host"], asked["port"]), ("2606:4700::1", 80))
        self.runner.send_json(TUNNEL_OPENED, {"id": 1, "ok": True})
        expected = b"GET / HTTP/1.0\r\nHost: [2606:4700::1]\r\nConnection: close\r\n\r\n"
        self.assertEqual(self.taken(1, len(expected)), expected)

    def test_a_second_request_never_reaches_the_first_ones_host(self) -> None:
        port = self.begin()
        second = b"GET http://other.example/secret HTTP/1.1\r\n\r\n"
        for first in (
            b"GET http://api.example.com/ HTTP/1.1\r\n\r\n",
            b"POST http://api.example.com/ HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        ):
            connection, number = self.tunnel(port, first)
            while not self.runner.expect(TUNNEL_OUT).endswith((b"close\r\n\r\n", b"abc")):
                pass
            connection.sendall(second)
            self.expect_closed(number)
            with self.assertRaises(ConnectionResetError):
                self.read(connection)
            connection, number = self.tunnel(port, first + second)
            payload = self.runner.expect(TUNNEL_OUT)
            self.assertNotIn(b"other.example", payload)
            connection.close()
            self.expect_end(number)
            self.runner.send_json(TUNNEL_SHUT, {"id": number, "reason": ""})
            self.expect_closed(number)

    def test_a_chunked_body_goes_on(self) -> None:
        head = b"POST http://api.example.com/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection, number = self.tunnel(self.begin(), head)
        self.taken(number, 1)
        connection.sendall(b"3\r\nabc\r\n0\r\n\r\n")
        self.assertEqual(self.taken(number, 13), b"3\r\nabc\r\n0\r\n\r\n")

    # Credit

    def test_no_more_is_sent_than_there_is_credit_for(self) -> None:
        connection, number = self.tunnel(self.begin())
        data = os.urandom(4 * WINDOW)
        sender = threading.Thread(target=connection.sendall, args=(data,))
        sender.start()
        taken = self.taken(number, WINDOW)
        self.assertEqual(len(taken), WINDOW)
        self.settle()
        self.runner.send_json(CREDIT, {"tunnel": number, "bytes": 1_000})
        taken += self.taken(number, 1_000)
        self.settle()
        while len(taken) < len(data):
            self.runner.send_json(CREDIT, {"tunnel": number, "bytes": WINDOW // 4})
            taken += self.taken(number, min(WINDOW // 4, len(data) - len(taken)))
        sender.join(PATIENCE_S)
        self.assertEqual(taken, data)

    def push(self, connection: socket.socket, data: bytes) -> int:
        try:
            return connection.send(data) if data else 0
        except BlockingIOError:
            return 0

    def test_credit_comes_back_as_the_job_reads(self) -> None:
        connection, number = self.tunnel(self.begin())
        data = os.urandom(WINDOW)
        # More than the kernel takes for a reader that does not read: the rest waits in the runner.
        given = 0
        granted = 0
        while True:
            for _ in range(4):
                self.give(number, data[: WINDOW // 4])
            given += WINDOW
            self.runner.send_json(PING, {})
            before = granted
            while (frame := self.runner.receive())[0] != PONG:
                self.assertEqual(frame[0], TUNNEL_CREDIT)
                granted += json.loads(frame[1])["bytes"]
            if granted - before < WINDOW // 2:
                break
        self.assertLessEqual(given - granted, 2 * WINDOW)
        expected = given
        got = len(self.read(connection, expected))
        self.assertEqual(got, expected)
        while given - granted >= WINDOW // 4:
            granted += self.runner.expect_json(TUNNEL_CREDIT)["bytes"]

    def test_credit_is_for_the_hosts_bytes_alone(self) -> None:
        connection, number = self.tunnel(self.begin())
        self.give(number, bytes(WINDOW // 4 - 1))
        self.read(connection, WINDOW // 4 - 1)
        self.settle()
        self.give(number, b"x")
        self.assertEqual(self.runner.expect_json(TUNNEL_CREDIT), {"id": number, "bytes": WINDOW // 4})

    # Hostile jobs

    def test_no_more_than_a_number_are_held_and_the_next_one_waits(self) -> None:
        port = self.begin()
        held = [self.tunnel(port) for _ in range(32)]
        waiting = self.connect(port, CONNECT)
        self.settle()
        connection, number = held[7]
        connection.close()
        self.expect_end(number)
        self.runner.send_json(TUNNEL_SHUT, {"id": number, "reason": ""})
        self.expect_closed(number)
        self.assertEqual(self.runner.expect_json(TUNNEL_OPEN)["id"], 33)
        waiting.close()

    def test_connections_that_say_nothing_keep_nobody_waiting(self) -> None:
        port = self.begin()
        silent = [self.connect(port, b"CONNECT") for _ in range(31)]
        connection, number = self.tunnel(port)
        connection.sendall(b"x")
        self.assertEqual(self.taken(number, 1), b"x")
        for one in silent:
            one.close()
        self.settle()
        self.tunnel(port)

    def test_a_tunnel_that_can_do_nothing_costs_nothing(self) -> None:
        port = self.begin()
        connection, number = self.tunnel(port)
        connection.setblocking(False)
        data = bytes(4 * WINDOW)
        taken = 0
        while taken < WINDOW:
            self.push(connection, data)
            taken += len(self.taken(number, 1))
        # It may not be read on, and now it is gone: the kernel would say so over and over.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        self.settle()
        before = self.cpu_s()
        time.sleep(0.3)
        self.assertLess(self.cpu_s() - before, 0.1)
        # What it had sent by then may still be there.
        self.runner.send_json(CREDIT, {"tunnel": number, "bytes": WINDOW})
        while (frame := self.runner.receive())[0] == TUNNEL_OUT:
            self.runner.send_json(CREDIT, {"tunnel": number, "bytes": len(frame[1]) - NUMBER.size})
        self.assertEqual(frame[0], TUNNEL_CLOSED)

    def cpu_s(self) -> float:
        with open(f"/proc/{self.runner.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_a_flood_of_connections_holds_nobody_up(self) -> None:
        code = SAY + """
import socket
port = int(os.environ['HTTP_PROXY'].rpartition(':')[2])
for turn in range(2000):
    s = socket.socket()
    s.setblocking(False)
    try:
        s.connect(('127.0.0.1', port))
    except BlockingIOError:
        pass
    if turn % 3 == 0:
        try:
            s.send(b'CONNECT a.example:443 HTTP/1.1' + b'\\r\\n' * 2)
        except OSError:
            pass
    s.close()
print('done', flush=True)
time.sleep(600)
"""
        self.begin(code)
        asked, closed = set(), set()
        slowest = 0.0
        over = False
        while not over:
            began = time.monotonic()
            self.runner.send_json(PING, {})
            while (frame := self.runner.receive())[0] != PONG:
                kind, payload = frame
                over = over or kind == OUT
                if kind == TUNNEL_OPEN:
                    asked.add(number := json.loads(payload)["id"])
                    refusal = {"id": number, "ok": False, "code": "not_allowed", "message": "no"}
                    self.runner.send_json(TUNNEL_OPENED, refusal)
                elif kind == TUNNEL_CLOSED:
                    closed.add(json.loads(payload)["id"])
            slowest = max(slowest, time.monotonic() - began)
        self.assertLess(slowest, 1.0)
        self.assertLessEqual(len(asked - closed), 32)
        self.runner.signal("KILL")
        while self.runner.receive()[0] != RESULT:
            pass
        self.runner.reset()
        self.begin()

    def test_open_tunnels_end_before_the_result_does_come(self) -> None:
        code = """
import os, socket
port = int(os.environ['HTTP_PROXY'].rpartition(':')[2])
s = socket.create_connection(('127.0.0.1', port))
s.sendall(b'CONNECT a.example:443 HTTP/1.1' + b'\\r\\n' * 2)
s.recv(1000)
print('over')
if os.fork() == 0:
    os.setsid()
    s.recv(1)
"""
        self.runner.start("code_execution", {"runtime": "python", "code": code}, egress=True)
        self.assertEqual(self.runner.expect_json(TUNNEL_OPEN)["id"], 1)
        self.runner.send_json(TUNNEL_OPENED, {"id": 1, "ok": True})
        kinds: list[int] = []
        while not kinds or kinds[-1] != RESULT:
            kinds.append(self.runner.receive()[0])
        self.assertEqual([kind for kind in kinds if kind not in (OUT, TUNNEL_OUT)], [TUNNEL_CLOSED, RESULT])
        self.give(1, b"late")
        self.runner.reset()
        # Numbers never come again.
        port = self.begin()
        self.connect(port, CONNECT)
        self.assertEqual(self.runner.expect_json(TUNNEL_OPEN)["id"], 2)

    def test_the_job_has_no_descriptor_of_the_proxy(self) -> None:
        code = "import os; print(*(os.path.realpath(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')))"
        out = self.runner.run("code_execution", {"runtime": "python", "code": code}, egress=True).out
        self.assertIn(b"pipe:", out)
        self.assertNotIn(b"socket:", out)
        self.assertNotIn(b"eventpoll", out)
