# Group 6, kill -9 -1: signals every process that it may, its parent with them.
# Must come out: it reaches its own job alone; the job is killed, and the runner lives to report it.
os.kill(-1, signal.SIGKILL)
while True:
    time.sleep(1)
