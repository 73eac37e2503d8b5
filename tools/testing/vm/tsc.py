# SPDX-License-Identifier: GPL-2.0
"""The frequency of the host's time stamp counter, which emulated guests read.

They would measure it against emulated timers, and on a busy host get it wrong by
any factor: a guest whose clock runs fast sees stalls and timeouts that are none.
"""
import ctypes
import functools
import mmap
import os
import statistics
import time

# rdtsc; shl $32, %rdx; or %rdx, %rax; ret
_CODE = bytes.fromhex('0f31 48c1e220 4809d0 c3')


@functools.cache
def khz():
    """The frequency, kHz; None where the host is no x86 and QEMU makes one up."""
    if os.uname().machine != 'x86_64':
        return None
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) \
            as page:
        page.write(_CODE)
        code = (ctypes.c_char * len(_CODE)).from_buffer(page)
        read = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(code))
        # The median of some: one that is interrupted between its clocks is wrong.
        measured = statistics.median(_measure(read) for _ in range(9))
        del code
    return round(measured)


def _measure(read):
    ticks, start = read(), time.monotonic_ns()
    time.sleep(0.03)
    return (read() - ticks) * 1000000 / (time.monotonic_ns() - start)
