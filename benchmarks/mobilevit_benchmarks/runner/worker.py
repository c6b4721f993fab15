"""The process that times one case: `python -m mobilevit_benchmarks.runner.worker`.

It reads commands from stdin and answers each on stdout, both as one JSON object per line; at the
end of stdin it ends. Commands, in this order:

    {"do": "open", "artifact", "runtime", "delegate", "threads", "batch", "seed",
     "feeds": [{"name", "dtype", "shape", "file"}, ...] or null}
        -> {"runtime_version", "delegate", "load_ns", "resident_bytes"}
    {"do": "first_run"} -> {"took_ns"}
    {"do": "warm_up", "min_runs", "min_ns", "cap_ns", "agreement"} -> {"samples_ns", "capped"}
    {"do": "round", "min_runs", "min_ns"} -> {"started_ns", "samples_ns"}
    {"do": "peak_memory"} -> {"peak_bytes"}

What a runtime refuses is answered {"refused": one line}; any other error ends the process with its
traceback on stderr. Nothing is imported here but NumPy and the runtime: this
process's memory is part of what it reports.
"""

from __future__ import annotations

import gc
import json
import math
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic_ns, perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilevit.errors import InputError, SdkError
from mobilevit.runtimes import RUNTIMES, Session, TensorSpec, check_feeds, load_session
from mobilevit.runtimes.base import Arrays

from .sentinel import SENTINEL, Sentinel

# Weights of the newest run in the two moving averages of the warm-up: means over the last 5 and the
# last 20 runs or so. androidx has 0.1 and 0.005 for loops of microseconds; a network takes
# milliseconds, and a warm-up of hundreds of runs would be most of the benchmark.
_FAST, _SLOW = 0.2, 0.05
_AGREEING_RUNS = 10  # in a row

_FLOATS = ("float16", "float32", "float64")
_BYTES = ("uint8", "int8")


def warm_up(
    run: Callable[[], int], *, min_runs: int, min_ns: int, cap_ns: int, agreement: float
) -> tuple[list[int], bool]:
    """Run until the times settle: a fast and a slow moving average of them agree within
    `agreement` for ten runs in a row, after at least `min_runs` runs and `min_ns`.

    The rule is that of androidx's WarmupManager, with averages that fit slower runs.

    Args:
        run: runs once and gives the nanoseconds that took.
        cap_ns: the sum of the times at which to stop all the same.

    Returns:
        the times in order, and whether the cap stopped them.
    """
    samples = [run()]
    total = samples[0]
    fast = slow = float(total)
    agreeing = 1
    while True:
        if agreeing >= _AGREEING_RUNS and len(samples) >= min_runs and total >= min_ns:
            return samples, False
        if total >= cap_ns:
            return samples, agreeing < _AGREEING_RUNS
        took = run()
        samples.append(took)
        total += took
        # plain means at first, or the slow one would carry the very first run for fifty more
        fast += max(_FAST, 1 / len(samples)) * (took - fast)
        slow += max(_SLOW, 1 / len(samples)) * (took - slow)
        agreeing = agreeing + 1 if abs(fast - slow) <= agreement * slow else 0


def timed_round(run: Callable[[], int], *, min_runs: int, min_ns: int) -> list[int]:
    """The times of at least `min_runs` runs, and at least `min_ns` of them in all."""
    samples: list[int] = []
    total = 0
    while len(samples) < min_runs or total < min_ns:
        took = run()
        samples.append(took)
        total += took
    return samples


def draw_feeds(inputs: tuple[TensorSpec, ...], seed: int, batch: int = 1) -> Arrays:
    """Feeds for `inputs`: floats uniform in 0..255, as of a photo; bytes over their whole range.

    Args:
        batch: what a dynamic first side becomes.

    Raises:
        InputError: an input of another dtype, or with another dynamic side.
    """
    random = np.random.default_rng(seed)
    feeds: Arrays = {}
    for spec in inputs:
        shape = (batch, *spec.shape[1:]) if spec.shape[:1] == (-1,) else spec.shape
        if batch != 1 and shape[:1] != (batch,):
            raise InputError(f"the batch of input {spec} is fixed, and not {batch}")
        if -1 in shape or spec.dtype not in (*_FLOATS, *_BYTES):
            raise InputError(
                f"no feed can be drawn for input {spec}",
                "give feeds, as of a bundle's golden images",
            )
        if spec.dtype in _FLOATS:
            feeds[spec.name] = random.uniform(0, 255, shape).astype(spec.dtype)
        else:
            limits = np.iinfo(spec.dtype)
            feeds[spec.name] = random.integers(
                limits.min, limits.max, shape, spec.dtype, endpoint=True
            )
    return feeds


def read_feed(file: str, dtype: str, shape: Sequence[int]) -> NDArray[Any]:
    """The array whose little-endian bytes, in C order, are a file's.

    Raises:
        InputError: the file does not have as many bytes.
    """
    content = Path(file).read_bytes()
    kind = np.dtype(dtype).newbyteorder("<")
    if len(content) != kind.itemsize * math.prod(shape):
        raise InputError(f"`{file}` does not hold {dtype} {list(shape)}")
    return np.frombuffer(content, kind).reshape(shape).astype(dtype)


def resident_bytes() -> int:
    """Memory of this process that is resident now."""
    if sys.platform == "darwin":
        shown = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(os.getpid())], check=True, capture_output=True
        )
        return int(shown.stdout) * 1024
    return _status_bytes("VmRSS")


def peak_resident_bytes() -> int:
    """The most memory of this process that ever was resident at once."""
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # not ru_maxrss: on Linux a child inherits its parent's
    return _status_bytes("VmHWM")


def _status_bytes(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
    if found is None:
        raise InputError(f"the kernel does not tell `{field}` in /proc/self/status")
    return int(found[1]) * 1024


class _Case:
    """The commands, and what is kept between them."""

    session: Session
    feeds: Arrays

    def open(
        self,
        artifact: str,
        runtime: str,
        delegate: str,
        threads: int,
        batch: int,
        seed: int,
        feeds: Sequence[Mapping[str, Any]] | None,
    ) -> dict[str, Any]:
        given = None
        if feeds is not None:
            given = {f["name"]: read_feed(f["file"], f["dtype"], f["shape"]) for f in feeds}
        if runtime == SENTINEL:
            self.session, self.feeds = Sentinel(), {}
            return {}
        version = RUNTIMES[runtime].version()  # imports it
        before = resident_bytes()
        start = perf_counter_ns()
        self.session = load_session(Path(artifact), runtime, threads, delegate)
        load_ns = perf_counter_ns() - start
        if given is None:
            given = draw_feeds(self.session.inputs, seed, batch)
        check_feeds(self.session.inputs, given)
        self.feeds = given
        return {
            "runtime_version": version,
            "delegate": self.session.delegate,
            "load_ns": load_ns,
            "resident_bytes": before,
        }

    def first_run(self) -> dict[str, Any]:
        return {"took_ns": self._run()}

    def warm_up(self, **settings: Any) -> dict[str, Any]:
        samples, capped = warm_up(self._run, **settings)
        return {"samples_ns": samples, "capped": capped}

    def round(self, **settings: Any) -> dict[str, Any]:
        return {"started_ns": monotonic_ns(), "samples_ns": timed_round(self._run, **settings)}

    def peak_memory(self) -> dict[str, Any]:
        return {"peak_bytes": peak_resident_bytes()}

    def _run(self) -> int:
        start = perf_counter_ns()
        self.session.run(self.feeds)
        return perf_counter_ns() - start


def main() -> None:
    # Ctrl-C reaches the whole process group; the parent answers it, and ends its workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # what a runtime prints must not reach the replies
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    gc.disable()  # its pauses are Python's, not the artifact's
    case = _Case()
    commands: dict[str, Callable[..., dict[str, Any]]] = {
        "open": case.open,
        "first_run": case.first_run,
        "warm_up": case.warm_up,
        "round": case.round,
        "peak_memory": case.peak_memory,
    }
    for line in sys.stdin.buffer:
        command = json.loads(line)
        do = commands[command.pop("do")]
        try:
            reply = do(**command)
        except SdkError as error:
            reply = {"refused": error.message + (f" ({error.hint})" if error.hint else "")}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
