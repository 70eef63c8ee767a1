# Group 5, SIGSTOP: stops itself, its children and its parent, so that nobody is there to take a TERM.
# Must come out: it is ended at its time limit, by KILL.
for _ in range(5):
    if os.fork() == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
os.kill(os.getppid(), signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGSTOP)
while True:
    time.sleep(1)
