# Group 11, the neighbour of a probe: listens on every kind of socket for as many seconds as its argument says, and counts who
# comes. The first one is itself.
# Must come out: `came` is one for each kind.
import select

listeners = {}
for kind, family, address in (
    ("tcp", socket.AF_INET, ("0.0.0.0", 7_777)),
    ("unix", socket.AF_UNIX, "/tmp/neighbour"),
    ("abstract", socket.AF_UNIX, "\0neighbour"),
):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    server.listen()
    listeners[server] = kind
came = dict.fromkeys(listeners.values(), 0)
for server in listeners:
    client = socket.socket(server.family, socket.SOCK_STREAM)
    client.connect(("127.0.0.1", 7_777) if server.family == socket.AF_INET else server.getsockname())
end = time.time() + float(sys.argv[1])
while (left := end - time.time()) > 0:
    for server in select.select(list(listeners), [], [], left)[0]:
        server.accept()[0].close()
        came[listeners[server]] += 1
tell(came=came)
