"""The C library keeps freed memory for the next array, as it does in a process that has freed large arrays before."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

LARGEST = (32 << 20) - (1 << 16)  # bytes: what glibc learns from is no larger than 32 MiB, its own words and whole pages included


def keep_freed() -> None:
    """Free one large array that nobody has touched, which costs no more than to say so.

    glibc gives arrays from 128 KiB on pages of their own, and their freeing gives these back to the system: each new array is a page
    fault for every 4 KiB. Having freed one such array it takes smaller ones from its heap, of which it then keeps twice that size:
    mallopt(3), M_MMAP_THRESHOLD. Where results and temporaries come from our own pools, large arrays are never freed, and it
    would not learn. Settings of the user's (MALLOC_TRIM_THRESHOLD_ and its kin) stay in force.
    """
    with suppress(MemoryError):
        np.empty(LARGEST, np.uint8)
