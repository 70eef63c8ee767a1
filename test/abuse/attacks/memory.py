# Group 2, memory bombs: takes memory of the kind that its argument names until it is ended.
# Must come out: the job is killed; its processes are chosen before the runner that has to report it.
import ctypes, mmap

STEP = 8 << 20
LIMIT = 2 << 30
libc = ctypes.CDLL(None, use_errno=True)
held = []


def anonymous():
    held.append(b"x" * STEP)


def shared():
    area = mmap.mmap(-1, STEP)
    area.write(b"x" * STEP)
    held.append(area)


def memory_file():
    fd = os.memfd_create("m")
    held.append(fd)
    os.write(fd, b"x" * STEP)


def system_v():
    segment = libc.shmget(0, ctypes.c_size_t(STEP), 0o1600)
    if segment < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    libc.shmat.restype = ctypes.c_void_p
    ctypes.memset(libc.shmat(segment, None, 0), 1, STEP)


take = {"anonymous": anonymous, "shared": shared, "memory-file": memory_file, "system-v": system_v}[sys.argv[1]]
taken = 0
while taken < LIMIT:
    take()
    taken += STEP
    if taken % (64 << 20) == 0:
        tell(taken=taken)
tell(all_taken=True)
