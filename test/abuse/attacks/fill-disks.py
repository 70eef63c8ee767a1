# Group 3, disk: writes a file in every place that takes one, until no more fits.
# Must come out: each ends with ENOSPC, at no more than the place's size.
block = b"x" * (1 << 20)
for place in ("/work", "/tmp", "/dev/shm"):
    written = 0
    refused = None
    fd = os.open(f"{place}/filler", os.O_WRONLY | os.O_CREAT)
    while written < 1 << 30:
        try:
            written += os.write(fd, block)
        except OSError as error:
            refused = errno.errorcode[error.errno]
            break
    tell(place=place, written=written, refused=refused)
    os.close(fd)
try:
    fd = os.open("/tmp/sparse", os.O_WRONLY | os.O_CREAT)
    os.truncate(fd, 1 << 40)
    tell(sparse=os.stat(fd).st_blocks)
    os.posix_fallocate(fd, 0, 1 << 30)
    tell(allocated=True)
except OSError as error:
    tell(allocated=errno.errorcode[error.errno])
