# Group 5 and 12: looks for processes of somebody else than the runner and this program.
# Must come out: `strangers` is empty, and at least three processes were seen: init, supervisor, this one's parent.
mine = {os.getpid(), os.getppid()}
strangers = []
seen = 0
for name in os.listdir("/proc"):
    if not name.isdecimal():
        continue
    try:
        with open(f"/proc/{name}/stat") as file:
            stat = file.read()
        with open(f"/proc/{name}/status") as file:
            uids = [line.split()[1:4] for line in file if line.startswith("Uid:")][0]
    except OSError:
        continue
    seen += 1
    # The sweeper acts as the job's user and is somebody else by its real id.
    if uids[0] == str(os.getuid()) and int(name) not in mine:
        strangers.append(stat[:100])
tell(seen=seen, strangers=strangers)
