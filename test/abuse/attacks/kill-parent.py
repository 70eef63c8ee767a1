# Group 6, kill of the job's first process, which is this program's parent and has the same user.
# Must come out: the job is killed, this program with it.
os.kill(os.getppid(), signal.SIGKILL)
while True:
    time.sleep(1)
