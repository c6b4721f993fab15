"""Google's `benchmark_model`, TensorFlow Lite's own tool, run on a phone for comparison.

Its figures are its own: it prints statistics and no samples, in rounded numbers, by a protocol of
its own, and says in words which delegate ran. So they are kept apart from what is measured here,
and nothing is computed from them. One binary is for one kind of processor; it is the user's to
bring.

    with AndroidDevice() as phone:
        figures = phone.run_tool(Path("benchmark_model"), artifact, threads=4, delegate="gpu")
"""

from __future__ import annotations

import re
from pathlib import Path

from mobilevit.errors import ConversionError, InputError, unknown_name

from ..measurement import ToolFigures
from .adb import Adb

OPTIONS = {
    "xnnpack": ("--use_xnnpack=true",),
    "builtin": ("--use_xnnpack=false",),
    "gpu": ("--use_gpu=true",),
    "nnapi": ("--use_nnapi=true",),
}

_LIMIT_S = 30  # within which it says nothing
_LEVEL = r"^(?:(?:INFO|WARNING|ERROR|VERBOSE): )?"
_NUMBER = r"[0-9.]+(?:e[+-]?[0-9]+)?"  # as C++ prints a double: six digits
_SUMMARY = re.compile(
    rf"{_LEVEL}Inference timings in us: Init: ({_NUMBER}), First inference: ({_NUMBER}), "
    rf"Warmup \(avg\): ({_NUMBER}), Inference \(avg\): ({_NUMBER})$",
    re.M,
)
_STATISTICS = re.compile(rf"{_LEVEL}(count=\d+(?: \w+={_NUMBER})+)\s*$", re.M)
# asked for by name, and what came of it; or taken by itself
_APPLIED = re.compile(rf"{_LEVEL}(.*[Ee]xplicitly applied.*the model graph will.*?)\.?$", re.M)
_CREATED = re.compile(rf"{_LEVEL}(Created TensorFlow Lite .*delegate for .*?)\.?$", re.M)
_FAILURE = re.compile(r"^ERROR: (.+?)\.?$", re.M)


def read_figures(printed: str, artifact: str, arguments: tuple[str, ...]) -> ToolFigures:
    """Of what the tool printed, stdout and stderr together.

    Raises:
        ConversionError: it holds no result.
    """
    summary = _SUMMARY.search(printed)
    statistics = _STATISTICS.findall(printed)
    if summary is None or not statistics:
        # the first error is the cause of the others
        said = _FAILURE.findall(printed) or printed.strip().splitlines()[-1:] or ["it said nothing"]
        raise ConversionError(f"benchmark_model measured nothing of `{artifact}`: {said[0]}")
    # the warm-up's come first
    told = dict(pair.split("=") for pair in statistics[-1].split())
    delegate = _APPLIED.search(printed) or _CREATED.search(printed)
    optional = {
        f"{field}_us": float(told[field])
        for field in ("min", "max", "std", "p5", "median", "p95")
        if field in told
    }
    return ToolFigures.model_validate(
        {
            "artifact": artifact,
            "arguments": arguments,
            "delegate_ran": delegate[1] if delegate else None,
            "init_us": float(summary[1]),
            "first_inference_us": float(summary[2]),
            "warmup_mean_us": float(summary[3]),
            "mean_us": float(summary[4]),
            "runs": int(told["count"]),
            **optional,
        }
    )


def run_benchmark_model(
    adb: Adb, folder: str, tool: Path, artifact: Path, threads: int, delegate: str
) -> ToolFigures:
    """Run the tool on an artifact.

    Args:
        folder: on the phone, to put both into; the caller removes it.
        tool: the binary, of the phone's kind.
        artifact: a `.tflite` file.
        delegate: one of `OPTIONS`.

    Raises:
        InputError: a file is missing, or the delegate is unknown.
        ConversionError: the tool does not run there or measures nothing, or the phone is lost.
    """
    if delegate not in OPTIONS:
        raise unknown_name("delegate of benchmark_model", delegate, OPTIONS, "delegates")
    for file in (tool, artifact):
        if not file.is_file():
            raise InputError(f"there is no file `{file}`", "check the path")
    arguments = (f"--num_threads={threads}", *OPTIONS[delegate], f"--max_secs={_LIMIT_S}")
    adb.send(tool, f"{folder}/benchmark_model", mode=0o755)
    adb.send(artifact, f"{folder}/model.tflite")
    lines = adb.lines(f"{folder}/benchmark_model", f"--graph={folder}/model.tflite", *arguments)
    return read_figures("\n".join(lines), artifact.name, arguments)
