# Group 1, fork bomb that runs from the kill: every process ignores TERM, forks, and leaves its place to its children.
# Must come out: it is ended at its time limit, with all of its processes.
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)


def storm():
    while True:
        try:
            if os.fork() and os.fork():
                os._exit(0)
        except OSError:
            time.sleep(0.001)
        os.setsid() if os.getpgrp() != os.getpid() else None


if os.fork() == 0:
    storm()
while True:
    time.sleep(1)
