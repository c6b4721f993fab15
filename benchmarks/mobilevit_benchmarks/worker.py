"""The process that times one case: `python -m mobilevit_benchmarks.worker`.

It reads commands from stdin and answers each on stdout, both as one JSON object per line; at the
end of stdin it ends. Commands are the methods of `devices.Worker`, in the same order:

    {"do": "open", "artifact", "runtime", "threads", "seed",
     "feeds": [{"name", "dtype", "shape"}, ...], their bytes following the line, or null}
        -> {"runtime_version", "load_ns", "resident_bytes"}
    {"do": "first_run"} -> {"took_ns"}
    {"do": "warm_up", "min_runs", "min_ns", "cap_ns", "agreement"} -> {"samples_ns", "capped"}
    {"do": "round", "min_runs", "min_ns"} -> {"started_ns", "samples_ns"}
    {"do": "peak_memory"} -> {"peak_bytes"}

An error that the user can put right is answered {"error", "message", "hint"}; any other ends the
process with its traceback on stderr. Nothing is imported here but NumPy and the runtime: this
process's memory is part of what it reports.
"""

from __future__ import annotations

import gc
import json
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
from mobilevit.runtimes import RUNTIMES, Session, TensorSpec, load_session
from mobilevit.runtimes.base import Arrays

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
            return samples, True
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


def draw_feeds(inputs: tuple[TensorSpec, ...], seed: int) -> Arrays:
    """Feeds for `inputs`: floats uniform in 0..255, as of a photo; bytes over their whole range.

    Raises:
        InputError: an input of another dtype, or with a dynamic side.
    """
    random = np.random.default_rng(seed)
    feeds: Arrays = {}
    for spec in inputs:
        if -1 in spec.shape or spec.dtype not in (*_FLOATS, *_BYTES):
            raise InputError(
                f"no feed can be drawn for input {_describe(spec.name, spec.dtype, spec.shape)}",
                "give feeds, as of a bundle's golden images",
            )
        if spec.dtype in _FLOATS:
            feeds[spec.name] = random.uniform(0, 255, spec.shape).astype(spec.dtype)
        else:
            limits = np.iinfo(spec.dtype)
            feeds[spec.name] = random.integers(
                limits.min, limits.max, spec.shape, spec.dtype, endpoint=True
            )
    return feeds


def check_feeds(inputs: tuple[TensorSpec, ...], feeds: Arrays) -> None:
    """Whether `feeds` are what `inputs` take; a runtime's own words for it seldom name the input.

    Raises:
        InputError: a name, shape or dtype that differs.
    """
    names = sorted(spec.name for spec in inputs)
    if sorted(feeds) != names:
        raise InputError(f"the feeds are {sorted(feeds)}, and the inputs are {names}")
    for spec in inputs:
        feed = feeds[spec.name]
        sides_fit = len(feed.shape) == len(spec.shape) and all(
            side in (-1, given) for side, given in zip(spec.shape, feed.shape, strict=True)
        )
        if feed.dtype.name != spec.dtype or not sides_fit:
            raise InputError(
                f"the feed of input {_describe(spec.name, spec.dtype, spec.shape)} is "
                f"{feed.dtype.name} {list(feed.shape)}"
            )


def read_feed(name: str, dtype: str, shape: Sequence[int]) -> NDArray[Any]:
    """The next array of stdin, in C order."""
    feed = np.empty(shape, dtype)
    content = sys.stdin.buffer.read(feed.nbytes)
    feed[...] = np.frombuffer(content, dtype).reshape(shape)
    return feed


def _describe(name: str, dtype: str, shape: tuple[int, ...]) -> str:
    return f"`{name}`, {dtype} {list(shape)},"


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
        threads: int,
        seed: int,
        feeds: Sequence[Mapping[str, Any]] | None,
    ) -> dict[str, Any]:
        given = None if feeds is None else {feed["name"]: read_feed(**feed) for feed in feeds}
        version = RUNTIMES[runtime].version()  # imports it
        before = resident_bytes()
        start = perf_counter_ns()
        self.session = load_session(Path(artifact), runtime, threads)
        load_ns = perf_counter_ns() - start
        try:
            if given is None:
                given = draw_feeds(self.session.inputs, seed)
            check_feeds(self.session.inputs, given)
        except InputError as error:
            raise InputError(f"{runtime} with `{artifact}`: {error.message}", error.hint) from error
        self.feeds = given
        return {"runtime_version": version, "load_ns": load_ns, "resident_bytes": before}

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
            kind = "input" if isinstance(error, InputError) else "conversion"
            reply = {"error": kind, "message": error.message, "hint": error.hint}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
