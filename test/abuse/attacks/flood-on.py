# Group 4, flood without end that ignores TERM: for readers that stall, and for a kill in the middle of it.
# Must come out: it is ended when its tenant cancels it, its container gone within 3 s.
signal.signal(signal.SIGTERM, signal.SIG_IGN)
block = bytes(range(256)) * 64
turn = 0
while True:
    os.write(1 + turn, block)
    turn ^= 1
