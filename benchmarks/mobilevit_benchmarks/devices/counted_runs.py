"""What runs in the emulated Python: runs of one artifact, marked for the plugin that counts them.

    echo '{"artifact": …}' | qemu-aarch64 -plugin … python counted_runs.py

It reads one JSON object from stdin and answers with one on stdout:

    {"artifact", "runtime", "runs", "seed", "feeds": [name, ...] or null, "feeds_file"}
        -> {"runtime_version"}, or {"error", "message", "hint"} of an error that the user can put
           right

The arrays of `feeds` are in the NumPy archive `feeds_file`, in the order of the names. The counts
are in the plugin's file. Run as a file and not as a module of its package, it imports NumPy and the
runtime, and nothing else.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mobilevit.errors import InputError
from mobilevit.runtimes import RUNTIMES, Session, check_feeds, load_session
from mobilevit.runtimes.base import Arrays
from mobilevit_benchmarks.answering import answer
from mobilevit_benchmarks.runner.worker import draw_feeds

# the marks, as in instruction_count.c
MARK = 0x4D566954
BEGIN, END = 1, 2

_UNMEASURED_RUNS = 1  # runtimes put off work until the first run


def marked(run: Callable[[], object], times: int) -> None:
    """Run `times` times, each marked. Some 1,500 instructions of ctypes come with every run."""
    prctl = ctypes.PyDLL(None).prctl
    for _ in range(times):
        prctl(MARK, BEGIN)
        run()
        prctl(MARK, END)


def run_artifact(
    artifact: str,
    runtime: str,
    runs: int,
    seed: int,
    feeds: Sequence[str] | None,
    feeds_file: str,
) -> dict[str, Any]:
    """Load with one thread, run unmeasured, then marked.

    Raises:
        InputError: a wrong name, or feeds that do not fit the artifact's inputs.
        ConversionError: the runtime does not open the artifact.
    """
    session = load_session(Path(artifact), runtime, threads=1)
    try:
        arrays = _feeds(session, seed, feeds, feeds_file)
    except InputError as error:
        raise InputError(f"{runtime} with `{artifact}`: {error.message}", error.hint) from error
    for _ in range(_UNMEASURED_RUNS):
        session.run(arrays)
    marked(lambda: session.run(arrays), runs)
    return {"runtime_version": RUNTIMES[runtime].version()}


def _feeds(session: Session, seed: int, names: Sequence[str] | None, file: str) -> Arrays:
    if names is None:
        return draw_feeds(session.inputs, seed)
    with np.load(file) as archive:
        feeds = {name: archive[f"arr_{index}"] for index, name in enumerate(names)}
    check_feeds(session.inputs, feeds)
    return feeds


def main() -> None:
    gc.disable()  # it would come in some runs and not in others
    answer(run_artifact)


if __name__ == "__main__":
    main()
