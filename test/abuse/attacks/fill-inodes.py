# Group 3, inodes: makes empty files and folders until no more can be made.
# Must come out: refused, or killed by the memory limit; and the container can be wiped or is thrown away.
made = 0
try:
    for place in ("/work", "/tmp", "/dev/shm"):
        while made < 3_000_000:
            if made % 1000 == 0:
                os.mkdir(f"{place}/{made}")
                here = os.open(f"{place}/{made}", os.O_RDONLY)
                tell(made=made)
            os.mknod(f"f{made}", dir_fd=here)
            made += 1
except OSError as error:
    tell(refused=errno.errorcode[error.errno], made=made)
