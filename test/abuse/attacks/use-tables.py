# Group 17, the other tenant of hold-tables.py: wants one of each table that the kernel keeps by user.
# Must come out: `done` for each, and a pipe of the usual 64 KiB.
import array, ctypes, fcntl

libc = ctypes.CDLL(None, use_errno=True)


def c(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return True


def flight():
    here, there = socket.socketpair()
    here.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])


def pipe():
    if fcntl.fcntl(os.pipe()[1], 1032) != 65_536:
        raise OSError(errno.ENOBUFS, "small")


tried("watch", lambda: c(libc.inotify_init1(0)))
tried("queue", lambda: c(libc.mq_open(b"/mine", os.O_CREAT | os.O_RDWR, 0o600, None)))
tried("timer", lambda: c(libc.timer_create(0, None, ctypes.byref(ctypes.c_void_p()))))
tried("flight", flight)
tried("pipe", pipe)
