"""Seconds of a whole export: ours, and each toolchain's converter alone with timm's model.

    python -m mobilevit_benchmarks.export_time

Ours is what `mobilevit export --no-time` does: ONNX, TFLite and Core ML in fp32 and fp16, read back
and compared on photos. The others write one file each by their own defaults (`peers.exporters`) and
compare nothing; of them coremltools alone has an option for halves. Every time is of a process of
its own, imports and all; the cases of a round follow each other in an order that turns.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mobilevit.checkpoint import load_checkpoint
from mobilevit.errors import InputError, MissingDependencyError, SdkError

from .peers.exporters import EXPORTERS
from .runner import machine

if TYPE_CHECKING:
    from rich.table import Table

OURS = "ours"
FORMATS = ("onnx", "tflite", "coreml")
# by case: the row of EXPORTERS, and the precision of the file it writes
TOOLS = {
    "torch.onnx": ("onnxruntime", "fp32"),
    "litert-torch": ("litert", "fp32"),
    "coremltools": ("coreml", "fp16"),
    "coremltools fp32": ("coreml", "fp32"),
}
CASES = (OURS, *TOOLS)


def measure(model: str, rounds: int, report: Callable[[str], None]) -> dict[str, list[float]]:
    """Seconds of every round, by case.

    Raises:
        InputError: there are no rounds.
        CheckpointError: no weights of that model are shipped.
        MissingDependencyError: a toolchain or timm is not installed.
        ConversionError: a converter failed.
    """
    if rounds < 1:
        raise InputError(f"cannot time {rounds} rounds", "give `--rounds` 1 or more")
    checkpoint = load_checkpoint(f"{model}.imagenette")
    image_size, classes = checkpoint.preprocessing.image_size, len(checkpoint.labels)
    if find_spec("timm") is None:
        raise MissingDependencyError("timm", "peers")
    for name, _ in TOOLS.values():
        if missing := EXPORTERS[name].missing_package:
            raise MissingDependencyError(missing, "export")
    seconds: dict[str, list[float]] = {name: [] for name in CASES}
    for number in range(rounds):
        turn = number % len(CASES)
        for name in CASES[turn:] + CASES[:turn]:
            began = time.perf_counter()
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                pool.submit(run_case, name, model, image_size, classes).result()
                seconds[name].append(time.perf_counter() - began)
            report(f"round {number + 1} of {rounds}, {name}: {seconds[name][-1]:.1f} s")
    return seconds


def run_case(name: str, model: str, image_size: tuple[int, int], classes: int) -> None:
    """In the process it is called in."""
    with TemporaryDirectory(prefix="mobilevit-export-time-") as folder:
        if name == OURS:
            from mobilevit_export import export

            weights, out, cores = f"{model}.imagenette", Path(folder, "bundle"), os.cpu_count()
            result = export(weights, out, formats=FORMATS, jobs=cores or 1, report=lambda _: None)
            assert not result.failures
        else:
            convert_alone(name, model, image_size, classes, Path(folder))


def convert_alone(name: str, model: str, size: tuple[int, int], classes: int, folder: Path) -> Path:
    """timm's model, of random weights, in the file that the tool writes."""
    import timm
    import torch

    from mobilevit_export.quiet import quiet

    runtime, precision = TOOLS[name]
    exporter = EXPORTERS[runtime]
    path = folder / f"model{exporter.suffix}"
    network = timm.create_model(model, num_classes=classes).eval().requires_grad_(False)
    example = torch.zeros(1, 3, *size)
    with quiet(f"converting by {name}"):
        if precision == exporter.precision:
            exporter.convert(network, example, path)
        else:
            import coremltools as ct

            program = torch.export.export(network, (example,)).run_decompositions({})
            single = ct.precision.FLOAT32
            ct.convert(program, compute_precision=single, skip_model_load=True).save(str(path))
    return path


def table_of(seconds: dict[str, list[float]]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(("case", "writes", "seconds", "least to most")):
        table.add_column(column, justify="left" if index < 2 else "right", no_wrap=True)
    for name, times in seconds.items():
        writes = f"one file, {TOOLS[name][1]}" if name in TOOLS else "six files, compared"
        ends = f"{min(times):.1f} to {max(times):.1f}"
        table.add_row(name, writes, f"{median(times):.1f}", ends)
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    from rich.console import Console

    parser = argparse.ArgumentParser(prog="python -m mobilevit_benchmarks.export_time")
    parser.add_argument("--model", default="mobilevit_xxs", help="of the shipped weights")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(arguments)
    host, load = machine.describe(), machine.state()["load_average"]
    report = partial(print, file=sys.stderr, flush=True)
    seconds = measure(given.model, given.rounds, report)
    versions: dict[str, str] = {}
    for name, _ in TOOLS.values():
        versions |= EXPORTERS[name].tool_versions()
    console = Console(width=120, highlight=False)
    console.print(table_of(seconds))
    console.print(f"median of {given.rounds} rounds, {given.model}; {host['chip']}, ", end="")
    console.print(f"{host['cores']} cores, load {load[0]:.1f} before")
    console.print(", ".join(f"{name} {version}" for name, version in versions.items()))


if __name__ == "__main__":
    try:
        main()
    except SdkError as error:
        sys.exit(f"error: {error}")
