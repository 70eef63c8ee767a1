# Group 17, what the kernel counts by user and not by container: takes all it gets of watches, message queues, queued signals,
# descriptors in flight and pipe buffers, and holds them for as many seconds as its argument says.
# Must come out: use-tables.py, as another tenant at the same time, still gets one of each.
import array, ctypes, fcntl

libc = ctypes.CDLL(None, use_errno=True)
held = []


def c(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def watch():
    held.append(c(libc.inotify_init1(0)))


def queue():
    held.append(c(libc.mq_open(f"/abuse-{len(held)}".encode(), os.O_CREAT | os.O_RDWR, 0o600, None)))


def timer():
    c(libc.timer_create(0, None, ctypes.byref(ctypes.c_void_p())))


def flight():
    here, there = socket.socketpair()
    descriptors = array.array("i", [0] * 200)
    here.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
    held.append((here, there))


def pipe():
    ends = os.pipe()
    held.append(ends)
    fcntl.fcntl(ends[1], 1031, 1 << 20)


for name, take in (("watch", watch), ("queue", queue), ("timer", timer), ("flight", flight), ("pipe", pipe)):
    taken = 0
    refused = None
    while taken < 200_000 and len(held) < 900:
        try:
            take()
            taken += 1
        except OSError as error:
            refused = errno.errorcode[error.errno]
            break
    tell(table=name, taken=taken, refused=refused)
tell(holding=True)
time.sleep(float(sys.argv[1]))
