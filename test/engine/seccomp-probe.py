"""Tries system calls, each in a process of its own, and prints what became of each as JSON: 0, an errno, or minus a signal.

The arguments are such that the kernel itself would find fault with them, or do no harm: what is refused before it looks is
refused by the profile.
"""

import ctypes
import errno
import json
import mmap
import os
import platform
import signal
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"
NOWHERE = 0
SIGCHLD = 17

# Numbers on x86-64 and on arm64; None where there is none.
CALLS = {
    "io_uring_setup": (425, 425, 1, NOWHERE),
    "io_uring_enter": (426, 426, -1, 0, 0, 0, NOWHERE, 0),
    "io_uring_register": (427, 427, -1, 0, NOWHERE, 0),
    "userfaultfd": (323, 282, 1),
    "keyctl": (250, 219, 0, -3, 0),
    "add_key": (248, 217, NOWHERE, NOWHERE, NOWHERE, 0, -3),
    "request_key": (249, 218, NOWHERE, NOWHERE, NOWHERE, -3),
    "bpf": (321, 280, 0, NOWHERE, 0),
    "perf_event_open": (298, 241, NOWHERE, 0, -1, -1, 0),
    "ptrace": (101, 117, 16, 0x7FFFFFF, 0, 0),
    "process_vm_readv": (310, 270, 0x7FFFFFF, NOWHERE, 0, NOWHERE, 0, 0),
    "process_vm_writev": (311, 271, 0x7FFFFFF, NOWHERE, 0, NOWHERE, 0, 0),
    "process_madvise": (440, 440, -1, NOWHERE, 0, 0, 0),
    "pidfd_getfd": (438, 438, -1, 0, 0),
    "kcmp": (312, 272, 0x7FFFFFF, 0x7FFFFFF, 0, 0, 0),
    "mount": (165, 40, NOWHERE, NOWHERE, NOWHERE, 0, NOWHERE),
    "umount2": (166, 39, NOWHERE, 0),
    "pivot_root": (155, 41, NOWHERE, NOWHERE),
    "chroot": (161, 51, NOWHERE),
    "fsopen": (430, 430, NOWHERE, 0),
    "fsconfig": (431, 431, -1, 0, NOWHERE, NOWHERE, 0),
    "fsmount": (432, 432, -1, 0, 0),
    "fspick": (433, 433, -1, NOWHERE, 0),
    "move_mount": (429, 429, -1, NOWHERE, -1, NOWHERE, 0),
    "open_tree": (428, 428, -1, NOWHERE, 0),
    "mount_setattr": (442, 442, -1, NOWHERE, 0, NOWHERE, 0),
    "setns": (308, 268, -1, 0),
    "unshare": (272, 97, 0),
    "unshare user": (272, 97, 0x10000000),
    "unshare all": (272, 97, 0x7E020080),
    "clone user": (56, 220, 0x10000000 | SIGCHLD, 0, 0, 0, 0),
    "clone mounts": (56, 220, 0x00020000 | SIGCHLD, 0, 0, 0, 0),
    "clone cgroup": (56, 220, 0x02000000 | SIGCHLD, 0, 0, 0, 0),
    "clone uts": (56, 220, 0x04000000 | SIGCHLD, 0, 0, 0, 0),
    "clone ipc": (56, 220, 0x08000000 | SIGCHLD, 0, 0, 0, 0),
    "clone pid": (56, 220, 0x20000000 | SIGCHLD, 0, 0, 0, 0),
    "clone network": (56, 220, 0x40000000 | SIGCHLD, 0, 0, 0, 0),
    "clone user and more": (56, 220, 0x10000000 | 0x00020000 | 0x00000100 | SIGCHLD, 0, 0, 0, 0),
    "clone3": (435, 435, NOWHERE, 88),
    "init_module": (175, 105, NOWHERE, 0, NOWHERE),
    "finit_module": (313, 273, -1, NOWHERE, 0),
    "delete_module": (176, 106, NOWHERE, 0),
    "kexec_load": (246, 104, 0, 0, NOWHERE, 0),
    "kexec_file_load": (320, 294, -1, -1, 0, NOWHERE, 0),
    "reboot": (169, 142, 0, 0, 0, NOWHERE),
    "swapon": (167, 224, NOWHERE, 0),
    "swapoff": (168, 225, NOWHERE),
    "sethostname": (170, 161, NOWHERE, 1),
    "settimeofday": (164, 170, NOWHERE, 1),
    "clock_settime": (227, 112, 0, NOWHERE),
    "acct": (163, 89, NOWHERE),
    "quotactl": (179, 60, 0, NOWHERE, 0, NOWHERE),
    "syslog": (103, 116, 3, NOWHERE, -1),
    "open_by_handle_at": (304, 265, -1, NOWHERE, 0),
    "name_to_handle_at": (303, 264, -1, NOWHERE, NOWHERE, NOWHERE, 0),
    "fanotify_init": (300, 262, 0, 0),
    "move_pages": (279, 239, 0x7FFFFFF, 0, NOWHERE, NOWHERE, NOWHERE, 0),
    "mbind": (237, 235, 1, 0, 0, NOWHERE, 0, 0),
    "migrate_pages": (256, 238, 0x7FFFFFF, 0, NOWHERE, NOWHERE),
    "memfd_secret": (447, 447, -1),
    "vhangup": (153, 58),
    "personality": (135, 92, 0x0040000),
    "modify_ldt": (154, None, 0, NOWHERE, 0),
    "iopl": (172, None, 4),
    "ioperm": (173, None, 0, -1, 1),
    "socket alg": (41, 198, 38, 5, 0),
    "socket vsock": (41, 198, 40, 1, 0),
    "socket packet": (41, 198, 17, 3, 0),
    "socket xdp": (41, 198, 44, 3, 0),
    "socket key": (41, 198, 15, 3, 2),
    "socket bluetooth": (41, 198, 31, 1, 0),
    "socket tipc": (41, 198, 30, 1, 0),
    "socket rds": (41, 198, 21, 5, 0),
    "socket netlink of the firewall": (41, 198, 16, 3, 12),
    "socket netlink of devices": (41, 198, 16, 3, 15),
    "socket netlink of audits": (41, 198, 16, 3, 9),
    "socketpair tipc": (53, 199, 30, 1, 0, NOWHERE),
}

# What tools cannot do without.
NEEDED = {
    "socket unix": (41, 198, 1, 1, 0),
    "socket internet": (41, 198, 2, 1, 0),
    "socket internet 6": (41, 198, 10, 2, 0),
    "socket netlink of routes": (41, 198, 16, 3, 0),
    "clone a thread's way": (56, 220, SIGCHLD, 0, 0, 0, 0),
    "memfd_create": (319, 279, ctypes.c_char_p(b"x"), 1),
    "eventfd2": (290, 19, 0, 0),
}

# mov eax, 20 (getpid of 32-bit programs); int 0x80; ret
OF_32_BITS = bytes.fromhex("b814000000cd80c3")


def call(numbers_and_arguments):
    x86, arm, *arguments = numbers_and_arguments
    number = x86 if X86 else arm
    if number is None:
        return None
    return LIBC.syscall(ctypes.c_long(number), *[wide(one) for one in arguments])


def wide(argument):
    return ctypes.c_long(argument) if isinstance(argument, int) else argument


def of_32_bits():
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(OF_32_BITS)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)()


def of_x32():
    return LIBC.syscall(ctypes.c_long(0x40000000 + 39))


def tried(attempt):
    """0, the errno, minus the signal that it died of; None where there is no such call."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        ctypes.set_errno(0)
        result = attempt()
        if result is not None:
            os.write(writer, str(ctypes.get_errno() if result < 0 else 0).encode())
        os._exit(0)
    os.close(writer)
    status = os.waitpid(pid, 0)[1]
    said = os.read(reader, 100).decode()
    os.close(reader)
    if os.WIFSIGNALED(status):
        return -os.WTERMSIG(status)
    return int(said.split("\n")[0]) if said else None


signal.alarm(60)
answers = {name: tried(lambda: call(what)) for name, what in {**CALLS, **NEEDED}.items()}
if X86:
    answers["a call of 32 bits"] = tried(of_32_bits)
    answers["a call of x32"] = tried(of_x32)
json.dump({"tried": answers, "needed": list(NEEDED), "EPERM": errno.EPERM, "ENOSYS": errno.ENOSYS}, sys.stdout)
