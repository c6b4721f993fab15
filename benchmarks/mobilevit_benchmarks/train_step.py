"""Images/s of one training step: `mobilevit_xxs` against timm's, in the same loop.

    python -m mobilevit_benchmarks.train_step

A step is forward, cross-entropy, backward and AdamW. The cases of a round run one after the other,
in an order that turns from round to round, so that what the machine does beside them meets all of
them; a figure's ratio is taken round by round. Every launch is a process of its own, half of them
with glibc's allocator as it is and half as `mobilevit train` sets it, the same for both models of a
launch. Before a launch is timed, both models have the same weights, and must have the same loss and
gradients. Neither has dropout, which timm's has not by default.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mobilevit.errors import ConversionError, InputError, SdkError

from .runner import machine
from .statistics import Interval, bootstrap, unpaired_ratio

if TYPE_CHECKING:
    from rich.table import Table
    from torch import Tensor, nn

PEERS = ("ours", "timm")
OPTIONS = ("contiguous", "bf16", "fp16", "compile")
CLASSES = 1000
TOLERANCE = 1e-3  # of a gradient's norm; rounding gives about 1e-5

ALLOCATORS = {True: "kept", False: "default"}  # what becomes of freed memory


@dataclass(frozen=True)
class Case:
    """`PEER`, or `PEER:OPTION,OPTION`; channels-last, fp32 and eager without any."""

    name: str

    def __post_init__(self) -> None:
        if self.peer not in PEERS or not self.options <= set(OPTIONS):
            raise InputError(
                f"`{self.name}` is no case",
                f"write {' or '.join(PEERS)}, and after a colon any of {', '.join(OPTIONS)}",
            )

    @property
    def peer(self) -> str:
        return self.name.partition(":")[0]

    @property
    def options(self) -> set[str]:
        return {option for option in self.name.partition(":")[2].split(",") if option}


@dataclass(frozen=True)
class Settings:
    """What is timed, and how often."""

    cases: tuple[Case, ...] = (Case("ours"), Case("timm"), Case("timm:contiguous"))
    model: str = "mobilevit_xxs"
    image_size: int = 256
    batch_size: int = 8
    threads: int = 1
    device: str = "cpu"
    launches: int = 3  # with each allocator
    rounds: int = 5  # of a launch, after one that is not counted


@dataclass(frozen=True)
class Launch:
    """The times of one process, in ns, by case and round."""

    keeps_memory: bool
    wall_ns: dict[str, list[int]]
    cpu_ns: dict[str, list[int]]  # of all threads
    peak_bytes: int  # of the process's memory; of the GPU's on a GPU
    gradient_error: float  # of our gradients to timm's, the largest of any tensor


@dataclass(frozen=True)
class Row:
    """A case under one allocator, against the first case under the same."""

    case: str
    allocator: str
    images_per_second: float  # by the median step
    speed: Interval  # of the reference's step time over this one's, by rounds
    cpu_speed: Interval  # the same of the processor's seconds, which no neighbour takes


def measure(settings: Settings, report: Callable[[str], None]) -> list[Launch]:
    """
    Raises:
        InputError: no such device.
        ConversionError: the models are not the same function.
    """
    launches = []
    both = settings.device == "cpu"
    for number in range(settings.launches):
        order = (True, False) if number % 2 == 0 else (False, True)
        for keeps in order if both else (False,):
            # a process each: what malloc was told, it cannot be told back
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                launch = pool.submit(run_launch, settings, keeps).result()
            report(
                f"launch {number + 1} of {settings.launches}, freed memory {ALLOCATORS[keeps]}: "
                + ", ".join(
                    f"{name} {settings.batch_size * 1e9 / np.median(times):.1f}"
                    for name, times in launch.wall_ns.items()
                )
                + " images/s"
            )
            launches.append(launch)
    return launches


def run_launch(settings: Settings, keeps_memory: bool) -> Launch:
    """In the process it is called in."""
    import torch

    from mobilevit.training.allocator import keep_freed_memory

    if settings.device == "cuda" and not torch.cuda.is_available():
        raise InputError("there is no GPU", "leave out `--device`")
    torch.set_num_threads(settings.threads)
    if keeps_memory and not keep_freed_memory():
        raise InputError("freed memory can be kept with glibc alone", "run it on Linux")
    torch.manual_seed(0)
    side = settings.image_size
    pixels = torch.rand(settings.batch_size, 3, side, side)
    target = torch.randint(CLASSES, (settings.batch_size,))
    error = gradient_error(make_pair(settings.model), pixels[:2], target[:2])
    if error > TOLERANCE:
        raise ConversionError(
            f"the gradients of the two models differ by {error:.1e} of their size"
        )
    steps = {case.name: make_step(settings, case, pixels, target) for case in settings.cases}
    wait: Callable[[], None] = torch.cuda.synchronize if settings.device == "cuda" else lambda: None
    wall: dict[str, list[int]] = {name: [] for name in steps}
    cpu: dict[str, list[int]] = {name: [] for name in steps}
    names = list(steps)
    for number in range(settings.rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            wait()
            began, began_cpu = time.perf_counter_ns(), time.process_time_ns()
            steps[name]()
            wait()
            if number:
                wall[name].append(time.perf_counter_ns() - began)
                cpu[name].append(time.process_time_ns() - began_cpu)
    return Launch(keeps_memory, wall, cpu, _peak_bytes(settings.device), error)


def make_pair(name: str) -> dict[str, nn.Module]:
    """Ours and timm's, with the same weights, in training."""
    import timm

    from mobilevit.models import create_model
    from mobilevit.models.foreign import convert_foreign_weights

    theirs = timm.create_model(name, num_classes=CLASSES)
    ours = create_model(name, num_classes=CLASSES, dropout=0.0, head_dropout=0.0)
    ours.load_state_dict(convert_foreign_weights(theirs.state_dict()))
    return {"ours": ours.train(), "timm": theirs.train()}


def gradient_error(pair: dict[str, nn.Module], pixels: Tensor, target: Tensor) -> float:
    """How far our gradients are from timm's, the largest of any tensor, as a share of its norm."""
    import torch
    import torch.nn.functional as F

    from mobilevit.models.foreign import convert_foreign_weights

    layout = torch.channels_last
    for model in pair.values():
        model.to(memory_format=layout)  # type: ignore[call-overload]
        loss = F.cross_entropy(model(pixels.contiguous(memory_format=layout)), target)
        loss.backward()  # type: ignore[no-untyped-call]
    theirs = pair["timm"]
    gradients = {name: p.grad for name, p in theirs.named_parameters() if p.grad is not None}
    wanted = convert_foreign_weights({**theirs.state_dict(), **gradients})
    errors = [
        float((parameter.grad - wanted[name]).norm() / wanted[name].norm())
        for name, parameter in pair["ours"].named_parameters()
        if parameter.grad is not None and float(wanted[name].norm()) > 1e-4
    ]
    return max(errors)


def make_step(settings: Settings, case: Case, pixels: Tensor, target: Tensor) -> Callable[[], None]:
    import torch
    import torch.nn.functional as F

    model = make_pair(settings.model)[case.peer].to(settings.device)
    pixels, target = pixels.to(settings.device), target.to(settings.device)
    if "contiguous" not in case.options:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        pixels = pixels.contiguous(memory_format=torch.channels_last)
    if "compile" in case.options:
        model.compile()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)
    dtypes = {"bf16": torch.bfloat16, "fp16": torch.float16}
    dtype = next((dtypes[option] for option in case.options if option in dtypes), None)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        context = torch.autocast(settings.device, dtype) if dtype else nullcontext()
        with context:
            loss = F.cross_entropy(model(pixels), target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def summarize(settings: Settings, launches: Sequence[Launch]) -> list[Row]:
    rows = []
    first = settings.cases[0].name
    for keeps, allocator in ALLOCATORS.items():
        chosen = [launch for launch in launches if launch.keeps_memory == keeps]
        if not chosen:
            continue
        for case in settings.cases:
            times = [launch.wall_ns[case.name] for launch in chosen]
            rows.append(
                Row(
                    case.name,
                    allocator if settings.device == "cpu" else "CUDA's",
                    settings.batch_size * 1e9 / float(np.median(np.concatenate(times))),
                    _paired([launch.wall_ns[first] for launch in chosen], times),
                    _paired(
                        [launch.cpu_ns[first] for launch in chosen],
                        [launch.cpu_ns[case.name] for launch in chosen],
                    ),
                )
            )
    return rows


def _paired(reference: Sequence[Sequence[int]], times: Sequence[Sequence[int]]) -> Interval:
    ratios = [
        [other / own for own, other in zip(*launch, strict=True)]
        for launch in zip(times, reference, strict=True)
    ]
    return bootstrap(lambda x: float(np.median(x)), ratios)


def table_of(settings: Settings, rows: Sequence[Row]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(("case", "freed memory", "images/s", "speed", "by CPU time")):
        table.add_column(column, justify="left" if index < 2 else "right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.case,
            row.allocator,
            f"{row.images_per_second:.1f}",
            *(
                f"{x.estimate:.3f} ({x.low:.3f} to {x.high:.3f})"
                for x in (row.speed, row.cpu_speed)
            ),
        )
    return table


def allocator_gains(settings: Settings, launches: Sequence[Launch]) -> dict[str, Interval]:
    """By case, how many times as fast a step is where freed memory is kept; processes in turns."""
    groups = {k: [x for x in launches if x.keeps_memory == k] for k in (True, False)}
    if not all(groups.values()):
        return {}
    return {
        case.name: unpaired_ratio(
            [x.cpu_ns[case.name] for x in groups[False]],
            [x.cpu_ns[case.name] for x in groups[True]],
        )
        for case in settings.cases
    }


def _peak_bytes(device: str) -> int:
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _arguments(arguments: Sequence[str] | None) -> tuple[Settings, Path | None]:
    default = Settings()
    parser = argparse.ArgumentParser(prog="python -m mobilevit_benchmarks.train_step")
    parser.add_argument(
        "--case",
        action="append",
        metavar="PEER[:OPTIONS]",
        help=f"{' or '.join(PEERS)}, with any of {', '.join(OPTIONS)}; the first is the reference",
    )
    parser.add_argument("--model", default=default.model)
    parser.add_argument("--device", choices=("cpu", "cuda"), default=default.device)
    for name in ("image_size", "batch_size", "threads", "launches", "rounds"):
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=getattr(default, name))
    parser.add_argument("--out", type=Path, help="JSON with every time")
    given = vars(parser.parse_args(arguments))
    cases, out = given.pop("case"), given.pop("out")
    return Settings(tuple(map(Case, cases)) if cases else default.cases, **given), out


def main(arguments: Sequence[str] | None = None) -> None:
    from rich.console import Console

    settings, out = _arguments(arguments)
    host = machine.describe()
    before = machine.state()["load_average"]
    launches = measure(settings, lambda line: print(line, file=sys.stderr, flush=True))
    rows = summarize(settings, launches)
    gains = allocator_gains(settings, launches)
    console = Console(width=120, highlight=False)
    console.print(table_of(settings, rows))
    console.print(f"speed: times as fast as {settings.cases[0].name}, 95 % interval over rounds")
    for name, gain in gains.items():
        console.print(
            f"keeping freed memory makes {name} {gain.estimate:.3f} times as fast "
            f"({gain.low:.3f} to {gain.high:.3f}, CPU time)"
        )
    for keeps, allocator in ALLOCATORS.items():
        peaks = [x.peak_bytes for x in launches if x.keeps_memory == keeps]
        if peaks:
            console.print(f"memory at peak, freed memory {allocator}: {max(peaks) / 2**20:.0f} MiB")
    console.print(
        f"{settings.model}, {settings.image_size}x{settings.image_size}, batch "
        f"{settings.batch_size}, {settings.threads} threads, {host['chip']}, {host['cores']} "
        f"cores, load {before[0]:.1f} before; gradients "
        f"differ from timm's by {max(x.gradient_error for x in launches):.1g} of their norm"
    )
    if out is not None:
        import torch

        record: dict[str, Any] = {
            "settings": asdict(settings),
            "device": host,
            "torch": torch.__version__,
            "load_average_before": before,
            "launches": [asdict(launch) for launch in launches],
            "rows": [asdict(row) for row in rows],
        }
        out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except SdkError as error:
        sys.exit(f"error: {error}")
