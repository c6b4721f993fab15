"""What becomes of memory that a training step frees."""

from __future__ import annotations

import ctypes
import sys

# numbers of glibc's malloc.h
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4


def keep_freed_memory() -> bool:
    """Have this process keep freed memory for what it allocates next; whether that could be asked.

    The activations of a step on the CPU are freed by its end. By default, glibc gives large ones
    back to the kernel, which clears the same pages for the next step, one by one: a quarter of the
    time of a step of 32 images of 256 pixels. From here on, the process holds the most that it ever
    needed at once.

    glibc alone is asked, on Linux; see mallopt(3).
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, -1))
