# Group 15, input files: tells what the work directory holds, byte for byte, and what else in the container is new.
# Must come out: the job's files where their names say, below the work directory, plain, of one link, and nothing else.
import base64, stat

found = {}
for top, folders, names in os.walk(b"/work"):
    for name in folders + names:
        path = os.path.join(top, name)
        status = os.lstat(path)
        kind = "file" if stat.S_ISREG(status.st_mode) else "folder" if stat.S_ISDIR(status.st_mode) else "other"
        entry = {"kind": kind, "links": status.st_nlink if kind == "file" else 1, "uid": status.st_uid == os.getuid()}
        if kind == "file":
            entry["bytes"] = status.st_size
        found[base64.b64encode(os.path.relpath(path, b"/work")).decode()] = entry
# What another job or the image has is older than this process's container.
born = os.stat("/proc/1").st_mtime - 1
strange = []
for top, folders, names in os.walk("/"):
    if top == "/":
        for skip in ("proc", "sys", "work", "dev"):
            folders.remove(skip)
    strange += [os.path.join(top, name) for name in names if os.lstat(os.path.join(top, name)).st_mtime > born]
tell(found=found, strange=strange)
