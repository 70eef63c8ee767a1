# Group 5, zombies: forks a thousand children that end at once, and waits for none; then stays.
# Must come out: the kernel refuses before the container's limit of 128 processes; it is ended at its time limit.
made = 0
for _ in range(1000):
    try:
        if os.fork() == 0:
            os._exit(0)
        made += 1
    except OSError as error:
        tell(zombies=made, refused=errno.errorcode[error.errno])
        break
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    time.sleep(1)
