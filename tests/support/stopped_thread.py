"""Stops one thread of a running process, which no signal can do.

usage: stopped_thread.py allow COMMAND [ARGUMENT...]
       stopped_thread.py stop PID THREAD_NAME

`allow` runs a command that any process of the same user may stop so: without it, a kernel with Yama (most
distributions' have it) lets only ancestors. It leaves no core file behind. `stop` says "stopped" when the thread has stopped, and lets it
go when its standard input ends, or when it is ended itself.

It is done with ptrace: a thread that is traced is interrupted, and goes on when the tracer is gone.
"""

import ctypes
import os
import resource
import sys
import threading
from pathlib import Path

# From linux/prctl.h, linux/ptrace.h and linux/wait.h.
PR_SET_PTRACER = 0x59616D61
PR_SET_PTRACER_ANY = ctypes.c_ulong(-1)
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
WAIT_FOR_THREADS = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)


def allow():
    # Some abort, as they should, and nobody wants to look into them.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # It holds beyond exec. A kernel without Yama does not know it, and does not need it.
    libc.prctl(ctypes.c_int(PR_SET_PTRACER), PR_SET_PTRACER_ANY, *[ctypes.c_ulong(0)] * 3)


def ptrace(request, thread):
    nothing = ctypes.c_void_p(0)
    if libc.ptrace(ctypes.c_long(request), ctypes.c_long(thread), nothing, nothing) != 0:
        sys.exit("ptrace: " + os.strerror(ctypes.get_errno()))


def thread_of(pid, name):
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().rstrip("\n") == name:
            return int(task.name)
    sys.exit(f"the process {pid} has no thread {name}")


def stop(thread):
    ptrace(PTRACE_SEIZE, thread)
    ptrace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, WAIT_FOR_THREADS)
    print("stopped", flush=True)
    threading.Thread(target=end_with_input, daemon=True).start()
    # If it is ended instead: its process cannot end before its tracer has taken note.
    os.waitpid(thread, WAIT_FOR_THREADS)


def end_with_input():
    sys.stdin.read()
    os._exit(0)


def main():
    if sys.argv[1] == "allow":
        allow()
        os.execv(sys.argv[2], sys.argv[2:])
    stop(thread_of(sys.argv[2], sys.argv[3]))


main()
