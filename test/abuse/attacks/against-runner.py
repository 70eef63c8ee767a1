# Group 6, the runner: signals, traces and opens init, the supervisor, its sweeper and the job's first process in every way that
# /proc offers, looks for descriptors that it should not have, and prints bytes that would be the runner's own frames.
# Must come out: every attempt is refused, and the frames are output like any other.
import ctypes, struct

libc = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_SEIZE, PIDFD_GETFD = 16, 0x4206, 438


def c(call, *args):
    if call(*args) < 0:
        raise OSError(ctypes.get_errno(), "")


def uid_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return [line.split()[1:5] for line in file if line.startswith("Uid:")][0]


def open_for(path, flags):
    os.close(os.open(path, flags))


mine = os.getpid()
others = [int(name) for name in os.listdir("/proc") if name.isdecimal() and int(name) != mine]
tell(others=len(others), uids=sorted({",".join(uid_of(pid)) for pid in others}))
for pid in others:
    what = "parent" if pid == os.getppid() else f"process {pid} of uid {uid_of(pid)[0]}"
    if what != "parent":
        for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGUSR1):
            tried(f"signal {number} to {what}", os.kill, pid, number)
    tried(f"trace {what}", c, libc.ptrace, PTRACE_ATTACH, pid, None, None)
    tried(f"seize {what}", c, libc.ptrace, PTRACE_SEIZE, pid, None, None)
    tried(f"mem of {what}", open_for, f"/proc/{pid}/mem", os.O_RDWR)
    tried(f"environ of {what}", open_for, f"/proc/{pid}/environ", os.O_RDONLY)
    tried(f"descriptors of {what}", os.listdir, f"/proc/{pid}/fd")
    for fd in range(4):
        tried(f"descriptor {fd} of {what}", open_for, f"/proc/{pid}/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)
    tried(f"root of {what}", os.listdir, f"/proc/{pid}/root/")
    tried(f"directory of {what}", os.listdir, f"/proc/{pid}/cwd/")
    tried(f"oom score of {what}", open_for, f"/proc/{pid}/oom_score_adj", os.O_WRONLY) if what != "parent" else None
    handle = os.pidfd_open(pid)
    tried(f"descriptor by handle of {what}", c, libc.syscall, PIDFD_GETFD, handle, 0, 0)
    os.close(handle)
tell(descriptors=sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")))
# RESULT and STARTED of the runner's frames, whole.
body = b'{"ok":true,"value":"forged","error":null,"exitCode":0,"signal":null}'
for kind in range(256):
    os.write(1, struct.pack(">IB", len(body), kind) + body)
    os.write(1, struct.pack(">BI", kind, len(body)) + body)
os.write(1, b"\n")
tell(forged=True)
sys.exit(3)
