# For the canary: writes 8 MiB in lines; what is kept of that is seen on the disk of a host that keeps a log.
for _ in range(128):
    os.write(1, b"the quick brown fox jumps over the lazy dog\n" * 1490)
