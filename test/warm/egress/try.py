# In a job with a way out, or without one: tries each way of the list on standard input, and prints what came of each as JSON, a
# text each: what was received, an HTTP answer's status with the code in it, or the name of an error.
import errno, http.client, json, os, socket, sys, urllib.error, urllib.parse, urllib.request

WAIT_S = 10


def proxy():
    at = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
    return at.hostname, at.port


def received(response):
    """The words of a host, or a refusal's status and code."""
    body = response.read()
    if response.status == 200:
        return body.decode()
    try:
        return f"{response.status} {json.loads(body)['error']['code']}"
    except ValueError:
        return f"{response.status} {body.decode()}"


def said_over(connection, request):
    """What comes back on a connection to the proxy for a request as it is."""
    connection.sendall(request)
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response


def connect(target):
    """CONNECT, and a page through the tunnel; the target is not looked at before it is sent."""
    with socket.create_connection(proxy(), WAIT_S) as connection:
        answer = said_over(connection, f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        if answer.status != 200:
            return received(answer)
        return received(said_over(connection, b"GET / HTTP/1.1\r\nHost: tunnel\r\nConnection: close\r\n\r\n"))


def absolute(target):
    """A plain request in absolute form, that names another host beside."""
    with socket.create_connection(proxy(), WAIT_S) as connection:
        return received(said_over(connection, f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()))


def pipelined(target):
    """Two plain requests in one go: for what is listed, and behind it for the target. Gives what came for the first."""
    with socket.create_connection(proxy(), WAIT_S) as connection:
        both = ("http://api.example.com/", target)
        return received(said_over(connection, "".join(f"GET {one} HTTP/1.1\r\n\r\n" for one in both).encode()))


def client(target):
    """http.client with a tunnel, as most libraries have it."""
    host, port = target.rsplit(":", 1)
    connection = http.client.HTTPConnection(*proxy(), timeout=WAIT_S)
    connection.set_tunnel(host, int(port))
    connection.request("GET", "/")
    return received(connection.getresponse())


def fetch(target):
    """urllib, which reads the proxy's address from the environment and follows where it is sent."""
    try:
        return received(urllib.request.urlopen(target, timeout=WAIT_S))
    except urllib.error.HTTPError as answer:
        return received(answer)


def direct(target):
    """Past the proxy."""
    host, port = target.rsplit(":", 1)
    with socket.create_connection((host, int(port)), WAIT_S):
        return "connected"


def datagram(target):
    host, port = target.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(WAIT_S)
        one.connect((host, int(port)))
        one.send(b"hello")
        return one.recv(100).decode()


def name(target):
    return socket.getaddrinfo(target, 443)[0][4][0]


def load(target):
    """How many bytes come of a page that is longer than a job's budget, with the head that it has."""
    with socket.create_connection(proxy(), WAIT_S) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\n\r\n".encode())
        size = 0
        try:
            while more := connection.recv(65536):
                size += len(more)
        except ConnectionResetError:
            return f"cut at {size}"
        return f"whole at {size}"


def outcome(way, target):
    try:
        return globals()[way](target)
    except socket.gaierror:
        return "no such name"
    except OSError as error:
        # urllib wraps those that it met on its way to the proxy.
        met = getattr(error, "reason", error)
        return errno.errorcode.get(getattr(met, "errno", None), str(error))


print(json.dumps([outcome(*one) for one in json.load(sys.stdin)]))
