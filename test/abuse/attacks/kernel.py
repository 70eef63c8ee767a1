# Group 7 and 16, the kernel: every call and file that leads out of a container, or changes the host, its clock included.
# Must come out: every attempt is refused; the user is no root, has no capability and a seccomp filter; no device but the harmless.
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
SYS = {
    "bpf": (321, (0, 0, 0)),
    "io_uring_setup": (425, (1, 0)),
    "io_uring_enter": (426, (0, 0, 0, 0)),
    "keyctl": (250, (0, -3, 0)),
    "add_key": (248, (b"user", b"abuse", b"x", 1, -3)),
    "request_key": (249, (b"user", b"abuse", None, 0)),
    "userfaultfd": (323, (0,)),
    "perf_event_open": (298, (0, 0, -1, -1, 0)),
    "init_module": (175, (0, 0, b"")),
    "finit_module": (313, (0, b"", 0)),
    "delete_module": (176, (b"ext4", 0)),
    "kexec_load": (246, (0, 0, 0, 0)),
    "reboot": (169, (0xFEE1DEAD, 672274793, 0x89ABCDEF, 0)),
    "swapon": (167, (b"/work", 0)),
    "pivot_root": (155, (b"/work", b"/work")),
    "chroot": (161, (b"/work",)),
    "setns": (308, (0, 0)),
    "open_by_handle_at": (304, (-100, b"\0" * 64, 0)),
    "fsopen": (430, (b"tmpfs", 0)),
    "open_tree": (428, (-100, b"/", 1)),
    "move_mount": (429, (-1, b"", -1, b"", 0)),
    "mount_setattr": (442, (-100, b"/", 0, b"\0" * 32, 32)),
    "acct": (163, (b"/work/acct",)),
    "quotactl": (179, (0, b"", 0, 0)),
    "iopl": (172, (3,)),
    "ioperm": (173, (0x80, 1, 1)),
    "kcmp": (312, (1, os.getpid(), 0, 0, 0)),
    "lookup_dcookie": (212, (0, 0, 0)),
    "personality": (135, (0x0040000,)),
    "settimeofday": (164, (b"\0" * 16, 0)),
    "clock_settime": (227, (0, b"\0" * 16)),
    "adjtimex": (159, (struct_with_mode := b"\1\0\0\0" + b"\0" * 204,)),
    "clock_adjtime": (305, (0, struct_with_mode)),
    "sethostname": (170, (b"abuse", 5)),
    "setdomainname": (171, (b"abuse", 5)),
    "vhangup": (153, ()),
    "syslog": (103, (3, b"\0" * 64, 64)),
    "unshare user": (272, (0x10000000,)),
    "unshare mount": (272, (0x00020000,)),
    "unshare net": (272, (0x40000000,)),
    "unshare pid": (272, (0x20000000,)),
    "unshare cgroup": (272, (0x02000000,)),
    "clone user": (56, (0x10000000 | 17, 0, 0, 0, 0)),
    "mount tmpfs": (165, (b"none", b"/work", b"tmpfs", 0, 0)),
    "mount proc": (165, (b"proc", b"/work", b"proc", 0, 0)),
    "remount root": (165, (b"none", b"/", b"", 32, 0)),
    "umount proc": (166, (b"/proc/sysrq-trigger", 2)),
    "setuid": (105, (0,)),
    "setgid": (106, (0,)),
    "setgroups": (116, (1, b"\0" * 4)),
    "capset": (126, (b"\x22\x05\x08\x20\0\0\0\0", b"\xff" * 24)),
}


def syscall(number, args):
    words = [ctypes.c_char_p(arg) if isinstance(arg, bytes) else ctypes.c_long(arg or 0) for arg in args]
    if libc.syscall(ctypes.c_long(number), *words) < 0:
        raise OSError(ctypes.get_errno(), "")


def write(path, text):
    fd = os.open(path, os.O_WRONLY)
    try:
        # What the engine hides is /dev/null under another name.
        if os.fstat(fd).st_rdev == os.makedev(1, 3):
            raise PermissionError(errno.EACCES, "hidden")
        os.write(fd, text)
    finally:
        os.close(fd)


def read_one(path):
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not os.read(fd, 1):
            raise FileNotFoundError(errno.ENOENT, "hidden")
    finally:
        os.close(fd)


for name, (number, args) in SYS.items():
    # In a child: what would work must not change this program.
    pid = os.fork()
    if pid == 0:
        tried(name, syscall, number, args)
        os._exit(0)
    os.waitpid(pid, 0)
for path in (
    "/proc/sysrq-trigger",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/fs/file-max",
    "/proc/irq/0/smp_affinity",
    "/proc/bus/pci/devices",
    "/proc/timer_list",
    "/proc/acpi/wakeup",
    "/proc/scsi/scsi",
    "/proc/latency_stats",
    "/sys/kernel/uevent_helper",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/power/state",
    "/proc/self/exe",
    "/proc/1/exe",
    "/usr/bin/python3",
):
    tried(f"write {path}", write, path, b"h")
for path in ("/proc/kcore", "/proc/kmsg", "/proc/keys", "/dev/mem", "/dev/kmsg", "/dev/fuse", "/dev/kvm", "/dev/sda", "/dev/vda"):
    tried(f"read {path}", read_one, path)
cgroups = [top for top, _, files in os.walk("/sys/fs/cgroup") for name in files if name in ("release_agent", "cgroup.procs")]
for top in cgroups:
    tried(f"write {top}", write, f"{top}/cgroup.procs", b"1")
    tried(f"release agent of {top}", write, f"{top}/release_agent", b"/work/x")
    tried(f"folder in {top}", os.mkdir, f"{top}/abuse")
for kind, number in (("block", 0o060000), ("character", 0o020000)):
    tried(f"mknod {kind}", os.mknod, f"/work/{kind}", number | 0o666, os.makedev(1, 1))
for family in (socket.AF_PACKET, 40, 29, 31):
    for kind in (socket.SOCK_RAW, socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        tried(f"socket family {family} type {kind}", lambda: socket.socket(family, kind).close())
tried("raw icmp", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close())
tried("mknod in /dev", os.mknod, "/dev/abuse", 0o020666, os.makedev(1, 1))
# A descriptor of the host's, inherited or as the work directory, would lead out of the root.
leaks = []
for fd in range(3, 1024):
    for path in (f"/proc/self/fd/{fd}", f"/proc/self/fd/{fd}/../../../../../etc"):
        try:
            os.chdir(path)
            leaks.append([path, os.getcwd()])
        except OSError:
            pass
os.chdir("/work")
tell(leaks=leaks)
with open("/proc/self/status") as file:
    status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
tell(
    uids=status["Uid"].split(),
    gids=status["Gid"].split(),
    groups=status["Groups"].split(),
    capabilities=[status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")],
    no_new_privileges=status["NoNewPrivs"],
    seccomp=status["Seccomp"],
    devices=sorted(name for name in os.listdir("/dev")),
    set_user_id=[
        os.path.join(top, name)
        for top, _, names in os.walk("/usr")
        for name in names
        if not os.path.islink(path := os.path.join(top, name)) and os.stat(path).st_mode & 0o6000
    ],
)
