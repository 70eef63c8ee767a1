# Group 19, poison: changes everything that a later program of this container reads: the interpreter and its modules, the shell's
# and the interpreters' start files, caches, limits, and modules of its own name in the work directory.
# Must come out: what belongs to the image is refused; the rest takes no effect on the next job.
import resource, sysconfig

tell(home=os.environ["HOME"])
for path in (
    sys.executable,
    os.path.join(sysconfig.get_path("stdlib"), "json", "__init__.py"),
    os.path.join(sysconfig.get_path("stdlib"), "sitecustomize.py"),
    os.path.join(sysconfig.get_path("purelib"), "poison.pth"),
    "/opt/zerofleet/runner/frames.py",
    "/etc/passwd",
    "/etc/profile",
    "/etc/bash.bashrc",
    "/etc/ld.so.preload",
    "/usr/local/bin/python3",
):
    tried(f"image {path}", lambda: os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o755)))
version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
poison = "print('poisoned')\n"
for path in (
    "sitecustomize.py",
    "usercustomize.py",
    "json.py",
    "os.py",
    "encodings.py",
    f".local/lib/{version}/site-packages/usercustomize.py",
    f".local/lib/{version}/site-packages/poison.pth",
    "node_modules/fs/index.js",
    "package.json",
):
    for top in ("/work", "/tmp"):
        os.makedirs(os.path.dirname(os.path.join(top, path)), exist_ok=True)
        with open(os.path.join(top, path), "w") as file:
            file.write("import sys; print('poisoned')\n" if path.endswith(".pth") else poison)
for path in (".bashrc", ".bash_profile", ".profile", ".npmrc", ".pythonrc", ".node_repl_history"):
    with open(os.path.join("/work", path), "w") as file:
        file.write("echo poisoned\n")
os.chmod("/tmp", 0o777) if os.stat("/tmp").st_uid == os.getuid() else None
tried("mode of the work directory", os.chmod, "/work", 0)
json.dumps = lambda *_, **__: "poisoned"
os.environ["PYTHONSTARTUP"] = os.environ["BASH_ENV"] = os.environ["NODE_OPTIONS"] = "/work/json.py"
for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU, resource.RLIMIT_NPROC, resource.RLIMIT_STACK):
    for pid in (os.getppid(), os.getpid()):
        try:
            resource.prlimit(pid, kind, (16, 16))
        except OSError:
            pass
os.umask(0o777)
os.nice(19)
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
os.write(1, b'ZF {"poison": "left"}\n')
os._exit(0)
