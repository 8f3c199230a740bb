"""Tell from its first bytes what a file holds instead of a model."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zlib

__all__ = ["BROKEN", "HEAD", "LFS_NEXT_STEP", "is_lfs_pointer", "is_text"]

BROKEN = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zlib.error,
)
"""What reading damaged archives and compressed files ends in."""

HEAD = 1024
"""Bytes that are enough to tell."""

LFS_NEXT_STEP = "Fetch the file that Git LFS keeps elsewhere: git lfs pull"
"""What to do about a pointer."""


def is_lfs_pointer(head: bytes) -> bool:
    """Whether a file is the few lines that Git LFS puts in a large file's place."""
    return head.startswith(b"version https://git-lfs.github.com/spec/")


def is_text(head: bytes) -> bool:
    """Whether a file begins as text does, which pickles of protocol 0 do, too."""
    try:
        text = head.decode("utf-8-sig", errors="ignore" if len(head) >= HEAD else "strict")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\t\r\n" for character in text)
