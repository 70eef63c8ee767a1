# Group 5, a loop past the deadline: four processes that only compute and ignore every signal they can.
# Must come out: it is ended at its time limit, by KILL.
for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    signal.signal(number, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        break
while True:
    pass
