"""Seeds of everything random, each from where in a run it is."""

from __future__ import annotations

import hashlib


def seed_of(*place: int) -> int:
    """Of a run's seed and an epoch, or of an epoch's seed and an image or step; 0 .. 2**63 - 1.

    Hashed, so that neighbours have nothing in common: `seed + step + rank` would give two processes
    the same numbers a step apart.
    """
    text = ",".join(map(str, place)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 1
