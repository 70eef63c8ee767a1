# Groups 8 to 11, the network: tries to reach what its standard input lists, each by the way that it names, and looks at what the
# container has of a network at all. First it reaches listeners of its own, so that it is known to see a success.
# Must come out: every control is reached, and nothing else.
import select, stat

WAIT_S = 0.3
# The network says that there is no way; anything else means that somebody may have been there.
NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENOENT, errno.EACCES, errno.EPERM, errno.EAFNOSUPPORT)


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        try:
            client.connect(address)
        except BlockingIOError:
            if not select.select([], [client], [], WAIT_S)[1]:
                return "silence"
            got = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if got:
                raise OSError(got, "")
        return "connected"


def send(family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(WAIT_S)
        client.connect(address)
        client.send(b"abuse")
        try:
            client.recv(10)
        except TimeoutError:
            return "sent"
        return "answered"


def resolve(name):
    try:
        return socket.getaddrinfo(name, 80)[0][4][0]
    except socket.gaierror:
        raise OSError(errno.ENETUNREACH, "")


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def probe(way, where):
    if way == "name":
        return resolve(where)
    if way == "unix":
        return connect(socket.AF_UNIX, where)
    if way == "abstract":
        return connect(socket.AF_UNIX, "\0" + where)
    host, _, port = where.rpartition(":")
    call = send if way == "udp" else connect
    return call(family_of(host), (host, int(port)))


def outcome(way, where):
    """None when nothing was reached, else what was."""
    try:
        return probe(way, where)
    except OSError as error:
        own = where.startswith(("127.", "::1:")) or way in ("unix", "abstract")
        if error.errno in NO_WAY or (own and error.errno == errno.ECONNREFUSED):
            return None
        return errno.errorcode.get(error.errno, str(error))


def listen(family, address):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.bind(address)
    server.listen()
    return server


four, six = listen(socket.AF_INET, ("127.0.0.1", 0)), None
try:
    six = listen(socket.AF_INET6, ("::1", 0))
except OSError:
    pass  # Not every kernel has it.
path, abstract = listen(socket.AF_UNIX, "/tmp/control"), listen(socket.AF_UNIX, "\0control")
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", 0))
controls = [
    ("tcp", f"127.0.0.1:{four.getsockname()[1]}"),
    ("udp", f"127.0.0.1:{datagrams.getsockname()[1]}"),
    ("unix", "/tmp/control"),
    ("abstract", "control"),
    ("name", "127.0.0.1"),
] + ([("tcp", f"::1:{six.getsockname()[1]}")] if six else [])
tell(controls={f"{way} {where.split(':')[0]}": outcome(way, where) for way, where in controls})
targets = json.loads(sys.stdin.read())
reached = []
for way, where in targets:
    got = outcome(way, where)
    if got is not None:
        reached.append([way, where, got])
tell(tried=len(targets), reached=reached)


def routes():
    with open("/proc/net/route") as file:
        return [line.split()[0] for line in file][1:]


def sockets():
    for top, folders, files in os.walk("/"):
        if top.startswith(("/proc", "/sys")):
            folders[:] = []
            continue
        for name in files:
            try:
                if stat.S_ISSOCK(os.lstat(os.path.join(top, name)).st_mode):
                    yield os.path.join(top, name)
            except OSError:
                pass


def mounts():
    with open("/proc/self/mounts") as file:
        return sorted({line.split()[1] for line in file if line.split()[2] not in OURS})


OURS = ("overlay", "proc", "tmpfs", "devpts", "sysfs", "cgroup", "cgroup2", "mqueue")
with open("/proc/net/unix") as file:
    names = [line.split()[7] for line in file.readlines()[1:] if len(line.split()) > 7]
tell(
    interfaces=sorted(name for _, name in socket.if_nameindex()),
    up=[name for _, name in socket.if_nameindex() if open(f"/sys/class/net/{name}/operstate").read().strip() == "up"],
    routes=routes(),
    sockets=sorted(sockets()),
    named=sorted(set(names)),
    mounts=mounts(),
)
try:
    ping = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    # Its own loopback answers, and is nobody else's.
    hosts = [where.rpartition(":")[0] for way, where in targets if way in ("tcp", "udp")]
    outside = next(host for host in hosts if ":" not in host and not host.startswith("127."))
    ping.sendto(b"\x08\0\0\0\0\1\0\1", (outside, 0))
    tell(ping="sent")
except OSError as error:
    tell(ping=errno.errorcode[error.errno])
