"""Every limit of the runner that has one value everywhere, by name.

Those that the worker also knows (packages/model/src/limits.ts) carry the same number here.
"""

# A frame's payload, at most: a longer length prefix is a breach.
FRAME_BYTES_MAX = 1024 * 1024
# The largest `resultBytes` that a RUN may ask for; what is left of a RESULT frame is for the rest of it.
RESULT_BYTES_MAX = FRAME_BYTES_MAX - 64 * 1024
# What a job's process may say on its private socket beyond the value itself.
ANSWER_SLACK_BYTES = 16 * 1024
# An error's sentence, at most.
MESSAGE_CHARS_MAX = 2_000

INPUT_FILES_MAX = 32
# All input files of a job together; the work directory is a tmpfs of 64 MiB.
INPUT_BYTES_MAX = 48 * 1024 * 1024
PATH_BYTES_MAX = 1_024
COMPONENT_BYTES_MAX = 255

# Data in one FILE_OUT, SAVED or RESTORE.
PIECE_BYTES_MAX = 256 * 1024
# What may be sent of a flow beyond what CREDIT has answered.
STREAM_CREDIT_BYTES = 1024 * 1024
# What RUN may ask to collect, in paths.
COLLECT_PATHS_MAX = 64
# Files in RESULT's list of those that did not come, and the list as JSON.
SKIPPED_MAX = 100
SKIPPED_BYTES_MAX = 32 * 1024
# A tree that is saved, restored or collected: entries, levels, and a path in it.
TREE_ENTRIES_MAX = 100_000
DEPTH_MAX = 64
TREE_PATH_BYTES_MAX = 4_095
# Shells of a session are numbered from 0 to below this.
SHELLS_MAX = 10
# Between two calls, how often the process forked ahead is replaced when a session's shells end it.
REPLACEMENTS_MAX = 16
# How long what is left of a call may breed until the session's shells end with it.
STRAYS_S_MAX = 1.0

# One read of a job's pipe, and so the largest OUT or ERR.
READ_BYTES = 64 * 1024

# How long killed processes may take to be gone before the runner gives up and exits.
GONE_S_MAX = 10.0
# How long a wipe may take, and a fork ahead.
RESET_S_MAX = 60.0
# How long the end of the runner waits for what it killed.
FAREWELL_S_MAX = 1.0

OPEN_FILES_MAX = 1_024
# In process mode no cgroup limits a job: the kernel's per-process limits stand in for it.
PROCESSES_MAX = 128
FILE_BYTES_MAX = 64 * 1024 * 1024

# One file that text_editor reads or writes.
EDITOR_FILE_BYTES_MAX = 1024 * 1024
# The longest single argument that the kernel passes to a program is 128 KiB; longer code goes another way.
INLINE_CODE_BYTES_MAX = 120 * 1024

# Connections of a job to its proxy that are held at once, and what one turn of the loop handles of them.
TUNNELS_MAX = 32
TUNNEL_EVENTS_MAX = 16
# Data of one tunnel and direction that may be on its way unanswered.
TUNNEL_CREDIT_BYTES = 256 * 1024
# The head of a request to the proxy.
PROXY_HEAD_BYTES_MAX = 16 * 1024
