# Group 3, root file system: tries to make a file in every folder there is, and to change every file of the runner.
# Must come out: only the job's own places took one, and none of the runner's files could be opened for writing.
took = []
folders = 0
for top, folders_here, files in os.walk("/"):
    if top in ("/proc", "/sys"):
        folders_here[:] = []
    folders += 1
    try:
        os.close(os.open(os.path.join(top, ".zf-abuse"), os.O_WRONLY | os.O_CREAT, 0o600))
        took.append(top)
    except OSError:
        pass
opened = []
for top, _, files in os.walk("/opt/zerofleet"):
    for name in files:
        try:
            os.close(os.open(os.path.join(top, name), os.O_WRONLY))
            opened.append(name)
        except OSError:
            pass
tell(folders=folders, took=sorted(took), opened=opened)
