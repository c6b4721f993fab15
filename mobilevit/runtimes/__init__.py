"""Runtimes, one file each, behind one protocol: load an artifact, run it.

`load_session(artifact, runtime, threads)` gives a `Session`; `session.run({name: array})` gives
`{name: array}`. Parity, accuracy and latency all go through it.
"""

from .base import (
    RUNTIMES,
    Runtime,
    Session,
    TensorSpec,
    check_feeds,
    load_session,
    runtimes_for,
)

__all__ = [
    "RUNTIMES",
    "Runtime",
    "Session",
    "TensorSpec",
    "check_feeds",
    "load_session",
    "runtimes_for",
]
