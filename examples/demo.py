"""The main job from beginning to end: shipped weights -> verified bundle -> labels -> latency.

python examples/demo.py [OUT]
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

import mobilevit
from mobilevit_benchmarks import BenchmarkResult, benchmark, summarize
from mobilevit_benchmarks.cases import bundle_subjects
from mobilevit_export import export
from mobilevit_export.photos import packaged_part

CHECKPOINT = "mobilevit_xxs.imagenette"
PHOTO = "china.jpg", 1  # a temple, the upper left of a photo in scikit-learn's package


def milliseconds(result: BenchmarkResult, file: str) -> str:
    for measurement in result.measurements:
        if measurement.artifact == file:
            summary = summarize(measurement.launches)
            return f"{summary.p50_ns / 1e6:.1f} ms (p90 {summary.p90_ns / 1e6:.1f})"
    return "not on this machine"


def main(out: Path) -> int:
    console = Console(stderr=True, highlight=False)
    exported = export(CHECKPOINT, out, overwrite=True, report=console.print)
    if exported.failures or exported.bundle is None:
        console.print(f"rejected: {exported.rejected}")
        return 1
    timed = benchmark(bundle_subjects(out), report=lambda line: None)

    photo = packaged_part(*PHOTO)
    photo.save(out.with_suffix(".png"))
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"{CHECKPOINT} on {out.with_suffix('.png')}, one thread of this machine",
        title_justify="left",
        pad_edge=False,
    )
    for heading in ("artifact", "run by", "top 3", "from torch", "latency"):
        table.add_column(heading, no_wrap=True)
    for attempt in exported.attempts:
        client = mobilevit.load(out, attempt.record.file)
        labels = [f"{p.label} {p.probability:.1%}" for p in client.classify(photo, top=3)]
        table.add_row(
            attempt.record.file,
            client.runtime.name,
            ", ".join(labels),
            f"{attempt.record.parity.max_abs_difference:.1e}",
            milliseconds(timed, attempt.record.file),
        )
    Console(width=150, highlight=False).print(table)
    for skipped in {skipped.reason for skipped in timed.not_timed}:
        print(f"not timed: Core ML: {skipped}")
    print(f"bundle: {out.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("build/demo")))
