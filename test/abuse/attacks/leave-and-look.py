# Group 12, across tenants and jobs: with `leave` puts a marker, from its standard input, wherever a job can leave something, and
# looks for it then, so that it is known to be seen; with `look` it only looks.
# Must come out: who left it finds it in every kind of place; a later job of the same container, and a job of another tenant at
# the same time and later, find it nowhere.
import ctypes, fcntl, mmap

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
marker = sys.stdin.readline().strip()
data = marker.encode()
KEY = 0x5A46


def write(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def leave():
    for path in (
        "/work/file",
        "/work/.bashrc",
        "/work/.ssh/authorized_keys",
        "/work/.cache/pip/http/a/b",
        "/work/.local/bin/tool",
        "/work/" + "x" * 255,
        "/work/new\nline",
        "/work/deep/" + "d/" * 200 + "file",
        "/tmp/file",
        "/tmp/.X11-unix/X0",
        "/dev/shm/file",
    ):
        write(path)
    os.mkdir("/work/closed")
    write("/work/closed/file")
    os.chmod("/work/closed", 0)
    os.symlink(marker, "/work/link")
    os.link("/work/file", "/work/hard")
    os.mkfifo("/tmp/" + marker)
    held = socket.socket(socket.AF_UNIX)
    held.bind("/work/socket-" + marker[:20])
    name = socket.socket(socket.AF_UNIX)
    name.bind("\0" + marker)
    segment = libc.shmget(KEY, ctypes.c_size_t(4096), 0o1666)
    ctypes.memmove(libc.shmat(segment, None, 0), data, len(data))
    queue = libc.msgget(KEY, 0o1666)
    libc.msgsnd(queue, (1).to_bytes(8, "little") + data, ctypes.c_size_t(len(data)), 0)
    libc.semget(KEY, 1, 0o1666)
    posix = libc.mq_open(b"/abuse", os.O_CREAT | os.O_RDWR, 0o666, None)
    libc.mq_send(posix, data, ctypes.c_size_t(len(data)), 0)
    os.environ["MARKER"] = marker
    # A process with the marker as argument and in its environment, that would stay.
    ready, go = os.pipe()
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.dup2(go, 9)
        os.execvp("bash", ["bash", "-c", "echo >&9; while :; do sleep 100; done", marker])
    os.read(ready, 1)
    try:
        os.setxattr("/work/file", "user.marker", data)
    except OSError:
        pass
    fcntl.flock(os.open("/work/file", os.O_RDONLY), fcntl.LOCK_EX)
    return held, name


def read(path, most=1 << 20):
    # A pipe or a device would keep this program.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(fd, most)
    except OSError:
        return b""
    finally:
        os.close(fd)


def files():
    for top, folders, names in os.walk("/", onerror=lambda error: None):
        if top == "/":
            for gone in ("proc", "sys", "usr"):
                folders.remove(gone) if gone in folders else None
        if top == "/dev":
            folders[:], names = ["shm", "mqueue"], []
        for name in folders + names:
            path = os.path.join(top, name)
            try:
                if data in os.fsencode(path) or (os.path.islink(path) and marker in os.readlink(path)):
                    yield "name"
                if not os.path.isdir(path) and os.path.exists(path) and data in read(path):
                    yield path.split("/")[1] if not path.startswith("/dev/") else "/".join(path.split("/")[1:3])
            except OSError:
                pass


def processes():
    for name in os.listdir("/proc"):
        if not name.isdecimal() or int(name) == os.getpid():
            continue
        for what in ("cmdline", "environ"):
            try:
                if data in read(f"/proc/{name}/{what}"):
                    yield what
            except OSError:
                pass


def kernel():
    if data in read("/proc/net/unix"):
        yield "abstract socket"
    segment = libc.shmget(KEY, ctypes.c_size_t(4096), 0o666)
    if segment >= 0:
        yield "system v memory"
    if libc.msgget(KEY, 0o666) >= 0:
        yield "system v queue"
    if libc.semget(KEY, 1, 0o666) >= 0:
        yield "system v semaphore"
    if libc.mq_open(b"/abuse", os.O_RDWR, 0, None) >= 0:
        yield "posix queue"
    if os.environ.get("MARKER"):
        yield "environment"
    for table in ("shm", "msg", "sem"):
        if len(read(f"/proc/sysvipc/{table}").splitlines()) > 1:
            yield f"list of system v {table}"


kept = leave() if sys.argv[1] == "leave" else None
found = sorted({*files(), *processes(), *kernel()})
tell(found=found, looked=sys.argv[1], work=os.listdir("/work") if kept is None else None)
if kept is not None:
    time.sleep(float(sys.argv[2]))
