"""What each operation of an artifact costs, by stage of the model and by kind of operation.

    from mobilevit_benchmarks.profile import grouped, profile_operations, profile_table

    profile = profile_operations(Path("model.onnx"), "onnxruntime")
    rich.print(profile_table(profile))

The times are those that the runtimes' own profilers give: onnxruntime's, and LiteRT's with
XNNPACK's inside. Each module tells how, and what that leaves out. A profile explains a latency and
is not one: `whole_ns` is, of the same session without the profiler, and `benchmark` measures it
better. `floors` tells what the multiply-adds alone would take.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mobilevit.bundle import hash_artifact
from mobilevit.errors import InputError, MissingDependencyError, unknown_name
from mobilevit.runtimes import RUNTIMES, check_feeds, load_session

from ..runner.worker import draw_feeds
from .floor import rates
from .grouping import floors, grouped, stages
from .records import KINDS, UNKNOWN, Kind, OperationProfile, OperationTime
from .sampling import Profiled
from .table import profile_table

__all__ = [
    "KINDS",
    "PROFILED",
    "UNKNOWN",
    "Kind",
    "OperationProfile",
    "OperationTime",
    "floors",
    "grouped",
    "profile_operations",
    "profile_table",
    "stages",
]

# runtimes that tell what single operations take; each has a module here, with `METHOD` and
# `measure(artifact, session, feeds, threads, runs) -> Profiled`
PROFILED = ("onnxruntime", "litert")
_SEED = 0


def profile_operations(
    artifact: Path,
    runtime: str,
    threads: int = 1,
    feeds: Mapping[str, NDArray[Any]] | None = None,
    runs: int = 50,
) -> OperationProfile:
    """Time every operation of `artifact`, in `runs` runs with the runtime's profiler on and as many
    without it, in turns.

    Args:
        artifact: an `.onnx` or a `.tflite` file.
        runtime: one of `PROFILED`.
        threads: intra-op threads, as the runtime understands them.
        feeds: every input by name, in the artifact's shapes and dtypes; None to draw them.
        runs: how many are counted; a few before them are not.

    Raises:
        InputError: a number is below 1, the runtime is unknown or has no profiler, there is no such
            file or the runtime does not open it, or the feeds do not fit.
        MissingDependencyError: the runtime, or the reader of the format, is not installed.
        ConversionError: the runtime does not open or run the file, or its profile is not of it.
    """
    if runs < 1:
        raise InputError(f"{runs} runs measure nothing", "give 1 or more")
    if runtime not in RUNTIMES:
        raise unknown_name("runtime", runtime, RUNTIMES)
    if runtime not in PROFILED:
        raise InputError(
            f"runtime `{runtime}` does not tell what single operations take",
            f"profile on {' or '.join(PROFILED)}",
        )
    session = load_session(artifact, runtime, threads)
    given = draw_feeds(session.inputs, _SEED) if feeds is None else dict(feeds)
    check_feeds(session.inputs, given)
    module = _module(runtime)
    measured: Profiled = module.measure(artifact, session, given, threads, runs)
    multiplied = {operation.precision for operation in measured.operations}
    reached = rates(runtime, threads) if multiplied != {None} else {}
    return OperationProfile(
        artifact=artifact.name,
        artifact_sha256=hash_artifact(artifact)[0],
        runtime=runtime,
        runtime_version=RUNTIMES[runtime].version(),
        threads=threads,
        runs=runs,
        method=module.METHOD,
        whole_ns=measured.whole_ns,
        profiled_whole_ns=measured.profiled_whole_ns,
        outside_ns=measured.outside_ns,
        deducted_ns=measured.deducted_ns,
        operations=measured.operations,
        rates={precision: rate for precision, rate in reached.items() if precision in multiplied},
    )


def _module(runtime: str) -> Any:
    try:
        return import_module(f"{__package__}.{runtime}")
    except ModuleNotFoundError as error:  # what reads the file's graph
        if error.name is None or error.name.startswith("mobilevit"):
            raise
        raise MissingDependencyError(error.name, "export") from error
