# Group 17, descriptors: opens files, pipes, sockets, memory files and watches until nothing more can be opened.
# Must come out: every kind ends with EMFILE, at fewer than 1,024 descriptors.
import ctypes

libc = ctypes.CDLL(None, use_errno=True)


def watch():
    fd = libc.inotify_init1(0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    return [fd]


KINDS = {
    "file": lambda: [os.open("/work/file", os.O_RDWR | os.O_CREAT)],
    "pipe": lambda: list(os.pipe()),
    "socket": lambda: [end.detach() for end in socket.socketpair()],
    "memory file": lambda: [os.memfd_create("m")],
    "event": lambda: [os.eventfd(0)],
    "watch": watch,
}
for kind, open_one in KINDS.items():
    held = []
    refused = None
    while len(held) < 5000:
        try:
            held += open_one()
        except OSError as error:
            refused = errno.errorcode[error.errno]
            break
    tell(kind=kind, held=len(held), refused=refused)
    for fd in held:
        os.close(fd)
