# Group 5, a daemon: forks twice, leaves session and group, ignores signals, keeps both streams open and stays behind when the
# program is over. With the argument `wait` the program stays too.
# Must come out: the job ends when the program does, the daemon with it; with `wait` all end at the time limit.
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    while True:
        time.sleep(0.05)
        try:
            os.write(1, b"still here\n")
        except OSError:
            pass
os.wait()
if sys.argv[1:] == ["wait"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1)
