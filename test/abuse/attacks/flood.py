# Group 4, output flood: writes 1 GiB, half of it to each stream, then leaves with exit code 7. Its argument says what of:
# lines, one line without an end, or bytes that are no text.
# Must come out: exactly the tool's output limit is kept and marked as cut, the program runs to its end.
TOTAL = 1 << 30
block = {
    "lines": b"the quick brown fox jumps over the lazy dog\n" * 1490,
    "one-line": b"x" * 65_536,
    "binary": bytes(range(256)) * 256,
}[sys.argv[1]]
written = 0
turn = 0
while written < TOTAL:
    written += os.write(1 + turn, block)
    turn ^= 1
os._exit(7)
