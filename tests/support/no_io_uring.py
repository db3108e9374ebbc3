"""Runs a command in a process that may not create an io_uring, as in many containers.

usage: no_io_uring.py eperm|enosys|enomem COMMAND [ARGUMENT...]

A filter of system calls outlives exec, so the command starts under it. It is made of four classic
BPF instructions: load the call's number; unless it is io_uring_setup's, skip one; refuse with the
error; allow. The number is the same on every architecture, since the call is a young one.
"""

import ctypes
import errno
import os
import struct
import sys

IO_URING_SETUP = 425

# From linux/prctl.h, linux/seccomp.h and linux/bpf_common.h.
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ERRNO = 0x00050000
SECCOMP_RET_ALLOW = 0x7FFF0000
LOAD_WORD = 0x20
JUMP_IF_EQUAL = 0x15
RETURN = 0x06


class FilterProgram(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def refuse(error):
    """Makes io_uring_setup fail with `error` in this process and all that it becomes."""
    instructions = b"".join(
        struct.pack("=HBBI", code, if_true, if_false, operand)
        for code, if_true, if_false, operand in [
            (LOAD_WORD, 0, 0, 0),
            (JUMP_IF_EQUAL, 0, 1, IO_URING_SETUP),
            (RETURN, 0, 0, SECCOMP_RET_ERRNO | error),
            (RETURN, 0, 0, SECCOMP_RET_ALLOW),
        ]
    )
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    program = FilterProgram(len(instructions) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)

    def prctl(option, second, third):
        arguments = [ctypes.c_ulong(second), third, ctypes.c_ulong(0), ctypes.c_ulong(0)]
        if libc.prctl(ctypes.c_int(option), *arguments) != 0:
            sys.exit("prctl: " + os.strerror(ctypes.get_errno()))

    prctl(PR_SET_NO_NEW_PRIVS, 1, ctypes.c_ulong(0))
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program))


def main():
    refuse(getattr(errno, sys.argv[1].upper()))
    os.execv(sys.argv[2], sys.argv[2:])


main()
