"""Where a measurement runs. A device starts one worker per case and brings back raw samples.

`protocol.py` decides what is asked of the workers and when; a device only carries it out, so that a
latency means the same thing on each.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from ..cases import Case
from ..measurement import HostDescription, HostState, ProtocolSettings, Round, WarmUp


@dataclass(frozen=True)
class Opened:
    """What opening an artifact took."""

    runtime_version: str
    load_ns: int
    resident_bytes: int  # before it, the runtime being imported already


class Worker(Protocol):
    """One case in a process of its own. Called in the order of its methods; idle between calls.

    Every method raises ConversionError when the runtime or the process fails.
    """

    def open(self) -> Opened:
        """Import the runtime, then load the artifact; make or check the feeds.

        Raises:
            InputError: the feeds do not fit the artifact's inputs, or none can be drawn for them.
        """
        ...

    def first_run(self) -> int:
        """Nanoseconds of the first run after loading."""
        ...

    def warm_up(self, settings: ProtocolSettings) -> WarmUp: ...

    def round(self, settings: ProtocolSettings) -> Round: ...

    def peak_memory(self) -> int:
        """Bytes resident at the peak of the process's life."""
        ...


class Device(Protocol):
    """A machine that can be measured."""

    def describe(self) -> HostDescription: ...

    def state(self) -> HostState: ...

    def start(self, case: Case, seed: int) -> AbstractContextManager[Worker]:
        """A worker for `case`, whose feeds are drawn from `seed` if it has none. No trace of it is
        left on the device when the context ends, however it ends."""
        ...
