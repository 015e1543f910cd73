"""Memory that nobody can change for others any more, and that forked processes share."""

import fcntl
import mmap
import os

NAME = "likewise-weights"
"""What /proc calls the mapping: ``/memfd:likewise-weights``."""


CAN_SEAL = hasattr(os, "memfd_create")
"""Linux can; elsewhere plain memory does."""


def sealed_copy(descriptor: int, size: int) -> mmap.mmap:
    """Return the first `size` bytes of a file as they are now; zeros where it has fewer.

    The file itself is not mapped: someone could change it after it was verified, and who cuts it
    short would end every process that reads from it. So the bytes go into a file in memory
    (memfd), which is sealed and mapped privately: processes forked later have it in common. Arrays
    on it are read-only; a tensor, which knows no such thing, may be trained further: what it writes
    is seen by no other process, and leaves the pages that it did not write to shared.
    """
    memory = os.memfd_create(NAME, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(memory, size)
        start = 0
        while start < size and (count := os.sendfile(memory, descriptor, start, size - start)):
            start += count  # 2 GiB at most in one call
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, seals)
        return mmap.mmap(
            memory, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE
        )
    finally:
        os.close(memory)
