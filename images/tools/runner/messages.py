"""What the supervisor and a job's process say to each other on their private socket."""

from __future__ import annotations

# Supervisor to job. FILE, UNPACK and the answers to them carry the payloads of the worker's own frames.
FILE, CALL, REPLACE, MARK, UNPACK, PACK, COLLECT, INTERRUPT, CREDIT = 1, 2, 3, 4, 5, 6, 7, 8, 9
TO_JOB = frozenset((FILE, CALL, REPLACE, MARK, UNPACK, PACK, COLLECT, INTERRUPT, CREDIT))

# Job to supervisor. SEALED carries the processor seconds that being made ready took (they are not the job's) and what
# it found amiss with itself. ANSWER comes from a process that then ends, RETURNED from a shell that lives on.
SEALED, TAKEN, REFUSED, ANSWER, RETURNED = 0x81, 0x82, 0x83, 0x84, 0x85
MARKED, UNPACKED, PACKED, COLLECTED, COLLECTION = 0x86, 0x87, 0x88, 0x89, 0x8A
FROM_JOB = frozenset((SEALED, TAKEN, REFUSED, ANSWER, RETURNED, MARKED, UNPACKED, PACKED, COLLECTED, COLLECTION))
