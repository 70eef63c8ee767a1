# Group 1, fork bomb. Forks until the kernel refuses, and tells how many children it got.
# Must come out: `refused` EAGAIN, and fewer children than the container's limit of 128 processes.
children = []
refused = None
while len(children) < 300:
    try:
        pid = os.fork()
    except OSError as error:
        refused = errno.errorcode[error.errno]
        break
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    children.append(pid)
tell(children=len(children), refused=refused)
