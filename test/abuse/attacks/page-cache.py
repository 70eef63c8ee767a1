# Group 2, page cache: reads every file of the image, and writes one file of the work directory again and again.
# Must come out: it succeeds; cached pages are the container's own, and given back when it needs them.
read = 0
for folder, _, files in os.walk("/usr"):
    for name in files:
        path = os.path.join(folder, name)
        if os.path.islink(path) or not os.path.isfile(path):
            continue
        try:
            with open(path, "rb", buffering=0) as file:
                while piece := file.read(1 << 20):
                    read += len(piece)
        except PermissionError:
            pass
written = 0
block = b"x" * (1 << 20)
for _ in range(16):
    with open("/work/file", "wb", buffering=0) as file:
        for _ in range(32):
            written += file.write(block)
tell(read=read, written=written)
