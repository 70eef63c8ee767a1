# Group 14, output files: leaves in the folder that its argument names everything that a collector could stumble over, and two
# plain files that it must bring. With `swap` behind it, a plain file is exchanged for a link to a file of the image, again and
# again, until the job is over.
# Must come out: the plain files, byte for byte; links, devices, pipes, sockets and files of more than one link are named as left
# out, with the reason; sizes and numbers end at their limits, and are marked as cut; nothing of the image or the runner is there.
import threading

top = sys.argv[1]
os.makedirs(f"{top}/below", exist_ok=True)
os.chdir(top)
for name, data in (("plain", b"plain\n"), ("below/plain", bytes(range(256)))):
    with open(name, "wb") as file:
        file.write(data)
os.symlink("/etc/passwd", "link")
os.symlink("/proc/1/environ", "link-to-runner")
os.symlink("/", "link-to-root")
os.symlink("..", "link-up")
os.symlink("loop", "loop")
os.symlink("plain", "link-inside")
with open("linked", "wb") as file:
    file.write(b"x")
os.link("linked", "hard")
tried("hard link to the image", os.link, "/etc/passwd", "hard-image")
os.mkfifo("pipe")
tried("device", os.mknod, "device", 0o020666, os.makedev(1, 5))
keep = socket.socket(socket.AF_UNIX)
keep.bind("socket")
for name in ("new\nline", "\x1b[2J", " ", "x" * 255, "case", "CASE", "\u00e9", "e\u0301", "-rf", "a\\b"):
    with open(name, "wb") as file:
        file.write(b"x")
with open(b"not-utf-8-\xff", "wb") as file:
    file.write(b"x")
os.makedirs("deep/" + "d/" * 300)
with open("deep/" + "d/" * 300 + "file", "wb") as file:
    file.write(b"x")
with open("closed", "wb") as file:
    file.write(b"x")
os.chmod("closed", 0)
with open("sparse", "wb") as file:
    os.truncate(file.fileno(), 1 << 40)
os.makedirs("many")
made = 0
try:
    while made < 100_000:
        os.mknod(f"many/{made}")
        made += 1
except OSError as error:
    tell(refused=errno.errorcode[error.errno])
tell(left=sorted(os.listdir(".")), made=made)
if sys.argv[2:] == ["swap"]:

    def swap():
        while True:
            try:
                os.symlink("/etc/passwd", "swap.link")
                os.replace("swap.link", "swapped")
                with open("swap.file", "wb") as file:
                    file.write(b"plain\n")
                os.replace("swap.file", "swapped")
            except OSError:
                pass

    # A process of its own would end with the job; so does this one, as late as can be.
    threading.Thread(target=swap, daemon=True).start()
    if os.fork() == 0:
        swap()
    time.sleep(1)
